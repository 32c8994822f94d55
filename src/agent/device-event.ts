import type { Rejection } from "./rejection.ts";
import type { Task } from "./task.ts";

/** Why a device has stopped for good: it was asked to, or reconnecting would be pointless. */
export type StopCause = "asked" | "replaced" | "unregistered" | "misconfigured";

/** How a command ended on this device. */
export type Outcome = "completed" | "failed" | "canceled" | "dropped";

/** What a device tells its owner. */
export type DeviceEvent =
  | { type: "connecting" }
  /** `renewed`: a fresh connection took over from one whose token was running out. */
  | { type: "connected"; renewed: boolean }
  /** `code` as in RFC 6455, 7.4, or the HTTP status of a poll; the next try is `retryInMs` milliseconds away, null if there is none. */
  | { type: "disconnected"; code: number; reason: string; retryInMs: number | null }
  /** The fresh connection failed; the one in use goes on until its token expires. */
  | { type: "renewalFailed"; code: number; reason: string; retryInMs: number }
  /** The service does not let this device in. An unknown device stops; a refused token is tried again, as clocks are put right. */
  | ({ type: "rejected" } & Rejection)
  | { type: "stopped"; cause: StopCause; message: string }
  /** `repeated`: the command was known already, and its handler is not run again. */
  | { type: "delivered"; task: Task; repeated: boolean }
  | { type: "cancelRequested"; id: string }
  | { type: "finished"; id: string; outcome: Outcome; message: string | null }
  /** This device answered a message with an error before any handler saw it. */
  | { type: "refused"; id: string | number | null; code: number; message: string }
  /** The service answered one of this device's messages with an error; `id` is the command it was about. */
  | { type: "complaint"; id: string | number | null; code: number; message: string };
