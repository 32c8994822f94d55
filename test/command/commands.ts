import * as fc from "fast-check";
import {
  type Command,
  ENDED,
  LIVE,
  ORDER_DEFAULTS,
  type Order,
  type State,
  type Status,
} from "../../src/command/command.ts";
import { accept, type Event } from "../../src/command/transition.ts";
import { ATTEMPTS_MAX, MINUTE } from "../../src/limits.ts";

/** Commands and events to decide on: one of each, and any. */

export const START = Date.UTC(2026, 0, 1);

export const ORDER: Order = {
  ...ORDER_DEFAULTS,
  id: "c".repeat(64),
  account: "a".repeat(64),
  device: "d".repeat(64),
  task: { type: "LaunchUri", uri: "https://example.com/", payload: '{"uri":"https://example.com/"}' },
};

/** A command in a status, a minute after it was accepted; it is, or was, on the connection "one". */
export function commandIn(status: Status, order: Partial<Order> = {}): Command {
  const accepted = accept({ ...ORDER, ...order }, START);
  const attempts = status === "requesting" ? 0 : 1;
  return { ...accepted, attempts, state: stateOf(status, START + MINUTE) };
}

function stateOf(status: Status, at: number): State {
  switch (status) {
    case "requesting":
    case "retry":
      return { status, offerAt: at + 10_000 };
    case "sentToTarget":
      return {
        status,
        connection: "one",
        sentAt: at,
        answered: false,
        check: { at: at + 10_000, asked: false },
      };
    case "executing":
    case "custom":
      return { status, startedAt: at };
    case "cancel":
    case "cancelling":
      return { status, giveUpAt: at + MINUTE };
    case "completed":
      return { status, endedAt: at, responsePayload: '{"answer":42}' };
    default:
      return { status, endedAt: at, error: "Unknown" };
  }
}

/** One event of each kind, by a name for the tests' tables. */
export const EVENTS = {
  woke: { type: "woke" },
  deviceOffline: { type: "deviceOffline" },
  queued: { type: "queued" },
  offerFailed: { type: "offerFailed", chance: 0.5 },
  handoverLost: { type: "handoverLost", chance: 0.5 },
  "deviceOnline on the same connection": { type: "deviceOnline", connection: "one", chance: 0.5 },
  "deviceOnline on another connection": { type: "deviceOnline", connection: "two", chance: 0.5 },
  handedOver: { type: "handedOver", connection: "two" },
  "connectionLost, its own": { type: "connectionLost", connection: "one", chance: 0.5 },
  "connectionLost, another": { type: "connectionLost", connection: "two", chance: 0.5 },
  pinged: { type: "pinged" },
  answeredPing: { type: "answeredPing" },
  "reported: acknowledged": { type: "reported", report: { type: "acknowledged" } },
  "reported: progressed": { type: "reported", report: { type: "progressed", message: "Half", percent: 50 } },
  "reported: succeeded": { type: "reported", report: { type: "succeeded", payload: '{"a":1}' } },
  "reported: failed": {
    type: "reported",
    report: { type: "failed", kind: "other", message: "No", status: null },
  },
  "reported: cancelled": {
    type: "reported",
    report: { type: "failed", kind: "cancelled", message: "Off", status: null },
  },
  "reported: dropped": { type: "reported", report: { type: "dropped", reason: "standby" } },
  "reported: oversized": { type: "reported", report: { type: "oversized", message: "Too large." } },
  cancelRequested: { type: "cancelRequested", inFlight: false },
  "cancelRequested in flight": { type: "cancelRequested", inFlight: true },
  cancelSent: { type: "cancelSent" },
  deviceRemoved: { type: "deviceRemoved" },
  faulted: { type: "faulted", message: "The service failed." },
} as const satisfies Record<string, Event>;
export type EventName = keyof typeof EVENTS;

export const anyStatus = fc.constantFrom<Status>(...LIVE, ...ENDED);
export const anyEvent = fc.constantFrom<Event>(...Object.values(EVENTS));

/** A command after any events, each some time after the one before, and the time of the last. */
export const anyStory = fc.record({
  whenOffline: fc.constantFrom("queue", "fail"),
  attempts: fc.integer({ min: 0, max: ATTEMPTS_MAX - 1 }),
  steps: fc.array(fc.record({ event: anyEvent, pause: fc.integer({ min: 0, max: 2 * MINUTE }) }), {
    maxLength: 40,
  }),
});
