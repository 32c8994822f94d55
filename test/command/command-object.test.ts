import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Command, Order } from "../../src/command/command.ts";
import type { CommandObject } from "../../src/command/command-object.ts";
import type { DeviceRecord } from "../../src/device/device.ts";
import { PATIENTLY } from "../patience.ts";
import { APP_SERVICE, Api, Device, LAUNCH_URI } from "../stage.ts";
import { ORDER } from "./commands.ts";

/** The command's object: what it keeps over eviction and crashes, and what its alarm does. */

afterEach(() => void vi.useRealTimers());

function objectOf(command: string): DurableObjectStub<CommandObject> {
  return env.COMMANDS.get(env.COMMANDS.idFromString(command.split("/").at(-1) ?? ""));
}

/** Evicts the command's object and its device's: memory is gone, storage and sockets stay. */
async function evict(command: string): Promise<void> {
  const device = env.DEVICES.get(env.DEVICES.idFromString(command.split("/")[3] ?? ""));
  // Only what runs can be evicted, and an object that is asked anything runs.
  await objectOf(command).read({ account: "", device: "" });
  await evictDurableObject(objectOf(command));
  await device.describe("");
  await evictDurableObject(device);
}

/** Lets the command's alarm ring at a later time: a faked clock reaches the object, not the scheduler. */
async function wakes(command: string, later: number): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + later });
  await runDurableObjectAlarm(objectOf(command));
}

/** A command that is watched has an object of its own. */
async function movesOut(api: Api, command: string): Promise<void> {
  await api.request("HEAD", `/v1.0${command}`, undefined, { Accept: "text/event-stream" });
}

async function alarmOf(command: string): Promise<number | null> {
  return await runInDurableObject(objectOf(command), (_, { storage }) => storage.getAlarm());
}

describe("eviction", () => {
  test("between every two steps loses nothing", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    await evict(command);
    const { id } = await device.receives();
    await evict(command);
    device.acknowledges(id);
    await api.reaches(command, "executing");
    await evict(command);
    device.notifies("progress", { id, message: "Half way", percent: 50 });
    expect(await api.reaches(command, "custom")).toMatchObject({
      statusDetail: { message: "Half way", percent: 50 },
    });
    await evict(command);
    device.answers(id, { done: true });
    await api.reaches(command, "completed");
    await evict(command);
    expect(await api.statusesOf(command)).toEqual([
      "requesting",
      "sentToTarget",
      "executing",
      "custom",
      "completed",
    ]);
    expect((await api.get(`/v1.0${command}/responsePayload`)).body).toMatchObject({ done: true });
  });

  test("of a waiting command and its device loses neither the command nor its turn", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const commands = [];
    for (let count = 0; count < 5; count++) {
      commands.push(await api.send(device, { ...APP_SERVICE, payload: count }));
      await evict(commands[count] ?? "");
    }
    await device.connects();
    for (let count = 0; count < 5; count++) expect((await device.receives()).params.payload).toBe(count);
    for (const command of commands) await api.reaches(command, "sentToTarget");
  });
});

describe("a crash of every object", () => {
  test("loses no command: those that were not acknowledged are sent again on the next connection", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const acknowledged = await api.send(device, { ...APP_SERVICE, payload: "first" });
    const first = await device.receives();
    device.acknowledges(first.id);
    await api.reaches(acknowledged, "executing");
    const unacknowledged = await api.send(device, { ...APP_SERVICE, payload: "second" });
    await device.receives();
    await api.reaches(unacknowledged, "sentToTarget");

    await abortAllDurableObjects();
    await device.connects();

    expect(await device.receives()).toMatchObject({ params: { payload: "second", attempt: 2 } });
    await api.reaches(unacknowledged, "sentToTarget");
    expect(await api.statusesOf(unacknowledged)).toEqual([
      "requesting",
      "sentToTarget",
      "retry",
      "sentToTarget",
    ]);
    // Once it has begun, a command is not sent again, and its answer counts on any connection.
    device.answers(first.id, "done");
    await api.reaches(acknowledged, "completed");
    expect(device.untaken).toEqual([]);
  });

  test("between accepting a command and offering it is mended by the alarm", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, LAUNCH_URI);
    await device.receives();
    await api.reaches(command, "sentToTarget");
    // As the crash leaves it: the row is durable, and nobody knows of the offer.
    await runInDurableObject(objectOf(command), (_, { storage }) => {
      const kept = storage.kv.get<Command>("command");
      if (kept === undefined) throw new Error("There is no command.");
      storage.kv.put("command", {
        ...kept,
        attempts: 0,
        state: { status: "requesting", offerAt: kept.createdAt + 10_000 },
      });
    });
    await evict(command);
    await wakes(command, 10_000);
    expect(await device.receives()).toMatchObject({ method: "launchUri", params: { attempt: 1 } });
    await api.reaches(command, "sentToTarget");
  });
});

