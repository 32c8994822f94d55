import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, type MockInstance, test, vi } from "vitest";
import { DeviceObject } from "../../src/device/device-object.ts";
import { Clock, deviceOf, objectOf } from "../clock.ts";
import { PATIENTLY } from "../patience.ts";
import { Receiver } from "../post-back/receiver.ts";
import { type Answer, APP_SERVICE, Api, Device, LAUNCH_URI } from "../stage.ts";

/** The end of a command's keeping: when its caller erases it, and when its time is over. */

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const DAY = 86_400_000;

function erase(api: Api, command: string): Promise<Answer> {
  return api.request("DELETE", `/v1.0${command}`);
}

/** Where the command is: it has an object of its own from the moment that somebody asks for it while it is handed over. */
const HOMES = [
  { home: "in its device's list", isOut: false },
  { home: "in an object of its own", isOut: true },
];

/** A command whose device has answered it. */
async function completed(
  isOut: boolean,
  headers: Record<string, string> = {},
): Promise<{ api: Api; device: Device; command: string; id: string }> {
  const api = new Api();
  const device = await Device.connected(api);
  const { body } = await api.post(`/v1.0/me/devices/${device.id}/commands`, APP_SERVICE, headers);
  const { id } = await device.receives();
  const command = `/me/devices/${device.id}/commands/${body.id}`;
  if (isOut) await api.reaches(command, "sentToTarget");
  device.answers(id, { answer: 42 });
  await api.reaches(command, "completed");
  expect((await keptBy(command)).values).toHaveLength(isOut ? 1 : 0);
  return { api, device, command, id };
}

/** Everything that the command's object keeps. */
async function keptBy(command: string): Promise<{ values: unknown[]; alarm: number | null }> {
  return await runInDurableObject(objectOf(command), async (_, { storage }) => ({
    values: [...storage.kv.list()],
    alarm: await storage.getAlarm(),
  }));
}

/** The command's rows in its device's list. */
async function rowsOf(command: string): Promise<number> {
  const [, , , device = "", , id = ""] = command.split("/");
  return await runInDurableObject(
    env.DEVICES.get(env.DEVICES.idFromString(device)),
    (_, { storage }) => storage.sql.exec("SELECT place FROM commands WHERE id = ?", id).toArray().length,
  );
}

/** Nothing of the command is left, whichever way one asks for it. */
async function isGone(api: Api, command: string): Promise<void> {
  for (const path of ["", "/responsePayload", "/history"])
    expect((await api.get(`/v1.0${command}${path}`)).status, path).toBe(404);
  expect((await api.get(`/v1.0${command}`, { Accept: "text/event-stream" })).status).toBe(404);
  expect((await api.request("POST", `/v1.0${command}/cancel`)).status).toBe(404);
  expect((await erase(api, command)).status).toBe(404);
  expect(await keptBy(command)).toEqual({ values: [], alarm: null });
}

/** No device's object can be reached to take a command off its list: as the platform says it, across objects. */
function outOfReach(): MockInstance {
  return vi.spyOn(DeviceObject.prototype, "forget").mockImplementation(() => {
    throw Object.assign(new Error("The object is overloaded."), { overloaded: true });
  });
}

describe.each(HOMES)("erasing a command that has ended, $home,", ({ isOut }) => {
  test("leaves nothing of it, in its object, in the list, or at the device", async () => {
    const { api, device, command } = await completed(isOut);
    const { status, body } = await erase(api, command);
    expect([status, body]).toEqual([204, undefined]);
    await isGone(api, command);
    expect((await api.get(`/v1.0/me/devices/${device.id}/commands`)).body.value).toEqual([]);
    expect(await rowsOf(command)).toBe(0);
  });

  test("leaves the others where they were", async () => {
    const { api, device, command } = await completed(isOut);
    const next = await api.send(device, LAUNCH_URI);
    await device.receives();
    await erase(api, command);
    const { body } = await api.get(`/v1.0/me/devices/${device.id}/commands`);
    expect(body.value.map(({ id }: { id: string }) => id)).toEqual([next.split("/").at(-1)]);
  });

  test("frees its Idempotency-Key", async () => {
    const key = { "Idempotency-Key": "once" };
    const { api, device, command } = await completed(isOut, key);
    const again = await api.post(`/v1.0/me/devices/${device.id}/commands`, APP_SERVICE, key);
    expect(command).toContain(again.body.id);
    await erase(api, command);
    const fresh = await api.post(`/v1.0/me/devices/${device.id}/commands`, LAUNCH_URI, key);
    expect([fresh.status, fresh.headers.get("Idempotency-Replayed")]).toEqual([201, null]);
    expect(command).not.toContain(fresh.body.id);
  });

  test("is no news for the device, whose late word finds no command", async () => {
    const { api, device, command, id } = await completed(isOut);
    await erase(api, command);
    device.answers(id, "again");
    expect((await device.receives()).error.message).toContain("has no command");
    await isGone(api, command);
  });

  test("works after its object was evicted, and twice at once erases it once", async () => {
    const { api, command } = await completed(isOut);
    await evictDurableObject(isOut ? objectOf(command) : deviceOf(command));
    const statuses = await Promise.all([erase(api, command), erase(api, command)]);
    expect(statuses.map(({ status }) => status).sort()).toEqual([204, 404]);
  });

  test("works when its device is no more", async () => {
    const { api, device, command } = await completed(isOut);
    await api.request("DELETE", `/v1.0/me/devices/${device.id}`);
    expect((await erase(api, command)).status).toBe(204);
    await isGone(api, command);
  });

  test.runIf(isOut)("is 503 while its device's object cannot be reached, and it stays whole", async () => {
    const { api, command } = await completed(isOut);
    const forget = outOfReach();
    const refused = await erase(api, command);
    expect([refused.status, refused.body.error.code]).toEqual([503, "serviceNotAvailable"]);
    expect(refused.headers.get("Retry-After")).toBe("1");
    forget.mockRestore();
    await api.reaches(command, "completed");
    expect((await erase(api, command)).status).toBe(204);
    await isGone(api, command);
  });
});

