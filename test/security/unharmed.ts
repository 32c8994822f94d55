import { expect } from "vitest";
import { APP_SERVICE, Api, Device } from "../stage.ts";

/** Another account, whose command is sent, carried out and answered: at any time, whatever else goes on. */
export async function otherwiseUnharmed(): Promise<void> {
  const ada = new Api();
  const device = await Device.connected(ada);
  const command = await ada.send(device, APP_SERVICE);
  const { id } = await device.receives();
  device.acknowledges(id);
  device.answers(id, { unharmed: true });
  expect(await ada.reaches(command, "completed")).toMatchObject({ responsePayload: { unharmed: true } });
}
