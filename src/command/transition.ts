import {
  ACKNOWLEDGE_TIMEOUT_MS,
  ATTEMPTS_MAX,
  CANCEL_TIMEOUT_MS,
  LIVENESS_INTERVAL_MS,
  OFFER_TIMEOUT_MS,
  PING_TIMEOUT_MS,
} from "../limits.ts";
import { answerBy, backoff, eraseAt } from "./clocks.ts";
import {
  awaitsOffer,
  type Command,
  type EndedStatus,
  hasEnded,
  type In,
  isCancelling,
  type LiveStatus,
  type Order,
  type Report,
  type State,
} from "./command.ts";
import { absorbed, type Decision, ended, entered, noted, replaced, unchanged } from "./decision.ts";
import { owingPostBacks, postBackTried } from "./outbox.ts";
import type { PostBackOutcome } from "./post-back.ts";
import { reported } from "./report.ts";

/**
 * The lifecycle of a command, decided purely: no clock, no chance, no I/O.
 * `now` is milliseconds since 1970; `chance` is a number from 0 up to, not including, 1.
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
  /** The device's object was handing it over and crashed: the device may have it. */
  | { type: "handoverLost"; chance: number }
  /** The device has this connection now, and asks what it should have. */
  | { type: "deviceOnline"; connection: string; chance: number }
  /** The socket took it. */
  | { type: "handedOver"; connection: string }
  /** The connection is gone, and there is no other. */
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
  /** A post-back of this entry was tried. */
  | { type: "postBackTried"; sequence: number; outcome: PostBackOutcome }
  /** The service itself failed. */
  | { type: "faulted"; message: string };

/** A command as it is accepted. */
export function accept(order: Order, now: number): Command {
  const cause = "The command was accepted.";
  const expiresAt = now + order.deliveryTimeoutMs;
  return {
    order,
    createdAt: now,
    modifiedAt: now,
    attempts: 0,
    state: { status: "requesting", offerAt: now + OFFER_TIMEOUT_MS },
    detail: null,
    expiresAt,
    history: [
      {
        sequence: 1,
        at: now,
        status: "requesting",
        attempt: null,
        cause,
        late: false,
        detail: null,
        expiresAt,
      },
    ],
    postBacks: order.postBackUri === null ? null : { told: 1, attempts: 0, dueAt: null, over: null, log: [] },
    place: null,
    settleAt: null,
  };
}

/**
 * What becomes of a command when something happens to it. Never throws, and never changes a command that has
 * ended but for its history. Where nothing changes, the very same command is returned.
 */
export function transition(command: Command, event: Event, now: number): Decision {
  if (event.type === "postBackTried") return postBackTried(command, event.sequence, event.outcome, now);
  return owingPostBacks(live(command, event, now), now);
}

function live(command: Command, event: Exclude<Event, { type: "postBackTried" }>, now: number): Decision {
  const { state } = command;
  if (hasEnded(state)) return afterEnd(command, state, event, now);
  switch (event.type) {
    case "woke":
      return woke(command, state, now);
    case "deviceOffline":
      return awaitsOffer(state) ? deviceOffline(command, state, now) : unchanged(command);
    case "queued":
      return awaitsOffer(state) && state.offerAt !== null
        ? replaced(command, { ...state, offerAt: null })
        : unchanged(command);
    case "offerFailed":
      return awaitsOffer(state)
        ? attemptLost(
            { ...command, attempts: command.attempts + 1 },
            now,
            event.chance,
            "The device's object could not be reached.",
          )
        : unchanged(command);
    case "handoverLost":
      return awaitsOffer(state)
        ? attemptLost(
            { ...command, attempts: command.attempts + 1 },
            now,
            event.chance,
            "The service broke off while handing it over.",
          )
        : unchanged(command);
    case "deviceOnline":
      // The loss of an older connection was never told where the device's object crashed, or was deployed anew.
      if (state.status === "sentToTarget" && state.connection !== event.connection)
        return connectionLost(command, now, event.chance);
      return isCancelling(state) ? { command, effects: [{ type: "cancel" }] } : unchanged(command);
    case "handedOver":
      return handedOver(command, state, event.connection, now);
    case "connectionLost":
      return state.status === "sentToTarget" && state.connection === event.connection
        ? connectionLost(command, now, event.chance)
        : awaitsOffer(state) && state.offerAt === null && command.order.whenOffline === "fail"
          ? deviceOffline(command, state, now)
          : unchanged(command);
    case "pinged":
      return state.status === "sentToTarget"
        ? replaced(command, { ...state, check: { at: now + PING_TIMEOUT_MS, asked: true } })
        : unchanged(command);
    case "answeredPing":
      return state.status === "sentToTarget" ? answeredPing(command, state, now) : unchanged(command);
    case "reported":
      return reported(command, event.report, now);
    case "cancelRequested":
      return cancelRequested(command, state, event.inFlight, now);
    case "cancelSent":
      return state.status === "cancel"
        ? entered(command, now, { ...state, status: "cancelling" }, "The device was told to cancel.")
        : unchanged(command);
    case "deviceRemoved":
      return isCancelling(state)
        ? ended(
            command,
            now,
            "canceled",
            "CancelUnconfirmed",
            "The device was unregistered before it answered.",
          )
        : ended(command, now, "failedToSend", "DeviceRemoved", "The device was unregistered.");
    case "faulted":
      return ended(command, now, "error", null, event.message);
  }
}

