import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { localVars } from "../../scripts/local-vars.ts";
import { type Service, startService } from "../../scripts/service.ts";
import { signToken } from "../../scripts/token.ts";
import { Client, watchPauseMs } from "../../src/client/client.ts";
import { ServiceError, ServiceGone } from "../../src/client/service-error.ts";
import { Queue } from "../agent/queue.ts";
import { become, Caller, endsWholly, LAUNCH_URI, registers, startLocally, temporaryFolder } from "./stage.ts";

/** The caller's client, on the real service, and on one in the test's hands where that is to misbehave. */

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let service: Service;
beforeAll(async () => {
  folder = await temporaryFolder();
  service = await startLocally(folder.path);
});
// The last is done first.
afterAll(() => folder[Symbol.asyncDispose]());
afterAll(() => endsWholly(service));

/** A user whom no other test knows: as the client's, and as a plain caller. */
async function newUser(): Promise<{ client: Client; caller: Caller }> {
  const caller = await Caller.of(service);
  return { caller, client: new Client({ service: service.origin, token: () => caller.token }) };
}

test("a watch is taken up where it broke when the service comes back, and ends with the command", async () => {
  const { client, caller } = await newUser();
  const { id, identity } = await registers(caller);
  const command = await client.send(id, LAUNCH_URI, { key: "once" });
  expect((await client.send(id, LAUNCH_URI, { key: "once" })).id).toBe(command.id);

  const seen: [number, string][] = [];
  const line: (string | null)[] = [];
  const watching = (async () => {
    const onGone = (error: ServiceGone | null): void => void line.push(error?.name ?? null);
    for await (const { sequence, command: at } of client.watch(id, command.id, { onGone }))
      seen.push([sequence, at.status]);
  })();
  await vi.waitFor(() => expect(seen.length).toBeGreaterThan(0));
  await endsWholly(service);
  await vi.waitFor(() => expect(line).toContain("ServiceGone"), { timeout: 20_000 });
  await expect(client.devices()).rejects.toThrow(ServiceGone);

  const { port } = new URL(service.origin);
  service = await startService({ port: Number(port), persistTo: folder.path, output: "kept" });
  await service.ready;
  become(service.origin, { identity, handlers: { launchUri: () => ({ opened: true }) } }).device.start();
  await watching;
  expect(line.at(-1)).toBeNull();
  expect(seen.map(([sequence]) => sequence)).toEqual(seen.map((_, index) => index + 1));
  expect(seen.at(-1)?.[1]).toBe("completed");
  expect(seen.length).toBe((await client.history(id, command.id)).value.length);
});

test("a watch that nobody wants any more ends quietly", async () => {
  const { client, caller } = await newUser();
  const { id } = await registers(caller);
  const command = await client.send(id, LAUNCH_URI);
  const wanted = new AbortController();
  const sequences: number[] = [];
  for await (const { sequence } of client.watch(id, command.id, { signal: wanted.signal })) {
    sequences.push(sequence);
    wanted.abort();
  }
  expect(sequences).toEqual([1]);
});

test("what the service refuses is thrown in its own words, and a refused token is told first", async () => {
  const { client, caller } = await newUser();
  const { id } = await registers(caller);
  const nowhere = client.command(id, "0".repeat(64));
  await expect(nowhere).rejects.toThrow(ServiceError);
  await expect(client.send(id, { type: "LaunchUri", payload: {} })).rejects.toMatchObject({
    status: 400,
    code: "invalidRequest",
    message: expect.stringContaining('"payload.uri"'),
    requestId: expect.stringMatching(/^[\w-]+$/),
  });
  const expired = await signToken(await localVars(), "someone", "Device.Read", -5);
  const refused: number[] = [];
  const late = new Client({
    service: service.origin,
    token: () => expired,
    onRefused: ({ status }) => refused.push(status),
  });
  await expect(late.devices()).rejects.toMatchObject({ status: 401, message: "The token has expired." });
  expect(refused).toEqual([401]);
  await expect(
    (async () => {
      for await (const _ of late.watch(id, "0".repeat(64))) throw new Error("There is nothing to see.");
    })(),
  ).rejects.toMatchObject({ status: 401 });
});

test("pages lead through all of a device's commands", async () => {
  const { client, caller } = await newUser();
  const { id } = await registers(caller);
  const sent: string[] = [];
  for (let number = 0; number < 5; number++) sent.unshift((await client.send(id, LAUNCH_URI)).id);
  const found: string[] = [];
  let next: string | null = null;
  do {
    const page = await client.commands(id, { top: 2, next });
    found.push(...page.value.map((command) => command.id));
    next = page.nextLink;
  } while (next !== null);
  expect(found).toEqual(sent);
  await client.cancel(id, sent[0] ?? "");
  const { value } = await client.commands(id, { status: "canceled" });
  expect(value.map((command) => command.id)).toEqual([sent[0]]);
});

/** A service in the test's hands: what it was asked, and `answers` for it, by the request's path. */
async function actingService(
  answers: (path: string, response: ServerResponse) => void,
): Promise<{ origin: string; asked: Queue<string> }> {
  const asked = new Queue<string>();
  const server = createServer(({ url = "" }, response) => {
    asked.push(url);
    answers(url, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

test("a link to the next page leads to the service and nowhere else: the token goes with it", async () => {
  const thief = await actingService((_, response) => response.end('{"value":[]}'));
  const links: Record<string, string | undefined> = {
    "/v1.0/me/devices": `${thief.origin}/v1.0/me/devices?$skiptoken=2`,
    "/v1.0/me/devices?$skiptoken=2": `${thief.origin}//v1.0/3`,
    "/v1.0/me/devices/d/commands?": `${thief.origin}/v1.0/me/devices/d/commands?$skiptoken=2`,
  };
  const { origin, asked } = await actingService((path, response) => {
    response.end(JSON.stringify({ value: [path], "@odata.nextLink": links[path] }));
  });
  const client = new Client({ service: origin, token: () => "secret" });
  expect(await client.devices()).toEqual(["/v1.0/me/devices", "/v1.0/me/devices?$skiptoken=2", "//v1.0/3"]);
  const { nextLink } = await client.commands("d");
  await client.commands("d", { next: nextLink });
  expect(asked.left.at(-1)).toBe("/v1.0/me/devices/d/commands?$skiptoken=2");
  expect(thief.asked.left).toEqual([]);
});

test("a watch that is asked for patience waits for as long, and goes on", async () => {
  const times: number[] = [];
  const { origin } = await actingService((_, response) => {
    times.push(performance.now());
    if (times.length === 1) response.writeHead(429, { "Retry-After": "2" }).end("{}");
    else response.end('id: 1\ndata: {"status":"completed"}\n\n');
  });
  const client = new Client({ service: origin, token: () => "t" });
  const onGone = vi.fn();
  for await (const { sequence } of client.watch("d", "c", { onGone })) expect(sequence).toBe(1);
  const [first = 0, second = 0] = times;
  expect(second - first).toBeGreaterThan(1_990);
  // The service was there all the time.
  expect(onGone).not.toHaveBeenCalled();
});

test.each([
  [null, 0, 1_000],
  [0, 0, 1_000],
  [-1, 3, 8_000],
  [90, 0, 90_000],
  [5, 9, 15_000],
  [1e9, 0, 300_000],
])("a watch that is asked to wait %j s after %i failures waits %i ms", (retryAfter, failures, ms) => {
  expect(watchPauseMs(new ServiceError(429, "", "", retryAfter, null), failures)).toBe(ms);
});
