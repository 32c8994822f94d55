import { wakeAt } from "./clocks.ts";
import {
  type Command,
  type EndedStatus,
  type Entry,
  hasEnded,
  type PostBacks,
  type Status,
  type Task,
} from "./command.ts";
import type { Event } from "./transition.ts";

/** What a command's object and its device's object say to each other, and to the edge. Pure. */

/** A command as it is told outside, without its history. */
export type CommandView = Omit<Command, "history" | "postBacks">;

/** How a command came to stand where it does, and when something is due. */
export interface History {
  command: CommandView;
  entries: Entry[];
  postBacks: PostBacks | null;
  wakeAt: number;
}

/** Who asks for a command: both have to be its own. */
export interface Asker {
  account: string;
  device: string;
}

/** No such thing, or not the asker's: the two are not told apart. */
export type Unknown = { ok: false; reason: "unknown" };
export const UNKNOWN: Unknown = { ok: false, reason: "unknown" };

/** One attempt at handing a command over. */
export interface Delivery {
  commandId: string;
  task: Task;
  /** Counted from 1. */
  attempt: number;
  /** RFC 3339; when the command expires unless the device answers. */
  expirationDateTime: string;
}

/** What became of an attempt to hand a command over. */
export type Handover =
  /** The device's connection took it. */
  | { type: "sent"; connection: string }
  /** It waits for the device to connect. */
  | { type: "offline" }
  /** It waits behind commands that are being handed over. */
  | { type: "queued" };

/** Why an order was not accepted. */
export type Refusal =
  | { reason: "deviceUnknown" | "queueFull" }
  /** It repeats this command; `same` where the request is the same, too. */
  | { reason: "repeated"; command: string; same: boolean };

/** What a connection that has come for a command is to do about it. */
export type Claim =
  /** It has no object of its own: the device's object hands it over itself. */
  | { type: "resident" }
  | { type: "deliver"; delivery: Delivery }
  | { type: "cancel" }
  | { type: "nothing" }
  | { type: "ended"; status: EndedStatus }
  | { type: "unknown" };

/** What became of a report. */
export interface Receipt {
  status: Status;
  /** The status in which the command has ended; null while it is live. */
  ended: EndedStatus | null;
  /** The report changed nothing, since it was repeated or came after the end. */
  late: boolean;
}

/** Whether a report changed nothing, by the command before it and the history after it. */
export function isLate(before: Command, history: readonly Entry[]): boolean {
  // Where its history is full nothing is written of it.
  return hasEnded(before.state) || (history.length > before.history.length && history.at(-1)?.late === true);
}

export function viewOf({ history: _, postBacks: __, ...command }: Command): CommandView {
  return command;
}

/** What there is to be told of a command. */
export function historyOf(command: Command): History {
  const { history: entries, postBacks } = command;
  // Telling the device's object once more is nobody's business but theirs.
  return { command: viewOf(command), entries, postBacks, wakeAt: wakeAt({ ...command, settleAt: null }) };
}

export function isOf({ order }: Command, asker: Asker): boolean {
  return order.account === asker.account && order.device === asker.device;
}

/** The attempt to be made now. */
export function deliveryOf({ order, attempts }: Pick<Command, "order" | "attempts">, now: number): Delivery {
  const expirationDateTime = new Date(now + order.executionTimeoutMs).toISOString();
  return { commandId: order.id, task: order.task, attempt: attempts + 1, expirationDateTime };
}

/** What an attempt means for the command. */
export function eventOf(handover: Handover): Event {
  switch (handover.type) {
    case "sent":
      return { type: "handedOver", connection: handover.connection };
    case "offline":
      return { type: "deviceOffline" };
    case "queued":
      return { type: "queued" };
  }
}
