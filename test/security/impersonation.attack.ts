import { env, exports } from "cloudflare:workers";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import { SUBPROTOCOL } from "../../src/device/protocol.ts";
import { type Ids, ROUTES_TO_ALL, routesTo } from "../http/routes.ts";
import { APP_SERVICE, Api, answerOf, Device, type Json, ORIGIN, signToken } from "../stage.ts";
import { type Kept, keptBy } from "./kept.ts";

/** Those who pass for a device, and devices that pass for others. */

const ada = new Api();
const eve = new Api();
const now = (): number => Math.floor(Date.now() / 1_000);

const deviceObject = (id: string): DurableObjectStub => env.DEVICES.get(env.DEVICES.idFromString(id));
const commandObject = (id: string): DurableObjectStub => env.COMMANDS.get(env.COMMANDS.idFromString(id));

/** What the bearer of a token is answered who speaks for a device. */
async function speaks(id: string, token: string): Promise<number> {
  const response = await exports.default.fetch(`${ORIGIN}/devices/${id}/messages`, {
    method: "POST",
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", method: "presence", params: { state: "standby" } }),
  });
  return response.status;
}

/** What the bearer is answered at each way in of a device. */
async function knocks(id: string, token: string): Promise<Record<string, number>> {
  const headers = { Authorization: `Bearer ${token}` };
  const [socket, subprotocol, poll] = await Promise.all([
    Device.handshake(id, headers),
    Device.handshake(id, { "Sec-WebSocket-Protocol": `${SUBPROTOCOL}, bearer.${token}` }),
    exports.default.fetch(`${ORIGIN}/devices/${id}/messages`, { headers }),
  ]);
  return {
    socket: socket.status,
    subprotocol: subprotocol.status,
    poll: poll.status,
    messages: await speaks(id, token),
  };
}

const everywhere = (status: number): Record<string, number> => ({
  socket: status,
  subprotocol: status,
  poll: status,
  messages: status,
});

describe("no one is let in as a device", () => {
  let device: Device;
  let other: Device;
  beforeAll(async () => {
    device = await Device.registered(ada);
    other = await Device.registered(ada);
  });

  test.each<[who: string, token: () => Promise<string>]>([
    ["its owner", () => signToken(ada.sub)],
    ["its owner, with the device's claims", () => signToken(device.id, "", { iss: device.id, aud: ORIGIN })],
    ["its owner, for this origin", () => signToken(ada.sub, "", { aud: [ORIGIN, env.AUTH_AUDIENCE] })],
    ["another device of its owner's", () => other.signToken()],
    ["another device, under its name", () => other.signToken({ iss: device.id, sub: device.id })],
    ["another device, under half its name", () => other.signToken({ iss: device.id })],
    ["itself, for another service", () => device.signToken({ aud: "https://evil.test" })],
    ["itself, for this one without TLS", () => device.signToken({ aud: "http://appia.test" })],
    ["itself, for this one's path", () => device.signToken({ aud: `${ORIGIN}/` })],
    ["itself, for another port", () => device.signToken({ aud: `${ORIGIN}:8443` })],
    ["itself, for the callers' audience", () => device.signToken({ aud: env.AUTH_AUDIENCE })],
    ["itself, for everyone", () => device.signToken({ aud: "*" })],
    ["itself, for no one", () => device.signToken({ aud: undefined })],
    ["itself, for too long", () => device.signToken({ exp: now() + 3_600 + 60 })],
    ["itself, for ever", () => device.signToken({ exp: 9e15 })],
    ["itself, without an end", () => device.signToken({ exp: undefined })],
    [
      "itself, for too long from an hour on",
      () => device.signToken({ iat: now() + 3_600, exp: now() + 7_200 }),
    ],
    ["itself, from later on", () => device.signToken({ nbf: now() + 600, exp: now() + 900 })],
    ["itself, in former times", () => device.signToken({ iat: now() - 7_200, exp: now() - 3_600 })],
    [
      "itself, in capitals",
      () => device.signToken({ iss: device.id.toUpperCase(), sub: device.id.toUpperCase() }),
    ],
    ["itself, in a list", () => device.signToken({ sub: [device.id] })],
  ])("by %s", async (_, token) => {
    const before = await keptBy(deviceObject(device.id));
    expect(await knocks(device.id, await token())).toEqual(everywhere(401));
    expect(await keptBy(deviceObject(device.id))).toEqual(before);
    expect((await ada.get(`/v1.0/me/devices/${device.id}`)).body.status).toBe("Unknown");
  });

  test("that has the same key, by the other's token", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
    const jwk = await exportJWK(publicKey);
    const [mine, theirs] = await Promise.all(
      [ada, eve].map((api) => Device.registered(api, { publicKey: jwk })),
    );
    const sign = (id = ""): Promise<string> =>
      new SignJWT({ iss: id, sub: id, aud: ORIGIN, exp: now() + 600 })
        .setProtectedHeader({ alg: "ES256" })
        .sign(privateKey);
    expect(await knocks(mine?.id ?? "", await sign(theirs?.id))).toEqual(everywhere(401));
    expect(await speaks(mine?.id ?? "", await sign(mine?.id))).toBe(204);
  });

  test("that is no more, by a token that was good", async () => {
    const gone = await Device.registered(ada);
    const token = await gone.signToken();
    expect(await speaks(gone.id, token)).toBe(204);
    await ada.request("DELETE", `/me/devices/${gone.id}`);
    expect(await knocks(gone.id, token)).toEqual(everywhere(404));
    expect(await keptBy(deviceObject(gone.id))).toEqual({ kv: [], tables: [], alarm: null } satisfies Kept);
  });
});

