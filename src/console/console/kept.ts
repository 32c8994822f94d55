import { useCallback, useState } from "preact/hooks";

/** State that belongs to an address in the tab's history: it is there again when one comes back to it. */
export function useKept<T>(key: string, initial: T): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => (history.state?.[key] as T | undefined) ?? initial);
  const keep = useCallback(
    (latest: T) => {
      history.replaceState({ ...history.state, [key]: latest }, "");
      setValue(latest);
    },
    [key],
  );
  return [value, keep];
}
