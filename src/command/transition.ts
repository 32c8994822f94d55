import type { Report } from "../device/protocol.ts";
import { RPC_ERROR } from "../device/protocol.ts";
import {
  ACKNOWLEDGE_TIMEOUT_MS,
  ATTEMPTS_MAX,
  BACKOFF_MS_MAX,
  BACKOFF_MS_MIN,
  CANCEL_TIMEOUT_MS,
  HISTORY_ENTRIES_MAX,
  LIVENESS_INTERVAL_MS,
  OFFER_TIMEOUT_MS,
  PING_TIMEOUT_MS,
} from "../limits.ts";
import {
  type Command,
  type Detail,
  ERROR_NAMES,
  type ErrorName,
  hasEnded,
  type LiveStatus,
  type Order,
  type State,
} from "./command.ts";

/**
 * The lifecycle of a command, decided purely: no clock, no chance, no I/O.
 * `now` is milliseconds since 1970; `chance` is a number from 0 up to but not including 1.
 */

/** Something that happened to a command. */
export type Event =
  /** Time has passed; perhaps nothing is due. */
  | { type: "woke" }
  /** The device's object has it, and the device is not connected. */
  | { type: "deviceOffline" }
  /** The device's object has it, and hands it over after those before it. */
  | { type: "queued" }
  /** The device's object could not be asked. */
  | { type: "offerFailed"; chance: number }
  /** The device has this connection now, and asks what it should have. */
  | { type: "deviceOnline"; connection: string; chance: number }
  /** The socket took it. */
  | { type: "handedOver"; connection: string }
  /** The connection is gone. */
  | { type: "connectionLost"; connection: string; chance: number }
  /** The device was asked `ping`. */
  | { type: "pinged" }
  /** The device answered `ping`. */
  | { type: "answeredPing" }
  | { type: "reported"; report: Report }
  /** `inFlight`: the device's object is handing it over at this moment. */
  | { type: "cancelRequested"; inFlight: boolean }
  /** The socket took the cancellation. */
  | { type: "cancelSent" }
  | { type: "deviceRemoved" }
  /** The service itself failed. */
  | { type: "faulted"; message: string };

/** What the object does once the command is committed. */
export type Effect =
  /** Ask the device's object to hand it over. */
  | { type: "offer" }
  /** Ask whether the connection is alive: `asked` when `ping` is already under way. */
  | { type: "check"; connection: string; asked: boolean }
  /** Tell the device to cancel. */
  | { type: "cancel" }
  /** Let the device's object know that the command has ended. */
  | { type: "settle" };

type LiveState = Extract<State, { status: LiveStatus }>;

export interface Decision {
  command: Command;
  effects: Effect[];
}

/** A command as it is accepted. */
export function accept(order: Order, now: number): Command {
  const state: State = { status: "requesting", offerAt: now + OFFER_TIMEOUT_MS };
  return {
    order,
    createdAt: now,
    modifiedAt: now,
    attempts: 0,
    state,
    detail: null,
    expiresAt: now + order.deliveryTimeoutMs,
    history: [
      {
        sequence: 1,
        at: now,
        status: "requesting",
        attempt: null,
        cause: "The command was accepted.",
        late: false,
      },
    ],
    unrecorded: 0,
  };
}

/**
 * What becomes of a command when something happens to it. Never throws, and never changes a command that has
 * ended but for its history. Where nothing changes, the very same command is returned.
 */
export function transition(command: Command, event: Event, now: number): Decision {
  const { state } = command;
  if (hasEnded(state)) return afterEnd(command, event, now);
  switch (event.type) {
    case "woke":
      return woke(command, state, now);
    case "deviceOffline":
      return deviceOffline(command, now);
    case "queued":
      return queued(command);
    case "offerFailed":
      return awaitsOffer(state)
        ? retryOrGiveUp(
            command,
            now,
            event.chance,
            "The device's object could not be reached.",
            command.attempts + 1,
          )
        : unchanged(command);
    case "deviceOnline":
      return deviceOnline(command, event, now);
    case "handedOver":
      return handedOver(command, event.connection, now);
    case "connectionLost":
      return isOn(state, event.connection)
        ? retryOrGiveUp(command, now, event.chance, "The connection was lost before the device acknowledged.")
        : unchanged(command);
    case "pinged":
      return state.status === "sentToTarget"
        ? replaced(command, { ...state, check: { at: now + PING_TIMEOUT_MS, asked: true } })
        : unchanged(command);
    case "answeredPing":
      return answeredPing(command, now);
    case "reported":
      return reported(command, event.report, now);
    case "cancelRequested":
      return cancelRequested(command, event.inFlight, now);
    case "cancelSent":
      return state.status === "cancel"
        ? entered(command, { ...state, status: "cancelling" }, now, "The device was told to cancel.")
        : unchanged(command);
    case "deviceRemoved":
      return isCancelling(state)
        ? ended(
            command,
            "canceled",
            now,
            "The device was unregistered before it answered.",
            "CancelUnconfirmed",
          )
        : ended(command, "failedToSend", now, "The device was unregistered.", "DeviceRemoved");
    case "faulted":
      return ended(command, "error", now, event.message, null);
  }
}

