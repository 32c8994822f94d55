import { POLL_BYTES_MAX, POLL_FRAMES_MAX } from "../limits.ts";
import type { Channel } from "./connection.ts";
import type { Presence } from "./protocol.ts";

/**
 * A device's request for its messages, while it is being answered: a connection that carries one batch.
 * What is not acknowledged before the device asks again counts as lost with it, and is given to the next one.
 */
export class Poll implements Channel {
  readonly id = `poll-${crypto.randomUUID()}`;
  readonly presence: Presence = "active";
  drainedTo: number | null = 0;
  readonly #frames: string[] = [];
  #bytes = 0;
  #open = true;
  #wake: () => void = () => undefined;

  get isOpen(): boolean {
    return this.#open;
  }

  /** Takes frames up to a bound, and one in any case. */
  send(frame: string): boolean {
    const isFull = this.#frames.length >= POLL_FRAMES_MAX || this.#bytes + frame.length > POLL_BYTES_MAX;
    if (!this.#open || (isFull && this.#frames.length > 0)) return false;
    this.#frames.push(frame);
    this.#bytes += frame.length;
    this.#wake();
    return true;
  }

  /** Ends the waiting: the device has asked anew, or is connected otherwise. */
  close(): void {
    this.#open = false;
    this.#wake();
  }

  /** The frames, as soon as there is one, or what there is after so many milliseconds. Takes no more after that. */
  async answer(milliseconds: number): Promise<string[]> {
    if (this.#frames.length === 0 && this.#open && milliseconds > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, milliseconds);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#open = false;
    return this.#frames;
  }
}
