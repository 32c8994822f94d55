import { type Command, hasEnded, type Order } from "./command.ts";
import type { Decision } from "./decision.ts";
import { accept, type Event, transition } from "./transition.ts";

/**
 * A command before it has an object of its own: accepted by its device's object, which keeps the order and what has
 * happened since, and introduces it to its own object when there is more to it than waiting. Pure.
 */

/** Something that happened to a command before it was introduced; `at` is milliseconds since 1970. */
export interface Happening {
  event: Event;
  at: number;
}

/** A command as its device's object knows it. */
export interface Introduction {
  order: Order;
  acceptedAt: number;
  /** Its place in the device's list. */
  place: number;
  /** What has happened since, in order. */
  happened: readonly Happening[];
}

/** The command that an introduction tells of, as if it had been there all the time. */
export function introduced({ order, acceptedAt, place, happened }: Introduction): Decision {
  const decision: Decision = { command: { ...accept(order, acceptedAt), place }, effects: [] };
  for (const { event, at } of happened) {
    const { command, effects } = transition(decision.command, event, at);
    decision.command = command;
    decision.effects.push(...effects);
  }
  return { ...decision, command: settled(decision.command) };
}

/** Whoever introduces a command learns of its end by the answer, and need not be told of it. */
function settled(command: Command): Command {
  return hasEnded(command.state) ? { ...command, settleAt: null } : command;
}
