import { expect, test } from "vitest";
import { APP_SERVICE, become, Caller, LAUNCH_URI, ownService, registers } from "./stage.ts";

/** What outlasts the service's own process, and what its real alarms do. */

const service = ownService();

test("a command that waits for its device outlasts a restart, as does its time", async () => {
  const before = await Caller.of(service);
  const { id, identity } = await registers(before);
  const waiting = await before.send(id, { ...APP_SERVICE, payload: "from before" });
  const expiring = await before.send(id, { ...LAUNCH_URI, deliveryTimeout: "PT1S" });
  const kept = await before.get(waiting);
  expect(kept).toMatchObject({ status: "requesting" });

  await service.ends();
  await expect(fetch(service.origin)).rejects.toThrow("fetch failed");
  await service.starts();

  const caller = new Caller(service.origin, before.token);
  expect(await caller.get(waiting)).toEqual(kept);
  expect(await caller.reaches(expiring, "expired")).toMatchObject({ error: "DeliveryTimedOut" });
  const seen: unknown[] = [];
  const { device } = become(service.origin, {
    identity,
    handlers: {
      appService: ({ payload, attempt }) => {
        seen.push(payload);
        return { attempt };
      },
      launchUri: ({ uri }) => void seen.push(uri),
    },
  });
  device.start();
  expect(await caller.reaches(waiting, "completed")).toMatchObject({ responsePayload: { attempt: 1 } });
  expect(seen).toEqual(["from before"]);
});

test("a command for a device that stays away expires when its time for delivery is over", async () => {
  const caller = await Caller.of(service);
  const { id } = await registers(caller);
  const command = await caller.send(id, { ...LAUNCH_URI, deliveryTimeout: "PT1S" });
  const { error, createdDateTime, lastModifiedDateTime } = await caller.reaches(command, "expired");
  expect(error).toBe("DeliveryTimedOut");
  const lived = Date.parse(lastModifiedDateTime) - Date.parse(createdDateTime);
  expect(lived).toBeGreaterThanOrEqual(1_000);
  expect(lived).toBeLessThan(3_000);
});

test("a command that its device acknowledged and hangs at expires when its time for execution is over", async () => {
  const caller = await Caller.of(service);
  const { id, device } = await registers(caller, { handlers: { appService: () => new Promise(() => {}) } });
  device.start();
  await device.connected();
  const command = await caller.send(id, { ...APP_SERVICE, executionTimeout: "PT1S" });
  await caller.reaches(command, "executing");
  expect(await caller.reaches(command, "expired")).toMatchObject({ error: "ExecutionTimedOut" });
});

test("a device that heeds its signal does not turn that expiry into its own failure", async () => {
  const caller = await Caller.of(service);
  const { id, device, events } = await registers(caller, {
    handlers: {
      appService: (_, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    },
  });
  device.start();
  await device.connected();
  const command = await caller.send(id, { ...APP_SERVICE, executionTimeout: "PT1S" });
  const expired = await caller.reaches(command, "expired");
  expect(expired).toMatchObject({ error: "ExecutionTimedOut" });
  expect(await events.next(({ type }) => type === "finished")).toMatchObject({ outcome: "failed" });
  expect(await caller.get(command)).toEqual(expired);
});
