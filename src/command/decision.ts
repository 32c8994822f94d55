import { HISTORY_ENTRIES_MAX, HISTORY_WORDS_LENGTH_MAX, OFFER_TIMEOUT_MS } from "../limits.ts";
import { expiry } from "./clocks.ts";
import {
  type Command,
  type Detail,
  type EndedStatus,
  type ErrorName,
  hasEnded,
  type State,
} from "./command.ts";

/** What was decided: the next command, and what its object does once that is committed. */
export interface Decision {
  command: Command;
  effects: Effect[];
}

export type Effect =
  /** Ask the device's object to hand it over. */
  | { type: "offer" }
  /** Ask whether the connection is alive: `asked` when `ping` is already under way. */
  | { type: "check"; connection: string; asked: boolean }
  /** Tell the device to cancel. */
  | { type: "cancel" }
  /** Let the device's object know that the command has ended. */
  | { type: "settle" }
  /** Send the post-back that is owed. */
  | { type: "postBack" }
  /** Erase the command: it has been kept for as long as it was to be. */
  | { type: "erase" };

/** Nothing happens. */
export function unchanged(command: Command): Decision {
  return { command, effects: [] };
}

/** A new state without a change that anyone outside would notice. */
export function replaced(command: Command, state: State, ...effects: Effect[]): Decision {
  return { command: withState(command, state), effects };
}

/** A new state, and an entry in the history that says why. */
export function entered(
  command: Command,
  now: number,
  state: State,
  cause: string,
  { detail = command.detail, effects = [] as Effect[] }: { detail?: Detail | null; effects?: Effect[] } = {},
): Decision {
  const next = withState({ ...command, detail, modifiedAt: now }, state);
  return { command: recorded(next, now, cause, false), effects };
}

/** The end, other than by a result. */
export function ended(
  command: Command,
  now: number,
  status: Exclude<EndedStatus, "completed">,
  error: ErrorName | null,
  message: string,
): Decision {
  const detail = { message, percent: null };
  return entered(command, now, { status, endedAt: now, error }, message, {
    detail,
    effects: [{ type: "settle" }],
  });
}

/** An entry in the history that changes no status; once the history is full there is none. */
export function noted(command: Command, now: number, cause: string, ...effects: Effect[]): Decision {
  return { command: recordedIfRoom({ ...command, modifiedAt: now }, now, cause, false), effects };
}

/** A report that changes nothing, since it was repeated or came after the end. */
export function absorbed(command: Command, now: number, cause: string, ...effects: Effect[]): Decision {
  return { command: recordedIfRoom(command, now, cause, true), effects };
}

function recordedIfRoom(command: Command, now: number, cause: string, late: boolean): Command {
  return command.history.length < HISTORY_ENTRIES_MAX ? recorded(command, now, cause, late) : command;
}

function recorded(command: Command, at: number, words: string, late: boolean): Command {
  const { history, state, attempts, expiresAt } = command;
  const attempt = attempts === 0 ? null : attempts;
  const detail = command.detail && { ...command.detail, message: clip(command.detail.message) };
  const entry = {
    sequence: history.length + 1,
    at,
    status: state.status,
    attempt,
    cause: clip(words),
    late,
    detail,
    expiresAt,
  };
  return { ...command, history: [...history, entry] };
}

function clip<Words extends string | null>(words: Words): Words | string {
  if (words === null || words.length <= HISTORY_WORDS_LENGTH_MAX) return words;
  return `${words.slice(0, HISTORY_WORDS_LENGTH_MAX - 1)}…`;
}

function withState(command: Command, state: State): Command {
  const next = { ...command, state };
  return hasEnded(state)
    ? { ...next, settleAt: state.endedAt + OFFER_TIMEOUT_MS }
    : { ...next, expiresAt: expiry(next) };
}
