import { createExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CommandObject } from "../../src/command/command-object.ts";
import { app } from "../../src/http/app.ts";
import { newAddress, REGISTRATION } from "../pairing/stage.ts";
import { Receiver } from "../post-back/receiver.ts";
import { Api, Device, type Json, LAUNCH_URI, ORIGIN, signToken } from "../stage.ts";

/** Words that end a line, where a line means something: headers, events, the log; and words that no log may hold. */

/** What ends a line, or a text, somewhere. */
const BREAKS = [
  "\r\n",
  "\n",
  "\r",
  "\u0000",
  "\u0085",
  "\u2028",
  "\u2029",
  "\u010a",
  "\u560d\u560a",
  "%0d%0a",
];

describe("headers", () => {
  const api = new Api();

  test.each(BREAKS)("are not added to by a request in a batch, with %j", async (end) => {
    const value = `x${end}Set-Cookie: planted=1${end}${end}planted`;
    const { id: device } = await Device.registered(api);
    const send = { method: "POST", url: `/me/devices/${device}/commands`, body: LAUNCH_URI };
    for (const name of [
      "client-request-id",
      "Idempotency-Key",
      "Prefer",
      "Accept",
      "Authorization",
      `x${end}y`,
    ]) {
      const requests = [{ ...send, id: `1${end}`, headers: { [name]: value } }];
      const { status, headers, body } = await api.post("/v1.0/$batch", { requests });
      // Refused as a whole where no header can hold it, or the platform would warn of it in the log with all of it.
      const answered = status === 200 ? body.responses[0].headers : {};
      expect(status).toBe(end === "%0d%0a" ? 200 : 400);
      for (const one of [headers, new Headers(answered)]) {
        expect(one.has("Set-Cookie")).toBe(false);
        expect([...one.values()].filter((text) => text.includes("planted"))).toEqual(
          end === "%0d%0a" && name === "client-request-id" && one !== headers ? [value] : [],
        );
      }
    }
  });

  test.each(BREAKS)("are not added to by the names in an address, with %j", async (end) => {
    const { id } = await Device.registered(api);
    for (let sent = 0; sent < 2; sent++) await api.send(id, LAUNCH_URI);
    const words = encodeURIComponent(`x${end}Set-Cookie: planted=1`);
    for (const path of [
      `/me/devices/${id}/commands?$top=1&own=${words}`,
      `/${words}`,
      `/me/devices/${words}`,
    ]) {
      const response = await exports.default.fetch(`${ORIGIN}${path}`, {
        redirect: "manual",
        headers: { Authorization: `Bearer ${await signToken(api.sub)}`, Origin: `https://${words}` },
      });
      expect(response.headers.has("Set-Cookie")).toBe(false);
      expect(JSON.stringify([...response.headers])).not.toContain("planted");
    }
  });
});

