import { DAY, DELIVERY_TIMEOUT_MS, EXECUTION_TIMEOUT_MS, RETENTION_DAYS } from "../limits.ts";

/** The command: what was asked, where it stands, and how it came there. Times are milliseconds since 1970. */

/** A status in which nothing more happens. */
export const ENDED = [
  "completed",
  "executionFailed",
  "commandDropped",
  "canceled",
  "failedToSend",
  "expired",
  "error",
] as const;
export const LIVE = [
  "requesting",
  "sentToTarget",
  "executing",
  "custom",
  "retry",
  "cancel",
  "cancelling",
] as const;
export type EndedStatus = (typeof ENDED)[number];
export type LiveStatus = (typeof LIVE)[number];
/** The fourteen values of Project Rome's command status. */
export type Status = LiveStatus | EndedStatus;

/** Project Rome's own names for what went wrong: what a device may say. */
export const ROME_ERRORS = [
  "AppUnavailable",
  "ProtocolUnavailable",
  "RemoteSystemUnavailable",
  "AppServiceUnavailable",
  "AppNotInstalled",
  "NotAuthorized",
  "MessageSizeTooLarge",
  "DeniedByRemoteSystem",
  "ResourceLimitsExceeded",
  "DisabledByPolicy",
  "Unknown",
] as const;
/** What `error` may read: those names, and what only the service knows. */
export type ErrorName =
  | (typeof ROME_ERRORS)[number]
  | "DeviceRemoved"
  | "CancelUnconfirmed"
  | "DeliveryTimedOut"
  | "ExecutionTimedOut"
  | "AttemptsExhausted";

/** What a command asks of a device. `payload` is JSON text, passed on as it came. */
export type Task =
  | { type: "LaunchUri"; uri: string; payload: string }
  | { type: "AppService"; appServiceName: string; packageFamilyName: string; payload: string };

/**
 * By what a caller's repeats are known: one command for one intent. `fingerprint` is of the request itself.
 * A `first` request is no repeat of an earlier one, and is accepted beside it.
 */
export interface Intent {
  key: string;
  fingerprint: string;
  first: boolean;
}

/** What a device says of a command. */
export type Report =
  | { type: "acknowledged" }
  | { type: "progressed"; message: string | null; percent: number | null }
  /** `payload` is JSON text; null where the device returned nothing. */
  | { type: "succeeded"; payload: string | null }
  /** `status` is the device's own name for the error. */
  | { type: "failed"; kind: "unknownMethod" | "cancelled" | "other"; message: string; status: string | null }
  | { type: "dropped"; reason: string | null }
  /** The result is over a limit and was not kept. */
  | { type: "oversized"; message: string };

/** What the caller asked; never changes. */
export interface Order {
  id: string;
  /** The owner's account object, by id. */
  account: string;
  /** The device's object, by id. */
  device: string;
  task: Task;
  permissionTicket: string | null;
  postBackUri: string | null;
  deliveryTimeoutMs: number;
  executionTimeoutMs: number;
  whenOffline: "queue" | "fail";
  /** How long it is kept after its end. */
  retentionMs: number;
}

/** How an order's optional members read where the caller left them out. */
export const ORDER_DEFAULTS = {
  permissionTicket: null,
  postBackUri: null,
  deliveryTimeoutMs: DELIVERY_TIMEOUT_MS,
  executionTimeoutMs: EXECUTION_TIMEOUT_MS,
  whenOffline: "queue",
  retentionMs: RETENTION_DAYS * DAY,
} as const satisfies Partial<Order>;

/** Words on a status, and how far the device says it is (0 to 100). */
export interface Detail {
  message: string | null;
  percent: number | null;
}

