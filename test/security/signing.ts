import { base64url, SignJWT } from "jose";
import type { Json } from "../stage.ts";

/** Tokens made by hand, for whoever checks them with one ES256 key. */

export interface Target {
  /** The key that is trusted; an attacker has its public half, and no more. */
  publicKey: CryptoKey;
  privateKey: CryptoKey;
  kid: string;
  /** The claims of a token that would be let in. */
  claims: Json;
  /** Where an attacker's keys would be had from. Nobody is to ask. */
  elsewhere: string;
}

const encoder = new TextEncoder();
export const encoded = (value: unknown): string => base64url.encode(JSON.stringify(value));

/** Signs any header and any text, as libraries would not. */
export async function signed(header: Json, payload: string, key: CryptoKey): Promise<string> {
  const input = `${typeof header === "string" ? base64url.encode(header) : encoded(header)}.${base64url.encode(payload)}`;
  const algorithm = { name: "ECDSA", hash: "SHA-256" };
  const signature = await crypto.subtle.sign(algorithm, key, encoder.encode(input));
  return `${input}.${base64url.encode(new Uint8Array(signature))}`;
}

/** A token that the trusted key has signed, whatever is in it. */
export function trulySigned(
  { kid, privateKey }: Target,
  payload: string,
  header: Json = {},
): Promise<string> {
  return signed({ alg: "ES256", kid, ...header }, payload, privateKey);
}

/** The claims of a good token, but for one that is wrong. */
export function wrongTimes(now: number): Json[] {
  return [
    ...[now - 31, -1, 0, -1e300, now - 60.5, `${now + 600}`, "never", "", null, true, [now + 600], {}].map(
      (exp) => ({
        exp,
      }),
    ),
    { exp: undefined },
    ...[now + 120, 1e300, `${now - 600}`, null, true, [], {}].map((nbf) => ({ nbf })),
    ...["yesterday", null, true, {}].map((iat) => ({ iat })),
  ];
}

/** A token of so many characters. */
export async function ofLength(target: Target, length: number): Promise<string> {
  const empty = await trulySigned(target, JSON.stringify({ ...target.claims, padding: "" }));
  for (let padding = Math.floor(((length - empty.length) * 3) / 4) - 3; ; padding++) {
    const json = JSON.stringify({ ...target.claims, padding: "x".repeat(padding) });
    const token = await trulySigned(target, json);
    if (token.length >= length) return token;
  }
}

/** A token as jose writes it, with any of the algorithms. */
export async function signedWith(
  alg: string,
  key: CryptoKey,
  claims: Json,
  header: Json = {},
): Promise<string> {
  return await new SignJWT(claims).setProtectedHeader({ alg, ...header }).sign(key);
}
