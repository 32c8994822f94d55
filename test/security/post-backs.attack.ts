import { createExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { refusePostBackUri } from "../../src/command/post-back.ts";
import { app } from "../../src/http/app.ts";
import { URI_LENGTH_MAX } from "../../src/limits.ts";
import { ASKED } from "../outbound.ts";
import { PATIENTLY } from "../patience.ts";
import { Receiver } from "../post-back/receiver.ts";
import { type Answer, APP_SERVICE, Api, answerOf, Device, signToken } from "../stage.ts";
import { ALLOWED, LOOPBACK, REFUSED } from "./addresses.ts";

/** Where a post-back may go, and that nothing is ever sent anywhere else. */

const OWN_ORIGIN = "https://appia.example.net";
const RULES = { ownHost: "appia.example.net", allowLoopback: false };

const refusals = Object.entries(REFUSED).flatMap(([words, uris]) => uris.map((uri) => [uri, words] as const));

let device: Device;
let authorization: string;
const api = new Api();
beforeAll(async () => {
  device = await Device.registered(api);
  authorization = `Bearer ${await signToken(api.sub)}`;
});

/** Sends a command at the service's own host name; `vars` are those of the Worker. */
async function send(postBackUri: unknown, vars: Record<string, string | undefined> = {}): Promise<Answer> {
  const request = new Request(`${OWN_ORIGIN}/v1.0/me/devices/${device.id}/commands`, {
    method: "POST",
    headers: { Authorization: authorization, "Content-Type": "application/json" },
    body: JSON.stringify({ ...APP_SERVICE, postBackUri }),
  });
  return await answerOf(await app.fetch(request, { ...env, ...vars }, createExecutionContext()));
}

async function countOfCommands(): Promise<number> {
  return (await api.get(`/v1.0/me/devices/${device.id}/commands?$top=100`)).body.value.length;
}

describe("an address", () => {
  test.each(refusals)("%j is refused: %s", async (uri, words) => {
    // The empty text is no address, and is refused as the member that it is.
    if (uri !== "") expect(refusePostBackUri(uri, RULES)).toContain(words);
    const { status, body } = await send(uri);
    expect([status, body.error.code]).toEqual([400, "invalidRequest"]);
    expect(body.error.message).toContain('"postBackUri"');
    if (uri !== "") expect(body.error.message).toContain(words);
  });

  test("that is refused leaves no command behind", async () => {
    const before = await countOfCommands();
    await send("https://127.0.0.1/");
    expect(await countOfCommands()).toBe(before);
  });

  test.each(ALLOWED)("%j is allowed, and stays as it was written", async (uri) => {
    expect(refusePostBackUri(uri, RULES)).toBeNull();
    const { status, body } = await send(uri);
    expect([status, body.postBackUri]).toEqual([201, uri]);
  });

  test("is as long as an address may be, and no longer", async () => {
    const longest = `https://receiver.example.com/${"x".repeat(URI_LENGTH_MAX)}`.slice(0, URI_LENGTH_MAX);
    expect((await send(longest)).status).toBe(201);
    const { status, body } = await send(`${longest}x`);
    expect(status).toBe(400);
    expect(body.error.message.length).toBeLessThan(300);
  });

  test.each([[1], [true], [["https://receiver.example.com/"]], [{}]])("is a text, not %j", async (uri) => {
    expect((await send(uri)).status).toBe(400);
  });

  test("need not be given", async () => {
    expect((await send(null)).body.postBackUri).toBeNull();
    expect((await send(undefined)).body.postBackUri).toBeNull();
  });
});

describe("this machine itself", () => {
  test.each(LOOPBACK)("%s is allowed where the var says so, and only there", async (uri) => {
    const vars = { POST_BACK_ALLOW_LOOPBACK: "true" };
    expect((await send(uri, vars)).status).toBe(201);
    for (const value of [undefined, "", "false", "1", "TRUE"])
      expect((await send(uri, { POST_BACK_ALLOW_LOOPBACK: value })).status).toBe(400);
  });

  test.each([
    "http://127.0.0.2/",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
    "http://receiver.example.com/",
    "https://app.localhost/",
    "ftp://localhost/",
    "http://someone@localhost/",
  ])("%s is no part of it", async (uri) => {
    expect((await send(uri, { POST_BACK_ALLOW_LOOPBACK: "true" })).status).toBe(400);
  });
});

/** What was asked for, beyond the service, at addresses that hold these words. */
async function askedFor(words: string): Promise<string[]> {
  const asked: string[] = await (await fetch(ASKED)).json();
  return asked.filter((url) => url.includes(words));
}

test("nothing is sent for an address that is refused, when the command is sent or at any time after", async () => {
  const receiver = await Receiver.answering({ status: 200 });
  const path = new URL(receiver.uri).pathname.slice(1);
  expect(await askedFor(path)).toHaveLength(1);
  const sent = vi.spyOn(globalThis, "fetch");
  for (const [uri] of refusals) await send(`${uri}?${path}`);
  // Spellings of the receiver's own address: had one been sent, it would be here.
  for (const prefix of ["http://", "https://someone@", "https://:@"])
    await send(receiver.uri.replace("https://", prefix));
  for (const host of ["receiver.example.com:444", "receiver.example.com.."])
    await send(receiver.uri.replace("receiver.example.com", host));
  expect(sent).not.toHaveBeenCalled();
  sent.mockRestore();
  expect(await receiver.received()).toEqual([]);
  expect(new Set(await askedFor(path))).toEqual(new Set([receiver.uri]));
});

test("nothing is sent to where a receiver redirects", async () => {
  const words = crypto.randomUUID();
  const locations = [
    ...["http://127.0.0.1:8787/", "https://127.0.0.1/", "http://[::1]/", "http://localhost/", "//localhost/"],
    ...[
      "http://169.254.169.254/latest/meta-data/",
      "http://metadata.google.internal/",
      "https://2130706433/",
    ],
    ...["https://receiver.example.com/elsewhere", "/elsewhere", "file:///etc/passwd", "data:text/plain,"],
  ];
  const commands = await Promise.all(
    locations.map(async (location, index) => {
      const status = [301, 302, 303, 307, 308][index % 5] ?? 302;
      const receiver = await Receiver.answering({ status, headers: { Location: `${location}?${words}` } });
      const command = await api.send(device, { ...APP_SERVICE, postBackUri: receiver.uri });
      await api.post(`/v1.0${command}/cancel`, undefined);
      return { command, status };
    }),
  );
  for (const { command, status } of commands)
    await vi.waitFor(async () => {
      const history = await api.get(`/v1.0${command}/history`);
      expect(history.body.postBacks).toMatchObject([{ status, outcome: "failed" }]);
    }, PATIENTLY);
  expect(await askedFor(words)).toEqual([]);
});

test("the platform lets nothing out to what is not public, whatever a name leads to", () => {
  expect(Cloudflare.compatibilityFlags.global_fetch_strictly_public).toBe(true);
});

test("an address that was accepted under looser rules is not posted to under stricter ones", async () => {
  const sent = vi.spyOn(globalThis, "fetch");
  const { status, body } = await send("http://127.0.0.1:9/", { POST_BACK_ALLOW_LOOPBACK: "true" });
  expect(status).toBe(201);
  await api.post(`/v1.0/me/devices/${device.id}/commands/${body.id}/cancel`, undefined);
  await vi.waitFor(async () => {
    const history = await api.get(`/v1.0/me/devices/${device.id}/commands/${body.id}/history`);
    expect(history.body.postBacks).toMatchObject([{ status: null, outcome: "failed" }]);
  }, PATIENTLY);
  expect(sent).not.toHaveBeenCalled();
  sent.mockRestore();
});

describe("a service without POST_BACK_SECRETS", () => {
  test.each([undefined, "", "  "])("(%j) takes no post-back, and says so", async (secrets) => {
    const { status, body } = await send("https://receiver.example.com/", { POST_BACK_SECRETS: secrets });
    expect([status, body.error.code]).toEqual([400, "invalidRequest"]);
    expect(body.error.message).toContain('"postBackUri"');
    expect((await send(undefined, { POST_BACK_SECRETS: secrets })).status).toBe(201);
  });

  test("has no secret to give", async () => {
    const request = new Request(`${OWN_ORIGIN}/v1.0/me/postBackSecret`, {
      headers: { Authorization: authorization },
    });
    const vars = { ...env, POST_BACK_SECRETS: undefined };
    const { status, headers, body } = await answerOf(
      await app.fetch(request, vars, createExecutionContext()),
    );
    expect([status, body.error.code]).toEqual([503, "serviceNotAvailable"]);
    expect(Number(headers.get("Retry-After"))).toBeGreaterThan(0);
    expect((await exports.default.fetch(request)).status).toBe(200);
  });
});
