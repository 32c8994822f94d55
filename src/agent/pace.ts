import { MESSAGES_BURST_MAX, MESSAGES_PER_SECOND_MAX } from "../limits.ts";
import type { Clock } from "./clock.ts";

/** Frames a second, and at once: half of what the service calls a flood, as its clock is not ours. */
const FRAMES_PER_SECOND = MESSAGES_PER_SECOND_MAX / 2;
const FRAMES_BURST = MESSAGES_BURST_MAX / 2;

/** Milliseconds between two helpings where more waits to be sent than may be. */
export const PACE_MS = 100;

/** How much a connection may say by now: a bucket that fills steadily. */
export class Pace {
  readonly #clock: Clock;
  #allowance = FRAMES_BURST;
  #filledAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#filledAt = clock.now();
  }

  /** Takes as many of the frames that are wanted as may be sent now, and answers how many that are. */
  take(wanted: number): number {
    const now = this.#clock.now();
    const earned = ((now - this.#filledAt) / 1_000) * FRAMES_PER_SECOND;
    this.#allowance = Math.min(FRAMES_BURST, this.#allowance + Math.max(0, earned));
    this.#filledAt = now;
    const taken = Math.min(wanted, Math.floor(this.#allowance));
    this.#allowance -= taken;
    return taken;
  }
}
