import type { Context } from "hono";
import { base64url } from "jose";

import type { Intent } from "../command/command.ts";
import { IDEMPOTENCY_KEY_LENGTH_MAX } from "../limits.ts";
import type { Edge } from "./edge.ts";
import { ApiError } from "./errors.ts";
import type { Wish } from "./order.ts";

/**
 * By what a repeat of this request would be known: its Idempotency-Key (IETF draft of that name), or the
 * client-request-id under which Graph's SDKs repeat a POST, then with a Retry-Attempt. Null where it has neither.
 * Two requests are the same where they ask for the same, however they are written.
 */
export async function readIntent(c: Context<Edge>, wish: Wish): Promise<Intent | null> {
  const header = c.req.header("Idempotency-Key");
  const attempt = c.get("clientRequestId");
  if (header === undefined && attempt === undefined) return null;
  const fingerprint = await fingerprintOf(wish);
  if (header === undefined) {
    const isRepeat = c.req.header("Retry-Attempt") !== undefined;
    return { key: `attempt:${attempt}:${fingerprint}`, fingerprint, first: !isRepeat };
  }
  // The draft writes it as a structured string; many clients write it bare.
  const key = /^"(.*)"$/.exec(header)?.[1] ?? header;
  if (key === "" || key.length > IDEMPOTENCY_KEY_LENGTH_MAX || !/^[\x20-\x7e]+$/.test(key)) {
    const message = `"Idempotency-Key" is a text of 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} printable ASCII characters.`;
    throw new ApiError("invalidRequest", message);
  }
  return { key: `key:${key}`, fingerprint, first: false };
}

async function fingerprintOf(wish: Wish): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(JSON.stringify(wish)));
  return base64url.encode(new Uint8Array(digest));
}
