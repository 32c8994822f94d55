import { DAY, HOUR, MINUTE, SECOND } from "../../src/limits.ts";

/**
 * The service as its contract tells it: one device, its commands, and what becomes of them. Pure, and written from
 * its documents rather than from its code: it knows no rows, no alarms and no calls between objects.
 */

/** ISO 8601, and the same in milliseconds; null is the service's own default. */
export const DELIVERY_TIMEOUTS = { none: DAY, PT15S: 15 * SECOND, PT5M: 5 * MINUTE, PT48H: 48 * HOUR };
export const EXECUTION_TIMEOUTS = { none: 10 * MINUTE, PT5S: 5 * SECOND, PT1M: MINUTE, PT2H: 2 * HOUR };

/** What a caller asks. */
export interface Wish {
  type: "LaunchUri" | "AppService";
  whenOffline: "queue" | "fail";
  deliveryTimeout: keyof typeof DELIVERY_TIMEOUTS;
  executionTimeout: keyof typeof EXECUTION_TIMEOUTS;
  idempotencyKey: string | null;
  /** Tells one payload from another. */
  page: number;
}

/** What a device says of a command. */
export type Report =
  | { type: "executing" }
  | { type: "progress"; message: string; percent: number }
  | { type: "dropped" }
  | { type: "result"; value: unknown }
  | { type: "error"; code: number; status: string | null };

export interface Said {
  name: string;
  report: Report;
}

export type Happening =
  | { type: "sent"; name: string; wish: Wish }
  | { type: "cancelAsked"; name: string }
  | { type: "cancelTold"; name: string }
  | { type: "deleted"; name: string }
  /** The device is no more, and its commands learn of it. */
  | { type: "unregistered" }
  | { type: "removalTold" }
  /** The device's connecting, in three: its socket opens, it comes for what waits, and that is written to it. */
  | { type: "connected" }
  | { type: "claimed" }
  | { type: "handedOver" }
  | { type: "disconnected" }
  /** Every object lost its memory and its sockets, and nobody was told. */
  | { type: "crashed" }
  /** A frame has come; what is said in it is heard later, even where the connection is gone by then. */
  | { type: "arrived"; frame: number }
  | ({ type: "said"; frame: number } & Said)
  | { type: "presenceSaid"; state: "active" | "standby" }
  /** Another device said it. */
  | { type: "strangerSaid" }
  /** Any frame of the device that is no report, such as its answer to `ping`. */
  | { type: "spoke" }
  /** The alarm of a command, or of the device where `name` is null; perhaps nothing is due. */
  | { type: "rang"; name: string | null };

/** A command; its clocks are milliseconds since 1970, and null where they do not run. */
export interface Expected {
  name: string;
  wish: Wish;
  createdAt: number;
  status: string;
  /** The statuses that it has had, without repeats in a row. */
  path: string[];
  error: string | null;
  result: unknown;
  progress: { message: string; percent: number } | null;
  expiresAt: number;
  attempts: number;
  /** Reports that changed nothing. */
  late: number;
  /** It was claimed, and is being written to the connection. */
  inFlight: boolean;
  /** It has no object of its own, and no alarm: its device's object looks after it. Where it lives cannot be told from outside. */
  resident: boolean;
  /** The connection that took it last. */
  connection: number | null;
  sentAt: number;
  /** The device gave a sign of life since it took the command. */
  alive: boolean;
  /** When it is offered again, checked, out of its execution time, given up, or erased: what its status waits for. */
  due: number | null;
  pinged: boolean;
}

export interface World {
  now: number;
  /** Stands for chance, from 0 up to 1. */
  chance: number;
  device: "registered" | "unregistered";
  connectedBefore: boolean;
  /** Connections so far. */
  connections: number;
  connection: { number: number; expiresAt: number; standby: boolean; pingedAt: number | null } | null;
  /** In the order of acceptance; those that were erased are not among them. */
  commands: Expected[];
  erased: string[];
  /** Since the step began: what the device was sent on its present connection, and what each request was answered. */
  frames: string[];
  answers: Record<string, string>;
  /** The frames of this step that came while there was a connection. */
  arrived: number[];
  /** How the device's connections were closed. */
  closings: number[];
}

export function beginning(now: number, chance: number): World {
  return {
    now,
    chance,
    device: "registered",
    connectedBefore: false,
    connections: 0,
    connection: null,
    commands: [],
    erased: [],
    frames: [],
    answers: {},
    arrived: [],
    closings: [],
  };
}

const ENDS = [
  "completed",
  "executionFailed",
  "commandDropped",
  "canceled",
  "failedToSend",
  "expired",
  "error",
];

export function hasEnded({ status }: { status: string }): boolean {
  return ENDS.includes(status);
}

export function isWaiting({ status }: Expected): boolean {
  return status === "requesting" || status === "retry";
}

export function isCancelling({ status }: Expected): boolean {
  return status === "cancel" || status === "cancelling";
}

export function isRunning({ status }: Expected): boolean {
  return status === "executing" || status === "custom";
}

export function deliverBy({ createdAt, wish }: Expected): number {
  return createdAt + DELIVERY_TIMEOUTS[wish.deliveryTimeout];
}

export function executionMs({ wish }: Expected): number {
  return EXECUTION_TIMEOUTS[wish.executionTimeout];
}

/** When a command that was handed over and is not acknowledged expires. */
export function answerBy(command: Expected): number {
  const executeBy = command.sentAt + executionMs(command);
  return command.alive ? executeBy : Math.min(executeBy, deliverBy(command));
}

/** When something happens to a command by itself. */
export function nextActionAt(command: Expected): number {
  const due = command.due ?? Number.POSITIVE_INFINITY;
  if (isWaiting(command)) return Math.min(due, deliverBy(command));
  return command.status === "sentToTarget" ? Math.min(due, answerBy(command)) : due;
}

export function presenceOf({ device, connection, connectedBefore }: World): string {
  if (device === "unregistered") return "none";
  if (connection !== null) return connection.standby ? "Standby" : "Online";
  return connectedBefore ? "Offline" : "Unknown";
}
