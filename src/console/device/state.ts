import type { DeviceEvent, Outcome, StopCause } from "../../agent/device-event.ts";
import type { Task } from "../../agent/task.ts";

/** What the page knows of its device, put together from the device's events. Times are milliseconds since the epoch. */

export type Link =
  | { type: "connecting" }
  | { type: "connected" }
  | { type: "waiting"; reason: string; retryAt: number }
  | { type: "stopped"; cause: StopCause; message: string };

/** Something the device received, and what became of it. */
export interface Received {
  id: string;
  at: number;
  what: string;
  /** `running` until the device has answered. */
  outcome: Outcome | "running" | "cancelling";
  message: string | null;
}

export interface DeviceState {
  link: Link;
  /** Why the service does not let the device in; null where it does. */
  rejection: string | null;
  /** The newest first. */
  received: readonly Received[];
}

/** More than anybody reads. */
const RECEIVED_MAX = 100;

export const NOT_STARTED: DeviceState = { link: { type: "connecting" }, rejection: null, received: [] };

/** The state after an event. */
export function after(state: DeviceState, { event, now }: { event: DeviceEvent; now: number }): DeviceState {
  switch (event.type) {
    case "connecting":
      // A renewal goes on beside the connection in use.
      return state.link.type === "connected" ? state : { ...state, link: { type: "connecting" } };
    case "connected":
      return { ...state, link: { type: "connected" }, rejection: null };
    case "disconnected":
      return { ...state, link: lost(event, now) };
    case "rejected":
      return { ...state, rejection: event.message };
    case "stopped":
      return { ...state, link: { type: "stopped", cause: event.cause, message: event.message } };
    case "delivered":
      return event.repeated ? state : { ...state, received: noted(state.received, event.task, now) };
    case "cancelRequested":
      return { ...state, received: changed(state.received, event.id, { outcome: "cancelling" }) };
    case "finished":
      return { ...state, received: changed(state.received, event.id, event) };
    case "refused":
      return {
        ...state,
        received: changed(state.received, event.id, { outcome: "failed", message: event.message }),
      };
    case "renewalFailed":
    case "complaint":
      return state;
  }
}

function lost({ reason, retryInMs }: { reason: string; retryInMs: number | null }, now: number): Link {
  return retryInMs === null || retryInMs === 0
    ? { type: "connecting" }
    : { type: "waiting", reason, retryAt: now + retryInMs };
}

function noted(received: readonly Received[], task: Task, at: number): readonly Received[] {
  const what = task.type === "LaunchUri" ? `Open ${task.uri}` : task.appServiceName;
  return [{ id: task.id, at, what, outcome: "running" as const, message: null }, ...received].slice(
    0,
    RECEIVED_MAX,
  );
}

function changed(
  received: readonly Received[],
  id: unknown,
  { outcome, message = null }: { outcome: Received["outcome"]; message?: string | null },
): readonly Received[] {
  return received.map((one) => (one.id === id ? { ...one, outcome, message } : one));
}
