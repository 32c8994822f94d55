import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Clock, objectOf } from "../clock.ts";
import { PATIENTLY } from "../patience.ts";
import { APP_SERVICE, Api, Device, type Json } from "../stage.ts";
import { bodyOf, isGenuine, Receiver, secretsOf } from "./receiver.ts";

/** What a receiver is told of a command, in which order, and how it knows who says so. */

let clock: Clock;
beforeEach(() => {
  clock = new Clock();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** A command that a connected device has taken, and whose changes a receiver is told. */
async function story(receiver: Receiver): Promise<{
  api: Api;
  device: Device;
  command: string;
  id: string;
}> {
  const api = new Api();
  const device = await Device.connected(api);
  const command = await api.send(device, { ...APP_SERVICE, postBackUri: receiver.uri });
  const { id } = await device.receives();
  return { api, device, command, id };
}

/** The attempts that the history lists, once there are so many. */
async function attemptsOf(api: Api, command: string, count: number): Promise<Json[]> {
  return await vi.waitFor(async () => {
    const { body } = await clock.as(api).get(`/v1.0${command}/history`);
    expect(body.postBacks).toHaveLength(count);
    return body.postBacks;
  }, PATIENTLY);
}

describe("a receiver", () => {
  test("is told each change of status in order, with its number and the command as it was then", async () => {
    const receiver = await Receiver.answering({ status: 200 });
    const { api, device, command, id } = await story(receiver);
    device.acknowledges(id);
    device.notifies("progress", { id, message: "Half way", percent: 50 });
    device.notifies("progress", { id, message: "Nearly", percent: 90 });
    device.answers(id, { answer: 42 });
    await api.reaches(command, "completed");
    const received = (await receiver.has(4)).map(bodyOf);

    const { body: history } = await api.get(`/v1.0${command}/history`);
    const changes = history.value.filter(
      ({ status }: Json, index: number) => index > 0 && status !== history.value[index - 1].status,
    );
    expect(changes.map(({ status }: Json) => status)).toEqual([
      "sentToTarget",
      "executing",
      "custom",
      "completed",
    ]);
    expect(received.map(({ sequence, command: { status } }) => ({ sequence, status }))).toEqual(
      changes.map(({ sequence, status }: Json) => ({ sequence, status })),
    );
    expect(received.map(({ command: { responsePayload } }) => responsePayload)).toEqual([
      null,
      null,
      null,
      { answer: 42 },
    ]);
    expect(received[2].command.statusDetail).toEqual({ message: "Half way", percent: 50 });
    expect(received[3].command).toEqual((await api.get(`/v1.0${command}`)).body);
    expect(Object.keys(received[0])).toEqual(["sequence", "command"]);
    await attemptsOf(api, command, 4);
    expect(await receiver.received()).toHaveLength(4);
  });

  test("is told of a command that never met its device", async () => {
    const receiver = await Receiver.answering({ status: 204 });
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, { ...APP_SERVICE, postBackUri: receiver.uri });
    await api.post(`/v1.0${command}/cancel`, undefined);
    const [post] = await receiver.has(1);
    expect(post && bodyOf(post)).toMatchObject({ sequence: 3, command: { status: "canceled", error: null } });
  });

  test("is told at once of a command whose device was unregistered", async () => {
    const receiver = await Receiver.answering({ status: 200 });
    const { api, device, command } = await story(receiver);
    await receiver.has(1);
    await attemptsOf(api, command, 1);
    expect((await api.request("DELETE", `/v1.0/me/devices/${device.id}`)).status).toBe(204);
    await vi.waitFor(async () => {
      const last = (await receiver.received()).map(bodyOf).at(-1);
      expect(last.command).toMatchObject({ status: "failedToSend", error: "DeviceRemoved" });
    }, PATIENTLY);
  });

  test("knows the service by the account's secret, and by no other", async () => {
    const receiver = await Receiver.answering({ status: 200 });
    const { api, device, id } = await story(receiver);
    device.answers(id, "Grüße, 世界 🌍");
    const received = await receiver.has(2);
    const { secret, previous } = await secretsOf(api);
    const other = await secretsOf(new Api());
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(previous).toHaveLength(1);
    expect(new Set([secret, other.secret, ...previous, ...other.previous]).size).toBe(4);
    for (const post of received) {
      // While two master secrets are set up, either is enough.
      expect(post.headers["webhook-signature"]?.split(" ")).toHaveLength(2);
      for (const good of [secret, ...previous]) expect(isGenuine(good, post)).toBe(true);
      for (const bad of [other.secret, ...other.previous]) expect(isGenuine(bad, post)).toBe(false);
      expect(isGenuine(secret, { ...post, body: post.body.replace("sequence", "Sequence") })).toBe(false);
      expect(post.headers["content-type"]).toBe("application/json");
      expect(post.headers["webhook-timestamp"]).toBe(String(Math.floor(Date.now() / 1_000)));
      expect(JSON.stringify(post)).not.toContain("whsec_");
    }
    expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(2);
    // Asked again, the secret is the same: it is derived.
    expect((await secretsOf(api)).secret).toBe(secret);
  });

  test.each([200, 201, 202, 204, 299])("accepts with %i", async (status) => {
    const receiver = await Receiver.answering({ status });
    const { api, command } = await story(receiver);
    expect(await attemptsOf(api, command, 1)).toMatchObject([{ status, outcome: "accepted" }]);
  });

  test("that answers without end is taken at its first word, of which nothing is kept", async () => {
    const receiver = await Receiver.answering({ status: 200, body: "endless" });
    const { api, device, command, id } = await story(receiver);
    device.answers(id, null);
    await receiver.has(2);
    await attemptsOf(api, command, 2);
    const { body } = await api.get(`/v1.0${command}/history`);
    expect(JSON.stringify(body)).not.toContain("own words");
  });
});

describe("a post-back", () => {
  test("that broke off with its object is sent again by the alarm, and counts as no failure", async () => {
    const receiver = await Receiver.answering({ status: 200, never: true }, { status: 200 });
    const { api, command } = await story(receiver);
    await receiver.has(1);
    await abortAllDurableObjects();
    await receiver.lets();
    clock.moves(19_999);
    await runDurableObjectAlarm(objectOf(command));
    expect(await receiver.received()).toHaveLength(1);
    clock.moves(1);
    await runDurableObjectAlarm(objectOf(command));
    const [first, second] = await receiver.has(2);
    expect(second?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
    expect(second?.body).toBe(first?.body);
    // The crash took the connection too: that the command is to be tried again is told next.
    expect(await attemptsOf(api, command, 2)).toMatchObject([
      { sequence: 2, outcome: "accepted" },
      { sequence: 3, outcome: "accepted" },
    ]);
  });

  test("that was committed and not yet sent outlasts the crash of its object", async () => {
    const receiver = await Receiver.answering({ status: 200 });
    // It is never signed, and so never sent.
    const sign = crypto.subtle.sign.bind(crypto.subtle);
    const signing = vi
      .spyOn(crypto.subtle, "sign")
      .mockImplementation((algorithm, key, data) =>
        algorithm === "HMAC" ? new Promise(() => {}) : sign(algorithm, key, data),
      );
    const { api, command } = await story(receiver);
    await api.reaches(command, "sentToTarget");
    await vi.waitFor(
      () => expect(signing.mock.calls.map(([algorithm]) => algorithm)).toContain("HMAC"),
      PATIENTLY,
    );
    await abortAllDurableObjects();
    signing.mockRestore();
    expect(await receiver.received()).toEqual([]);
    clock.moves(20_000);
    await runDurableObjectAlarm(objectOf(command));
    // The crash took the connection too: that the command is to be tried again is told next.
    const told = (await receiver.has(2)).map((post) => bodyOf(post).command.status);
    expect(told).toEqual(["sentToTarget", "retry"]);
  });

  test("that is owed outlasts an eviction", async () => {
    const receiver = await Receiver.answering({ status: 500 }, { status: 200 });
    const { api, device, command, id } = await story(receiver);
    await attemptsOf(api, command, 1);
    device.answers(id, 1);
    await api.reaches(command, "completed");
    await evictDurableObject(objectOf(command));
    clock.moves(5_000);
    await runDurableObjectAlarm(objectOf(command));
    const received = (await receiver.has(3)).map(bodyOf);
    expect(received.map(({ sequence }) => sequence)).toEqual([2, 2, 3]);
  });

  test("that nobody answers does not hold up the command: it expires, and is cancelled, all the same", async () => {
    const receiver = await Receiver.answering({ status: 200, never: true });
    const { api, device, command, id } = await story(receiver);
    await receiver.has(1);
    device.acknowledges(id);
    await api.reaches(command, "executing");
    clock.moves(600_000);
    await runDurableObjectAlarm(objectOf(command));
    const { body } = await clock.as(api).get(`/v1.0${command}`);
    expect([body.status, body.error]).toEqual(["expired", "ExecutionTimedOut"]);
    expect(await receiver.received()).toHaveLength(1);
    await receiver.lets();
  });

  test("is cut off after 15 s without an answer, and is tried again after 5 more", async () => {
    // The 15 s are over when the test says so; the timer stays the object's own, as the platform demands.
    const schedule = setTimeout;
    let isOver = false;
    vi.stubGlobal("setTimeout", (callback: () => void, milliseconds?: number) => {
      const wait = (): void => void (isOver ? callback() : schedule(wait, 1));
      return milliseconds === 15_000 && !isOver ? schedule(wait, 1) : schedule(callback, milliseconds);
    });
    const receiver = await Receiver.answering({ status: 200, never: true }, { status: 200 });
    const { api, command } = await story(receiver);
    await receiver.has(1);
    isOver = true;
    expect(await attemptsOf(api, command, 1)).toMatchObject([
      { sequence: 2, status: null, outcome: "failed" },
    ]);
    clock.moves(5_000);
    await runDurableObjectAlarm(objectOf(command));
    expect(await attemptsOf(api, command, 2)).toMatchObject([
      { outcome: "failed" },
      { sequence: 2, outcome: "accepted" },
    ]);
    await receiver.lets();
  });
});
