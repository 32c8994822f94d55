import { expect, test } from "vitest";
import { APP_SERVICE, Api, Device } from "../stage.ts";

test("unregistering a device ends its commands, whatever they are doing, and changes none that had ended", async () => {
  const api = new Api();
  const device = await Device.connected(api);
  const send = async (): Promise<{ command: string; id: string }> => {
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    await api.reaches(command, "sentToTarget");
    return { command, id };
  };
  const cancel = (command: string) => api.request("POST", `/v1.0${command}/cancel`);

  const completed = await send();
  device.answers(completed.id, { kept: true });
  const executing = await send();
  device.acknowledges(executing.id);
  const custom = await send();
  device.notifies("progress", { id: custom.id, percent: 10 });
  const cancelling = await send();
  await cancel(cancelling.command);
  await device.receives();
  for (const [{ command }, status] of [
    [completed, "completed"],
    [executing, "executing"],
    [custom, "custom"],
    [cancelling, "cancelling"],
  ] as const) {
    await api.reaches(command, status);
  }
  const retry = await send();
  await device.disconnects(api);
  await api.reaches(retry.command, "retry");
  const cancelled = await cancelledBefore(api, device);
  await cancel(executing.command);
  const requesting = await api.send(device, APP_SERVICE);

  expect((await api.request("DELETE", `/v1.0/me/devices/${device.id}`)).status).toBe(204);

  const ends = await Promise.all(
    [
      completed.command,
      executing.command,
      custom.command,
      cancelling.command,
      retry.command,
      cancelled,
      requesting,
    ].map(async (command) => {
      const { body } = await api.get(`/v1.0${command}`);
      return [body.status, body.error];
    }),
  );
  expect(ends).toEqual([
    ["completed", null],
    // It was asked to cancel while the device was away, and nobody can tell any more whether it did.
    ["canceled", "CancelUnconfirmed"],
    ["failedToSend", "DeviceRemoved"],
    ["canceled", "CancelUnconfirmed"],
    ["failedToSend", "DeviceRemoved"],
    ["canceled", null],
    ["failedToSend", "DeviceRemoved"],
  ]);
  expect((await api.get(`/v1.0${completed.command}/responsePayload`)).body).toMatchObject({ kept: true });
});

/** A command that was cancelled before the device, which is away, had it. */
async function cancelledBefore(api: Api, device: Device): Promise<string> {
  const command = await api.send(device, APP_SERVICE);
  await api.request("POST", `/v1.0${command}/cancel`);
  await api.reaches(command, "canceled");
  return command;
}
