import { type Command, hasEnded } from "../command/command.ts";
import type { CommandEvent } from "./command-events.ts";

/**
 * Figures on commands, in Cloudflare's Analytics Engine. Nothing waits for them, and where the binding METRICS is
 * missing there are none. A data point has
 *
 * | column | holds |
 * | --- | --- |
 * | `index1` | the account's id: what is sampled is sampled within each account, so that a loud one hides no other |
 * | `blob1` | `accepted`, `ended` or `postBack` |
 * | `blob2` | the status that the command has ended in; of a post-back what became of it: `accepted`, `failed` or `gone` |
 * | `blob3` | the command's `error`, or the receiver's HTTP status; empty where there is none |
 * | `blob4` | `LaunchUri` or `AppService` |
 * | `blob5` | the device's id |
 * | `double1` | milliseconds from its acceptance until the device acknowledged it; -1 where it never did |
 * | `double2` | milliseconds from its acceptance to its end; of a post-back, how often this one was tried |
 * | `double3` | attempts at handing it over |
 * | `double4` | milliseconds from its acceptance until it was first handed over; -1 where it never was |
 *
 * Columns are only ever added: points are kept for three months, and what they hold must not change under a query.
 */
export function pointOf(event: CommandEvent, command: Command): AnalyticsEngineDataPoint | null {
  const { order, state, attempts } = command;
  const point = (kind: string, result: string, detail: string, doubles: number[]) => ({
    indexes: [order.account],
    blobs: [kind, result, detail, order.task.type, order.device],
    doubles,
  });
  switch (event.name) {
    case "commandAccepted":
      return point("accepted", "requesting", "", []);
    case "commandEnded": {
      const { acknowledgeMs, finishMs, handOverMs } = event.timing;
      const error = hasEnded(state) && state.status !== "completed" ? state.error : null;
      const doubles = [acknowledgeMs ?? -1, finishMs, attempts, handOverMs ?? -1];
      return point("ended", state.status, error ?? "", doubles);
    }
    case "postBackTried":
      return point("postBack", event.outcome, String(event.status ?? ""), [-1, event.attempt]);
    default:
      return null;
  }
}
