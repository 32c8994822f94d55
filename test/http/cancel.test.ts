import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type Answer, APP_SERVICE, Api, Device, LAUNCH_URI } from "../stage.ts";

afterEach(() => void vi.useRealTimers());

function cancel(api: Api, command: string): Promise<Answer> {
  return api.request("POST", `/v1.0${command}/cancel`);
}

/** Lets the command's alarm ring at a later time. */
async function wakes(command: string, later: number): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + later });
  await runDurableObjectAlarm(env.COMMANDS.get(env.COMMANDS.idFromString(command.split("/").at(-1) ?? "")));
}

describe("cancelling", () => {
  test("before the device has it ends it at once, and the device never sees it", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, LAUNCH_URI);
    const { status, body } = await cancel(api, command);
    expect([status, body.status, body.error]).toEqual([202, "canceled", null]);
    await device.connects();
    const next = await api.send(device, APP_SERVICE);
    expect((await device.receives()).method).toBe("appService");
    expect(next).not.toBe(command);
  });

  test.each(["sentToTarget", "executing", "custom"])(
    "in %s tells the device, whose word decides",
    async (status) => {
      const api = new Api();
      const device = await Device.connected(api);
      const command = await api.send(device, APP_SERVICE);
      const { id } = await device.receives();
      if (status === "executing") device.acknowledges(id);
      if (status === "custom") device.notifies("progress", { id, percent: 1 });
      await api.reaches(command, status);

      expect((await cancel(api, command)).status).toBe(202);
      expect(await device.receives()).toMatchObject({ method: "cancel", params: { id } });
      await api.reaches(command, "cancelling");
      device.fails(id, { code: -32800, message: "Cancelled" });

      expect(await api.reaches(command, "canceled")).toMatchObject({ error: null });
      expect((await api.statusesOf(command)).slice(-3)).toEqual(["cancel", "cancelling", "canceled"]);
    },
  );

  test("one whose hand-over was cut off by a crash asks the device, which may have it", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, LAUNCH_URI);
    const object = env.DEVICES.get(env.DEVICES.idFromString(device.id));
    // What a crash leaves behind: it was on its way to a socket, and nobody knows whether that took it.
    await runInDurableObject(object, (_, { storage }) => {
      storage.sql.exec("UPDATE commands SET stage = 'leaving'");
    });
    await evictDurableObject(object);

    expect((await cancel(api, command)).body.status).toBe("cancel");
    await device.connects();
    expect(await device.receives()).toMatchObject({ method: "cancel" });
    device.fails(command.split("/").at(-1) ?? "", { code: -32800, message: "Cancelled" });
    expect(await api.reaches(command, "canceled")).toMatchObject({ error: null });
    expect(await api.statusesOf(command)).toEqual([
      "requesting",
      "retry",
      "cancel",
      "cancelling",
      "canceled",
    ]);
  });

  test("loses to a device that was faster", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    await cancel(api, command);
    device.answers(id, { done: "before you asked" });
    expect(await api.reaches(command, "completed")).toMatchObject({
      responsePayload: { done: "before you asked" },
    });
    expect((await cancel(api, command)).status).toBe(409);
  });

  test("against a device that reports an error ends in that error", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    await cancel(api, command);
    device.fails(id, { code: 1, message: "Out of paper", data: { status: "ResourceLimitsExceeded" } });
    expect(await api.reaches(command, "executionFailed")).toMatchObject({ error: "ResourceLimitsExceeded" });
  });

  test("that nobody confirms within a minute ends in canceled, and says so", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    await device.receives();
    await cancel(api, command);
    await api.reaches(command, "cancelling");
    await wakes(command, 59_000);
    await api.reaches(command, "cancelling");
    await wakes(command, 2_000);
    expect(await api.reaches(command, "canceled")).toMatchObject({ error: "CancelUnconfirmed" });
  });

  test("of a command whose device has left reaches the device when it comes back", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    device.acknowledges(id);
    await api.reaches(command, "executing");
    await device.disconnects(api);
    await cancel(api, command);
    await api.reaches(command, "cancel");
    await device.connects();
    expect(await device.receives()).toMatchObject({ method: "cancel", params: { id } });
    await api.reaches(command, "cancelling");
  });

  test("of a command that waits for its next attempt is the device's to answer, for it may have the last one", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    await api.reaches(command, "sentToTarget");
    await device.disconnects(api);
    await api.reaches(command, "retry");
    await cancel(api, command);
    await api.reaches(command, "cancel");
    await device.connects();
    // It is told to cancel, and not given the command again.
    expect(await device.receives()).toMatchObject({ method: "cancel", params: { id } });
    device.fails(id, { code: -32800, message: "Cancelled" });
    await api.reaches(command, "canceled");
    expect(device.untaken).toEqual([]);
  });

  test("twice is the same as once, also after an eviction", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    await cancel(api, command);
    await api.reaches(command, "cancelling");
    await evictDurableObject(env.COMMANDS.get(env.COMMANDS.idFromString(id)));
    expect((await cancel(api, command)).status).toBe(202);
    expect(await api.statusesOf(command)).toEqual(["requesting", "sentToTarget", "cancel", "cancelling"]);
  });

  test("of what has ended is a conflict, and of what is not there, or not yours, 404", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    device.answers((await device.receives()).id, null);
    await api.reaches(command, "completed");
    const refused = await cancel(api, command);
    expect([refused.status, refused.body.error.code]).toEqual([409, "conflict"]);
    expect((await cancel(new Api(), command)).status).toBe(404);
    expect(
      (await cancel(api, `/me/devices/${device.id}/commands/${env.COMMANDS.newUniqueId()}`)).status,
    ).toBe(404);
  });

  test("eight times at once while the device answers has one winner, and all agree on it", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    const cancels = Array.from({ length: 8 }, () => cancel(api, command));
    device.answers(id, { done: true });
    const statuses = (await Promise.all(cancels)).map(({ status }) => status);
    expect(statuses.every((status) => status === 202 || status === 409)).toBe(true);
    await api.reaches(command, "completed");
    expect(
      (await api.statusesOf(command)).filter((status) => status === "completed" || status === "canceled"),
    ).toEqual(["completed"]);
  });
});
