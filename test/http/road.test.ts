import { expect, test } from "vitest";
import { APP_SERVICE, Api, Device, LAUNCH_URI } from "../stage.ts";

test("a command goes out, the device answers, the caller reads the answer", async () => {
  const api = new Api();
  const device = await Device.connected(api);
  const command = await api.send(device, APP_SERVICE);

  const delivery = await device.receives();
  expect(delivery).toMatchObject({
    jsonrpc: "2.0",
    method: "appService",
    params: {
      appServiceName: "com.example.ping",
      packageFamilyName: "Example_abc",
      payload: { question: "Are you there?" },
      attempt: 1,
    },
  });
  expect(command).toContain(delivery.id);
  await api.reaches(command, "sentToTarget");
  device.acknowledges(delivery.id);
  await api.reaches(command, "executing");
  device.answers(delivery.id, { answer: "Yes." });

  await api.reaches(command, "completed");
  expect(await api.statusesOf(command)).toEqual(["requesting", "sentToTarget", "executing", "completed"]);
  const { body } = await api.get(`/v1.0${command}/responsePayload`);
  expect(body).toMatchObject({ answer: "Yes." });
});

test("a command for a device that is away waits, and is delivered when the device comes", async () => {
  const api = new Api();
  const device = await Device.registered(api);
  const first = await api.send(device, LAUNCH_URI);
  const second = await api.send(device, APP_SERVICE);
  expect(await api.reaches(first, "requesting")).toMatchObject({ error: null });

  await device.connects();

  expect((await device.receives()).method).toBe("launchUri");
  expect((await device.receives()).method).toBe("appService");
  await api.reaches(first, "sentToTarget");
  await api.reaches(second, "sentToTarget");
});
