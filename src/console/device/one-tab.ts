import { useCallback, useEffect, useRef, useState } from "preact/hooks";

/** Held by the one tab of this browser that is the device (Web Locks): two would fight over the connection. */
const LOCK = "appia.device";

/** Which tab is the device: not known yet, this one, or another. */
export type Place = "unknown" | "here" | "elsewhere";

/** Makes this tab the device as soon as no other is; `takeOver` does so at once, and the other learns of it. */
export function useOneTab(): { place: Place; takeOver: () => void } {
  const [place, setPlace] = useState<Place>("unknown");
  const life = useRef<AbortController>(null);

  /** Holds the lock, as these options get it, and waits for it again when it is lost. */
  const hold = useCallback(async (options: LockOptions): Promise<void> => {
    life.current?.abort();
    life.current = new AbortController();
    const { signal } = life.current;
    const request = async (how: LockOptions): Promise<void> => {
      try {
        await navigator.locks.request(LOCK, how, async (lock) => {
          if (lock === null || signal.aborted) return;
          setPlace("here");
          await ended(signal);
        });
      } catch {
        // Taken over, or not waited for any longer.
      }
    };
    await request(options);
    // Whoever closes the other tab finds the device here.
    while (!signal.aborted) {
      setPlace("elsewhere");
      await request({ signal });
    }
  }, []);

  useEffect(() => {
    void hold({ ifAvailable: true });
    return () => life.current?.abort();
  }, [hold]);
  const takeOver = useCallback(() => void hold({ steal: true }), [hold]);
  return { place, takeOver };
}

function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
