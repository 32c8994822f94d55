import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { exportJWK, generateKeyPair, importJWK } from "jose";
import { expect } from "vitest";
import { app } from "../../src/http/app.ts";
import { type Answer, type Api, answerOf, type Json, newAccount, ORIGIN } from "../stage.ts";
import type { Target } from "./signing.ts";

/** The two doors that tokens open: the callers', whose issuer is trusted, and a device's own. */

export const now = (): number => Math.floor(Date.now() / 1_000);
/** Where forged tokens say that their keys are. */
export const ELSEWHERE = `https://keys.elsewhere.test/${crypto.randomUUID()}`;

/** Asks with a token as a caller, of a service with these vars. */
export async function asCaller(token: string, vars: object = {}): Promise<Answer> {
  const request = new Request(`${ORIGIN}/v1.0/me/devices`, { headers: { Authorization: `Bearer ${token}` } });
  return await answerOf(await app.fetch(request, { ...env, ...vars }, createExecutionContext()));
}

/** Asks for a device's messages with a token. */
export async function asDevice(id: string, token: string): Promise<Answer> {
  const request = new Request(`${ORIGIN}/devices/${id}/messages`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  return await answerOf(await app.fetch(request, env, createExecutionContext()));
}

/** The tests' token issuer. */
export async function trustedIssuer(): Promise<Target> {
  const [publicJwk] = JSON.parse(env.AUTH_JWKS).keys;
  const { key_ops: _, ...privateJwk } = JSON.parse(env.TEST_SIGNING_KEY);
  return {
    publicKey: (await importJWK({ ...publicJwk, ext: true }, "ES256")) as CryptoKey,
    privateKey: (await importJWK(privateJwk, "ES256")) as CryptoKey,
    kid: "test",
    claims: {
      iss: env.AUTH_ISSUER,
      aud: env.AUTH_AUDIENCE,
      sub: newAccount(),
      scp: "Device.ReadWrite Device.Command",
      iat: now(),
      exp: now() + 600,
    },
    elsewhere: ELSEWHERE,
  };
}

/** A device with a key for this algorithm. */
export async function registered(
  api: Api,
  alg: string,
): Promise<{ id: string; claims: Json; privateKey: CryptoKey; publicKey: CryptoKey }> {
  const pair = await generateKeyPair(alg, { extractable: true });
  const publicKey = await exportJWK(pair.publicKey);
  const registration = { name: "A lamp", kind: "Iot", platform: "Linux", publicKey };
  const { id } = (await api.post("/v1.0/me/devices", registration)).body;
  return { id, claims: { iss: id, sub: id, aud: ORIGIN, iat: now(), exp: now() + 600 }, ...pair };
}

/** The answers to tokens, by what they are; all of them are to be refused. */
export async function expectRefused(
  tokens: readonly (readonly [what: string, token: string])[],
  ask: (token: string) => Promise<Answer>,
): Promise<void> {
  const answers = await Promise.all(
    tokens.map(async ([what, token]) => {
      const { status, body, headers } = await ask(token);
      const challenge = headers.get("WWW-Authenticate") ?? "";
      return [what, status, body?.error?.code, challenge.startsWith('Bearer realm="appia"')];
    }),
  );
  expect(answers).toEqual(tokens.map(([what]) => [what, 401, "InvalidAuthenticationToken", true]));
}
