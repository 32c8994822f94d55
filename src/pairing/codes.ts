import { base64url } from "jose";
import { USER_CODE_LENGTH } from "../limits.ts";

/**
 * The two codes of a pairing (RFC 8628, 3.2): one that a person reads and types, and one that the device keeps to
 * itself. The device's begins with the id of the pairing's object, which nobody can make up: a forged one wakes none.
 */

/** Consonants without Y: no words come about, and none of them looks like a digit (RFC 8628, 6.1). */
const ALPHABET = "BCDFGHJKLMNPQRSTVWXZ";
const HALF = USER_CODE_LENGTH / 2;
const USER_CODE = new RegExp(`^[${ALPHABET}]{${USER_CODE_LENGTH}}$`);
/** 32 bytes as base64url without padding. */
const DEVICE_CODE = /^([\da-f]{64})\.([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/;

/** The letters of a user code, of as many random numbers: of 2^32, 20 is so small a part that none is preferred. */
export function userCodeOf(random: Uint32Array): string {
  return Array.from(
    random.subarray(0, USER_CODE_LENGTH),
    (number) => ALPHABET[number % ALPHABET.length],
  ).join("");
}

/** A user code's letters as people are shown them: WDJB-MJHT. */
export function writeUserCode(letters: string): string {
  return `${letters.slice(0, HALF)}-${letters.slice(HALF)}`;
}

/** The letters of a user code as people type it: in any case, with hyphens and blanks anywhere; null where it is none. */
export function readUserCode(typed: string): string | null {
  const letters = typed.replaceAll(/[\s\p{Pd}]/gu, "").toUpperCase();
  return USER_CODE.test(letters) ? letters : null;
}

/** The device's code, of the pairing's id and 32 random bytes. */
export function writeDeviceCode(pairing: string, secret: Uint8Array): string {
  return `${pairing}.${base64url.encode(secret)}`;
}

/** The pairing's id in a device code, and its secret; null where it is none. */
export function readDeviceCode(code: string): { pairing: string; secret: Uint8Array } | null {
  const [, pairing, secret] = code.match(DEVICE_CODE) ?? [];
  return pairing === undefined || secret === undefined ? null : { pairing, secret: base64url.decode(secret) };
}

/** What is kept of a secret, and what it is recognised by. */
export async function digestOf(secret: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", secret));
}
