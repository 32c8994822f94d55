import { describe, expect, test } from "vitest";
import { Device } from "../../src/agent/device.ts";
import { createKeyPair } from "../../src/agent/identity.ts";
import { CLOSE } from "../../src/device/protocol.ts";
import type { Wire } from "./acting-service.ts";
import { connected, stage } from "./stage.ts";

const LIFE_SECONDS = 55 * 60;
/** A token so short that its renewal comes before the first keepalive. */
const SHORT = { tokenSeconds: 30 };
const RENEWAL_MS = 27_000;

describe("connecting", () => {
  test("the device proves itself with a short-lived token of its own", async () => {
    const { line, service, clock } = await connected();
    const { iss, sub, aud, iat, exp, jti } = line.claims;
    expect({ iss, sub, aud }).toEqual({ iss: service.deviceId, sub: service.deviceId, aud: service.origin });
    expect([iat, exp]).toEqual([clock.now() / 1_000, clock.now() / 1_000 + LIFE_SECONDS]);
    expect(jti).toEqual(expect.any(String));
  });

  test("a token is never valid for more than an hour", async () => {
    const { line } = await connected({ tokenSeconds: 86_400 });
    expect((line.claims.exp ?? 0) - (line.claims.iat ?? 0)).toBe(3_600);
  });

  test("a server that does not speak the protocol is left alone", async () => {
    const { device, service, told } = await stage();
    service.confused = true;
    device.start();
    expect(await told("disconnected")).toMatchObject({ reason: expect.stringContaining("appia.device.v1") });
  });

  test("a service that is down is tried again, with backoff, until it is there", async () => {
    const { device, service, told, clock } = await stage();
    service.refusesWith = 503;
    device.start();
    for (const retryInMs of [250, 500, 1_000]) {
      expect(await told("disconnected")).toMatchObject({ retryInMs });
      clock.advance(retryInMs);
    }
    await told("disconnected");
    service.refusesWith = null;
    clock.advance(2_000);
    await device.connected();
  });

  test("a service that is asked too often is left alone for as long as it says", async () => {
    const { device, service, told, clock } = await stage();
    service.refusesWith = 429;
    service.retryAfter = 60;
    device.start();
    expect(await told("disconnected")).toMatchObject({ retryInMs: 60_250 });
    service.refusesWith = null;
    clock.advance(60_250);
    await device.connected();
  });

  test("a service that does not accept the key says so, and is tried again", async () => {
    const { device, service, told, clock } = await stage();
    const { publicKey } = service;
    service.publicKey = (await createKeyPair(false)).publicKey;
    device.start();
    expect(await told("rejected")).toEqual({
      type: "rejected",
      reason: "tokenRefused",
      message: "Another key.",
    });
    expect(await told("disconnected")).toMatchObject({ retryInMs: 250 });
    service.publicKey = publicKey;
    clock.advance(250);
    await device.connected();
  });

  test("a service that would let it in after all has rejected nothing", async () => {
    const { device, service, told, events } = await stage();
    service.refusesHandshakes = true;
    device.start();
    await told("disconnected");
    expect(events.left).not.toContainEqual(expect.objectContaining({ type: "rejected" }));
  });

  test("a service that does not know the device ends it", async () => {
    const { device, service, told } = await stage();
    service.refusesWith = 404;
    device.start();
    await expect(device.connected()).rejects.toThrow("does not know this device");
    expect(await told("rejected")).toMatchObject({ reason: "deviceUnknown", message: "No such device." });
    expect(await told("stopped")).toMatchObject({ cause: "unregistered" });
  });

  test("a key that does not fit its algorithm ends the device with a sentence", async () => {
    const { privateKey } = await createKeyPair(false);
    const { device, told } = await stage({ identity: { deviceId: "d", privateKey, algorithm: "RS256" } });
    device.start();
    await expect(device.connected()).rejects.toThrow("cannot connect");
    expect(await told("stopped")).toMatchObject({ cause: "misconfigured" });
  });

  test("a service is an http or https URL", async () => {
    const { privateKey } = await createKeyPair(false);
    const identity = { deviceId: "d", privateKey, algorithm: "ES256" as const };
    expect(() => new Device({ service: "ftp://127.0.0.1", identity, handlers: {} })).toThrow(TypeError);
  });
});

