import { MESSAGES_BURST_MAX, MESSAGES_PER_COMMAND, MESSAGES_PER_SECOND_MAX } from "../limits.ts";
import { type Presence, pingFrame } from "./protocol.ts";

/** What a socket remembers over hibernation. */
interface Attachment {
  id: string;
  /** When the device's token expires, and the connection with it. */
  expiresAt: number;
  presence: Presence;
  /** When an unanswered `ping` was sent; null where none is. */
  pingedAt: number | null;
  /** The place up to which it has been given what waited; null once it has been given all. */
  drainedTo: number | null;
  /** The place before which is what could not be asked for, and is asked for again; null where nothing is. */
  missedFrom: number | null;
}

/** What commands are handed over to: a live socket, or a poll that is being answered. */
export interface Channel {
  readonly id: string;
  readonly isOpen: boolean;
  readonly presence: Presence;
  /** The place up to which it has been given what waited; null once it has been given all. */
  drainedTo: number | null;
  /** The place before which is what could not be asked for, and is asked for again; null where nothing is. */
  missedFrom: number | null;
  /** Writes a frame; false where it was not taken. */
  send(frame: string): boolean;
  close(code: number, reason: string): void;
}

/** A device's live socket, with what it remembers. Several of these may stand for one socket at a time. */
export class Connection implements Channel {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  /** Gives a socket that was just accepted what it is to remember. */
  static open(socket: WebSocket, expiresAt: number): Connection {
    const attachment: Attachment = {
      id: crypto.randomUUID(),
      expiresAt,
      presence: "active",
      pingedAt: null,
      drainedTo: 0,
      missedFrom: null,
    };
    remember(socket, attachment);
    return new Connection(socket);
  }

  get #attachment(): Attachment {
    const known = attachments.get(this.#socket);
    if (known !== undefined) return known;
    const attachment = this.#socket.deserializeAttachment() as Attachment;
    attachments.set(this.#socket, attachment);
    return attachment;
  }

  get id(): string {
    return this.#attachment.id;
  }

  get expiresAt(): number {
    return this.#attachment.expiresAt;
  }

  get presence(): Presence {
    return this.#attachment.presence;
  }

  set presence(presence: Presence) {
    this.#remember({ presence });
  }

  get pingedAt(): number | null {
    return this.#attachment.pingedAt;
  }

  get drainedTo(): number | null {
    return this.#attachment.drainedTo;
  }

  set drainedTo(drainedTo: number | null) {
    this.#remember({ drainedTo });
  }

  get missedFrom(): number | null {
    return this.#attachment.missedFrom;
  }

  set missedFrom(missedFrom: number | null) {
    this.#remember({ missedFrom });
  }

  /** Closing sockets are still listed by the platform. */
  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Writes a frame; false where the socket did not take it. */
  send(frame: string): boolean {
    if (!this.isOpen) return false;
    try {
      this.#socket.send(frame);
      return true;
    } catch {
      return false;
    }
  }

  /** Asks the device for a sign of life. */
  ping(now: number): boolean {
    this.#remember({ pingedAt: now });
    return this.send(pingFrame);
  }

  /** Any frame is a sign of life. */
  heard(): void {
    if (this.#attachment.pingedAt !== null) this.#remember({ pingedAt: null });
  }

  close(code: number, reason: string): void {
    if (this.#socket.readyState !== WebSocket.CLOSED) this.#socket.close(code, reason);
  }

  #remember(change: Partial<Attachment>): void {
    remember(this.#socket, { ...this.#attachment, ...change });
  }
}

/** What was read from, or written to, each socket since the object woke: reading it anew takes longer. */
const attachments = new WeakMap<WebSocket, Attachment>();

function remember(socket: WebSocket, attachment: Attachment): void {
  socket.serializeAttachment(attachment);
  attachments.set(socket, attachment);
}

/**
 * Messages that a device may still send: a bucket that fills steadily. Besides, what it is given to do it may answer,
 * however fast that comes. Lives in memory, as a flood does.
 */
export class Allowance {
  #messages = MESSAGES_BURST_MAX;
  #filledAt = 0;
  #answers = 0;

  /** It was given a command. */
  grant(): void {
    this.#answers = Math.min(MESSAGES_BURST_MAX, this.#answers + MESSAGES_PER_COMMAND);
  }

  /** Takes so many; false where there are not so many left. */
  take(count: number, now: number): boolean {
    const filled = ((now - this.#filledAt) / 1_000) * MESSAGES_PER_SECOND_MAX;
    this.#messages = Math.min(MESSAGES_BURST_MAX, this.#messages + Math.max(0, filled));
    this.#filledAt = now;
    const answers = Math.min(count, this.#answers);
    if (this.#messages < count - answers) return false;
    this.#answers -= answers;
    this.#messages -= count - answers;
    return true;
  }
}
