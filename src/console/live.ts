import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ServiceGone } from "../client/service-error.ts";

/** Something that is read from the service, and read again. */
export interface Live<T> {
  /** The latest that was read; undefined before the first. */
  value: T | undefined;
  /** Why the latest reading failed; null where it did not. What was read before stays. */
  error: Error | null;
  /** Reads now. */
  refresh: () => Promise<void>;
}

/**
 * Reads at once and every so many milliseconds while the page is looked at (0: only at once); `read` must be stable
 * (`useCallback`). Where the service is gone, readings go on, so that it is found again.
 */
export function useLive<T>(read: (signal: AbortSignal) => Promise<T>, everyMs: number): Live<T> {
  const [value, setValue] = useState<T>();
  const [error, setError] = useState<Error | null>(null);
  const life = useRef(new AbortController());
  const refresh = useCallback(async () => {
    const { signal } = life.current;
    try {
      const latest = await read(signal);
      if (signal.aborted) return;
      setValue(latest);
      setError(null);
    } catch (failure) {
      if (!signal.aborted) setError(failure as Error);
    }
  }, [read]);
  useEffect(() => {
    const controller = new AbortController();
    life.current = controller;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const round = async (): Promise<void> => {
      clearTimeout(timer);
      if (document.visibilityState === "visible") await refresh();
      if (everyMs > 0 && !controller.signal.aborted) timer = setTimeout(() => void round(), everyMs);
    };
    const seen = (): void => {
      if (document.visibilityState === "visible" && everyMs > 0) void round();
    };
    void round();
    document.addEventListener("visibilitychange", seen);
    return () => {
      controller.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [refresh, everyMs]);
  return { value, error, refresh };
}

/** What to say of a failure, and what to do next. */
export function explain(error: Error): { title: string; text: string } {
  return error instanceof ServiceGone
    ? {
        title: "The service does not answer",
        text: "It is asked again every few seconds. What you see is from before.",
      }
    : { title: "That did not work", text: error.message };
}
