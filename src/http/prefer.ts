import type { Context } from "hono";
import { SECOND, WAIT_SECONDS_MAX } from "../limits.ts";
import type { Edge } from "./edge.ts";

/**
 * Milliseconds that the caller would wait for a command to end (RFC 7240, 4.3), 0 where it would not. What is
 * granted is told in `Preference-Applied`; a preference that cannot be read is ignored, as that document asks.
 */
export function readWait(c: Context<Edge>): number {
  const preference = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])/i.exec(c.req.header("Prefer") ?? "");
  if (preference === null) return 0;
  const seconds = Math.min(Number(preference[1]), WAIT_SECONDS_MAX);
  c.header("Preference-Applied", `wait=${seconds}`);
  return seconds * SECOND;
}
