/** The service's HTTP answer to a device that it does not let in. */
export interface Rejection {
  /** 401: the device's key or token is not accepted; 404: there is no such device. */
  status: 401 | 404;
  message: string;
}

/**
 * Asks why a handshake failed, as a WebSocket cannot read the status it was refused with: a plain GET on the
 * connection's own URL. Null where the device is welcome (426: only the upgrade is missing) or nobody answers.
 */
export async function askRejection(url: URL, token: string, signal: AbortSignal): Promise<Rejection | null> {
  try {
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` }, signal });
    const text = await response.text();
    if (response.status !== 401 && response.status !== 404) return null;
    return { status: response.status, message: messageOf(text) };
  } catch {
    return null;
  }
}

/** The message in an error body of the service (contract, section 2); empty where it is no such body. */
export function messageOf(body: string): string {
  try {
    const { message } = JSON.parse(body).error;
    return typeof message === "string" ? message : "";
  } catch {
    return "";
  }
}