/** When the command next needs its object's attention: never null while it is live. */
export function wakeAt({ order, createdAt, state }: Command): number | null {
  if (hasEnded(state)) return null;
  const deliverBy = createdAt + order.deliveryTimeoutMs;
  switch (state.status) {
    case "requesting":
    case "retry":
      return Math.min(deliverBy, state.offerAt ?? deliverBy);
    case "sentToTarget":
      return Math.min(deadline(order, createdAt, state), state.check.at);
    case "executing":
    case "custom":
      return state.startedAt + order.executionTimeoutMs;
    case "cancel":
    case "cancelling":
      return state.giveUpAt;
  }
}

/** Whether the command is to be handed over to the connection that comes for it. */
export function awaitsOffer(state: State): state is Extract<State, { status: "requesting" | "retry" }> {
  return state.status === "requesting" || state.status === "retry";
}

export function isCancelling(state: State): state is Extract<State, { status: "cancel" | "cancelling" }> {
  return state.status === "cancel" || state.status === "cancelling";
}

/** Milliseconds until the next attempt: exponential with full jitter. */
export function backoff(attempts: number, chance: number): number {
  return Math.round(chance * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** (attempts - 1)));
}

// ---- Time ----

/**
 * When a command that was handed over, but not acknowledged, expires. Until the device has given a sign of life
 * since, nobody knows that it was delivered, so both clocks run; after that only the clock of execution does.
 */
function deadline(
  order: Order,
  createdAt: number,
  state: Extract<State, { status: "sentToTarget" }>,
): number {
  const answerBy = state.sentAt + order.executionTimeoutMs;
  return state.answered ? answerBy : Math.min(createdAt + order.deliveryTimeoutMs, answerBy);
}

function woke(command: Command, state: LiveState, now: number): Decision {
  const { order, createdAt } = command;
  switch (state.status) {
    case "requesting":
    case "retry":
      if (now >= createdAt + order.deliveryTimeoutMs) return deliveryTimedOut(command, now);
      if (state.offerAt === null || now < state.offerAt) return unchanged(command);
      return {
        ...replaced(command, { ...state, offerAt: now + OFFER_TIMEOUT_MS }),
        effects: [{ type: "offer" }],
      };
    case "sentToTarget": {
      if (now >= state.sentAt + order.executionTimeoutMs) return executionTimedOut(command, now);
      if (now >= deadline(order, createdAt, state)) return deliveryTimedOut(command, now);
      if (now < state.check.at) return unchanged(command);
      const check: Effect = { type: "check", connection: state.connection, asked: state.check.asked };
      // The check's answer moves the time; should it be lost, the same check is due again.
      return {
        ...replaced(command, { ...state, check: { ...state.check, at: now + PING_TIMEOUT_MS } }),
        effects: [check],
      };
    }
    case "executing":
    case "custom":
      return now >= state.startedAt + order.executionTimeoutMs
        ? executionTimedOut(command, now)
        : unchanged(command);
    case "cancel":
    case "cancelling":
      return now >= state.giveUpAt
        ? ended(
            command,
            "canceled",
            now,
            "The device did not answer the cancellation in time.",
            "CancelUnconfirmed",
          )
        : unchanged(command);
  }
}

function deliveryTimedOut(command: Command, now: number): Decision {
  return ended(
    command,
    "expired",
    now,
    "It could not be delivered within its delivery timeout.",
    "DeliveryTimedOut",
  );
}

function executionTimedOut(command: Command, now: number): Decision {
  return ended(
    command,
    "expired",
    now,
    "The device did not answer within the execution timeout.",
    "ExecutionTimedOut",
  );
}