describe("a crash between a command and its device's list", () => {
  test("before the command has an object of its own loses nothing: its device's object gives it one", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, LAUNCH_URI);
    // As the crash leaves it: on its way to a connection that nobody knows of any more.
    const list = env.DEVICES.get(env.DEVICES.idFromString(device.id));
    await runInDurableObject(
      list,
      (_, { storage }) => void storage.sql.exec("UPDATE commands SET stage = 'leaving'"),
    );
    await evict(command);
    // The device may have it, or may not: that attempt is lost.
    expect((await api.get(`/v1.0${command}`)).body).toMatchObject({ status: "retry" });
    await device.connects();
    const { id, params } = await device.receives();
    expect([id, params.attempt]).toEqual([command.split("/").at(-1), 2]);
    await api.reaches(command, "sentToTarget");
    expect(device.untaken).toEqual([]);
  });

  test("before what the device said was told does not lose that: it says it of a command that has an object then", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    const list = env.DEVICES.get(env.DEVICES.idFromString(device.id));
    await list.describe("");
    await evictDurableObject(list);
    device.answers(id, { done: true });
    expect(await api.reaches(command, "completed")).toMatchObject({ responsePayload: { done: true } });
  });

  test("after the end is mended: the list learns how the command ended, though the device never comes", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, LAUNCH_URI);
    await movesOut(api, command);
    await api.request("POST", `/v1.0${command}/cancel`);
    const filtered = async () =>
      (await api.get(`/v1.0/me/devices/${device.id}/commands?$filter=status eq 'canceled'`)).body.value
        .length;
    expect(await filtered()).toBe(1);
    const list = env.DEVICES.get(env.DEVICES.idFromString(device.id));
    await runInDurableObject(
      list,
      (_, { storage }) => void storage.sql.exec("UPDATE commands SET ended = NULL"),
    );
    await evict(command);
    expect(await filtered()).toBe(0);
    await wakes(command, 11_000);
    expect(await filtered()).toBe(1);
  });

  test("a command that is told to move in after it was erased does not come back", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, LAUNCH_URI);
    await movesOut(api, command);
    await api.request("POST", `/v1.0${command}/cancel`);
    const kept = await runInDurableObject(objectOf(command), (_, { storage }) => {
      return storage.kv.get<Command>("command") as Command;
    });
    expect((await api.request("DELETE", `/v1.0${command}`)).status).toBe(204);
    expect(await objectOf(command).begin(kept)).toBe("erased");
    expect((await api.get(`/v1.0${command}`)).status).toBe(404);
  });

  test("a claim of which nothing more was heard may have reached the device: cancelling asks it", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, LAUNCH_URI);
    await movesOut(api, command);
    expect(await objectOf(command).claim("gone")).toMatchObject({
      type: "deliver",
      delivery: { attempt: 1 },
    });
    await evict(command);
    expect((await api.request("POST", `/v1.0${command}/cancel`)).body.status).toBe("cancel");
    await device.connects();
    expect(await device.receives()).toMatchObject({ method: "cancel" });
  });

  test("a claim of which nothing more was heard was an attempt", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, LAUNCH_URI);
    await movesOut(api, command);
    await objectOf(command).claim("gone");
    await evict(command);
    await device.connects();
    expect(await device.receives()).toMatchObject({ method: "launchUri", params: { attempt: 2 } });
    await api.reaches(command, "sentToTarget");
    expect(await api.statusesOf(command)).toEqual(["requesting", "retry", "sentToTarget"]);
  });

  test("a claim that came to nothing leaves the command as unseen as it was", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, LAUNCH_URI);
    await movesOut(api, command);
    expect(await objectOf(command).claim("gone")).toMatchObject({ type: "deliver" });
    await objectOf(command).released();
    const { body } = await api.request("POST", `/v1.0${command}/cancel`);
    expect([body.status, body.error]).toEqual(["canceled", null]);
  });
});

