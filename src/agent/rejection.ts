/** Why the service does not let a device in. */
export interface Rejection {
  /** `tokenRefused`: the device's key, or the time on its clock, does not convince; `deviceUnknown`: there is no such device. */
  reason: "tokenRefused" | "deviceUnknown";
  message: string;
}

/**
 * Asks why a handshake failed, as a WebSocket cannot read the status it was refused with: a plain GET on the
 * connection's own URL, with the token. The service answers 404 where there is no such device, and 426 where
 * there is one, which says so where the token would not be admitted. Null where it would, or nobody answers.
 */
export async function askRejection(url: URL, token: string, signal: AbortSignal): Promise<Rejection | null> {
  try {
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` }, signal });
    const { message, innerCode } = readError(await response.text());
    if (response.status === 404) return { reason: "deviceUnknown", message };
    return response.status === 426 && innerCode === "InvalidAuthenticationToken"
      ? { reason: "tokenRefused", message }
      : null;
  } catch {
    return null;
  }
}

/** What an error body of the service says (contract, section 2); empty where it is no such body. */
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
