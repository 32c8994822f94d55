import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { createKeyPair, signDeviceToken } from "../../src/agent/identity.ts";
import { APP_SERVICE, become, Caller, LAUNCH_URI, ownService, registers } from "./stage.ts";

/** Our own device library against the service as it is started locally. */

/** What the list of devices promises: milliseconds until it shows that a device has come or gone. */
const PRESENCE_MS = 1_000;

const service = ownService();

describe("a connected device", () => {
  test("opens a URI", async () => {
    const caller = await Caller.of(service);
    const opened: string[] = [];
    const { id, device } = await registers(caller, {
      handlers: { launchUri: ({ uri }) => void opened.push(uri) },
    });
    device.start();
    await device.connected();
    const command = await caller.send(id, LAUNCH_URI);
    expect(await caller.reaches(command, "completed")).toMatchObject({ responsePayload: null, error: null });
    expect(opened).toEqual(["https://example.com/"]);
    // The device's own word may overtake the news that the socket took the command.
    const statuses = (await caller.statusesOf(command)).filter((status) => status !== "sentToTarget");
    expect(statuses).toEqual(["requesting", "executing", "completed"]);
    expect(await caller.request("GET", `${command}/responsePayload`)).toEqual({ status: 204, body: null });
  });

  test("is asked, tells how far it is, and answers", async () => {
    const caller = await Caller.of(service);
    const asked = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const { id, device } = await registers(caller, {
      handlers: {
        appService: async ({ appServiceName, packageFamilyName, payload, attempt }, { progress }) => {
          progress({ message: "thinking", percent: 50 });
          asked.resolve();
          await gate.promise;
          return { appServiceName, packageFamilyName, payload, attempt };
        },
      },
    });
    device.start();
    await device.connected();
    const command = await caller.send(id, APP_SERVICE);
    await asked.promise;
    expect(await caller.reaches(command, "custom")).toMatchObject({
      statusDetail: { message: "thinking", percent: 50 },
    });
    gate.resolve();
    await caller.reaches(command, "completed");
    expect(await caller.get(`${command}/responsePayload`)).toEqual({
      "@odata.context": expect.stringMatching(/\/v1\.0\/\$metadata#microsoft\.graph\.PayloadResponse$/),
      appServiceName: APP_SERVICE.appServiceName,
      packageFamilyName: APP_SERVICE.packageFamilyName,
      payload: APP_SERVICE.payload,
      attempt: 1,
    });
  });
});

test("a device that comes online is given what was sent before, in order", async () => {
  const caller = await Caller.of(service);
  const seen: unknown[] = [];
  const { id, device } = await registers(caller, {
    handlers: {
      launchUri: ({ uri }) => void seen.push(uri),
      appService: ({ payload }) => void seen.push(payload),
    },
  });
  const first = await caller.send(id, LAUNCH_URI);
  const second = await caller.send(id, APP_SERVICE);
  expect(await caller.get(first)).toMatchObject({ status: "requesting" });
  device.start();
  await caller.reaches(second, "completed");
  await caller.reaches(first, "completed");
  expect(seen).toEqual(["https://example.com/", APP_SERVICE.payload]);
});

describe("the list of devices", () => {
  test("shows a device Online within a second of its connecting, and Offline within one of its closing", async () => {
    const caller = await Caller.of(service);
    const { id, device } = await registers(caller);
    await caller.showsDevice(id, "Unknown", performance.now());
    device.start();
    await device.connected();
    expect(await caller.showsDevice(id, "Online", performance.now())).toBeLessThan(PRESENCE_MS);
    const closing = performance.now();
    await device.stop();
    expect(await caller.showsDevice(id, "Offline", closing)).toBeLessThan(PRESENCE_MS);
  });

  test("shows a device Offline within a second of its connection breaking off without a word", async () => {
    const caller = await Caller.of(service);
    const { id, identity } = await registers(caller);
    const token = await signDeviceToken(identity, service.origin, Date.now(), 60);
    const socket = new WebSocket(`${service.origin.replace("http", "ws")}/devices/${id}/connection`, {
      headers: { authorization: `Bearer ${token}` },
    });
    onTestFinished(() => socket.terminate());
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    await caller.showsDevice(id, "Online", performance.now());
    const broken = performance.now();
    socket.terminate();
    expect(await caller.showsDevice(id, "Offline", broken)).toBeLessThan(PRESENCE_MS);
  });
});

test("a renewal replaces the connection, and no command is lost or run twice", async () => {
  const caller = await Caller.of(service);
  const runs: string[] = [];
  const slow = Promise.withResolvers<void>();
  const { id, device, events } = await registers(caller, {
    // Renewed a second before it expires: time enough on a machine that does much else.
    tokenSeconds: 10,
    handlers: {
      appService: async ({ id: command, payload }) => {
        runs.push(command);
        if (payload === "slow") await slow.promise;
        return { payload };
      },
    },
  });
  device.start();
  await device.connected();
  const commands = [await caller.send(id, { ...APP_SERVICE, payload: "slow" })];
  let renewed = false;
  const renewal = events
    .next((event) => event.type === "connected" && event.renewed)
    .then(() => {
      renewed = true;
    });
  while (!renewed) {
    commands.push(await caller.send(id, { ...APP_SERVICE, payload: commands.length }));
    // Other tests run meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await renewal;
  commands.push(await caller.send(id, { ...APP_SERVICE, payload: "on the fresh connection" }));
  slow.resolve();
  for (const command of commands) await caller.reaches(command, "completed");
  expect(runs).toHaveLength(commands.length);
  expect(new Set(runs).size).toBe(commands.length);
  expect(events.left).not.toContainEqual(expect.objectContaining({ type: "disconnected" }));
});

describe("a device that the service does not let in", () => {
  test("learns that its key is not the one that was registered", async () => {
    const caller = await Caller.of(service);
    const { identity } = await registers(caller);
    const { privateKey } = await createKeyPair(false);
    const { device, events } = become(service.origin, { identity: { ...identity, privateKey } });
    device.start();
    expect(await events.next(({ type }) => type === "rejected")).toMatchObject({
      reason: "tokenRefused",
      message: expect.stringContaining("signature"),
    });
  });

  test("stops where it has been unregistered", async () => {
    const caller = await Caller.of(service);
    const { id, device, events } = await registers(caller);
    expect(await caller.request("DELETE", `/me/devices/${id}`)).toMatchObject({ status: 204 });
    device.start();
    expect(await events.next(({ type }) => type === "rejected")).toMatchObject({ reason: "deviceUnknown" });
    expect(await events.next(({ type }) => type === "stopped")).toMatchObject({ cause: "unregistered" });
  });
});
