const UNITS: readonly [unit: Intl.RelativeTimeFormatUnit, seconds: number][] = [
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

/** How long ago something was, in words: "2 minutes ago". Clocks differ: what lies ahead is now. */
export function ago(at: number, now: number): string {
  const seconds = Math.max(0, Math.round((now - at) / 1_000));
  const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" }).format(
    -Math.floor(seconds / size),
    unit,
  );
}
