import { runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Clock, deviceOf, objectOf } from "../clock.ts";
import { PATIENTLY } from "../patience.ts";
import { APP_SERVICE, Api, Device, LAUNCH_URI } from "../stage.ts";

/** The service's clock is put forward a day, or back an hour: nothing is lost, and nothing hangs. */

const HOUR = 3_600_000;

afterEach(() => void vi.useRealTimers());

/** A device with a command that it is executing and one that it has not acknowledged, and another that waits for its own. */
async function scene() {
  const clock = new Clock();
  const api = new Api();
  const device = await Device.connected(api);
  const executing = await api.send(device, LAUNCH_URI);
  device.acknowledges((await device.receives()).id);
  await api.reaches(executing, "executing");
  const sent = await api.send(device, APP_SERVICE);
  await device.receives();
  await api.reaches(sent, "sentToTarget");
  const away = await Device.registered(api);
  const waiting = await api.send(away, LAUNCH_URI);
  return { clock, api, device, away, executing, sent, waiting };
}

/** The device takes a new command and completes it. */
async function serves(api: Api, device: Device): Promise<void> {
  const command = await api.send(device, LAUNCH_URI);
  device.answers((await device.receives()).id, { served: true });
  await api.reaches(command, "completed");
}

function idOf(command: string): string {
  return command.split("/").at(-1) ?? "";
}

describe("a clock that is put forward a day", () => {
  test("ends what has run out, each for its own reason, and the device is served when it is back", async () => {
    const { clock, api: before, device, away, executing, sent, waiting } = await scene();
    clock.moves(25 * HOUR);
    const api = clock.as(before);
    for (const command of [executing, sent]) await runDurableObjectAlarm(objectOf(command));
    for (const command of [executing, waiting]) await runDurableObjectAlarm(deviceOf(command));
    expect((await api.reaches(executing, "expired")).error).toBe("ExecutionTimedOut");
    expect((await api.reaches(sent, "expired")).error).toBe("ExecutionTimedOut");
    expect((await api.reaches(waiting, "expired")).error).toBe("DeliveryTimedOut");
    // Its token has run out with the day.
    await vi.waitFor(() => expect(device.closed?.code).toBe(4003), PATIENTLY);
    await device.connects();
    await serves(api, device);
    await away.connects();
    await serves(api, away);
    expect(away.untaken).toEqual([]);
  });
});

describe("a clock that is put back an hour", () => {
  test("loses nothing: what a device says is heard, what it lost is tried again, what waited is delivered", async () => {
    const { clock, api: before, device, away, executing, sent, waiting } = await scene();
    clock.moves(-HOUR);
    const api = clock.as(before);
    device.answers(idOf(executing), { done: true });
    await api.reaches(executing, "completed");
    await device.connects();
    const again = await device.receives();
    expect([again.id, again.params.attempt]).toEqual([idOf(sent), 2]);
    device.answers(again.id, { done: true });
    await api.reaches(sent, "completed");
    await away.connects();
    away.answers((await away.receives()).id, { done: true });
    await api.reaches(waiting, "completed");
    await serves(api, device);
    for (const command of [executing, sent, waiting]) {
      const { body } = await api.get(`/v1.0${command}/history`);
      const sequences = body.value.map(({ sequence }: { sequence: number }) => sequence);
      expect(sequences).toEqual(sequences.map((_: number, index: number) => index + 1));
    }
  });

  test("puts off what is due by that hour at most", async () => {
    const { clock, api, executing, waiting } = await scene();
    clock.moves(-HOUR);
    await runDurableObjectAlarm(objectOf(executing));
    expect((await clock.as(api).get(`/v1.0${executing}`)).body.status).toBe("executing");
    clock.moves(25 * HOUR);
    await runDurableObjectAlarm(objectOf(executing));
    await runDurableObjectAlarm(deviceOf(waiting));
    expect((await clock.as(api).reaches(executing, "expired")).error).toBe("ExecutionTimedOut");
    expect((await clock.as(api).reaches(waiting, "expired")).error).toBe("DeliveryTimedOut");
  });

  test("does not hold those who wait for a command's end longer than they asked for", async () => {
    const { clock, api, executing } = await scene();
    const waits = api.get(`/v1.0${executing}`, { Prefer: "wait=1" });
    // The wait has begun before the clock is put back: an answer that came after it says so.
    await api.get(`/v1.0${executing}`);
    clock.moves(-HOUR);
    expect((await waits).body.status).toBe("executing");
  });

  test("does not hold up a command for a device that asked for its messages before", async () => {
    const clock = new Clock();
    const before = new Api();
    const device = await Device.registered(before);
    await device.polls();
    clock.moves(-HOUR);
    const api = clock.as(before);
    const command = await api.send(device, LAUNCH_URI);
    expect((await device.polls()).body).toMatchObject([{ id: idOf(command) }]);
  });
});