describe("a connection that is lost", () => {
  test("is replaced, and standby is said again", async () => {
    const { line, service, device, clock, told } = await connected();
    device.presence("standby");
    const standby = { jsonrpc: "2.0", method: "presence", params: { state: "standby" } };
    expect(await line.hears()).toEqual(standby);
    line.drops();
    expect(await told("disconnected")).toMatchObject({ code: 1006, retryInMs: 250 });
    clock.advance(250);
    const next = await service.connections.next();
    expect(await next.hears()).toEqual(standby);
  });

  test.each([CLOSE.tokenExpired, CLOSE.unresponsive, 1011])("with code %i is replaced", async (code) => {
    const { line, service, clock, told } = await connected();
    line.closesWith(code);
    clock.advance((await told("disconnected")).retryInMs ?? Number.NaN);
    await service.connections.next();
  });

  test("for flooding is replaced, but not soon", async () => {
    const { line, told } = await connected();
    line.closesWith(CLOSE.flooded);
    expect(await told("disconnected")).toMatchObject({ retryInMs: 16_000 });
  });

  test("once it had proved good, the backoff begins anew", async () => {
    const { line, service, clock, told } = await connected();
    line.drops();
    clock.advance((await told("disconnected")).retryInMs ?? Number.NaN);
    const second = await service.connections.next();
    await told("connected");
    second.drops();
    expect(await told("disconnected")).toMatchObject({ retryInMs: 500 });
    clock.advance(500);
    const third = await service.connections.next();
    await told("connected");
    clock.advance(30_000);
    await third.pings.next();
    await third.isHeardOut();
    third.drops();
    expect(await told("disconnected")).toMatchObject({ retryInMs: 250 });
  });

  test("is noticed by the pong that does not come", async () => {
    const { line, clock, told } = await connected();
    line.deaf = true;
    clock.advance(30_000);
    await line.pings.next();
    clock.advance(10_000);
    expect(await told("disconnected")).toMatchObject({ code: 1006, reason: "No pong came in time." });
  });
});

describe("waking", () => {
  test("tries at once what was to be tried later, and once only", async () => {
    const { device, service, told, clock, events } = await stage();
    service.refusesWith = 503;
    device.start();
    await told("connecting");
    await told("disconnected");
    service.refusesWith = null;
    device.wake();
    device.wake();
    // The retry that was planned is not made as well.
    clock.advance(1_000);
    await told("connected");
    expect(events.left).toEqual([{ type: "connecting" }]);
  });

  test("lets a connection that stands prove it", async () => {
    const { device, line, clock } = await connected();
    device.wake();
    device.wake();
    await line.pings.next();
    await line.isHeardOut();
    expect(line.pings.left).toEqual([]);
    clock.advance(30_000);
    await line.pings.next();
  });

  test("finds a connection out that only seems to stand", async () => {
    const { device, line, told, clock } = await connected();
    line.deaf = true;
    device.wake();
    await line.pings.next();
    clock.advance(10_000);
    expect(await told("disconnected")).toMatchObject({ reason: "No pong came in time." });
  });

  test("wakes no device that was stopped", async () => {
    const { device, clock } = await connected();
    await device.stop();
    device.wake();
    expect(clock.pending).toBe(0);
    await expect(device.connected()).rejects.toThrow("stopped");
  });
});

describe("answers outlive connections", () => {
  test("those given while disconnected are sent in order on the next one", async () => {
    const gates = new Map<string, PromiseWithResolvers<string>>();
    const { line, service, clock, told } = await connected({
      handlers: {
        appService({ id }) {
          const gate = Promise.withResolvers<string>();
          gates.set(id, gate);
          return gate.promise;
        },
      },
    });
    line.delivers("c1");
    line.delivers("c2");
    await line.isHeardOut();
    line.drops();
    const { retryInMs } = await told("disconnected");
    gates.get("c2")?.resolve("two");
    await told("finished");
    gates.get("c1")?.resolve("one");
    await told("finished");
    clock.advance(retryInMs ?? Number.NaN);
    const next = await service.connections.next();
    expect(await next.hears()).toMatchObject({ id: "c2", result: "two" });
    expect(await next.hears()).toMatchObject({ id: "c1", result: "one" });
  });

  test("recent ones are said again after a loss, those that surely arrived are not", async () => {
    const { line, service, clock, told } = await connected({ handlers: { appService: ({ id }) => id } });
    line.delivers("old");
    await line.heard.next((message: Wire) => message.result === "old");
    for (const _ of [1, 2]) {
      clock.advance(30_000);
      await line.pings.next();
      await line.isHeardOut();
    }
    line.delivers("recent");
    await line.heard.next((message: Wire) => message.result === "recent");
    line.drops();
    clock.advance((await told("disconnected")).retryInMs ?? Number.NaN);
    const next = await service.connections.next();
    await next.isHeardOut();
    expect(next.heard.left).toMatchObject([{ id: "recent", result: "recent" }]);
  });
});

