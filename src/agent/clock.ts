/** Time as an argument: the device library reads no other clock and sets no other timer. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Runs `action` once, `ms` milliseconds from now, or soon where that is past, unless the returned function is called before. */
  after(ms: number, action: () => void): () => void;
}

/** Milliseconds; a longer `setTimeout` overflows its 32 bits and fires at once. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** The platform's clock and timers. Waits of any length are kept, in stages where `setTimeout` is too short. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, action) {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (rest: number): void => {
      timer =
        rest > TIMEOUT_MS_MAX
          ? setTimeout(() => wait(rest - TIMEOUT_MS_MAX), TIMEOUT_MS_MAX)
          : setTimeout(action, rest);
    };
    wait(Math.max(0, ms));
    return () => clearTimeout(timer);
  },
};