// ---- Delivery ----

function deviceOffline(command: Command, now: number): Decision {
  const { order, state } = command;
  if (!awaitsOffer(state)) return unchanged(command);
  if (order.whenOffline === "fail") {
    return ended(
      command,
      "failedToSend",
      now,
      "The device is offline, and the command was not to wait.",
      "RemoteSystemUnavailable",
    );
  }
  if (state.offerAt === null) return unchanged(command);
  return entered(
    command,
    { ...state, offerAt: null },
    now,
    "The device is offline; the command waits for it.",
  );
}

function queued(command: Command): Decision {
  const { state } = command;
  return awaitsOffer(state) && state.offerAt !== null
    ? replaced(command, { ...state, offerAt: null })
    : unchanged(command);
}

function deviceOnline(
  command: Command,
  event: { connection: string; chance: number },
  now: number,
): Decision {
  const { state } = command;
  if (state.status === "sentToTarget" && state.connection !== event.connection) {
    // The loss of the older connection was never told: the device's object crashed, or was deployed anew.
    return retryOrGiveUp(
      command,
      now,
      event.chance,
      "The connection was lost before the device acknowledged.",
    );
  }
  return isCancelling(state) ? { command, effects: [{ type: "cancel" }] } : unchanged(command);
}

function handedOver(command: Command, connection: string, now: number): Decision {
  const attempts = command.attempts + 1;
  if (awaitsOffer(command.state)) {
    const state: State = {
      status: "sentToTarget",
      connection,
      sentAt: now,
      answered: false,
      check: { at: now + ACKNOWLEDGE_TIMEOUT_MS, asked: false },
    };
    return entered({ ...command, attempts }, state, now, "It was written to the device's connection.");
  }
  if (isCancelling(command.state)) {
    const next = noted({ ...command, attempts }, now, "It was written to the device's connection.", false);
    return { command: next, effects: [{ type: "cancel" }] };
  }
  // The device's own word has overtaken the news that the socket took it.
  return unchanged(command);
}

function answeredPing(command: Command, now: number): Decision {
  const { state } = command;
  if (state.status !== "sentToTarget") return unchanged(command);
  const next: State = { ...state, answered: true, check: { at: now + LIVENESS_INTERVAL_MS, asked: false } };
  if (state.answered) return replaced(command, next);
  return entered(command, next, now, "The device is alive and has not acknowledged yet.");
}

function retryOrGiveUp(
  command: Command,
  now: number,
  chance: number,
  cause: string,
  attempts: number = command.attempts,
): Decision {
  const tried = { ...command, attempts };
  if (attempts >= ATTEMPTS_MAX) {
    return ended(
      tried,
      "failedToSend",
      now,
      `${cause} That was attempt ${attempts}, the last.`,
      "AttemptsExhausted",
    );
  }
  return entered(tried, { status: "retry", offerAt: now + backoff(attempts, chance) }, now, cause);
}

/** Whether the command is on this connection and nobody has acknowledged it. */
function isOn(state: State, connection: string): boolean {
  return state.status === "sentToTarget" && state.connection === connection;
}

// ---- What the device says ----

function reported(command: Command, report: Report, now: number): Decision {
  const { state } = command;
  const startedAt = state.status === "executing" || state.status === "custom" ? state.startedAt : now;
  // Whatever the device says of a command proves that it was handed over, even where that news was lost.
  const known = { ...command, attempts: Math.max(command.attempts, 1) };
  switch (report.type) {
    case "acknowledged":
      if (state.status === "executing" || state.status === "custom")
        return repeated(command, now, "The device acknowledged again.");
      if (isCancelling(state))
        return { command: noted(known, now, "The device has begun.", false), effects: [] };
      return entered(known, { status: "executing", startedAt }, now, "The device has begun.");
    case "progressed": {
      const detail: Detail = { message: report.message, percent: report.percent };
      if (isCancelling(state))
        return { command: noted(known, now, progressWords(detail), false), effects: [] };
      if (state.status !== "custom")
        return entered(known, { status: "custom", startedAt }, now, progressWords(detail), detail);
      return {
        command: noted({ ...known, detail, modifiedAt: now }, now, progressWords(detail), false),
        effects: [],
      };
    }
    case "succeeded": {
      const end: State = { status: "completed", endedAt: now, responsePayload: report.payload };
      return {
        ...entered(known, end, now, "The device returned a result.", null),
        effects: [{ type: "settle" }],
      };
    }
    case "oversized":
      return ended(known, "executionFailed", now, report.message, "MessageSizeTooLarge");
    case "dropped":
      return ended(known, "commandDropped", now, report.reason ?? "The device declined it.", null);
    case "failed":
      return report.code === RPC_ERROR.cancelled && isCancelling(state)
        ? ended(known, "canceled", now, "The device cancelled it.", null)
        : ended(known, "executionFailed", now, report.message, errorName(command.order, report));
  }
}

