import type { JWK } from "jose";
import { calculateJwkThumbprint, exportJWK, SignJWT } from "jose";
import { readError } from "./rejection.ts";

/** Who a device is: its id at the service, and the private key whose public half the service holds. */
export interface DeviceIdentity {
  deviceId: string;
  privateKey: CryptoKey;
  algorithm: "ES256" | "EdDSA" | "RS256" | "PS256";
}

/** What a device tells of itself when it is registered. */
export interface Registration {
  name: string;
  kind: string;
  platform: string;
  manufacturer?: string;
  model?: string;
  publicKey: JWK;
}

/** The service did not register the device; the message is the service's own where it gave one. */
export class RegistrationError extends Error {
  override readonly name = "RegistrationError";
  /** The HTTP status of the answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * A fresh ES256 key pair. Keep `extractable` false where the key can be stored as it is (IndexedDB), true where
 * it has to be written down. The public JWK's `kid` is its thumbprint (RFC 7638).
 */
export async function createKeyPair(
  extractable: boolean,
): Promise<{ privateKey: CryptoKey; publicKey: JWK }> {
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, extractable, [
    "sign",
    "verify",
  ]);
  const { kty, crv, x, y } = await exportJWK(pair.publicKey);
  const key = { kty, crv, x, y } as JWK;
  return {
    privateKey: pair.privateKey,
    publicKey: { ...key, kid: await calculateJwkThumbprint(key), alg: "ES256", use: "sig" },
  };
}

/**
 * Registers a device with the account of a caller's token, whose scope has to hold Device.ReadWrite.
 * Answers the device's id; throws `RegistrationError`, or `TypeError` where the service cannot be reached.
 */
export async function registerDevice(
  service: string | URL,
  token: string,
  registration: Registration,
): Promise<string> {
  const response = await fetch(new URL("/v1.0/me/devices", service), {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(registration),
  });
  const body = await response.text();
  if (response.status !== 201) {
    throw new RegistrationError(
      response.status,
      readError(body).message || `The service answered with status ${response.status}.`,
    );
  }
  const { id } = JSON.parse(body);
  if (typeof id !== "string")
    throw new RegistrationError(response.status, "The service's answer names no device id.");
  return id;
}

/**
 * The JWT with which a device proves itself. `now` is in milliseconds since the epoch,
 * `seconds` its validity. Throws where the key does not fit the algorithm.
 */
export function signDeviceToken(
  { deviceId, privateKey, algorithm }: DeviceIdentity,
  audience: string,
  now: number,
  seconds: number,
): Promise<string> {
  const issuedAt = Math.floor(now / 1_000);
  return new SignJWT()
    .setProtectedHeader({ alg: algorithm })
    .setIssuer(deviceId)
    .setSubject(deviceId)
    .setAudience(audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + seconds)
    .setJti(crypto.randomUUID())
    .sign(privateKey);
}