/** Where a command stands: each status carries what it needs to go on, and nothing else. */
export type State =
  /** `offerAt`: when the device's object is asked (again); null while that object knows it and will come for it. */
  | { status: "requesting"; offerAt: number | null }
  /** `answered`: the device has answered `ping` since, so it has the command. `check`: the next look at its connection. */
  | {
      status: "sentToTarget";
      connection: string;
      sentAt: number;
      answered: boolean;
      check: { at: number; asked: boolean };
    }
  | { status: "executing"; startedAt: number }
  | { status: "custom"; startedAt: number }
  | { status: "retry"; offerAt: number | null }
  /** `giveUpAt`: when it counts as cancelled without the device's word. */
  | { status: "cancel"; giveUpAt: number }
  | { status: "cancelling"; giveUpAt: number }
  /** `responsePayload`: JSON text; null where there is none. */
  | { status: "completed"; endedAt: number; responsePayload: string | null }
  | { status: Exclude<EndedStatus, "completed">; endedAt: number; error: ErrorName | null };

/** One line of a command's history. */
export interface Entry {
  /** Counted from 1, without gaps. */
  sequence: number;
  at: number;
  /** The status from here on. */
  status: Status;
  /** The attempt that this speaks of; null where none was made yet. */
  attempt: number | null;
  /** Why, in words for the caller. */
  cause: string;
  /** The report came after the command had ended, or twice, and changed nothing. */
  late: boolean;
  /** The words on the status, and when the command would have expired, as they were then. */
  detail: Detail | null;
  expiresAt: number;
}

/** One try at a post-back, for the history. */
export interface PostBackAttempt {
  /** The history entry that it tells of. */
  sequence: number;
  at: number;
  /** The receiver's HTTP status; null where none came. */
  status: number | null;
  outcome: "accepted" | "failed" | "gone";
  /** Why it failed, in words; null where it did not. */
  reason: string | null;
}

/**
 * The post-backs of a command. Which are owed follows from the history: every change of status after `told`.
 * So the outbox is committed with the status, being the same row.
 */
export interface PostBacks {
  /** The sequence of the last entry that the receiver has accepted. */
  told: number;
  /** Failed attempts at the next one. */
  attempts: number;
  /** When the alarm begins the next attempt; null while none is owed. */
  dueAt: number | null;
  /** Why no more are sent; null while they are. */
  over: "gone" | "givenUp" | null;
  /** The latest attempts. */
  log: PostBackAttempt[];
}

export interface Command {
  order: Order;
  createdAt: number;
  modifiedAt: number;
  /** Attempts at handing it over so far. */
  attempts: number;
  state: State;
  /** The device's or the service's words on the present status. */
  detail: Detail | null;
  /** When it expires unless something happens; of an ended command, the clock that ran last. */
  expiresAt: number;
  history: Entry[];
  /** Null where the order names no receiver. */
  postBacks: PostBacks | null;
  /** Its place in the device's list; null until the device's object has said. */
  place: number | null;
  /** When the device's object is told once more that the command has ended; null while it has not, or is known to. */
  settleAt: number | null;
}

/** A state of one of these statuses. */
export type In<Status extends State["status"]> = Extract<State, { status: Status }>;

/** Whether the command is to be handed over to the connection that comes for it. */
export function awaitsOffer(state: State): state is In<"requesting" | "retry"> {
  return state.status === "requesting" || state.status === "retry";
}

/** Whether cancellation was asked for and has not been answered. */
export function isCancelling(state: State): state is In<"cancel" | "cancelling"> {
  return state.status === "cancel" || state.status === "cancelling";
}

/** Whether the device has begun. */
export function isRunning(state: State): state is In<"executing" | "custom"> {
  return state.status === "executing" || state.status === "custom";
}

/** Whether nothing more happens to it. */
export function hasEnded(state: State): state is Extract<State, { status: EndedStatus }> {
  return (ENDED as readonly Status[]).includes(state.status);
}

/** What a command takes up, nearly: its payload and its response payload, as UTF-16 units of JSON. */
export function payloadLength({ order, state }: Pick<Command, "order" | "state">): number {
  const response = state.status === "completed" ? (state.responsePayload?.length ?? 0) : 0;
  return order.task.payload.length + response;
}