/** The documented name for a device's error: its own word where that is a name, or what the code means. */
function errorName(order: Order, report: { code: number; status: string | null }): ErrorName {
  const named = ERROR_NAMES.find((name) => name === report.status);
  if (named !== undefined) return named;
  if (report.code !== RPC_ERROR.methodNotFound) return "Unknown";
  return order.task.type === "LaunchUri" ? "ProtocolUnavailable" : "AppServiceUnavailable";
}

function progressWords({ message, percent }: Detail): string {
  return [message ?? "The device reported progress.", percent === null ? "" : `(${percent} %)`]
    .join(" ")
    .trim();
}

function repeated(command: Command, now: number, cause: string): Decision {
  return { command: noted(command, now, cause, true), effects: [] };
}

// ---- Cancellation and the end ----

function cancelRequested(command: Command, inFlight: boolean, now: number): Decision {
  const { state } = command;
  if (isCancelling(state)) return unchanged(command);
  if (state.status === "requesting" && !inFlight) {
    return ended(command, "canceled", now, "It was cancelled before the device saw it.", null);
  }
  const cancel: State = { status: "cancel", giveUpAt: now + CANCEL_TIMEOUT_MS };
  return { ...entered(command, cancel, now, "Cancellation was asked for."), effects: [{ type: "cancel" }] };
}

function afterEnd(command: Command, event: Event, now: number): Decision {
  if (event.type === "reported")
    return repeated(command, now, `A report came after the end: ${event.report.type}.`);
  if (event.type === "handedOver") {
    // It ended while it was on its way: the device need not begin.
    return {
      ...repeated(command, now, "It reached the device after its end."),
      effects: [{ type: "cancel" }],
    };
  }
  return unchanged(command);
}

// ---- Making the next command ----

function unchanged(command: Command): Decision {
  return { command, effects: [] };
}

/** A new state without a change that anyone outside would notice. */
function replaced(command: Command, state: State): Decision {
  return { command: withState(command, state), effects: [] };
}

function entered(
  command: Command,
  state: State,
  now: number,
  cause: string,
  detail = command.detail,
): Decision {
  const next = withState({ ...command, detail, modifiedAt: now }, state);
  return { command: recorded(next, now, cause, false), effects: [] };
}

function ended(
  command: Command,
  status: Exclude<Extract<State, { endedAt: number }>["status"], "completed">,
  now: number,
  message: string,
  error: ErrorName | null,
): Decision {
  const { command: next } = entered(command, { status, endedAt: now, error }, now, message, {
    message,
    percent: null,
  });
  return { command: next, effects: [{ type: "settle" }] };
}

/** A line in the history that changes no status; once the history is full it is only counted. */
function noted(command: Command, now: number, cause: string, late: boolean): Command {
  return command.history.length >= HISTORY_ENTRIES_MAX
    ? { ...command, unrecorded: command.unrecorded + 1 }
    : recorded(command, now, cause, late);
}

function recorded(command: Command, at: number, cause: string, late: boolean): Command {
  const attempt = command.attempts === 0 ? null : command.attempts;
  const entry = {
    sequence: command.history.length + 1,
    at,
    status: command.state.status,
    attempt,
    cause,
    late,
  };
  return { ...command, history: [...command.history, entry] };
}

function withState(command: Command, state: State): Command {
  const next = { ...command, state };
  return hasEnded(state) ? next : { ...next, expiresAt: expiry(next) };
}

/** When a live command expires unless something happens. */
function expiry({ order, createdAt, state, expiresAt }: Command): number {
  switch (state.status) {
    case "requesting":
    case "retry":
      return createdAt + order.deliveryTimeoutMs;
    case "sentToTarget":
      return deadline(order, createdAt, state);
    case "executing":
    case "custom":
      return state.startedAt + order.executionTimeoutMs;
    default:
      return expiresAt;
  }
}
