import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Command } from "../../src/command/command.ts";
import { ATTEMPTS_MAX } from "../../src/limits.ts";
import { APP_SERVICE, Api, Device } from "../stage.ts";

/** Each of the fourteen statuses, reached by what the table says it means, from outside. */

let api: Api;
let device: Device;

beforeEach(async () => {
  api = new Api();
  device = await Device.registered(api);
});
afterEach(() => void vi.useRealTimers());

/** Sends a command to the connected device, and waits until the device has it. */
async function delivered(): Promise<{ command: string; id: string }> {
  await device.connects();
  const command = await api.send(device, APP_SERVICE);
  const { id } = await device.receives();
  await api.reaches(command, "sentToTarget");
  return { command, id };
}

describe("live", () => {
  test("requesting: accepted, and waiting for the device", async () => {
    const command = await api.send(device, APP_SERVICE);
    await api.reaches(command, "requesting");
  });

  test("sentToTarget: the device's connection took it", async () => {
    const { command } = await delivered();
    await api.reaches(command, "sentToTarget");
  });

  test("executing: the device said that it has begun", async () => {
    const { command, id } = await delivered();
    device.acknowledges(id);
    await api.reaches(command, "executing");
  });

  test("custom: the device reports progress in its own words", async () => {
    const { command, id } = await delivered();
    device.notifies("progress", { id, message: "Warming up", percent: 5 });
    expect(await api.reaches(command, "custom")).toMatchObject({
      statusDetail: { message: "Warming up", percent: 5 },
    });
  });

  test("retry: the connection was lost before the device acknowledged", async () => {
    const { command } = await delivered();
    await device.disconnects(api);
    await api.reaches(command, "retry");
  });

  test("cancel: asked for, and the device is away; cancelling: the device was told", async () => {
    const { command } = await delivered();
    await device.disconnects(api);
    await api.request("POST", `/v1.0${command}/cancel`);
    await api.reaches(command, "cancel");
    await device.connects();
    expect((await device.receives()).method).toBe("cancel");
    await api.reaches(command, "cancelling");
  });
});

describe("ended", () => {
  test("completed: the device returned a result", async () => {
    const { command, id } = await delivered();
    device.answers(id, { answer: 42 });
    expect(await api.reaches(command, "completed")).toMatchObject({
      responsePayload: { answer: 42 },
      error: null,
    });
  });

  test("executionFailed: the device returned an error", async () => {
    const { command, id } = await delivered();
    device.fails(id, { code: 5, message: "No such service", data: { status: "AppServiceUnavailable" } });
    expect(await api.reaches(command, "executionFailed")).toMatchObject({
      error: "AppServiceUnavailable",
      statusDetail: { message: "No such service" },
    });
  });

  test("executionFailed: what the device returned is over a limit", async () => {
    const { command, id } = await delivered();
    device.answers(id, "x".repeat(256 * 1024));
    expect(await api.reaches(command, "executionFailed")).toMatchObject({ error: "MessageSizeTooLarge" });
  });

  test("commandDropped: the device declined it", async () => {
    const { command, id } = await delivered();
    device.notifies("dropped", { id, reason: "In connected standby" });
    expect(await api.reaches(command, "commandDropped")).toMatchObject({
      statusDetail: { message: "In connected standby" },
    });
  });

  test("canceled: before the device had it", async () => {
    const command = await api.send(device, APP_SERVICE);
    await api.request("POST", `/v1.0${command}/cancel`);
    await api.reaches(command, "canceled");
  });

  test("failedToSend: offline, and not to wait", async () => {
    const command = await api.send(device, { ...APP_SERVICE, whenOffline: "fail" });
    expect(await api.reaches(command, "failedToSend")).toMatchObject({ error: "RemoteSystemUnavailable" });
  });

  test("failedToSend: every attempt was lost", async () => {
    const command = await api.send(device, APP_SERVICE);
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      await device.connects();
      expect(await device.receives()).toMatchObject({ params: { attempt } });
      await api.reaches(command, "sentToTarget");
      await device.disconnects(api);
      await api.reaches(command, "retry", "failedToSend");
    }
    expect(await api.reaches(command, "failedToSend")).toMatchObject({ error: "AttemptsExhausted" });
  });

  test("failedToSend: the device was unregistered", async () => {
    const { command } = await delivered();
    await api.request("DELETE", `/v1.0/me/devices/${device.id}`);
    expect(await api.reaches(command, "failedToSend")).toMatchObject({ error: "DeviceRemoved" });
  });

  test("expired: the device never came", async () => {
    const command = await api.send(device, { ...APP_SERVICE, deliveryTimeout: "PT1S" });
    expect(await api.reaches(command, "expired")).toMatchObject({ error: "DeliveryTimedOut" });
  });

  test("expired: the device began, and never ended", async () => {
    await device.connects();
    const command = await api.send(device, { ...APP_SERVICE, executionTimeout: "PT1S" });
    device.acknowledges((await device.receives()).id);
    expect(await api.reaches(command, "expired")).toMatchObject({ error: "ExecutionTimedOut" });
  });

  test("error: only for a fault of the service, injected here into what it has stored", async () => {
    const { command, id } = await delivered();
    const object = env.COMMANDS.get(env.COMMANDS.idFromString(id));
    await runInDurableObject(object, (_, { storage }) => {
      const kept = storage.kv.get<Command>("command");
      storage.kv.put("command", {
        ...kept,
        state: { status: "sentToTarget", connection: "one", sentAt: Date.now() },
      });
    });
    await evictDurableObject(object);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
    await runDurableObjectAlarm(object);
    expect(await api.reaches(command, "error")).toMatchObject({
      error: null,
      statusDetail: { message: expect.stringContaining("failed") },
    });
  });
});
