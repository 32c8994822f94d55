import {
  type Command,
  type Detail,
  type ErrorName,
  isCancelling,
  isRunning,
  type Order,
  type Report,
  ROME_ERRORS,
  type State,
} from "./command.ts";
import { absorbed, type Decision, ended, entered, noted } from "./decision.ts";

/** What the device says of a command, decided purely: the part of the lifecycle that is the device's own. */

/** What becomes of a command that has not ended when its device says something of it. */
export function reported({ ...command }: Command, report: Report, now: number): Decision {
  const { state } = command;
  const startedAt = isRunning(state) ? state.startedAt : now;
  // Whatever the device says of a command proves that it was handed over, even where that news was lost.
  command.attempts = Math.max(command.attempts, 1);
  switch (report.type) {
    case "acknowledged":
      if (isRunning(state)) return absorbed(command, now, "The device acknowledged again.");
      if (isCancelling(state)) return noted(command, now, "The device has begun.");
      return entered(command, now, { status: "executing", startedAt }, "The device has begun.");
    case "progressed": {
      const detail: Detail = { message: report.message, percent: report.percent };
      if (isCancelling(state)) return noted(command, now, wordsOf(detail));
      if (state.status === "custom")
        return noted({ ...command, detail, modifiedAt: now }, now, wordsOf(detail));
      return entered(command, now, { status: "custom", startedAt }, wordsOf(detail), { detail });
    }
    case "succeeded": {
      const end: State = { status: "completed", endedAt: now, responsePayload: report.payload };
      return entered(command, now, end, "The device returned a result.", {
        detail: null,
        effects: [{ type: "settle" }],
      });
    }
    case "oversized":
      return ended(command, now, "executionFailed", "MessageSizeTooLarge", report.message);
    case "dropped":
      return ended(command, now, "commandDropped", null, report.reason ?? "The device declined it.");
    case "failed":
      return report.kind === "cancelled" && isCancelling(state)
        ? ended(command, now, "canceled", null, "The device cancelled it.")
        : ended(command, now, "executionFailed", errorName(command.order, report), report.message);
  }
}

/** The documented name for a device's error: its own word where that is one, or what the kind of error means. */
function errorName({ task }: Order, { kind, status }: Extract<Report, { type: "failed" }>): ErrorName {
  const named = ROME_ERRORS.find((name) => name === status);
  if (named !== undefined) return named;
  if (kind !== "unknownMethod") return "Unknown";
  return task.type === "LaunchUri" ? "ProtocolUnavailable" : "AppServiceUnavailable";
}

/** A device's progress as a line of words. */
export function wordsOf({ message, percent }: Detail): string {
  return `${message ?? "The device reported progress."}${percent === null ? "" : ` (${Math.round(percent)} %)`}`;
}
