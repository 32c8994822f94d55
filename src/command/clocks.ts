import { BACKOFF_MS_MAX, BACKOFF_MS_MIN } from "../limits.ts";
import { type Command, hasEnded, type Order, type State } from "./command.ts";

/** When things are due. Times are milliseconds since 1970. */

/** When the command next needs its object's attention: all its deadlines in one. */
export function wakeAt(command: Command): number {
  return Math.min(lifecycleWakeAt(command), command.postBacks?.dueAt ?? Number.POSITIVE_INFINITY);
}

/** When an ended command is erased. */
export function eraseAt({ order }: Command, endedAt: number): number {
  return endedAt + order.retentionMs;
}

function lifecycleWakeAt(command: Command): number {
  const { order, createdAt, state } = command;
  if (hasEnded(state))
    return Math.min(eraseAt(command, state.endedAt), command.settleAt ?? Number.POSITIVE_INFINITY);
  const deliverBy = createdAt + order.deliveryTimeoutMs;
  switch (state.status) {
    case "requesting":
    case "retry":
      return Math.min(deliverBy, state.offerAt ?? deliverBy);
    case "sentToTarget":
      return Math.min(answerBy(order, createdAt, state), state.check.at);
    case "executing":
    case "custom":
      return state.startedAt + order.executionTimeoutMs;
    case "cancel":
    case "cancelling":
      return state.giveUpAt;
  }
}

/** When the command expires unless something happens; of one that is ending or has ended, the clock that ran last. */
export function expiry({ order, createdAt, state, expiresAt }: Command): number {
  switch (state.status) {
    case "requesting":
    case "retry":
      return createdAt + order.deliveryTimeoutMs;
    case "sentToTarget":
      return answerBy(order, createdAt, state);
    case "executing":
    case "custom":
      return state.startedAt + order.executionTimeoutMs;
    default:
      return expiresAt;
  }
}

/**
 * When a command that was handed over, but not acknowledged, expires. Until the device has given a sign of life
 * since, nobody knows that it was delivered, so both clocks run; after that only the clock of execution does.
 */
export function answerBy(
  order: Order,
  createdAt: number,
  state: Extract<State, { status: "sentToTarget" }>,
): number {
  const executeBy = state.sentAt + order.executionTimeoutMs;
  return state.answered ? executeBy : Math.min(createdAt + order.deliveryTimeoutMs, executeBy);
}

/** Milliseconds until the next attempt: exponential with full jitter. `chance` is a number from 0 up to, not including, 1. */
export function backoff(attempts: number, chance: number): number {
  return Math.round(chance * Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** (attempts - 1)));
}
