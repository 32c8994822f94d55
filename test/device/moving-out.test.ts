import { afterEach, expect, test, vi } from "vitest";
import { CommandObject } from "../../src/command/command-object.ts";
import { DeviceStore } from "../../src/device/device-store.ts";
import { PATIENTLY } from "../patience.ts";
import { Api, Device, LAUNCH_URI } from "../stage.ts";

/** A command gets an object of its own when there is more to it than waiting. Its device may come at that very moment. */

afterEach(() => void vi.restoreAllMocks());

test("a command that moves out while its device connects is handed over, and the device is heard", async () => {
  const api = new Api();
  const device = await Device.registered(api);
  const command = await api.send(device, LAUNCH_URI);

  // Someone watches it, so it moves out; that takes its time.
  const begin = CommandObject.prototype.begin;
  const { promise: slow, resolve: goOn } = Promise.withResolvers<void>();
  const moves = vi.spyOn(CommandObject.prototype, "begin").mockImplementationOnce(async function (
    this: CommandObject,
    moving,
  ) {
    await slow;
    return await begin.call(this, moving);
  });
  const watched = api.get(`/v1.0${command}`, { Accept: "text/event-stream" });
  await vi.waitFor(() => expect(moves).toHaveBeenCalled(), PATIENTLY);

  const drained = vi.spyOn(DeviceStore.prototype, "openAfter");
  await device.connects();
  await vi.waitFor(() => expect(drained).toHaveBeenCalled(), PATIENTLY);
  goOn();
  const { id } = await device.receives();
  device.acknowledges(id);
  device.answers(id, { answer: 42 });
  expect((await watched).body).toContain('"status":"completed"');
  expect(await api.statusesOf(command)).toEqual(["requesting", "sentToTarget", "executing", "completed"]);
});
