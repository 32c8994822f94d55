import { createExecutionContext, listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, expect, test, vi } from "vitest";
import { AccountObject } from "../../src/account/account-object.ts";
import { app } from "../../src/http/app.ts";
import { HEALTH_MS, HEALTH_TIMEOUT_MS } from "../../src/limits.ts";
import { type Answer, answerOf, ORIGIN } from "../stage.ts";

/** What the service says of its own health. */

const ALL_OK = { accounts: "ok", devices: "ok", commands: "ok", pairings: "ok" };

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A service of its own, which remembers nothing of what others were told. */
function service(vars: object = {}): () => Promise<Answer> {
  const own = { ...env, ...vars };
  return async () =>
    await answerOf(await app.fetch(new Request(`${ORIGIN}/healthz`), own, createExecutionContext()));
}

/** Devices whose object, and no other, does this instead of answering. */
const devicesThat = (answers: () => Promise<void>) => ({
  DEVICES: { idFromName: () => "an id", get: () => ({ answers }) },
});

test("it is well where each class's object answers, which keeps nothing", async () => {
  const { status, body } = await service()();
  expect([status, body]).toEqual([200, { status: "ok", checks: ALL_OK }]);
  for (const namespace of [
    env.ACCOUNTS,
    env.DEVICES,
    env.COMMANDS,
    env.PAIRINGS,
  ] as DurableObjectNamespace[]) {
    const asked = namespace.get(namespace.idFromName("health"));
    await runInDurableObject(asked, async (_, { storage }) => {
      expect([...storage.kv.list()]).toEqual([]);
      expect(await storage.getAlarm()).toBeNull();
    });
    expect(await listDurableObjectIds(namespace)).toHaveLength(1);
  }
});

test("its objects are asked once, however often one asks, and again after a while", async () => {
  vi.useFakeTimers({ now: Date.now(), toFake: ["Date"] });
  const asked = vi.spyOn(AccountObject.prototype, "answers");
  const ask = service();
  for (let time = 0; time < 10; time++) expect((await ask()).status).toBe(200);
  expect(asked).toHaveBeenCalledTimes(1);
  vi.setSystemTime(Date.now() + HEALTH_MS);
  expect((await ask()).status).toBe(200);
  expect(asked).toHaveBeenCalledTimes(2);
});

test("where a part does not answer, it says which and not why, and the log says why", async () => {
  const log = vi.spyOn(console, "error").mockReturnValue();
  const { status, body, headers } = await service(
    devicesThat(() => Promise.reject(new Error("secret words"))),
  )();
  expect([status, body]).toEqual([
    503,
    { status: "unavailable", checks: { ...ALL_OK, devices: "unreachable" } },
  ]);
  expect(headers.get("Retry-After")).toBe("5");
  expect(log.mock.calls.map(([line]) => JSON.parse(line))).toEqual([
    { event: "healthCheckFailed", part: "devices", error: "Error: secret words" },
  ]);
});

test("a part that says nothing is given up, and the service asked again once it is well", async () => {
  vi.spyOn(console, "error").mockReturnValue();
  vi.useFakeTimers({ now: Date.now(), toFake: ["Date", "setTimeout", "clearTimeout"] });
  let answers: () => Promise<void> = () => new Promise(() => undefined);
  const ask = service(devicesThat(() => answers()));
  const asked = ask();
  await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1), { interval: 0 });
  await vi.advanceTimersByTimeAsync(HEALTH_TIMEOUT_MS);
  expect((await asked).body.checks).toEqual({ ...ALL_OK, devices: "unreachable" });
  answers = () => Promise.resolve();
  await vi.advanceTimersByTimeAsync(HEALTH_MS);
  expect((await ask()).body).toEqual({ status: "ok", checks: ALL_OK });
  expect(vi.getTimerCount()).toBe(0);
});
