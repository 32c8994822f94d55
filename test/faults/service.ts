import { createKeyPair, type DeviceIdentity, registerDevice } from "../../src/agent/identity.ts";
import { Client } from "../../src/client/client.ts";
import type { Bundle } from "../workerd/bundle.ts";
import { Issuer } from "../workerd/issuer.ts";
import { Workerd } from "../workerd/workerd.ts";

/** Hours that the callers' tokens are valid: longer than any run. */
const TOKEN_HOURS = 24;

/** The service under test: the bundle on raw workerd, with an issuer of its own, and callers. */
export class Service {
  readonly workerd: Workerd;
  readonly #issuer: Issuer;

  private constructor(workerd: Workerd, issuer: Issuer) {
    this.workerd = workerd;
    this.#issuer = issuer;
  }

  static async start(bundle: Bundle): Promise<Service> {
    const issuer = await Issuer.create();
    const bindings = {
      ...bundle.bindings,
      ...issuer.vars,
      POST_BACK_SECRETS: crypto.randomUUID(),
      POST_BACK_ALLOW_LOOPBACK: "true",
    };
    return new Service(await Workerd.start({ ...bundle, bindings }), issuer);
  }

  get origin(): string {
    return this.workerd.origin;
  }

  /** A user whom nobody else is. */
  async caller(): Promise<Caller> {
    return new Caller(this.origin, await this.#issuer.token(crypto.randomUUID(), TOKEN_HOURS));
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
