import { env, exports } from "cloudflare:workers";
import { exportJWK, generateKeyPair } from "jose";
import { readUserCode } from "../../src/pairing/codes.ts";
import type { PairingObject } from "../../src/pairing/pairing-object.ts";
import { type Answer, answerOf, type Json, ORIGIN } from "../stage.ts";

/** Devices that ask to be let in, and the codes that they are given. */

export const { publicKey } = await generateKeyPair("ES256", { extractable: true }).then(async (pair) => ({
  publicKey: await exportJWK(pair.publicKey),
}));
export const REGISTRATION = { name: "Kitchen", kind: "Hub", platform: "Linux", publicKey };

/** An address that no other test uses: those who ask too often are known by theirs. */
export function newAddress(): string {
  const [a = 0, b = 0] = crypto.getRandomValues(new Uint16Array(2));
  return `2001:db8:${a.toString(16)}:${b.toString(16)}::1`;
}

/** Sends a request without a token. */
export async function send(path: string, init: RequestInit = {}): Promise<Answer> {
  return await answerOf(await exports.default.fetch(`${ORIGIN}${path}`, { method: "POST", ...init }));
}

/** Asks for a pairing. */
export async function ask(
  registration: Json = {},
  headers: Record<string, string> = {},
  more: RequestInit = {},
): Promise<Answer> {
  return await send("/pairings", {
    body: JSON.stringify({ ...REGISTRATION, ...registration }),
    headers: { "Content-Type": "application/json", "CF-Connecting-IP": newAddress(), ...headers },
    ...more,
  });
}

/** A device that has asked. */
export class Newcomer {
  readonly deviceCode: string;
  readonly userCode: string;
  /** The code as a path's end. */
  readonly path: string;
  readonly object: DurableObjectStub<PairingObject>;

  private constructor({ device_code, user_code }: Json) {
    this.deviceCode = device_code;
    this.userCode = user_code;
    this.path = `/me/pairings/${user_code}`;
    this.object = env.PAIRINGS.get(env.PAIRINGS.idFromName(readUserCode(user_code) ?? ""));
  }

  static async asks(registration: Json = {}, headers: Record<string, string> = {}): Promise<Newcomer> {
    const { status, body } = await ask(registration, headers);
    if (status !== 200) throw new Error(`Asking answered ${status}: ${JSON.stringify(body)}`);
    return new Newcomer(body);
  }

  /** Asks what has become of it; what it is answered is an error's code, or the device. */
  async polls(deviceCode = this.deviceCode): Promise<Json> {
    const { body } = await send("/pairings/token", {
      body: new URLSearchParams({
        grant_type: "urn:ietf:params:oauth:grant-type:device_code",
        device_code: deviceCode,
      }),
    });
    return typeof body.error === "string" ? body.error : body;
  }
}