test("events are not made by words in them", async () => {
  const api = new Api();
  const device = await Device.connected(api);
  const forged = BREAKS.map(
    (end) => `${end}${end}id: 99${end}event: planted${end}data: {"planted":1}${end}${end}`,
  ).join("");
  const command = await api.send(device, {
    type: "AppService",
    appServiceName: forged.slice(0, 512),
    packageFamilyName: "p",
    permissionTicket: forged,
    payload: { [forged]: forged },
  });
  const { id } = await device.receives();
  device.notifies("progress", { id, message: forged });
  await api.reaches(command, "custom");
  device.answers(id, { [forged]: forged });
  await api.reaches(command, "completed");
  const { body } = await api.get(`/v1.0${command}`, { Accept: "text/event-stream" });
  // As a reader splits them (HTML standard, 9.2.5), which knows three ends of a line.
  const lines: string[] = body.split(/\r\n|\r|\n/).filter((line: string) => line !== "");
  expect(lines.length % 2).toBe(0);
  for (const [index, line] of lines.entries())
    expect(line).toMatch(index % 2 === 0 ? /^id: [1-5]$/ : /^data: \{"id":"[\da-f]{64}"/);
});

describe("the log", () => {
  const METHODS = ["debug", "error", "info", "log", "trace", "warn"] as const;
  let logged: Json[][];
  beforeEach(() => {
    logged = [];
    for (const method of METHODS)
      vi.spyOn(console, method).mockImplementation((...words: unknown[]) => void logged.push(words));
  });
  afterEach(() => vi.restoreAllMocks());

  /** Asks a service that is set up so. */
  async function ask(
    vars: object,
    path: string,
    headers: Record<string, string>,
    body?: Json,
  ): Promise<number> {
    const request = new Request(`${ORIGIN}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { "Content-Type": "application/json", ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return (await app.fetch(request, { ...env, ...vars } as Env, createExecutionContext())).status;
  }

  test("is of lines that are objects, and holds nobody's words, tokens or secrets, whatever fails", async () => {
    const secret = `planted-${crypto.randomUUID()}`;
    const words = `${secret}${BREAKS.join("")}{"event":"forged"}`;
    const api = new Api();
    const receiver = await Receiver.answering({ status: 500 });
    const device = await Device.registered(api, { name: secret, manufacturer: secret, model: secret });
    await device.connects();
    const order = {
      type: "AppService",
      appServiceName: words,
      packageFamilyName: words,
      permissionTicket: words,
      postBackUri: `${receiver.uri}?token=${secret}`,
      payload: { [words]: words },
    };
    const headers = { "client-request-id": secret, "Idempotency-Key": secret };

    const { body: sent } = await api.post(`/v1.0/me/devices/${device.id}/commands`, order, headers);
    const command = `/me/devices/${device.id}/commands/${sent.id}`;
    await device.receives();
    await api.reaches(command, "sentToTarget");
    // A command's object that answers nonsense when it is told what its device says.
    vi.spyOn(CommandObject.prototype, "report").mockResolvedValueOnce(null as never);
    device.notifies("progress", { id: sent.id, message: words });
    await vi.waitFor(() => expect(JSON.stringify(logged)).toContain("reportKept"));
    device.fails(sent.id, { code: 1, message: words, data: { status: words, words } });
    await api.reaches(command, "executionFailed");
    device.sends(words);
    device.sends({ jsonrpc: "2.0", id: words, method: words, params: { id: words } });
    await device.receives();

    // A service that has not been set up, whose issuer is down, and whose objects break.
    const token = await signToken(api.sub, undefined, { words, jti: secret });
    const bearer = { ...headers, Authorization: `Bearer ${token}` };
    const path = `/v1.0/me/devices/${device.id}/commands`;
    const broken = { idFromString: (id: string) => env.DEVICES.idFromString(id), get: () => brokenStub };
    const brokenStub = {
      accept: () => Promise.reject(Object.assign(new Error("It broke."), { remote: true })),
    };
    expect(await ask({ AUTH_ISSUER: "" }, path, bearer, order)).toBe(401);
    expect(await ask({ AUTH_JWKS: "", AUTH_JWKS_URL: "https://down.test/keys" }, path, bearer, order)).toBe(
      503,
    );
    expect(await ask({ AUTH_JWKS: `{"${secret}` }, path, bearer, order)).toBe(503);
    expect(await ask({ POST_BACK_SECRETS: "" }, path, bearer, order)).toBe(400);
    expect(await ask({ DEVICES: broken }, path, bearer, order)).toBe(500);
    const refused = { ...bearer, Authorization: `Bearer ${secret}.${secret}.${secret}` };
    expect(await ask({}, `${path}?${secret}`, refused, order)).toBe(401);
    expect(await ask({}, `/${secret}`, refused)).toBe(404);
    const pairing = { ...REGISTRATION, name: secret };
    expect(await ask({}, "/pairings", { ...headers, "CF-Connecting-IP": newAddress() }, pairing)).toBe(200);

    const lines = logged.map((words) => {
      expect(words).toEqual([expect.stringMatching(/^\{"event":.*\}$/)]);
      return JSON.parse(words[0]);
    });
    const events = lines.map(({ event }) => event);
    const expected = ["reportKept", "authNotConfigured", "requestFailed", "postBacksNotConfigured"];
    expect(events).toEqual(expect.arrayContaining(expected));
    const { body: own } = await api.get("/v1.0/me/postBackSecret");
    for (const line of lines) {
      expect(line.event).toMatch(/^[a-z]+([A-Z][a-z]+)*$/);
      const text = JSON.stringify(line);
      const secrets = [
        secret,
        "forged",
        "planted",
        token,
        token.split(".")[2],
        own.secret,
        "master-secret",
        "Bearer ",
      ];
      for (const planted of secrets) expect(text).not.toContain(planted);
      // A token by its looks, whoever's it is; and what ends a line in a log that is not JSON.
      expect(text).not.toMatch(/eyJ[\w-]+\.|whsec_|[\u0085\u2028\u2029]/);
    }
  });
});