describe("a live command", () => {
  /** Brings a new command into a status. */
  const LIVES: Record<string, (api: Api) => Promise<string>> = {
    requesting: async (api) => await api.send(await Device.registered(api), APP_SERVICE),
    sentToTarget: async (api) => (await taken(api)).command,
    executing: async (api) => {
      const { device, command, id } = await taken(api);
      device.acknowledges(id);
      return command;
    },
    custom: async (api) => {
      const { device, command, id } = await taken(api);
      device.notifies("progress", { id, percent: 5 });
      return command;
    },
    retry: async (api) => {
      const { device, command } = await taken(api);
      await api.reaches(command, "sentToTarget");
      await device.disconnects(api);
      return command;
    },
    cancel: async (api) => {
      const { device, command, id } = await taken(api);
      device.acknowledges(id);
      await api.reaches(command, "executing");
      await device.disconnects(api);
      await api.request("POST", `/v1.0${command}/cancel`);
      return command;
    },
    cancelling: async (api) => {
      const { command } = await taken(api);
      await api.request("POST", `/v1.0${command}/cancel`);
      return command;
    },
  };

  async function taken(api: Api): Promise<{ device: Device; command: string; id: string }> {
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    return { device, command, id: (await device.receives()).id };
  }

  test.each(Object.entries(LIVES))("in %s is not erased", async (status, story) => {
    const api = new Api();
    const command = await story(api);
    await api.reaches(command, status);
    const refused = await erase(api, command);
    expect([refused.status, refused.body.error.code]).toEqual([409, "conflict"]);
    expect(refused.body.error.message).toContain("cancel it first");
    await api.reaches(command, status);
  });
});

test("what is not there, or another's, cannot be erased, and the two look the same", async () => {
  const { api, device, command } = await completed(true);
  const none = `/me/devices/${device.id}/commands/${env.COMMANDS.newUniqueId()}`;
  const other = await Device.registered(api);
  const answers = await Promise.all([
    erase(new Api(), command),
    erase(api, none),
    erase(api, command.replace(device.id, other.id)),
    erase(api, `/me/devices/${device.id}/commands/nonsense`),
    erase(api, `/me/devices/${device.id}/commands/${device.id}`),
    erase(api, command.toUpperCase().replace("/ME/DEVICES", "/me/devices").replace("/COMMANDS", "/commands")),
  ]);
  for (const { status, body } of answers)
    expect([status, body.error.code, body.error.message]).toEqual([
      404,
      "itemNotFound",
      answers[0]?.body.error.message,
    ]);
  await api.reaches(command, "completed");
});

