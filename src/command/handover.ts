import type { Command, EndedStatus, Status, Task } from "./command.ts";

/** What a command's object and its device's object say to each other, and to the edge. */

/** A command as it is told outside, without its history. */
export type CommandView = Omit<Command, "history">;

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

/** What became of an offer to the device's object. */
export type Handover =
  /** The device's connection took it. */
  | { type: "sent"; connection: string }
  /** It is listed, and waits for the device to connect. */
  | { type: "offline" }
  /** It is listed behind commands that are being handed over. */
  | { type: "queued" }
  | { type: "refused"; reason: "deviceUnknown" | "queueFull" };

/** What a connection that has come for a command is to do about it. */
export type Claim =
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
