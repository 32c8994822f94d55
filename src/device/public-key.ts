import { base64url, importJWK, type JWK } from "jose";
import { RSA_MODULUS_BITS_MAX, RSA_MODULUS_BITS_MIN } from "../limits.ts";

/** Members that only a private or a secret key has (RFC 7518, 6.2.2, 6.3.2, 6.4). */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** Characters of base64url for so many bits. */
const charactersOf = (bits: number): number => Math.ceil(bits / 6);

/**
 * The key types a device may have: their public members with the most characters that each may have (zeros in front
 * would pass for the same number), and an algorithm that imports them.
 */
const KEY_TYPES = [
  { kty: "EC", crv: "P-256", members: { x: charactersOf(256), y: charactersOf(256) }, algorithm: "ES256" },
  { kty: "OKP", crv: "Ed25519", members: { x: charactersOf(256) }, algorithm: "EdDSA" },
  // jose and the platform take public exponents of 32 bits at most.
  {
    kty: "RSA",
    crv: undefined,
    members: { n: charactersOf(RSA_MODULUS_BITS_MAX + 8), e: charactersOf(32) },
    algorithm: "RS256",
  },
] as const;

/**
 * Reads a device's public key (RFC 7517) and keeps only its public members.
 * Refuses private keys, other types and curves, points off the curve, and RSA keys of odd sizes.
 */
export async function readPublicKey(
  value: unknown,
): Promise<{ ok: true; key: JWK } | { ok: false; message: string }> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refused("publicKey is a JSON Web Key: an object.");
  }
  const jwk = value as Record<string, unknown>;
  if (PRIVATE_MEMBERS.some((member) => member in jwk)) {
    return refused(
      "publicKey holds a private key. Send the public half only, and make a new key: this one has travelled.",
    );
  }
  const type = KEY_TYPES.find(({ kty, crv }) => jwk.kty === kty && (crv === undefined || jwk.crv === crv));
  if (type === undefined)
    return refused("publicKey is an EC key on P-256, an OKP key on Ed25519, or an RSA key.");
  const key: JWK & Record<string, string> = { kty: type.kty, ...(type.crv && { crv: type.crv }) };
  for (const [member, most] of Object.entries(type.members)) {
    const text = jwk[member];
    if (typeof text !== "string") return refused(`publicKey lacks its member "${member}".`);
    if (text.length > most)
      return refused(
        `publicKey has a member "${member}" of ${text.length} characters; it has ${most} at most.`,
      );
    key[member] = text;
  }
  try {
    await importJWK(key, type.algorithm);
    if (key.n !== undefined) {
      const bits = bitLength(base64url.decode(key.n));
      if (bits < RSA_MODULUS_BITS_MIN || bits > RSA_MODULUS_BITS_MAX) {
        return refused(
          `publicKey is an RSA key of ${bits} bits; use ${RSA_MODULUS_BITS_MIN} to ${RSA_MODULUS_BITS_MAX}.`,
        );
      }
    }
  } catch {
    return refused("publicKey is not a valid key.");
  }
  return { ok: true, key };
}

/** Bits of a number in big-endian bytes; zeros in front do not count. */
function bitLength(bytes: Uint8Array): number {
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? 0 : (bytes.length - first) * 8 - (Math.clz32(bytes[first] ?? 0) - 24);
}

function refused(message: string): { ok: false; message: string } {
  return { ok: false, message };
}
