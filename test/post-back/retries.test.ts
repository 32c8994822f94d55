import { runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Clock, objectOf } from "../clock.ts";
import { PATIENTLY } from "../patience.ts";
import { APP_SERVICE, Api, Device, type Json } from "../stage.ts";
import { bodyOf, isGenuine, Receiver, secretsOf } from "./receiver.ts";

/** What becomes of a post-back that its receiver does not take: Standard Webhooks' schedule, order, and the end. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The contract, section 5, after the first attempt. */
const DELAYS = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

let clock: Clock;
beforeEach(() => {
  clock = new Clock();
});
afterEach(() => void vi.useRealTimers());

/** A command that its device has completed at once, so that `sentToTarget` and `completed` are to be told. */
async function completed(receiver: Receiver): Promise<{ api: Api; command: string }> {
  const api = new Api();
  const device = await Device.connected(api);
  const command = await api.send(device, { ...APP_SERVICE, postBackUri: receiver.uri });
  device.answers((await device.receives()).id, { answer: 42 });
  await api.reaches(command, "completed");
  return { api, command };
}

async function historyOf(api: Api, command: string): Promise<Json> {
  return (await clock.as(api).get(`/v1.0${command}/history`)).body;
}

/** The attempts that the history lists, once there are so many. */
async function attemptsOf(api: Api, command: string, count: number): Promise<Json[]> {
  return await vi.waitFor(async () => {
    const { postBacks } = await historyOf(api, command);
    expect(postBacks).toHaveLength(count);
    return postBacks;
  }, PATIENTLY);
}

/** Lets time pass, and the command's alarm ring. */
async function later(command: string, milliseconds: number): Promise<void> {
  clock.moves(milliseconds);
  await runDurableObjectAlarm(objectOf(command));
}

test("a post-back that always fails is tried ten times as Standard Webhooks proposes, then given up", async () => {
  const receiver = await Receiver.answering({ status: 500, body: "short" });
  const { api, command } = await completed(receiver);
  await attemptsOf(api, command, 1);
  const { secret } = await secretsOf(api);
  const times = [Date.now()];
  for (const [index, delay] of DELAYS.entries()) {
    const { nextAction, nextActionDateTime } = await historyOf(api, command);
    expect(Date.parse(nextActionDateTime)).toBe(Date.now() + delay);
    expect(nextAction).toContain("post-back");
    await later(command, delay - 1);
    expect(await receiver.received()).toHaveLength(index + 1);
    await later(command, 1);
    times.push(Date.now());
    const received = await receiver.has(index + 2);
    // Each attempt is signed anew: receivers refuse what is older than some minutes.
    expect(isGenuine(secret, received.at(-1) ?? { body: "", headers: {} })).toBe(true);
    await attemptsOf(api, command, index + 2);
  }
  const received = await receiver.received();
  expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  expect(new Set(received.map(({ body }) => body)).size).toBe(1);
  const attempts = await attemptsOf(api, command, 10);
  expect(attempts.map(({ dateTime }) => Date.parse(dateTime))).toEqual(times);
  for (const attempt of attempts)
    expect(attempt).toMatchObject({ sequence: 2, status: 500, outcome: "failed" });

  // Neither this one nor those behind it: the next thing is the command's erasure.
  const { nextAction, postBacks } = await historyOf(api, command);
  expect(nextAction).toContain("erased");
  expect(JSON.stringify(postBacks)).not.toContain("own words");
  await later(command, 2 * DAY);
  expect(await receiver.received()).toHaveLength(10);
});

describe("order", () => {
  test("is kept while the first of them fails, and what is behind it follows at once", async () => {
    const receiver = await Receiver.answering({ status: 503 }, { status: 503 }, { status: 200 });
    const { api, command } = await completed(receiver);
    await attemptsOf(api, command, 1);
    await later(command, 5 * SECOND);
    await attemptsOf(api, command, 2);
    await later(command, 5 * MINUTE);
    await attemptsOf(api, command, 4);
    const received = (await receiver.received()).map(bodyOf);
    expect(received.map(({ sequence, command: { status } }) => [sequence, status])).toEqual([
      [2, "sentToTarget"],
      [2, "sentToTarget"],
      [2, "sentToTarget"],
      [3, "completed"],
    ]);
    expect(received[0]).toEqual(received[2]);
  });

  test("gives each post-back a schedule of its own", async () => {
    const receiver = await Receiver.answering(
      { status: 503 },
      { status: 503 },
      { status: 200 },
      { status: 503 },
      { status: 200 },
    );
    const { api, command } = await completed(receiver);
    await attemptsOf(api, command, 1);
    await later(command, 5 * SECOND);
    await attemptsOf(api, command, 2);
    await later(command, 5 * MINUTE);
    await attemptsOf(api, command, 4);
    await later(command, 5 * SECOND);
    const attempts = await attemptsOf(api, command, 5);
    expect(attempts.map(({ sequence, outcome }) => [sequence, outcome])).toEqual([
      [2, "failed"],
      [2, "failed"],
      [2, "accepted"],
      [3, "failed"],
      [3, "accepted"],
    ]);
  });
});

