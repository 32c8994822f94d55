import { bearerToken, verifyJwt } from "../jwt.ts";
import { CLOCK_TOLERANCE_SECONDS, DEVICE_TOKEN_SECONDS_MAX } from "../limits.ts";
import type { DeviceRecord } from "./device.ts";
import { BEARER_SUBPROTOCOL_PREFIX, SUBPROTOCOL } from "./protocol.ts";

/** Letting a device in: signed with its own key for this service's origin, valid for an hour at most (section 4). */

export type Refused = { ok: false; status: 400 | 401 | 404; message: string };

export const NO_SUCH_DEVICE: Refused = { ok: false, status: 404, message: "There is no such device." };

/** Whether a request may become the device's socket. */
export async function admitSocket(
  request: Request,
  deviceId: string,
  device: DeviceRecord,
  now: number,
): Promise<{ ok: true; expiresAt: number; subprotocol: string | null } | Refused> {
  const offered = (request.headers.get("Sec-WebSocket-Protocol") ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const token =
    bearerToken(request.headers.get("Authorization")) ??
    offered
      .find((name) => name.startsWith(BEARER_SUBPROTOCOL_PREFIX))
      ?.slice(BEARER_SUBPROTOCOL_PREFIX.length);
  if (token === undefined) {
    const message = `Send the device's token as "Authorization: Bearer …" or as the subprotocol "${BEARER_SUBPROTOCOL_PREFIX}…".`;
    return { ok: false, status: 401, message };
  }
  if (offered.length > 0 && !offered.includes(SUBPROTOCOL)) {
    return { ok: false, status: 400, message: `Offer the subprotocol "${SUBPROTOCOL}".` };
  }
  const admitted = await admitToken(token, new URL(request.url).origin, deviceId, device, now);
  return admitted.ok ? { ...admitted, subprotocol: offered.length > 0 ? SUBPROTOCOL : null } : admitted;
}

/** Whether a token is the device's own, for this service. */
export async function admitToken(
  token: string,
  audience: string,
  deviceId: string,
  device: DeviceRecord,
  now: number,
): Promise<{ ok: true; expiresAt: number } | Refused> {
  const claims = { issuer: deviceId, subject: deviceId, audience, requiredClaims: ["exp"] };
  const verified = await verifyJwt(token, device.publicKey, claims);
  if (!verified.ok) return { ok: false, status: 401, message: verified.message };
  const expiresAt = (verified.payload.exp ?? 0) * 1_000;
  if (expiresAt > now + (DEVICE_TOKEN_SECONDS_MAX + CLOCK_TOLERANCE_SECONDS) * 1_000) {
    const message = `A device's token is valid for at most ${DEVICE_TOKEN_SECONDS_MAX} seconds; give it an earlier "exp".`;
    return { ok: false, status: 401, message };
  }
  return { ok: true, expiresAt };
}
