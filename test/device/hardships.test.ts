import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { CommandObject } from "../../src/command/command-object.ts";
import type { DeviceRecord } from "../../src/device/device.ts";
import { DRAINED_AHEAD_MAX, RESIDENT_LENGTH_MAX } from "../../src/limits.ts";
import { Clock, deviceOf, objectOf } from "../clock.ts";
import { ORDER } from "../command/commands.ts";
import { PATIENTLY } from "../patience.ts";
import { APP_SERVICE, Api, Device, type Json, LAUNCH_URI } from "../stage.ts";

/** Unlucky moments, and objects that answer late or not at all: nothing is lost, and nothing else is held up. */

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const AWAY = Object.assign(new Error("The object is overloaded."), { overloaded: true });

/** Commands move out only once this is called; those that this names, or all. */
function movingOutWaits(isHeld: (id: string) => boolean = () => true): () => void {
  const begin = CommandObject.prototype.begin;
  const { promise, resolve } = Promise.withResolvers<void>();
  vi.spyOn(CommandObject.prototype, "begin").mockImplementation(async function (this: CommandObject, moving) {
    if (isHeld(moving.order.id)) await promise;
    return await begin.call(this, moving);
  });
  return resolve;
}

const idOf = (command: string): string => command.split("/").at(-1) ?? "";

test("an alarm that rings while a device connects marks nothing as sent that the new socket did not get", async () => {
  const api = new Api();
  const device = await Device.connected(api);
  const command = await api.send(device, APP_SERVICE);
  await device.receives();
  await api.reaches(command, "sentToTarget");
  await device.connects();
  await runDurableObjectAlarm(deviceOf(command));
  expect(await device.receives()).toMatchObject({ id: idOf(command), params: { attempt: 2 } });
});

test("those who wait for a command hear at once that its device was unregistered", async () => {
  const api = new Api();
  const device = await Device.connected(api);
  const command = await api.send(device, APP_SERVICE);
  device.acknowledges((await device.receives()).id);
  const waits = api.get(`/v1.0${command}`, { Prefer: "wait=60" });
  await api.reaches(command, "executing");
  await api.request("DELETE", `/v1.0/me/devices/${device.id}`);
  expect((await waits).body).toMatchObject({ status: "failedToSend", error: "DeviceRemoved" });
});

test("a command that is not to wait, and stands behind others, fails when the device goes", async () => {
  const api = new Api();
  const device = await Device.registered(api);
  for (let sent = 0; sent < DRAINED_AHEAD_MAX + 1; sent++) await api.send(device, LAUNCH_URI);
  await device.connects();
  await device.receives();
  const command = await api.send(device, { ...LAUNCH_URI, whenOffline: "fail" });
  await device.disconnects(api);
  expect(await api.reaches(command, "failedToSend")).toMatchObject({ error: "RemoteSystemUnavailable" });
});

test("one command whose own object does not answer holds up none behind it, nor the device's next connection", async () => {
  const api = new Api();
  const device = await Device.connected(api);
  const stuck = await api.send(device, APP_SERVICE);
  const goOn = movingOutWaits((id) => id === idOf(stuck));
  vi.spyOn(console, "error").mockReturnValue();
  await device.receives();
  void api.get(`/v1.0${stuck}`);
  await device.connects();
  const next = await api.send(device, LAUNCH_URI);
  await vi.waitFor(() => expect(device.untaken.some(({ id }) => id === idOf(next))).toBe(true), PATIENTLY);
  device.answers(idOf(next), null);
  await api.reaches(next, "completed");
  goOn();
});

describe("a device that says its last word over HTTP", () => {
  test("is told that it was heard only once that is written", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, APP_SERVICE);
    const [{ id }] = (await device.polls(1)).body;
    const goOn = movingOutWaits();
    let isHeard = false;
    const said = device.posts({ id, result: "x".repeat(RESIDENT_LENGTH_MAX) }).then(() => {
      isHeard = true;
    });
    await vi.waitFor(() => expect(CommandObject.prototype.begin).toHaveBeenCalled(), PATIENTLY);
    expect(isHeard).toBe(false);
    goOn();
    await said;
    await api.reaches(command, "completed");
  });
});

test("a command that moves out while its device is unregistered ends with the others", async () => {
  const api = new Api();
  const device = await Device.registered(api);
  const command = await api.send(device, LAUNCH_URI);
  const goOn = movingOutWaits();
  const watched = api.get(`/v1.0${command}`, { Accept: "text/event-stream" });
  await vi.waitFor(() => expect(CommandObject.prototype.begin).toHaveBeenCalled(), PATIENTLY);
  const removed = api.request("DELETE", `/v1.0/me/devices/${device.id}`);
  goOn();
  expect((await removed).status).toBe(204);
  expect((await watched).body).toContain('"status":"failedToSend"');
});

