import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { createKeyPair, type DeviceIdentity, registerDevice } from "../../src/agent/identity.ts";
import { Client } from "../../src/client/client.ts";
import type { Bundle } from "../workerd/bundle.ts";
import { Workerd } from "../workerd/workerd.ts";

/** Hours that the callers' tokens are valid: longer than any run. */
const TOKEN_HOURS = 24;
const ISSUER = "https://issuer.test";
const AUDIENCE = "appia-faults";

/** The service under test: the bundle on raw workerd, with an issuer of its own, and callers. */
export class Service {
  readonly workerd: Workerd;
  readonly #key: CryptoKey;

  private constructor(workerd: Workerd, key: CryptoKey) {
    this.workerd = workerd;
    this.#key = key;
  }

  static async start(bundle: Bundle): Promise<Service> {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const keys = [{ ...(await exportJWK(publicKey)), kid: "faults", alg: "ES256" }];
    const bindings = {
      ...bundle.bindings,
      AUTH_ISSUER: ISSUER,
      AUTH_AUDIENCE: AUDIENCE,
      AUTH_JWKS: JSON.stringify({ keys }),
      POST_BACK_SECRETS: crypto.randomUUID(),
      POST_BACK_ALLOW_LOOPBACK: "true",
    };
    return new Service(await Workerd.start({ ...bundle, bindings }), privateKey);
  }

  get origin(): string {
    return this.workerd.origin;
  }

  /** A user whom nobody else is. */
  async caller(): Promise<Caller> {
    const now = Math.floor(Date.now() / 1_000);
    const token = await new SignJWT({ scp: "Device.ReadWrite Device.Command" })
      .setProtectedHeader({ alg: "ES256", kid: "faults" })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(crypto.randomUUID())
      .setIssuedAt(now)
      .setExpirationTime(now + TOKEN_HOURS * 3_600)
      .sign(this.#key);
    return new Caller(this.origin, token);
  }
}

/** One user of the service. */
export class Caller extends Client {
  readonly token: string;

  constructor(origin: string, token: string) {
    super({ service: origin, token: () => token });
    this.token = token;
  }

  /** Registers a device, and answers who it is. */
  async registers(name: string): Promise<DeviceIdentity> {
    const { privateKey, publicKey } = await createKeyPair(false);
    const registration = { name, kind: "Desktop", platform: "Linux", publicKey };
    const deviceId = await registerDevice(this.origin, this.token, registration);
    return { deviceId, privateKey, algorithm: "ES256" };
  }

  /** The secret that the account's post-backs are signed with. */
  async postBackSecret(): Promise<string> {
    const response = await fetch(`${this.origin}/v1.0/me/postBackSecret`, {
      headers: { authorization: `Bearer ${this.token}` },
    });
    const { secret } = (await response.json()) as { secret: string };
    return secret;
  }
}
