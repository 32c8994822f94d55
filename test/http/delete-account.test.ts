import {
  abortAllDurableObjects,
  listDurableObjectIds,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { CommandObject } from "../../src/command/command-object.ts";
import { DeviceObject } from "../../src/device/device-object.ts";
import { CLOSE } from "../../src/device/protocol.ts";
import { Newcomer } from "../pairing/stage.ts";
import { PATIENTLY } from "../patience.ts";
import { Receiver } from "../post-back/receiver.ts";
import { type Answer, APP_SERVICE, Api, Device, ORIGIN, signToken } from "../stage.ts";

/** An account that is deleted: of all that there was of it, nothing is left anywhere. */

afterEach(() => vi.restoreAllMocks());

const remove = (api: Api): Promise<Answer> => api.request("DELETE", "/v1.0/me");

/** What all objects keep, by their ids; one that keeps nothing is left out. */
async function everythingKept(): Promise<Record<string, unknown>> {
  const kept: Record<string, unknown> = {};
  for (const namespace of [
    env.ACCOUNTS,
    env.DEVICES,
    env.COMMANDS,
    env.PAIRINGS,
  ] as DurableObjectNamespace[]) {
    for (const id of await listDurableObjectIds(namespace)) {
      const values = await runInDurableObject(namespace.get(id), async (_, { storage }) => [
        ...storage.kv.list(),
        ...storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf\\_%' ESCAPE '\\'"),
        ...[await storage.getAlarm()].filter((alarm) => alarm !== null),
      ]);
      if (values.length > 0) kept[id.toString()] = values;
    }
  }
  return kept;
}

/** An account with something of everything. */
async function settled(): Promise<{ api: Api; device: Device; commands: string[]; accountId: string }> {
  const api = new Api();
  const device = await Device.connected(api);
  // Tried again tomorrow: meanwhile nothing changes by itself.
  const receiver = await Receiver.answering({ status: 500, headers: { "Retry-After": "86400" } });
  const completed = await api.send(device, { ...APP_SERVICE, postBackUri: receiver.uri });
  device.answers((await device.receives()).id, { secret: "Ada's" });
  await api.reaches(completed, "completed");
  await vi.waitFor(async () => {
    expect((await api.get(`/v1.0${completed}/history`)).body.postBacks).toHaveLength(1);
  }, PATIENTLY);
  const executing = await api.send(device, APP_SERVICE);
  device.acknowledges((await device.receives()).id);
  await api.reaches(executing, "executing");

  const away = await Device.registered(api);
  const path = `/v1.0/me/devices/${away.id}/commands`;
  const waiting = await api.post(path, APP_SERVICE, { "Idempotency-Key": "once" });
  expect(waiting.status).toBe(201);

  const former = await Device.connected(api);
  const remembered = await api.send(former, APP_SERVICE);
  former.answers((await former.receives()).id, { secret: "Ada's" });
  await api.reaches(remembered, "completed");
  expect((await api.request("DELETE", `/v1.0/me/devices/${former.id}`)).status).toBe(204);

  const [let_in, refused] = [await Newcomer.asks(), await Newcomer.asks()];
  expect((await api.request("POST", `${let_in.path}/approve`)).status).toBe(201);
  expect((await api.request("POST", `${refused.path}/deny`)).status).toBe(204);
  const commands = [completed, executing, `/me/devices/${away.id}/commands/${waiting.body.id}`, remembered];
  for (const command of commands) expect((await api.get(`/v1.0${command}`)).status).toBe(200);
  const accountId = env.ACCOUNTS.idFromName(JSON.stringify([env.AUTH_ISSUER, api.sub])).toString();
  return { api, device, commands, accountId };
}

describe("deleting an account", () => {
  test("leaves nothing of it in any object, and all of the others'", async () => {
    const other = await settled();
    const before = await everythingKept();
    expect(JSON.stringify(before)).toContain(other.accountId);

    const { api, device, commands } = await settled();
    const log = vi.spyOn(console, "error").mockReturnValue();
    expect((await remove(api)).status).toBe(204);
    expect(await everythingKept()).toEqual(before);
    await vi.waitFor(() => expect(device.closed?.code).toBe(CLOSE.unregistered), PATIENTLY);
    for (const command of commands) expect((await api.get(`/v1.0${command}`)).status).toBe(404);
    expect((await api.get("/v1.0/me/devices")).body.value).toEqual([]);
    // Whoever asks afterwards makes nothing anew.
    expect(await everythingKept()).toEqual(before);
    expect(log).not.toHaveBeenCalled();
    for (const command of other.commands) expect((await other.api.get(`/v1.0${command}`)).status).toBe(200);
  });

  test("that has nothing, or twice, is done at once; and one may begin anew", async () => {
    const { api } = await settled();
    for (const _ of "twice") expect((await remove(api)).status).toBe(204);
    expect((await remove(new Api())).status).toBe(204);
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    expect((await device.receives()).id).toBe(command.split("/").at(-1));
    // Later tests see no more of it than there is now.
    await api.reaches(command, "sentToTarget");
  });

  test("ends the streams of those who watch its commands", async () => {
    const { api, commands } = await settled();
    const headers = { Authorization: `Bearer ${await signToken(api.sub)}`, Accept: "text/event-stream" };
    const { body } = await exports.default.fetch(`${ORIGIN}${commands[1]}`, { headers });
    const reader = body?.getReader();
    expect((await reader?.read())?.done).toBe(false);
    expect((await remove(api)).status).toBe(204);
    await vi.waitFor(async () => expect((await reader?.read())?.done).toBe(true), PATIENTLY);
  });

  test.each(["Device.ReadWrite", "Device.Command", "Device.Read"])(
    "needs both scopes, and not only %s",
    async (scope) => {
      const api = new Api();
      const device = await Device.connected(api);
      const refused = await remove(new Api(api.sub, scope));
      expect([refused.status, refused.body.error.code]).toEqual([403, "accessDenied"]);
      expect(refused.headers.get("WWW-Authenticate")).toContain('scope="Device.ReadWrite Device.Command"');
      expect((await api.get(`/v1.0/me/devices/${device.id}`)).body.status).toBe("Online");
    },
  );
});

describe("a deletion that breaks off", () => {
  const GONE = Object.assign(new Error("The object is overloaded."), { overloaded: true });

  test.each([
    ["at a device", () => vi.spyOn(DeviceObject.prototype, "vanish").mockRejectedValue(GONE)],
    ["at a command", () => vi.spyOn(CommandObject.prototype, "vanish").mockRejectedValue(GONE)],
  ])(
    "%s says how far it is, lets no device in, and is gone on with by the alarm, also after a crash",
    async (_, broken) => {
      const before = await everythingKept();
      const { api, accountId } = await settled();
      const newcomer = await Newcomer.asks();
      const log = vi.spyOn(console, "error").mockReturnValue();
      const breaking = broken();
      const answer = await remove(api);
      expect([answer.status, answer.body]).toEqual([202, { status: "deleting", devices: 4 }]);
      expect(answer.headers.get("Retry-After")).toMatch(/^\d+$/);
      expect((await remove(api)).status).toBe(202);
      expect(String(log.mock.calls[0])).toContain("accountDeletionBroke");

      await expect(Device.registered(api)).rejects.toThrow("409");
      for (const verdict of ["approve", "deny"])
        expect((await api.request("POST", `${newcomer.path}/${verdict}`)).status).toBe(409);

      breaking.mockRestore();
      await abortAllDurableObjects();
      expect(await runDurableObjectAlarm(env.ACCOUNTS.get(env.ACCOUNTS.idFromString(accountId)))).toBe(true);
      expect((await remove(api)).status).toBe(204);
      await runInDurableObject(newcomer.object, (_object, { storage }) => storage.deleteAll());
      expect(await everythingKept()).toEqual(before);
    },
  );
});

test("a device that was unregistered is remembered for as long as it keeps commands, and no longer", async () => {
  const before = await everythingKept();
  const api = new Api();
  const device = await Device.connected(api);
  const command = await api.send(device, APP_SERVICE);
  device.answers((await device.receives()).id, 1);
  await api.reaches(command, "completed");
  expect((await api.request("DELETE", `/v1.0/me/devices/${device.id}`)).status).toBe(204);
  const kept = await everythingKept();
  expect(Object.keys(kept)).toContain(device.id);
  expect(JSON.stringify(kept[device.id])).not.toMatch(/Test device|"crv"/);
  expect((await api.request("DELETE", `/v1.0${command}`)).status).toBe(204);
  const after = await everythingKept();
  expect(Object.keys(after)).not.toContain(device.id);
  // The list of the account's devices is empty, and there.
  expect(Object.keys(after)).toHaveLength(Object.keys(before).length + 1);
});