test("a command that is erased while it moves out does not come back", async () => {
  const api = new Api();
  const device = await Device.connected(api);
  const command = await api.send(device, APP_SERVICE);
  const { id } = await device.receives();
  const goOn = movingOutWaits();
  device.answers(id, "x".repeat(RESIDENT_LENGTH_MAX));
  await vi.waitFor(() => expect(CommandObject.prototype.begin).toHaveBeenCalled(), PATIENTLY);
  const erased = api.request("DELETE", `/v1.0${command}`);
  goOn();
  expect((await erased).status).toBe(204);
  expect((await api.get(`/v1.0${command}`)).status).toBe(404);
  await runInDurableObject(objectOf(command), (_, { storage }) => expect([...storage.kv.list()]).toEqual([]));
});

test("a command that cannot move out does not keep others from expiring", async () => {
  const clock = new Clock();
  const api = new Api();
  const device = await Device.registered(api);
  const order = { ...LAUNCH_URI, deliveryTimeout: "PT1M" };
  await api.send(device, { ...order, postBackUri: "https://receiver.example.com/none" });
  const behind = await api.send(device, order);
  vi.spyOn(CommandObject.prototype, "begin").mockRejectedValue(AWAY);
  vi.spyOn(console, "error").mockReturnValue();
  clock.moves(61_000);
  await runDurableObjectAlarm(deviceOf(behind));
  await clock.as(api).reaches(behind, "expired");
});

test("a command that was accepted is answered 201, though what became of it cannot be told", async () => {
  const api = new Api();
  const device = await Device.connected(api);
  vi.spyOn(CommandObject.prototype, "begin").mockRejectedValue(AWAY);
  vi.spyOn(console, "error").mockReturnValue();
  const { status, body } = await api.post(`/v1.0/me/devices/${device.id}/commands`, APP_SERVICE, {
    Prefer: "wait=1",
  });
  expect([status, body.status]).toEqual([201, "requesting"]);
  expect((await device.receives()).id).toBe(body.id);
});

test("what a device had said before it was unregistered counts, though its command could not be told then", async () => {
  const api = new Api();
  const device = await Device.connected(api);
  const command = await api.send(device, APP_SERVICE);
  const { id } = await device.receives();
  device.acknowledges(id);
  await api.reaches(command, "executing");
  const report = vi.spyOn(CommandObject.prototype, "report").mockRejectedValue(AWAY);
  const log = vi.spyOn(console, "error").mockReturnValue();
  device.answers(id, "done");
  await vi.waitFor(() => expect(JSON.stringify(log.mock.calls)).toContain("reportKept"), PATIENTLY);
  report.mockRestore();
  await api.request("DELETE", `/v1.0/me/devices/${device.id}`);
  expect(await api.reaches(command, "completed")).toMatchObject({ responsePayload: "done" });
});

test("a late word is told so, also where there is no room for it in the history", async () => {
  const api = new Api();
  const device = await Device.connected(api);
  const command = await api.send(device, APP_SERVICE);
  const { id } = await device.receives();
  await api.reaches(command, "sentToTarget");
  for (let said = 0; said < 520; said++) device.notifies("progress", { id, percent: said / 10 });
  device.answers(id, 1);
  await api.reaches(command, "completed");
  device.answers(id, 2);
  await vi.waitFor(
    () => expect(device.untaken.some(({ method }: Json) => method === "late")).toBe(true),
    PATIENTLY,
  );
});

test("a command that is kept for less time than it might have waited is erased in time", async () => {
  const api = new Api();
  const device = await Device.registered(api);
  const list = deviceOf(`/me/devices/${device.id}/commands/none`);
  const account = await runInDurableObject(
    list,
    (_, { storage }) => storage.kv.get<DeviceRecord>("device")?.account ?? "",
  );
  const id = env.COMMANDS.newUniqueId().toString();
  const order = {
    ...ORDER,
    id,
    account,
    device: device.id,
    whenOffline: "fail" as const,
    retentionMs: 60_000,
  };
  await list.accept(order, null, 1_000);
  const alarm = await runInDurableObject(list, (_, { storage }) => storage.getAlarm());
  expect(alarm).toBeLessThanOrEqual(Date.now() + 60_000);
});
