import { type Command, type Entry, hasEnded, type PostBacks, type Status } from "../command/command.ts";

/**
 * What is worth telling an operator of a command: decided purely, from the command before and after a step. Whatever
 * takes a step, and in whichever object, tells both to `observe`.
 */

/** One thing that happened; `at` is milliseconds since 1970. */
export type CommandEvent = { at: number } & (
  | { name: "commandEnded"; isUsual: false; timing: Timing }
  | { name: EntryEvent; isUsual: boolean; entry: Entry }
  | { name: "commandErased"; isUsual: true }
  | {
      name: "postBackTried";
      isUsual: boolean;
      outcome: PostBacks["log"][number]["outcome"];
      status: number | null;
      /** The entry of the history that it tells of, and how often that was tried. */
      sequence: number;
      attempt: number;
    }
  | { name: "postBacksOver"; isUsual: false; reason: "gone" | "givenUp" }
);

type EntryEvent =
  | "commandAccepted"
  | "commandWaiting"
  | "commandHandedOver"
  | "commandAlive"
  | "commandAcknowledged"
  | "commandProgressed"
  | "commandRetried"
  | "commandCancelRequested"
  | "commandCancelSent"
  | "commandLateReport";

/** How long a command took, in milliseconds from its acceptance; null for what never happened. */
export interface Timing {
  handOverMs: number | null;
  acknowledgeMs: number | null;
  finishMs: number;
}

/**
 * What happened between two looks at a command. `before` is null for one that was not there yet, `after` for one that
 * is being erased. Each entry of a history is told once, whoever replays what had happened before it was known.
 */
export function eventsBetween(before: Command | null, after: Command | null, now: number): CommandEvent[] {
  if (after === null) return before === null ? [] : [{ name: "commandErased", isUsual: true, at: now }];
  const news = after.history
    .slice(before?.history.length ?? 0)
    .map((entry) => eventOf(after, entry, after.history[entry.sequence - 2]?.status));
  return [...news, ...postBackEvents(before?.postBacks ?? null, after.postBacks, now)];
}

function eventOf(command: Command, entry: Entry, before: Status | undefined): CommandEvent {
  const { at, late, status } = entry;
  if (late) return { name: "commandLateReport", isUsual: false, at, entry };
  if (hasEnded(command.state) && status === command.state.status)
    return { name: "commandEnded", isUsual: false, at, timing: timingOf(command, command.state.endedAt) };
  const name = entryEvent(status, before);
  return { name, isUsual: name !== "commandRetried", at, entry };
}

function entryEvent(status: Status, before: Status | undefined): EntryEvent {
  const isNew = status !== before;
  switch (status) {
    case "sentToTarget":
      return isNew ? "commandHandedOver" : "commandAlive";
    case "executing":
      return "commandAcknowledged";
    case "custom":
      return "commandProgressed";
    case "retry":
      return isNew ? "commandRetried" : "commandWaiting";
    case "cancel":
      return isNew ? "commandCancelRequested" : "commandHandedOver";
    case "cancelling":
      return isNew ? "commandCancelSent" : "commandHandedOver";
    default:
      return before === undefined ? "commandAccepted" : "commandWaiting";
  }
}

function postBackEvents(before: PostBacks | null, after: PostBacks | null, at: number): CommandEvent[] {
  if (after === null) return [];
  const tried = after.log.at(-1);
  const events: CommandEvent[] = [];
  if (tried !== undefined && tried !== before?.log.at(-1)) {
    const { outcome, status, sequence } = tried;
    const attempt = (before?.attempts ?? 0) + 1;
    const isUsual = outcome === "accepted";
    events.push({ name: "postBackTried", isUsual, at, outcome, status, sequence, attempt });
  }
  if (after.over !== null && after.over !== before?.over)
    events.push({ name: "postBacksOver", isUsual: false, at, reason: after.over });
  return events;
}

function timingOf({ createdAt, history }: Command, endedAt: number): Timing {
  const since = (...statuses: Status[]): number | null => {
    const first = history.find(({ status }) => statuses.includes(status));
    return first === undefined ? null : first.at - createdAt;
  };
  return {
    handOverMs: since("sentToTarget"),
    acknowledgeMs: since("executing", "custom"),
    finishMs: endedAt - createdAt,
  };
}
