import { expect, test } from "vitest";
import { signDeviceToken } from "../../src/agent/identity.ts";
import {
  APP_SERVICE,
  Caller,
  type Json,
  LAUNCH_URI,
  type OwnDevice,
  ownService,
  registers,
} from "./stage.ts";

/** Devices without sockets against the service as it is started locally. */

const service = ownService();

test("a polling device opens, answers, is cancelled, and outlasts a restart of the service", async () => {
  const caller = await Caller.of(service);
  const opened: string[] = [];
  const asked = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const { id, device, events } = await registers(caller, {
    transport: "poll",
    handlers: {
      launchUri: ({ uri }) => void opened.push(uri),
      appService: async ({ payload }, { progress, signal }) => {
        if (payload === "endless") {
          progress({ percent: 1 });
          await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        }
        if (payload === "slow") {
          asked.resolve();
          await gate.promise;
        }
        return { payload };
      },
    },
  });
  device.start();
  await device.connected();
  await caller.showsDevice(id, "Online", performance.now());

  const launch = await caller.send(id, LAUNCH_URI);
  await caller.reaches(launch, "completed");
  expect(opened).toEqual(["https://example.com/"]);
  const statuses = (await caller.statusesOf(launch)).filter((status) => status !== "sentToTarget");
  expect(statuses).toEqual(["requesting", "executing", "completed"]);

  const endless = await caller.send(id, { ...APP_SERVICE, payload: "endless" });
  await caller.reaches(endless, "custom");
  await caller.request("POST", `${endless}/cancel`);
  expect(await caller.reaches(endless, "canceled")).toMatchObject({ error: null });

  const slow = await caller.send(id, { ...APP_SERVICE, payload: "slow" });
  await asked.promise;
  await caller.reaches(slow, "executing");
  await service.ends();
  await events.next(({ type }) => type === "disconnected");
  // The answer is there before the service is again.
  gate.resolve();
  await events.next(
    (event) => event.type === "finished" && event.outcome === "completed" && slow.endsWith(event.id),
  );
  await service.starts(Number(new URL(caller.origin).port));
  expect(await caller.reaches(slow, "completed")).toMatchObject({ responsePayload: { payload: "slow" } });

  const after = await caller.send(id, { ...APP_SERVICE, payload: "after" });
  expect(await caller.reaches(after, "completed")).toMatchObject({ responsePayload: { payload: "after" } });
  expect((await caller.statusesOf(after)).filter((status) => status === "retry")).toEqual([]);
});

test("a burst reaches a polling device whole, each command once", async () => {
  const caller = await Caller.of(service);
  const seen: unknown[] = [];
  const { id, device } = await registers(caller, {
    transport: "poll",
    handlers: { appService: ({ payload }) => void seen.push(payload) },
  });
  device.start();
  await device.connected();
  const numbers = Array.from({ length: 40 }, (_, number) => number);
  const commands = await Promise.all(
    numbers.map((number) => caller.send(id, { ...APP_SERVICE, payload: number, whenOffline: "fail" })),
  );
  for (const command of commands) await caller.reaches(command, "completed");
  expect(seen.toSorted((a, b) => Number(a) - Number(b))).toEqual(numbers);
});

test("a socket and a poll of one device do not fight: the newer stays", async () => {
  const caller = await Caller.of(service);
  const first = await registers(caller, { transport: "poll" });
  first.device.start();
  await first.device.connected();
  await fetchMessages(first, "wait=0");
  expect(await first.events.next(({ type }) => type === "stopped")).toMatchObject({ cause: "replaced" });
});

test("what was written to a poll that nobody read is given to the next one", async () => {
  const caller = await Caller.of(service);
  const device = await registers(caller);
  const gone = new AbortController();
  const broken = fetchMessages(device, "wait=60", gone.signal);
  await caller.showsDevice(device.id, "Online", performance.now());
  gone.abort();
  await expect(broken).rejects.toThrow("aborted");
  const command = await caller.send(device.id, LAUNCH_URI);
  // The service cannot see that the poll has lost its reader.
  await caller.reaches(command, "sentToTarget");
  expect(await fetchMessages(device, "wait=60")).toMatchObject([{ params: { attempt: 2 } }]);
});

/** What a device that knows only HTTP does. */
async function fetchMessages(
  { id, identity }: OwnDevice,
  prefer: string,
  signal?: AbortSignal,
): Promise<Json> {
  const token = await signDeviceToken(identity, service.origin, Date.now(), 60);
  const response = await fetch(`${service.origin}/devices/${id}/messages`, {
    headers: { authorization: `Bearer ${token}`, prefer },
    signal: signal ?? null,
  });
  expect(response.status).toBe(200);
  return await response.json();
}
