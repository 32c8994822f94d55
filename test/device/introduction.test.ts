import { afterEach, expect, test, vi } from "vitest";
import { CommandObject } from "../../src/command/command-object.ts";
import { DeviceStore } from "../../src/device/device-store.ts";
import { PATIENTLY } from "../patience.ts";
import { Api, Device, LAUNCH_URI } from "../stage.ts";

/** A command gets an object of its own when there is more to it than waiting. Its device may come at that very moment. */

afterEach(() => void vi.restoreAllMocks());

test("a command that is introduced while its device connects is handed over, and the device is heard", async () => {
  const api = new Api();
  const device = await Device.registered(api);
  const command = await api.send(device, LAUNCH_URI);

  // Someone waits for it, so it is introduced; that takes its time.
  const begin = CommandObject.prototype.begin;
  const { promise: slow, resolve: goOn } = Promise.withResolvers<void>();
  const introduced = vi.spyOn(CommandObject.prototype, "begin").mockImplementationOnce(async function (
    this: CommandObject,
    introduction,
  ) {
    await slow;
    return await begin.call(this, introduction);
  });
  const waited = api.request("GET", `/v1.0${command}`, undefined, { Prefer: "wait=20" });
  await vi.waitFor(() => expect(introduced).toHaveBeenCalled(), PATIENTLY);

  const drained = vi.spyOn(DeviceStore.prototype, "openAfter");
  await device.connects();
  await vi.waitFor(() => expect(drained).toHaveBeenCalled(), PATIENTLY);
  goOn();
  const { id } = await device.receives();
  device.acknowledges(id);
  device.answers(id, { answer: 42 });
  expect((await waited).body).toMatchObject({ status: "completed", responsePayload: { answer: 42 } });
  expect(await api.statusesOf(command)).toEqual(["requesting", "sentToTarget", "executing", "completed"]);
});
