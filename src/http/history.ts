import { type Entry, hasEnded, type State } from "../command/command.ts";
import { dateTime } from "../command/entity.ts";
import type { CommandView, History } from "../command/handover.ts";
import { wordsOf } from "../command/report.ts";

/** A command's history, for people: every entry, why it is in its status, what happens next and when. */

const POST_BACK_DUE = "The post-back that is owed is sent again, unless it is accepted before.";

/** The answer to GET …/history. */
export function historyEntity({ command, entries, postBacks, wakeAt }: History): object {
  return {
    status: command.state.status,
    explanation: explanation(command, entries),
    nextAction: postBacks?.dueAt === wakeAt ? POST_BACK_DUE : nextAction(command.state),
    nextActionDateTime: dateTime(wakeAt),
    value: entries.map(({ sequence, at, status, attempt, cause, late }) => ({
      sequence,
      dateTime: dateTime(at),
      status,
      attempt,
      cause,
      late,
    })),
    postBacks:
      postBacks?.log.map(({ sequence, at, status, outcome, reason }) => ({
        sequence,
        dateTime: dateTime(at),
        status,
        outcome,
        reason,
      })) ?? null,
  };
}

/** Why the command is in its status. */
function explanation({ state, detail }: CommandView, entries: readonly Entry[]): string | null {
  const last = entries.findLast(({ late }) => !late);
  switch (state.status) {
    case "custom":
      return detail && wordsOf(detail);
    case "cancel":
    case "cancelling":
      // What the device says meanwhile is noted, and is not why.
      return (
        entries.findLast(({ sequence, status }) => status !== entries[sequence - 2]?.status)?.cause ?? null
      );
    default:
      return last?.cause ?? null;
  }
}

/** What the service does at the latest when the time comes, unless something happens before. */
function nextAction(state: State): string {
  if (hasEnded(state)) return "The command is erased.";
  switch (state.status) {
    case "requesting":
    case "retry":
      return state.offerAt === null
        ? "It is handed over as soon as the device connects; otherwise it expires."
        : "It is handed over again, if the device is connected.";
    case "sentToTarget":
      return "The device is asked whether it is alive; without an answer the command is tried again or expires.";
    case "executing":
    case "custom":
      return "It expires unless the device answers.";
    case "cancel":
    case "cancelling":
      return "It counts as cancelled unless the device answers.";
  }
}