describe("renewal", () => {
  test("comes after nine tenths of the token's own time, which counts whole seconds", async () => {
    const { device, service, clock, told } = await stage(SHORT);
    clock.advance(900);
    device.start();
    await service.connections.next();
    await told("connected");
    clock.advance(RENEWAL_MS - 900);
    expect(await told("connected")).toEqual({ type: "connected", renewed: true });
  });

  test("opens a fresh connection before the old one goes, and being replaced stops nothing", async () => {
    const { line, service, device, clock, told } = await connected({
      ...SHORT,
      handlers: { appService: ({ id }) => id },
    });
    service.replaces = false;
    clock.advance(RENEWAL_MS);
    const fresh = await service.connections.next();
    expect(await told("connected")).toEqual({ type: "connected", renewed: true });
    expect(fresh.claims.jti).not.toBe(line.claims.jti);
    expect(line.closes.left).toEqual([]);
    line.delivers("late on the old one");
    await fresh.heard.next((message: Wire) => message.result === "late on the old one");
    line.closesWith(CLOSE.replaced);
    expect(await line.closes.next()).toEqual({ code: CLOSE.replaced });
    fresh.delivers("c1");
    await fresh.heard.next((message: Wire) => message.result === "c1");
    await device.connected();
  });

  test("survives that the old connection hears of its replacement first", async () => {
    const { line, service, told, clock, events } = await connected(SHORT);
    service.replaces = false;
    clock.advance(RENEWAL_MS);
    line.closesWith(CLOSE.replaced);
    await service.connections.next();
    expect(await told("connected")).toEqual({ type: "connected", renewed: true });
    expect(events.left).not.toContainEqual(expect.objectContaining({ type: "disconnected" }));
  });

  test("that replaces the old connection and fails all the same leaves the device disconnected", async () => {
    const { line, service, device, told, clock } = await connected(SHORT);
    const { promise, resolve: answer } = Promise.withResolvers<void>();
    service.answersHandshakes = promise;
    service.refusesWith = 503;
    clock.advance(RENEWAL_MS);
    line.closesWith(CLOSE.replaced);
    await expect.poll(() => isConnected(device)).toBe(false);
    answer();
    expect(await told("disconnected")).toMatchObject({ code: CLOSE.replaced, retryInMs: 0 });
    const { retryInMs } = await told("disconnected");
    service.refusesWith = null;
    clock.advance(retryInMs ?? 0);
    expect(await told("connected")).toEqual({ type: "connected", renewed: false });
  });

  test("that fails leaves the old connection in use, and is tried again", async () => {
    const { line, service, told, clock } = await connected(SHORT);
    service.refusesWith = 503;
    clock.advance(RENEWAL_MS);
    const { retryInMs } = await told("renewalFailed");
    await line.isHeardOut();
    service.refusesWith = null;
    clock.advance(retryInMs);
    await service.connections.next();
    expect(await told("connected")).toEqual({ type: "connected", renewed: true });
  });

  test("closes the old connection itself if the service does not", async () => {
    const { line, service, told, clock } = await connected(SHORT);
    service.replaces = false;
    clock.advance(RENEWAL_MS);
    await service.connections.next();
    await told("connected");
    clock.advance(10_000);
    expect(await line.closes.next()).toEqual({ code: 1000 });
  });
});

describe("the end", () => {
  test("another process that is this device ends this one, which does not fight", async () => {
    const { line, device, told, clock } = await connected();
    line.closesWith(CLOSE.replaced);
    expect(await told("disconnected")).toMatchObject({ code: CLOSE.replaced, retryInMs: null });
    expect(await told("stopped")).toMatchObject({ cause: "replaced" });
    await expect(device.connected()).rejects.toThrow("Another process");
    expect(clock.pending).toBe(0);
  });

  test("an unregistered device stops", async () => {
    const { line, told, clock } = await connected();
    line.closesWith(CLOSE.unregistered);
    expect(await told("stopped")).toMatchObject({ cause: "unregistered" });
    expect(clock.pending).toBe(0);
  });

  test("stopping closes cleanly, leaves no timer, and lets handlers have their last word", async () => {
    const { line, device, clock, told } = await connected({
      handlers: {
        appService: (_, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      },
    });
    line.delivers("c1");
    await line.hears();
    await device.stop();
    expect(await line.hears()).toMatchObject({ id: "c1", error: { data: { status: "AppUnavailable" } } });
    expect(await line.closes.next()).toEqual({ code: 1000 });
    expect(await told("stopped")).toMatchObject({ cause: "asked" });
    expect(clock.pending).toBe(0);
  });

  test("a handler that does not heed the abort does not keep the device from stopping", async () => {
    const { line, device, clock } = await connected({
      handlers: { appService: () => new Promise(() => {}) },
    });
    line.delivers("c1");
    await line.hears();
    const stopped = device.stop();
    clock.advance(1_000);
    await stopped;
    expect(clock.pending).toBe(0);
  });

  test("a device that was stopped while it waited to connect is still", async () => {
    const { device, service, told, clock } = await stage();
    service.refusesWith = 503;
    device.start();
    await told("disconnected");
    await device.stop();
    expect(clock.pending).toBe(0);
  });

  test("a stopped device can be started again", async () => {
    const { service, device } = await connected();
    await device.stop();
    device.start();
    await device.connected();
    await service.connections.next();
  });
});

test("a device with much to say keeps below what the service calls a flood", async () => {
  const { line, clock } = await connected();
  for (let i = 0; i < 1_200; i++) line.says({ id: `p${i}`, method: "ping" });
  line.says({ id: null, error: { code: 0, message: "the last" } });
  for (let i = 0; i < 1_000; i++) await line.hears();
  expect(line.heard.left).toEqual([]);
  for (let i = 0; i < 4; i++) clock.advance(100);
  for (let i = 0; i < 200; i++) await line.hears();
});

/** Whether the device says so now, rather than some time. */
async function isConnected(device: Device): Promise<boolean> {
  let connected = false;
  device.connected().then(
    () => {
      connected = true;
    },
    () => {},
  );
  await new Promise(setImmediate);
  return connected;
}
