import { logFault } from "../operations/log.ts";
import type { Command } from "./command.ts";
import type { Decision } from "./decision.ts";
import { type Event, transition } from "./transition.ts";

/** What becomes of a command now; a fault of the service itself ends it as `error`, and nothing else does. */
export function decide(command: Command, event: Event): Decision {
  const now = Date.now();
  try {
    return transition(command, event, now);
  } catch (error) {
    const { id } = command.order;
    logFault({ event: "transitionFailed", command: id, on: event.type, error: String(error) });
    const message = "The service failed; its log says why.";
    return transition(command, { type: "faulted", message }, now);
  }
}