// ---- Time ----

function woke(command: Command, state: In<LiveStatus>, now: number): Decision {
  const { order, createdAt } = command;
  switch (state.status) {
    case "requesting":
    case "retry":
      if (now >= createdAt + order.deliveryTimeoutMs) return deliveryTimedOut(command, now);
      if (state.offerAt === null || now < state.offerAt) return unchanged(command);
      return replaced(command, { ...state, offerAt: now + OFFER_TIMEOUT_MS }, { type: "offer" });
    case "sentToTarget": {
      const { connection, sentAt, check } = state;
      if (now >= sentAt + order.executionTimeoutMs) return executionTimedOut(command, now);
      if (now >= answerBy(order, createdAt, state)) return deliveryTimedOut(command, now);
      if (now < check.at) return unchanged(command);
      // The check's answer moves the time; should that be lost, the same check is due again.
      const again = { ...state, check: { ...check, at: now + PING_TIMEOUT_MS } };
      return replaced(command, again, { type: "check", connection, asked: check.asked });
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
            now,
            "canceled",
            "CancelUnconfirmed",
            "The device did not answer the cancellation in time.",
          )
        : unchanged(command);
  }
}

function deliveryTimedOut(command: Command, now: number): Decision {
  return ended(
    command,
    now,
    "expired",
    "DeliveryTimedOut",
    "It could not be delivered within its delivery timeout.",
  );
}

function executionTimedOut(command: Command, now: number): Decision {
  return ended(
    command,
    now,
    "expired",
    "ExecutionTimedOut",
    "The device did not answer within the execution timeout.",
  );
}

// ---- Delivery ----

function deviceOffline(command: Command, state: In<"requesting" | "retry">, now: number): Decision {
  if (command.order.whenOffline === "fail") {
    const message = "The device is offline, and the command was not to wait.";
    return ended(command, now, "failedToSend", "RemoteSystemUnavailable", message);
  }
  if (state.offerAt === null) return unchanged(command);
  return entered(
    command,
    now,
    { ...state, offerAt: null },
    "The device is offline; the command waits for it.",
  );
}

function handedOver(command: Command, state: In<LiveStatus>, connection: string, now: number): Decision {
  const tried = { ...command, attempts: command.attempts + 1 };
  const cause = "It was written to the device's connection.";
  if (awaitsOffer(state)) {
    const check = { at: now + ACKNOWLEDGE_TIMEOUT_MS, asked: false };
    return entered(
      tried,
      now,
      { status: "sentToTarget", connection, sentAt: now, answered: false, check },
      cause,
    );
  }
  // Elsewhere the device's own word has overtaken the news that the socket took it.
  return isCancelling(state) ? noted(tried, now, cause, { type: "cancel" }) : unchanged(command);
}

function answeredPing(command: Command, state: In<"sentToTarget">, now: number): Decision {
  const next = { ...state, answered: true, check: { at: now + LIVENESS_INTERVAL_MS, asked: false } };
  return state.answered
    ? replaced(command, next)
    : entered(command, now, next, "The device is alive and has not acknowledged yet.");
}

function connectionLost(command: Command, now: number, chance: number): Decision {
  return attemptLost(command, now, chance, "The connection was lost before the device acknowledged.");
}

function attemptLost(command: Command, now: number, chance: number, cause: string): Decision {
  const { attempts } = command;
  if (attempts < ATTEMPTS_MAX)
    return entered(command, now, { status: "retry", offerAt: now + backoff(attempts, chance) }, cause);
  return ended(
    command,
    now,
    "failedToSend",
    "AttemptsExhausted",
    `${cause} That was attempt ${attempts}, the last.`,
  );
}

// ---- Cancellation and the end ----

function cancelRequested(command: Command, state: In<LiveStatus>, inFlight: boolean, now: number): Decision {
  if (isCancelling(state)) return unchanged(command);
  if (state.status === "requesting" && !inFlight) {
    return ended(command, now, "canceled", null, "It was cancelled before the device saw it.");
  }
  const cancel: State = { status: "cancel", giveUpAt: now + CANCEL_TIMEOUT_MS };
  return entered(command, now, cancel, "Cancellation was asked for.", { effects: [{ type: "cancel" }] });
}

function afterEnd(command: Command, state: In<EndedStatus>, event: Event, now: number): Decision {
  if (event.type === "reported")
    return absorbed(command, now, `A report came after the end: ${event.report.type}.`);
  // It ended while it was on its way: the device need not begin.
  if (event.type === "handedOver")
    return absorbed(command, now, "It reached the device after its end.", { type: "cancel" });
  if (event.type !== "woke") return unchanged(command);
  if (now >= eraseAt(command, state.endedAt)) return { command, effects: [{ type: "erase" }] };
  if (command.settleAt === null || now < command.settleAt) return unchanged(command);
  return { command: { ...command, settleAt: now + OFFER_TIMEOUT_MS }, effects: [{ type: "settle" }] };
}
