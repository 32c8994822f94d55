import { vi } from "vitest";
import { Clock } from "../clock.ts";

/** Milliseconds of real time that a wait takes at most: whatever answers at once does so within them. */
const WAIT_MS = 5;

/**
 * The service's time from here on: it stands still, and jumps to where somebody who waits would have waited it out.
 * `vi.useRealTimers`, `vi.unstubAllGlobals` and `vi.restoreAllMocks` end it.
 */
export function hurries(): void {
  const clock = new Clock();
  const later = setTimeout;
  const after = (callback: () => void, milliseconds = 0): number => {
    const due = Date.now() + milliseconds;
    return later(
      () => {
        clock.moves(Math.max(0, due - Date.now()));
        callback();
      },
      Math.min(milliseconds, WAIT_MS),
    );
  };
  vi.stubGlobal("setTimeout", after);
  vi.spyOn(scheduler, "wait").mockImplementation(
    (milliseconds) => new Promise((resolve) => after(resolve, milliseconds)),
  );
}
