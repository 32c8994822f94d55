import {
  errors,
  type JWK,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from "jose";
import { CLOCK_TOLERANCE_SECONDS, TOKEN_LENGTH_MAX } from "./limits.ts";

/** Checking JSON Web Tokens (RFC 7519): a caller's from the token issuer, a device's own. */

/** The signature algorithms that callers and devices may use (RFC 7518, RFC 8037). */
const SIGNATURE_ALGORITHMS = ["ES256", "RS256", "EdDSA", "PS256"];

/** Bytes in base64url (RFC 4648, 5) in the one way there is: the bits that the last letter has too many are zero. */
const BASE64URL = "(?=[\\w-])(?:[\\w-]{4})*(?:[\\w-][AQgw]|[\\w-]{2}[AEIMQUYcgkosw048])?";
/**
 * The compact form (RFC 7515, 7.1), to the letter: jose decodes some base64url that nobody writes, and one signature
 * would then have sixteen spellings.
 */
const COMPACT = new RegExp(`^${BASE64URL}\\.${BASE64URL}\\.${BASE64URL}$`);

/** A token that holds, or the words that tell its bearer why it does not. */
export type Verified = { ok: true; payload: JWTPayload } | { ok: false; message: string };

/** The token in an Authorization header (RFC 6750, 2.1); null where there is none. */
export function bearerToken(header: string | null | undefined): string | null {
  return header?.match(/^Bearer +(\S+) *$/i)?.[1] ?? null;
}

/** Thrown where a token cannot be judged, since the issuer's keys cannot be had. */
export class KeysUnavailable extends Error {
  override readonly name = "KeysUnavailable";
}

/** Checks signature, algorithm, times and the claims that `options` name. Throws `KeysUnavailable`, and nothing else. */
export async function verifyJwt(
  token: string,
  key: JWK | JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<Verified> {
  if (token.length > TOKEN_LENGTH_MAX)
    return { ok: false, message: `The token is longer than ${TOKEN_LENGTH_MAX} characters.` };
  if (!COMPACT.test(token))
    return { ok: false, message: "The token is not a JSON Web Token in compact form." };
  const rules = { algorithms: SIGNATURE_ALGORITHMS, clockTolerance: CLOCK_TOLERANCE_SECONDS, ...options };
  try {
    const { payload } = await (typeof key === "function"
      ? jwtVerify(token, key, rules)
      : jwtVerify(token, key, rules));
    return { ok: true, payload };
  } catch (error) {
    if (error instanceof KeysUnavailable) throw error;
    return { ok: false, message: explain(error) };
  }
}

/** jose's reasons, in words for the bearer. None of them tells anything that the token does not. */
function explain(error: unknown): string {
  if (error instanceof errors.JWTExpired) return "The token has expired.";
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === "missing") return `The token lacks the claim "${error.claim}".`;
    if (error.claim === "nbf") return "The token is not valid yet.";
    return `The token's claim "${error.claim}" is not the one expected here.`;
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return `The token's algorithm is not allowed; use one of ${SIGNATURE_ALGORITHMS.join(", ")}.`;
  }
  if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey) {
    return "The token's signature does not verify with a known key.";
  }
  // Thrown only where the signature was found right.
  if (error instanceof errors.JWTInvalid) return "The token is signed by a known key, but holds no claims.";
  if (error instanceof errors.JWKSMultipleMatchingKeys)
    return 'The token does not name its key; give its header a "kid".';
  return "The token is malformed.";
}
