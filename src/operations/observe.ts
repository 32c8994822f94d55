import { type Command, hasEnded } from "../command/command.ts";
import { type CommandEvent, eventsBetween } from "./command-events.ts";
import { type LogLine, logFault, logInfo } from "./log.ts";
import { pointOf } from "./metrics.ts";

/** The vars and bindings that observing depends on; each may be missing. */
export interface ObservingVars {
  METRICS?: AnalyticsEngineDataset;
  /** Empty: the end of each command, and whatever is not usual; "all": every event; "none": none. */
  LOG_COMMANDS?: string;
}

/**
 * Tells the log and the metrics what a step has changed of a command, once the step is decided. Nothing waits for it,
 * and it never throws. What is committed just before a crash may be told of not at all.
 */
export function observe(vars: ObservingVars, before: Command | null, after: Command | null): void {
  try {
    const command = after ?? before;
    if (command === null || before === after) return;
    for (const event of eventsBetween(before, after, Date.now())) {
      const point = pointOf(event, command);
      if (point !== null) vars.METRICS?.writeDataPoint(point);
      if (vars.LOG_COMMANDS === "all" || (vars.LOG_COMMANDS !== "none" && !event.isUsual))
        logInfo(lineOf(event, command));
    }
  } catch (error) {
    logFault({ event: "observationFailed", error: String(error) });
  }
}

/** Ids, statuses, counts and times: nothing that a caller or a device has written. */
function lineOf(event: CommandEvent, { order, attempts, state }: Command): LogLine {
  const { id: command, device, account, task } = order;
  const line = { event: event.name, at: new Date(event.at).toISOString(), command, device, account };
  switch (event.name) {
    case "commandEnded": {
      const error = hasEnded(state) && state.status !== "completed" ? state.error : null;
      return { ...line, type: task.type, status: state.status, error, attempts, ...event.timing };
    }
    case "commandErased":
      return line;
    case "postBackTried": {
      const { outcome, status, sequence, attempt } = event;
      return { ...line, outcome, httpStatus: status, sequence, attempt };
    }
    case "postBacksOver":
      return { ...line, reason: event.reason };
    default: {
      const { status, sequence, attempt } = event.entry;
      return { ...line, type: task.type, status, sequence, attempt };
    }
  }
}
