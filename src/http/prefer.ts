import type { Context } from "hono";
import { SECOND, WAIT_SECONDS_MAX } from "../limits.ts";
import type { Edge } from "./edge.ts";

/**
 * Milliseconds that the caller would wait for a command to end (RFC 7240, 4.3), 0 where it would not. What is
 * granted is told in `Preference-Applied`; a preference that cannot be read is ignored, as that document asks.
 */
export function readWait(c: Context<Edge>): number {
  const seconds = secondsIn(c.req.header("Prefer") ?? "");
  if (seconds === null) return 0;
  c.header("Preference-Applied", `wait=${seconds}`);
  return seconds * SECOND;
}

/** A Prefer header that waits so many milliseconds at most. */
export function waitingAtMost(prefer: string, milliseconds: number): string {
  const seconds = secondsIn(prefer);
  return seconds === null
    ? prefer
    : `wait=${Math.min(seconds, Math.max(0, Math.floor(milliseconds / SECOND)))}`;
}

function secondsIn(prefer: string): number | null {
  const preference = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])/i.exec(prefer);
  return preference === null ? null : Math.min(Number(preference[1]), WAIT_SECONDS_MAX);
}