describe("a receiver that answers", () => {
  test("410 is told nothing more, ever", async () => {
    const receiver = await Receiver.answering({ status: 410 }, { status: 200 });
    const { api, command } = await completed(receiver);
    expect(await attemptsOf(api, command, 1)).toMatchObject([{ status: 410, outcome: "gone" }]);
    for (const delay of DELAYS) await later(command, delay);
    expect(await receiver.received()).toHaveLength(1);
    expect((await historyOf(api, command)).nextAction).toContain("erased");
  });

  test.each([301, 302, 303, 307, 308])(
    "%i is not followed: the one it points to gets nothing",
    async (status) => {
      const elsewhere = await Receiver.answering({ status: 200 });
      const headers = { Location: elsewhere.uri };
      const receiver = await Receiver.answering({ status, headers }, { status: 200 });
      const { api, command } = await completed(receiver);
      expect(await attemptsOf(api, command, 1)).toMatchObject([{ status, outcome: "failed" }]);
      await later(command, 5 * SECOND);
      await attemptsOf(api, command, 3);
      expect(await elsewhere.received()).toEqual([]);
    },
  );

  test.each([304, 400, 401, 404, 429, 500, 502])("%i is told again", async (status) => {
    const receiver = await Receiver.answering({ status }, { status: 200 });
    const { api, command } = await completed(receiver);
    expect(await attemptsOf(api, command, 1)).toMatchObject([{ status, outcome: "failed" }]);
    await later(command, 5 * SECOND);
    expect((await attemptsOf(api, command, 3)).map(({ outcome }) => outcome)).toEqual([
      "failed",
      "accepted",
      "accepted",
    ]);
  });

  test.each([
    ["seconds", () => "120", 2 * MINUTE],
    ["a date", () => new Date(Date.now() + HOUR).toUTCString(), HOUR],
    ["a time before the schedule's own", () => "1", 5 * SECOND],
    ["a date that is past", () => new Date(Date.now() - HOUR).toUTCString(), 5 * SECOND],
    ["an absurd number", () => "999999999", DAY],
    ["an absurd date", () => "Fri, 31 Dec 9999 23:59:59 GMT", DAY],
    ["a number without end", () => "9".repeat(400), 5 * SECOND],
    ["a negative number", () => "-120", 5 * SECOND],
    ["words", () => "tomorrow", 5 * SECOND],
    ["nothing", () => "", 5 * SECOND],
  ])("Retry-After with %s is told again when it says, within reason", async (_, retryAfter, delay) => {
    const headers = { "Retry-After": retryAfter() };
    const receiver = await Receiver.answering({ status: 503, headers }, { status: 200 });
    const { api, command } = await completed(receiver);
    await attemptsOf(api, command, 1);
    // A date counts in whole seconds.
    const due = Date.parse((await historyOf(api, command)).nextActionDateTime);
    expect(Math.abs(due - (Date.now() + delay))).toBeLessThan(SECOND);
    clock.moves(due - Date.now() - 1);
    await later(command, 0);
    expect(await receiver.received()).toHaveLength(1);
    await later(command, 1);
    await attemptsOf(api, command, 3);
  });
});

test("the history of a live command tells when a post-back is next, and when there is none what else", async () => {
  const receiver = await Receiver.answering({ status: 500 }, { status: 200 });
  const api = new Api();
  const device = await Device.connected(api);
  const command = await api.send(device, { ...APP_SERVICE, postBackUri: receiver.uri });
  await device.receives();
  await attemptsOf(api, command, 1);
  expect((await historyOf(api, command)).nextAction).toContain("post-back");
  await later(command, 5 * SECOND);
  await attemptsOf(api, command, 2);
  expect((await historyOf(api, command)).nextAction).toContain("asked whether it is alive");
});
