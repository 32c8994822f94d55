import { DEVICE_TOKEN_SECONDS_MAX } from "../limits.ts";
import type { Clock } from "./clock.ts";
import { type DeviceIdentity, signDeviceToken } from "./identity.ts";

/** The part of a token's validity after which it is renewed: the rest is for tries that fail. */
const RENEWAL_POINT = 0.9;

/** A device's JWT. Times are milliseconds since the epoch. */
export interface Token {
  jwt: string;
  renewAt: number;
}

/** The tokens with which one device proves itself to one service. */
export class Tokens {
  readonly #identity: DeviceIdentity;
  readonly #audience: string;
  readonly #seconds: number;
  readonly #clock: Clock;
  #latest: Token | null = null;

  /** `audience` is the service's origin; `seconds` the tokens' validity, at most what the service accepts. */
  constructor(identity: DeviceIdentity, audience: string, seconds: number, clock: Clock) {
    this.#identity = identity;
    this.#audience = audience;
    this.#seconds = Math.min(seconds, DEVICE_TOKEN_SECONDS_MAX);
    this.#clock = clock;
  }

  /** A new token. Throws where the key does not fit its algorithm. */
  async fresh(): Promise<Token> {
    // Tokens count whole seconds.
    const issuedAt = Math.floor(this.#clock.now() / 1_000) * 1_000;
    const jwt = await signDeviceToken(this.#identity, this.#audience, issuedAt, this.#seconds);
    this.#latest = { jwt, renewAt: issuedAt + this.#seconds * 1_000 * RENEWAL_POINT };
    return this.#latest;
  }

  /** The latest token, or a new one where that is running out. */
  async current(): Promise<Token> {
    return this.#latest !== null && this.#clock.now() < this.#latest.renewAt
      ? this.#latest
      : await this.fresh();
  }
}
