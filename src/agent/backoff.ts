/** Milliseconds, the first ceiling and the largest: quick after a blip, gentle with a service that is down. */
export const RECONNECT_MS_MIN = 500;
export const RECONNECT_MS_MAX = 60_000;

/** The longest delay in milliseconds after `failures` tries (0 for the first) that failed in a row. */
export function backoffCeiling(failures: number): number {
  return Math.min(RECONNECT_MS_MAX, RECONNECT_MS_MIN * 2 ** failures);
}

/**
 * Milliseconds to wait before the next try: exponential with full jitter, so that the devices of a service
 * that restarts do not come back as one wave. `random` is in [0, 1).
 */
export function backoff(failures: number, random: number): number {
  return Math.floor(random * backoffCeiling(failures));
}
