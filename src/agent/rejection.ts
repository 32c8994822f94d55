/** Why the service does not let a device in. */
export interface Rejection {
  /** `tokenRefused`: the device's key, or the time on its clock, does not convince; `deviceUnknown`: there is no such device. */
  reason: "tokenRefused" | "deviceUnknown";
  message: string;
}

/** What the service said to a handshake that failed. */
export interface Refusal {
  /** Null where it would let the device in, or nobody answers. */
  rejection: Rejection | null;
  /** Milliseconds for which it wants to be left alone. */
  retryAfterMs: number;
}

/** Milliseconds, the most that a service is left alone because it asked to be. */
const RETRY_AFTER_MS_MAX = 300_000;

/** Milliseconds for which an answer asks to be left alone (RFC 9110, 10.2.3), as far as that is heeded. */
export function retryAfterMs(headers: Headers): number {
  const seconds = Number(headers.get("retry-after") ?? 0);
  return seconds > 0 ? Math.min(seconds * 1_000, RETRY_AFTER_MS_MAX) : 0;
}

/**
 * Asks why a handshake failed, as a WebSocket cannot read the status it was refused with: a plain GET on the
 * connection's own URL, with the token. The service answers 404 where there is no such device, and 426 where
 * there is one, which says so where the token would not be admitted; 429 and 503 say when to come again.
 */
export async function askRejection(url: URL, token: string, signal: AbortSignal): Promise<Refusal> {
  try {
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` }, signal });
    const { message, innerCode } = readError(await response.text());
    return {
      rejection: rejectionOf(response.status, innerCode, message),
      retryAfterMs: retryAfterMs(response.headers),
    };
  } catch {
    return { rejection: null, retryAfterMs: 0 };
  }
}

function rejectionOf(status: number, innerCode: string, message: string): Rejection | null {
  if (status === 404) return { reason: "deviceUnknown", message };
  return status === 426 && innerCode === "InvalidAuthenticationToken"
    ? { reason: "tokenRefused", message }
    : null;
}

/** What an error body of the service says; empty where it is no such body. */
export function readError(body: string): { message: string; innerCode: string } {
  try {
    const { message, innerError } = JSON.parse(body).error;
    return { message: words(message), innerCode: words(innerError?.code) };
  } catch {
    return { message: "", innerCode: "" };
  }
}

function words(value: unknown): string {
  return typeof value === "string" ? value : "";
}
