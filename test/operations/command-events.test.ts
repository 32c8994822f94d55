import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import type { Command } from "../../src/command/command.ts";
import { accept, type Event, transition } from "../../src/command/transition.ts";
import { eventsBetween } from "../../src/operations/command-events.ts";
import { observe } from "../../src/operations/observe.ts";
import { EVENTS, ORDER, START } from "../command/commands.ts";

/** What an operator is told of a command: each thing once, and nothing that is the owner's. */

const SECRETS = "something that only the owner may read";
const order = {
  ...ORDER,
  task: {
    type: "AppService" as const,
    appServiceName: SECRETS,
    packageFamilyName: SECRETS,
    payload: `"${SECRETS}"`,
  },
  postBackUri: `https://receiver.example.com/?key=${encodeURIComponent(SECRETS)}`,
  permissionTicket: SECRETS,
};

const HANDED_OVER: Event = { type: "handedOver", connection: "one" };
const ACKNOWLEDGED: Event = { type: "reported", report: { type: "acknowledged" } };
const PROGRESSED: Event = { type: "reported", report: { type: "progressed", message: SECRETS, percent: 50 } };
const SUCCEEDED: Event = { type: "reported", report: { type: "succeeded", payload: `"${SECRETS}"` } };
const FAILED: Event = {
  type: "reported",
  report: { type: "failed", kind: "other", message: SECRETS, status: "AppUnavailable" },
};
const LOST: Event = { type: "connectionLost", connection: "one", chance: 0.5 };
const REFUSED: Event = {
  type: "postBackTried",
  sequence: 2,
  outcome: { type: "failed", status: 500, reason: SECRETS, retryAfterMs: null },
};

/** What is told of a command that is accepted, and to which these happen ten milliseconds apart. */
function told(vars: { LOG_COMMANDS?: string }, ...events: Event[]): { lines: object[]; points: object[] } {
  using log = vi.spyOn(console, "log").mockReturnValue();
  const points: object[] = [];
  const observing = {
    ...vars,
    METRICS: { writeDataPoint: (point?: object) => void points.push(point ?? {}) },
  };
  let command: Command = accept(order, START);
  observe(observing, null, command);
  for (const [index, event] of events.entries()) {
    const before = command;
    command = transition(command, event, START + 10 * (index + 1)).command;
    observe(observing, before, command);
  }
  return { lines: log.mock.calls.map(([line]) => JSON.parse(line)), points };
}

const IDS = { command: ORDER.id, device: ORDER.device, account: ORDER.account };

test("a command's end is one line, with how long everything took", () => {
  expect(told({}, HANDED_OVER, ACKNOWLEDGED, PROGRESSED, SUCCEEDED).lines).toEqual([
    {
      event: "commandEnded",
      at: new Date(START + 40).toISOString(),
      ...IDS,
      type: "AppService",
      status: "completed",
      error: null,
      attempts: 1,
      handOverMs: 10,
      acknowledgeMs: 20,
      finishMs: 40,
    },
  ]);
});

test("what is not usual is told, too, and everything where that is wanted", () => {
  const story = [HANDED_OVER, LOST, HANDED_OVER, ACKNOWLEDGED, FAILED, ACKNOWLEDGED, REFUSED];
  const names = (lines: object[]) => lines.map((line) => (line as { event: string }).event);
  expect(names(told({}, ...story).lines)).toEqual([
    "commandRetried",
    "commandEnded",
    "commandLateReport",
    "postBackTried",
  ]);
  expect(names(told({ LOG_COMMANDS: "all" }, ...story).lines)).toEqual([
    "commandAccepted",
    "commandHandedOver",
    "commandRetried",
    "commandHandedOver",
    "commandAcknowledged",
    "commandEnded",
    "commandLateReport",
    "postBackTried",
  ]);
  expect(told({ LOG_COMMANDS: "none" }, ...story).lines).toEqual([]);
});

