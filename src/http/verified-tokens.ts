import { CLOCK_TOLERANCE_SECONDS, VERIFIED_TOKEN_MS, VERIFIED_TOKENS_MAX } from "../limits.ts";

/** What a token that holds says of its bearer. */
export interface Bearer {
  account: string;
  /** The scopes that it was issued with. */
  granted: ReadonlySet<string>;
  /** Seconds since 1970, the token's `exp`. */
  expiresAt: number;
}

/** What tokens are judged by: a token that held under other vars says nothing. */
type Configuration = Pick<Env, "AUTH_ISSUER" | "AUTH_AUDIENCE" | "AUTH_JWKS" | "AUTH_JWKS_URL">;

interface Verified {
  bearer: Bearer;
  configuration: Configuration;
  /** Milliseconds since 1970. */
  until: number;
}

/**
 * Tokens whose signature was found good, in memory, for a while: checking one takes longer than all else at the edge.
 * Its expiry is checked each time; a key that the issuer has withdrawn is honoured for that while at most.
 */
export class VerifiedTokens {
  readonly #tokens = new Map<string, Verified>();

  find(configuration: Configuration, token: string): Bearer | undefined {
    const verified = this.#tokens.get(token);
    if (verified === undefined) return undefined;
    const { bearer, until } = verified;
    const now = Date.now();
    // As jose compares them.
    const hasExpired = bearer.expiresAt <= Math.floor(now / 1_000) - CLOCK_TOLERANCE_SECONDS;
    if (now < until && !hasExpired && isSame(verified.configuration, configuration)) return bearer;
    this.#tokens.delete(token);
    return undefined;
  }

  add(configuration: Configuration, token: string, bearer: Bearer): void {
    // The one that came first goes first: it is checked again, should it still be in use.
    const [oldest] = this.#tokens.size >= VERIFIED_TOKENS_MAX ? this.#tokens.keys() : [];
    if (oldest !== undefined) this.#tokens.delete(oldest);
    const { AUTH_ISSUER, AUTH_AUDIENCE, AUTH_JWKS, AUTH_JWKS_URL } = configuration;
    this.#tokens.set(token, {
      bearer,
      configuration: { AUTH_ISSUER, AUTH_AUDIENCE, AUTH_JWKS, AUTH_JWKS_URL },
      until: Date.now() + VERIFIED_TOKEN_MS,
    });
  }
}

function isSame(one: Configuration, other: Configuration): boolean {
  return (
    one.AUTH_ISSUER === other.AUTH_ISSUER &&
    one.AUTH_AUDIENCE === other.AUTH_AUDIENCE &&
    one.AUTH_JWKS === other.AUTH_JWKS &&
    one.AUTH_JWKS_URL === other.AUTH_JWKS_URL
  );
}