test("a device is let in to nothing of its owner's", async () => {
  const device = await Device.registered(ada);
  const claims = { scp: "Device.ReadWrite Device.Command", scope: "Device.ReadWrite Device.Command" };
  const tokens = [
    await device.signToken(),
    await device.signToken({ ...claims, aud: [ORIGIN, env.AUTH_AUDIENCE] }),
    await device.signToken({ ...claims, iss: env.AUTH_ISSUER, sub: ada.sub, aud: env.AUTH_AUDIENCE }),
  ];
  const ids: Ids = { device: device.id, command: env.COMMANDS.newUniqueId().toString() };
  for (const token of tokens)
    for (const { method, path, body } of [...ROUTES_TO_ALL, ...routesTo(ids)]) {
      const { status } = await ada.request(method, path, body, { Authorization: `Bearer ${token}` });
      expect([method, path, status]).toEqual([method, path, 401]);
    }
});

describe("what a device says of another's command", () => {
  const REPORTS: Record<string, (id: string) => Json> = {
    executing: (id) => ({ method: "executing", params: { id } }),
    "executing, as a request": (id) => ({ id: 7, method: "executing", params: { id } }),
    progress: (id) => ({ method: "progress", params: { id, message: "forged", percent: 99 } }),
    dropped: (id) => ({ method: "dropped", params: { id, reason: "forged" } }),
    "a result": (id) => ({ id, result: { forged: true } }),
    "no result": (id) => ({ id, result: null }),
    "an error": (id) => ({ id, error: { code: 1, message: "forged", data: { status: "NotAuthorized" } } }),
    "a cancellation": (id) => ({ id, error: { code: -32800, message: "forged" } }),
    "a result too large": (id) => ({ id, result: "x".repeat(300_000) }),
  };
  /** Ada's device, and its commands at every stage, by their statuses. */
  let target: Device;
  const commands: Record<string, string> = {};

  beforeAll(async () => {
    target = await Device.connected(ada);
    const sent = async (): Promise<string> => {
      const command = await ada.send(target, APP_SERVICE);
      await target.receives();
      return command;
    };
    const idOf = (command: string): string => command.split("/").at(-1) ?? "";
    const reach = async (status: string, command: string): Promise<void> => {
      await ada.reaches(command, status);
      commands[status] = idOf(command);
    };
    await reach("sentToTarget", await sent());
    const running = await sent();
    target.acknowledges(idOf(running));
    await reach("executing", running);
    const done = await sent();
    target.answers(idOf(done), { true: 1 });
    await reach("completed", done);
    const cancelled = await sent();
    target.acknowledges(idOf(cancelled));
    await ada.reaches(cancelled, "executing");
    await ada.post(`${cancelled}/cancel`, undefined);
    await reach("cancelling", cancelled);
    // One that only its device's object knows.
    await reach("requesting", await ada.send(await Device.registered(ada), APP_SERVICE));
  });

  const kept = (): Promise<Kept[]> =>
    Promise.all([
      keptBy(deviceObject(target.id)),
      ...Object.values(commands).map((id) => keptBy(commandObject(id))),
    ]);

  test.each([
    ["of the same account", () => ada],
    ["of another account", () => eve],
  ])("is refused to a device %s, and changes nothing", async (_, owner) => {
    const forger = await Device.connected(owner());
    // It has commands of its own, and is no stranger.
    await owner().send(forger, APP_SERVICE);
    const { id: own } = await forger.receives();
    const before = await kept();
    for (const id of [...Object.values(commands), env.COMMANDS.newUniqueId().toString(), target.id])
      for (const [what, report] of Object.entries(REPORTS)) {
        const frame = { jsonrpc: "2.0", ...report(id) };
        const refusal = { jsonrpc: "2.0", error: { code: -32602, message: expect.stringContaining(id) } };
        forger.sends(frame);
        expect([what, await forger.receives()]).toMatchObject([what, refusal]);
        const { status, body } = await forger.posts(report(id));
        expect([what, status, body]).toMatchObject([what, 200, refusal]);
      }
    const ids = Object.values(commands);
    const { body: batch } = await forger.posts(...ids.map((id) => ({ id, result: 1 })), {
      id: own,
      result: 1,
    });
    expect(batch.map(({ error }: Json) => error.code)).toEqual(ids.map(() => -32602));
    expect(await kept()).toEqual(before);
    expect(target.untaken.map(({ method }) => method)).toEqual(["cancel"]);
    // Its own was heard all the same.
    await owner().reaches(`/me/devices/${forger.id}/commands/${own}`, "completed");
  });
});

test("a device's words do not reach beyond it: nothing but its own commands and its presence is its to change", async () => {
  const device = await Device.connected(ada);
  const before = (await ada.get(`/v1.0/me/devices/${device.id}`)).body;
  for (const method of [
    "rename",
    "unregister",
    "describe",
    "accept",
    "forget",
    "settle",
    "register",
    "constructor",
  ]) {
    device.sends({
      jsonrpc: "2.0",
      id: 1,
      method,
      params: { name: "forged", account: eve.sub, id: device.id },
    });
    expect(await device.receives()).toMatchObject({ error: { code: -32601 } });
  }
  expect((await ada.get(`/v1.0/me/devices/${device.id}`)).body).toEqual(before);
  const response = await answerOf(
    await Device.handshake(device.id, {
      Authorization: `Bearer ${await device.signToken()}`,
      Upgrade: "h2c",
    }),
  );
  expect(response.status).toBe(426);
});
