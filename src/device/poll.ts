import { POLL_BURST_MS, POLL_BYTES_MAX, POLL_FRAMES_MAX, POLL_GAP_MS, POLL_PRESENCE_MS } from "../limits.ts";
import type { Channel } from "./connection.ts";
import type { Presence } from "./protocol.ts";

/**
 * A device's request for its messages, while it is being answered: a connection that carries one batch. What is not
 * acknowledged before the device asks again counts as lost with it, and is given to the next one. Nobody learns
 * whether the answer was read: a device that has gone meanwhile asks again, or does not.
 */
export class Poll implements Channel {
  readonly id = `poll-${crypto.randomUUID()}`;
  readonly presence: Presence;
  drainedTo: number | null = 0;
  missedFrom: number | null = null;
  readonly #frames: string[] = [];
  #bytes = 0;
  #open = true;
  #wake: () => void = () => undefined;

  constructor(presence: Presence) {
    this.presence = presence;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /** Takes frames up to a bound, and one in any case. One that is too many ends it: those behind keep their order. */
  send(frame: string): boolean {
    const isFull = this.#frames.length >= POLL_FRAMES_MAX || this.#bytes + frame.length > POLL_BYTES_MAX;
    if (isFull && this.#frames.length > 0) this.close();
    if (!this.#open) return false;
    this.#frames.push(frame);
    this.#bytes += frame.length;
    this.#wake();
    return true;
  }

  /** Takes no more, and has no more to wait for. */
  close(): void {
    this.#open = false;
    this.#wake();
  }

  /** What it has taken. */
  get frames(): readonly string[] {
    return this.#frames;
  }

  /** Resolves when it has taken a frame or takes no more, or after so many milliseconds. */
  async filled(milliseconds: number): Promise<void> {
    if (this.#frames.length > 0 || !this.#open || milliseconds === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/**
 * The polls of one device, and what they tell of its whereabouts. In memory only: a device that polls is soon heard
 * of again, and a row for each poll would cost more than that is worth.
 */
export class Polls {
  /** The poll that is being answered. */
  #poll: Poll | undefined;
  #presence: Presence = "active";
  #heardAt = Number.NEGATIVE_INFINITY;
  #asked = Promise.withResolvers<void>();

  /** The poll that takes frames now. */
  get open(): Poll | undefined {
    return this.#poll?.isOpen ? this.#poll : undefined;
  }

  /** The device asks for its messages. An older poll is to be closed before. */
  begin(): Poll {
    const poll = new Poll(this.#presence);
    this.#poll = poll;
    this.#asked.resolve();
    this.#asked = Promise.withResolvers();
    return poll;
  }

  /** The frames that a poll is answered with: as soon as there are some, or none after so many milliseconds. */
  async answer(poll: Poll, milliseconds: number): Promise<readonly string[]> {
    await poll.filled(milliseconds);
    if (poll.isOpen && poll.frames.length > 0) await scheduler.wait(POLL_BURST_MS);
    poll.close();
    this.heard();
    if (this.#poll === poll) this.#poll = undefined;
    return poll.frames;
  }

  /** The device has given a sign of life. */
  heard(): void {
    this.#heardAt = Date.now();
  }

  /** How the device was when it was last heard of; undefined where that is too long ago to say. */
  get presence(): Presence | undefined {
    return this.#sinceHeard < POLL_PRESENCE_MS ? this.#presence : undefined;
  }

  set presence(presence: Presence) {
    this.#presence = presence;
  }

  /** Milliseconds since the device was heard of; where the clock was put back nobody knows how many, and it counts as long. */
  get #sinceHeard(): number {
    const since = Date.now() - this.#heardAt;
    return since < 0 ? Number.POSITIVE_INFINITY : since;
  }

  /** Resolves when a device that is between two polls asks again, or is not expected any more; at once for any other. */
  async whenBack(): Promise<void> {
    // A poll that has been filled takes no more, and is followed by another.
    while (this.open === undefined) {
      const since = this.#poll === undefined ? this.#sinceHeard : 0;
      if (since >= POLL_GAP_MS) return;
      await Promise.race([this.#asked.promise, scheduler.wait(POLL_GAP_MS - since)]);
    }
  }
}
