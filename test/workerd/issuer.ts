import { exportJWK, generateKeyPair, SignJWT } from "jose";

/** Who signs the callers' tokens. */
export class Issuer {
  /** The vars with which the service trusts this issuer, and no other. */
  readonly vars: Readonly<Record<string, string>>;
  readonly #key: CryptoKey;

  private constructor(key: CryptoKey, vars: Record<string, string>) {
    this.#key = key;
    this.vars = vars;
  }

  /** One with a key that nobody else has. */
  static async create(): Promise<Issuer> {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const keys = [{ ...(await exportJWK(publicKey)), kid: "own", alg: "ES256" }];
    const vars = {
      AUTH_ISSUER: "https://issuer.test",
      AUTH_AUDIENCE: "appia-test",
      AUTH_JWKS: JSON.stringify({ keys }),
    };
    return new Issuer(privateKey, vars);
  }

  /** A token for all that a caller may do. */
  async token(account: string, hours = 1): Promise<string> {
    return await new SignJWT({ scp: "Device.ReadWrite Device.Command" })
      .setProtectedHeader({ alg: "ES256", kid: "own", typ: "JWT" })
      .setIssuer(this.vars.AUTH_ISSUER ?? "")
      .setAudience(this.vars.AUTH_AUDIENCE ?? "")
      .setSubject(account)
      .setIssuedAt()
      .setExpirationTime(`${hours}h`)
      .sign(this.#key);
  }
}