test("waiting, cancelling and giving up have names of their own", () => {
  const all = (...events: Event[]): [string, unknown][] =>
    told({ LOG_COMMANDS: "all" }, ...events).lines.map((line) => {
      const { event, status, reason } = line as { event: string; status?: string; reason?: string };
      return [event, status ?? reason];
    });
  expect(all({ type: "deviceOffline" }, { type: "cancelRequested", inFlight: false })).toEqual([
    ["commandAccepted", "requesting"],
    ["commandWaiting", "requesting"],
    ["commandEnded", "canceled"],
  ]);
  expect(
    all(
      HANDED_OVER,
      { type: "answeredPing" },
      { type: "cancelRequested", inFlight: false },
      { type: "cancelSent" },
    ),
  ).toEqual([
    ["commandAccepted", "requesting"],
    ["commandHandedOver", "sentToTarget"],
    ["commandAlive", "sentToTarget"],
    ["commandCancelRequested", "cancel"],
    ["commandCancelSent", "cancelling"],
  ]);
  const gone: Event = { type: "postBackTried", sequence: 2, outcome: { type: "gone", status: 410 } };
  expect(all(HANDED_OVER, gone).slice(2)).toEqual([
    ["postBackTried", undefined],
    ["postBacksOver", "gone"],
  ]);
  expect(all(HANDED_OVER, ...Array.from({ length: 10 }, () => REFUSED)).at(-1)).toEqual([
    "postBacksOver",
    "givenUp",
  ]);
});

test("the metrics have a point for its acceptance, its end, and each attempt at a post-back", () => {
  const { points } = told({}, HANDED_OVER, LOST, HANDED_OVER, ACKNOWLEDGED, FAILED, REFUSED, REFUSED);
  const point = (blobs: string[], doubles: number[]) => ({
    indexes: [ORDER.account],
    blobs: [...blobs, "AppService", ORDER.device],
    doubles,
  });
  expect(points).toEqual([
    point(["accepted", "requesting", ""], []),
    point(["ended", "executionFailed", "AppUnavailable"], [40, 50, 2, 10]),
    point(["postBack", "failed", "500"], [-1, 1]),
    point(["postBack", "failed", "500"], [-1, 2]),
  ]);
  const [, unacknowledged] = told({}, { type: "cancelRequested", inFlight: false }).points;
  expect(unacknowledged).toEqual(point(["ended", "canceled", ""], [-1, 10, 0, -1]));
});

test("what has happened within one step is told in order", () => {
  const before = accept(order, START);
  const after = [HANDED_OVER, ACKNOWLEDGED].reduce(
    (command, event, index) => transition(command, event, START + index).command,
    before,
  );
  expect(eventsBetween(before, after, START).map(({ name }) => name)).toEqual([
    "commandHandedOver",
    "commandAcknowledged",
  ]);
});

describe("whatever happens to a command", () => {
  const steps = fc.array(fc.constantFrom(...Object.values(EVENTS), PROGRESSED, FAILED, SUCCEEDED, REFUSED), {
    maxLength: 30,
  });

  test("nothing that its owner, its device or its receiver has written is told", () => {
    void fc.assert(
      fc.property(steps, (events) => {
        const { lines, points } = told({ LOG_COMMANDS: "all" }, ...(events as Event[]));
        expect(lines.length).toBeGreaterThan(0);
        expect(JSON.stringify([lines, points])).not.toMatch(/something|receiver\.example|Half|"No"/);
      }),
    );
  });

  test("each entry of its history is told once, and its end at most once", () => {
    void fc.assert(
      fc.property(steps, (events) => {
        const { lines, points } = told({ LOG_COMMANDS: "all" }, ...(events as Event[]));
        let command = accept(order, START);
        for (const event of events as Event[]) command = transition(command, event, START).command;
        const names = lines.map((line) => (line as { event: string }).event);
        expect(names.filter((name) => name.startsWith("command"))).toHaveLength(command.history.length);
        const ends = names.filter((name) => name === "commandEnded").length;
        expect(ends).toBeLessThanOrEqual(1);
        expect(points.filter((point) => (point as { blobs: string[] }).blobs[0] === "ended")).toHaveLength(
          ends,
        );
      }),
    );
  });
});

test("observing that fails breaks nothing, and says so", () => {
  using log = vi.spyOn(console, "error").mockReturnValue();
  const broken = {
    writeDataPoint: () => {
      throw new Error("Too many points.");
    },
  };
  observe({ METRICS: broken }, null, accept(order, START));
  expect(log.mock.calls.map(([line]) => JSON.parse(line))).toEqual([
    { event: "observationFailed", error: "Error: Too many points." },
  ]);
});