describe("the alarm", () => {
  test("expires a command that was never delivered", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, { ...LAUNCH_URI, deliveryTimeout: "PT1M" });
    await movesOut(api, command);
    await wakes(command, 55_000);
    await api.reaches(command, "requesting");
    expect(await alarmOf(command)).not.toBeNull();
    await wakes(command, 5_000);
    expect(await api.reaches(command, "expired")).toMatchObject({ error: "DeliveryTimedOut" });
    // The device never sees it.
    vi.useRealTimers();
    await device.connects();
    const next = await api.send(device, { ...APP_SERVICE, payload: "next" });
    expect((await device.receives()).params.payload).toBe("next");
    await api.reaches(next, "sentToTarget");
  });

  test("expires a command that the device began and never ended; its late result is told so", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, { ...APP_SERVICE, executionTimeout: "PT30S" });
    const { id } = await device.receives();
    device.acknowledges(id);
    await api.reaches(command, "executing");
    await wakes(command, 31_000);
    expect(await api.reaches(command, "expired")).toMatchObject({ error: "ExecutionTimedOut" });

    device.answers(id, { too: "late" });
    expect(await device.receives()).toMatchObject({ method: "late", params: { id, status: "expired" } });
    expect(await api.reaches(command, "expired")).toMatchObject({ responsePayload: null });
    const { body } = await api.get(`/v1.0${command}/history`);
    expect(body.value.at(-1)).toMatchObject({ late: true, status: "expired" });
  });

  test("asks a device that does not acknowledge whether it lives; an answer keeps the command with it", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    await api.reaches(command, "sentToTarget");
    await wakes(command, 10_000);
    const ping = await device.receives();
    expect(ping).toMatchObject({ method: "ping" });
    device.fails(ping.id, { code: -32601, message: "Method not found" });
    await vi.waitFor(async () => {
      await wakes(command, 10_000);
      const { body } = await api.get(`/v1.0${command}/history`);
      expect(body.value.at(-1).cause).toContain("alive");
    }, PATIENTLY);
    await api.reaches(command, "sentToTarget");
    device.answers(id, "slow, and well");
    await api.reaches(command, "completed");
  });

  test("closes a connection that leaves ping unanswered, and the command is tried again", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    await device.receives();
    await api.reaches(command, "sentToTarget");
    await wakes(command, 10_000);
    expect(await device.receives()).toMatchObject({ method: "ping" });
    await wakes(command, 10_000);
    await api.reaches(command, "retry");
    await vi.waitFor(() => expect(device.closed?.code).toBe(4008), PATIENTLY);
    await device.connects();
    expect(await device.receives()).toMatchObject({ method: "appService", params: { attempt: 2 } });
  });

  test("early, late and repeated wakes are harmless", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    await api.reaches(command, "sentToTarget");
    for (let times = 0; times < 3; times++) await wakes(command, 0);
    device.answers(id, 1);
    await api.reaches(command, "completed");
    for (let times = 0; times < 3; times++) await wakes(command, 86_400_000);
    vi.useRealTimers();
    expect(await api.statusesOf(command)).toEqual(["requesting", "sentToTarget", "completed"]);
  });
});

test("an object whose id was never used, or was erased, keeps nothing by being read", async () => {
  const id = env.COMMANDS.newUniqueId();
  const asker = { account: "a", device: "d" };
  expect(await env.COMMANDS.get(id).read(asker)).toEqual({ ok: false, reason: "unknown" });
  await env.COMMANDS.get(id).connectionLost("one");
  await env.COMMANDS.get(id).handedOver("one");
  expect(await env.COMMANDS.get(id).claim("one")).toEqual({ type: "unknown" });
  await runInDurableObject(env.COMMANDS.get(id), async (_, { storage }) => {
    expect([...storage.kv.list()]).toEqual([]);
    expect(await storage.getAlarm()).toBeNull();
  });
});

test("a command for a device that does not exist leaves nothing behind", async () => {
  const api = new Api();
  const { status } = await api.post(`/v1.0/me/devices/${env.DEVICES.newUniqueId()}/commands`, LAUNCH_URI);
  expect(status).toBe(404);
});

test("an order that is accepted twice, as a lost answer has it, is one command, also where it has ended", async () => {
  const api = new Api();
  const device = await Device.registered(api);
  const account = await runInDurableObject(
    env.DEVICES.get(env.DEVICES.idFromString(device.id)),
    (_, { storage }) => storage.kv.get<DeviceRecord>("device")?.account ?? "",
  );
  const id = env.COMMANDS.newUniqueId().toString();
  const order: Order = { ...ORDER, id, account, device: device.id, whenOffline: "fail" };
  const list = env.DEVICES.get(env.DEVICES.idFromString(device.id));
  const first = await list.accept(order, null, 5_000);
  await api.reaches(`/me/devices/${device.id}/commands/${id}`, "failedToSend");
  expect(await list.accept(order, null, 5_000)).toEqual(first);
  expect((await api.get(`/v1.0/me/devices/${device.id}/commands`)).body.value).toHaveLength(1);
});
