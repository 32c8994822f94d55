import { vi } from "vitest";
import { Clock } from "../clock.ts";

/** Milliseconds of real time that any long wait takes: whatever answers at once does so within them. */
const WAIT_MS = 5;
/** Milliseconds from which a wait is long. */
const LONG_MS = 1_000;

/**
 * The service's time from here on: it stands still, and jumps to where somebody who waits for long would have waited
 * it out. `vi.useRealTimers`, `vi.unstubAllGlobals` and `vi.restoreAllMocks` end it.
 */
export function hurries(): Clock {
  const clock = new Clock();
  const later = setTimeout;
  const after = (callback: () => void, milliseconds = 0): number => {
    if (milliseconds < LONG_MS) return later(callback, milliseconds);
    const due = Date.now() + milliseconds;
    return later(() => {
      clock.moves(Math.max(0, due - Date.now()));
      callback();
    }, WAIT_MS);
  };
  vi.stubGlobal("setTimeout", after);
  vi.spyOn(scheduler, "wait").mockImplementation(
    (milliseconds) => new Promise((resolve) => after(resolve, milliseconds)),
  );
  return clock;
}
