import { POST_BACK_DELAYS_MS, POST_BACK_RETRY_AFTER_MS_MAX } from "../limits.ts";

/** Post-backs after Standard Webhooks: where they may go, how they are signed, when they are tried again. */

/** Names that lead inside: to the machine itself, to the link, or to somebody's own network. */
const INNER_SUFFIXES = [
  ".local",
  ".localhost",
  ".internal",
  ".intranet",
  ".lan",
  ".localdomain",
  ".home.arpa",
  ".test",
  ".invalid",
];
/** A host name of two labels or more (RFC 1123, 2.1, with the underscore that DNS allows too). */
const HOST_NAME = /^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+$/;
/**
 * An address with a host, without what the URL parser forgives and others read in their own way: white space,
 * backslashes, slashes too few or too many.
 */
const ADDRESS = /^[a-z][a-z\d+.-]*:\/\/[^/\s\p{Cc}\\][^\s\p{Cc}\\]*$/iu;
/** A user name or password before the host, even an empty one, which the URL parser drops. */
const USER_INFO = /^[^/]*\/\/[^/?#]*@/;
/** Hosts of the machine itself: for local work, and only where a var allows them. */
const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Why a post-back may not go to an address, in words for the caller; null where it may. `ownHost` is the service's
 * own. The URL parser has normalised the host first, so that `0x7f.1` reads as the address it is.
 */
export function refusePostBackUri(
  text: string,
  { ownHost, allowLoopback }: { ownHost: string | null; allowLoopback: boolean },
): string | null {
  const url = URL.parse(text);
  if (url === null || !ADDRESS.test(text)) return '"postBackUri" is an absolute https URI.';
  if (USER_INFO.test(text)) return '"postBackUri" holds a user name or a password; leave them out.';
  const host = url.hostname;
  if (allowLoopback && LOOPBACK_HOSTS.includes(host) && /^https?:$/.test(url.protocol)) return null;
  if (url.protocol !== "https:") return '"postBackUri" has to be https.';
  if (url.port !== "") return '"postBackUri" has to use port 443.';
  if (/^[\d.]+$/.test(host) || host.startsWith("["))
    return '"postBackUri" names an address; use a host name.';
  const name = withoutRootDot(host);
  if (!HOST_NAME.test(name) || INNER_SUFFIXES.some((suffix) => name.endsWith(suffix))) {
    return '"postBackUri" names a host that is not public.';
  }
  return ownHost !== null && name === withoutRootDot(ownHost.toLowerCase())
    ? '"postBackUri" names this service itself.'
    : null;
}

/** A name with the dot of DNS's root, `example.com.`, is the name without it. */
function withoutRootDot(host: string): string {
  return host.replace(/\.$/, "");
}

/** What became of one attempt at a post-back. */
export type PostBackOutcome =
  /** Any 2xx. */
  | { type: "accepted"; status: number }
  /** 410: the receiver wants no more of this command. */
  | { type: "gone"; status: number }
  /** Any other answer, redirects included, or none: `status` is null, and `reason` says why. */
  | { type: "failed"; status: number | null; reason: string; retryAfterMs: number | null };

/** When a post-back is tried again after `attempts` failures; null when it is given up. */
export function nextPostBackAt(now: number, attempts: number, retryAfterMs: number | null): number | null {
  const delay = POST_BACK_DELAYS_MS[attempts];
  if (delay === undefined) return null;
  return now + Math.max(delay, Math.min(retryAfterMs ?? 0, POST_BACK_RETRY_AFTER_MS_MAX));
}

/** Milliseconds of a Retry-After header (RFC 9110, 10.2.3): seconds or a date; null where it is neither. */
export function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

/** A post-back's own id, the same at each attempt: by it a receiver knows a repeat. */
export function webhookId(command: string, sequence: number): string {
  return `msg_${command}_${sequence}`;
}

/** The account's signing key under a master secret (HKDF, RFC 5869): derived when needed, stored nowhere. */
export async function accountKey(masterSecret: string, account: string): Promise<Uint8Array> {
  const encoder = new TextEncoder();
  const master = await crypto.subtle.importKey("raw", encoder.encode(masterSecret), "HKDF", false, [
    "deriveBits",
  ]);
  const parameters = {
    name: "HKDF",
    hash: "SHA-256",
    salt: encoder.encode("appia post-back"),
    info: encoder.encode(account),
  };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, master, 256));
}

/** A signing key as Standard Webhooks writes it: `whsec_` and base64. */
export function writeSecret(key: Uint8Array): string {
  return `whsec_${toBase64(key)}`;
}

/** The `webhook-signature` of a message: one `v1` for each key, the current one first (Standard Webhooks, "Verifying"). */
export async function sign(
  keys: readonly Uint8Array[],
  id: string,
  timestamp: number,
  body: string,
): Promise<string> {
  const message = new TextEncoder().encode(`${id}.${timestamp}.${body}`);
  const signatures = await Promise.all(
    keys.map(async (raw) => {
      const key = await crypto.subtle.importKey(
        "raw",
        raw as BufferSource,
        { name: "HMAC", hash: "SHA-256" },
        false,
        ["sign"],
      );
      return `v1,${toBase64(new Uint8Array(await crypto.subtle.sign("HMAC", key, message)))}`;
    }),
  );
  return signatures.join(" ");
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}