describe("a command with an object of its own that ended thirty days ago", () => {
  test("erases itself with its payload, response and history, and its row at the device; no sooner", async () => {
    const clock = new Clock();
    const { api, device, command } = await completed(true, { "Idempotency-Key": "once" });
    expect((await keptBy(command)).alarm).toBe(Date.now() + 30 * DAY);
    clock.moves(30 * DAY - 1);
    await runDurableObjectAlarm(objectOf(command));
    await clock.as(api).reaches(command, "completed");
    expect((await clock.as(api).get(`/v1.0${command}/responsePayload`)).body).toMatchObject({ answer: 42 });
    clock.moves(1);
    await runDurableObjectAlarm(objectOf(command));
    await isGone(clock.as(api), command);
    expect(await rowsOf(command)).toBe(0);
    const list = `/v1.0/me/devices/${device.id}/commands`;
    expect((await clock.as(api).get(list)).body.value).toEqual([]);
    const again = await clock.as(api).post(list, APP_SERVICE, { "Idempotency-Key": "once" });
    expect([again.status, again.headers.get("Idempotency-Replayed")]).toEqual([201, null]);
  });

  test("erases itself after an eviction, and when its device was unregistered meanwhile", async () => {
    const clock = new Clock();
    const { api, device, command } = await completed(true);
    expect((await api.request("DELETE", `/v1.0/me/devices/${device.id}`)).status).toBe(204);
    await evictDurableObject(objectOf(command));
    clock.moves(30 * DAY);
    await runDurableObjectAlarm(objectOf(command));
    await isGone(clock.as(api), command);
  });

  test("stays whole while its device's object cannot be reached, and goes when it can", async () => {
    const clock = new Clock();
    const { api, command } = await completed(true);
    const forget = outOfReach();
    clock.moves(30 * DAY);
    await runDurableObjectAlarm(objectOf(command));
    expect(forget).toHaveBeenCalled();
    const { alarm } = await keptBy(command);
    expect(alarm).toBeGreaterThan(Date.now());
    await clock.as(api).reaches(command, "completed");
    forget.mockRestore();
    clock.moves((alarm ?? 0) - Date.now());
    await runDurableObjectAlarm(objectOf(command));
    await isGone(clock.as(api), command);
    expect(await rowsOf(command)).toBe(0);
  });

  test("tells its receiver nothing more, though a post-back was owed", async () => {
    const clock = new Clock();
    const receiver = await Receiver.answering({ status: 500, headers: { "Retry-After": String(DAY) } });
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, { ...APP_SERVICE, postBackUri: receiver.uri });
    device.answers((await device.receives()).id, 1);
    await api.reaches(command, "completed");
    await vi.waitFor(async () => {
      const { body } = await api.get(`/v1.0${command}/history`);
      expect(body.postBacks).toHaveLength(1);
    }, PATIENTLY);
    clock.moves(30 * DAY);
    const complaints = vi.spyOn(console, "error");
    await runDurableObjectAlarm(objectOf(command));
    await isGone(clock.as(api), command);
    expect(await receiver.received()).toHaveLength(1);
    expect(complaints).not.toHaveBeenCalled();
  });
});

describe("a command in its device's list that ended thirty days ago", () => {
  /** The alarm that looks after a command until its delivery has had its time finds nothing to do then. */
  async function ringsAfter(clock: Clock, milliseconds: number, command: string): Promise<void> {
    clock.moves(milliseconds);
    await runDurableObjectAlarm(deviceOf(command));
  }

  test("is erased with its row at the device; no sooner", async () => {
    const clock = new Clock();
    const { api, device, command } = await completed(false, { "Idempotency-Key": "once" });
    await ringsAfter(clock, DAY, command);
    await ringsAfter(clock, 29 * DAY - 1, command);
    expect((await clock.as(api).get(`/v1.0${command}/responsePayload`)).body).toMatchObject({ answer: 42 });
    await ringsAfter(clock, 1, command);
    await isGone(clock.as(api), command);
    expect(await rowsOf(command)).toBe(0);
    const list = `/v1.0/me/devices/${device.id}/commands`;
    const again = await clock.as(api).post(list, APP_SERVICE, { "Idempotency-Key": "once" });
    expect([again.status, again.headers.get("Idempotency-Replayed")]).toEqual([201, null]);
  });

  test("is counted from its end, not from its sending", async () => {
    const clock = new Clock();
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, { ...LAUNCH_URI, deliveryTimeout: "P20D" });
    await ringsAfter(clock, 20 * DAY, command);
    await clock.as(api).reaches(command, "expired");
    await ringsAfter(clock, 29 * DAY, command);
    await clock.as(api).reaches(command, "expired");
    await ringsAfter(clock, DAY, command);
    await isGone(clock.as(api), command);
  });

  test("outlives its device, whose object then keeps nothing more", async () => {
    const clock = new Clock();
    const { api, device, command } = await completed(false);
    expect((await api.request("DELETE", `/v1.0/me/devices/${device.id}`)).status).toBe(204);
    await evictDurableObject(deviceOf(command));
    await clock.as(api).reaches(command, "completed");
    await ringsAfter(clock, 30 * DAY, command);
    await isGone(clock.as(api), command);
    const left = await runInDurableObject(deviceOf(command), async (_, { storage }) => [
      [...storage.kv.list()],
      await storage.getAlarm(),
    ]);
    expect(left).toEqual([[], null]);
  });
});
