import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { JWK } from "jose";
import { expect, test } from "vitest";
import { app } from "../../src/http/app.ts";
import { verifyJwt } from "../../src/jwt.ts";
import { answerOf, ORIGIN } from "../stage.ts";
import wycheproof from "./vectors/wycheproof.json" with { type: "json" };

/**
 * Wycheproof's vectors for signed tokens, on both roads: as a caller's, whose key is in the issuer's set, and as a
 * device's, whose key is its own. Their payloads are no claims, so that none of them is let in: one whose signature is
 * right is told so, and one whose signature is wrong is told something else.
 *
 * Left out is the group `jws_rsa_roca_key`, a key that can be factored: no signature tells, and whose the keys are is
 * the operator's choice, or the device's own loss. So are three groups of json_web_crypto_test that are also in the
 * other file.
 */

const HOLDS = "The token is signed by a known key, but holds no claims.";
/** What this service takes. Vectors whose keys are for others are refused whatever their signature. */
const ALGORITHMS = ["ES256", "RS256", "PS256"];
/** Right, and refused all the same. */
const REFUSED = new Map([
  ["json_web_signature_test 259", "An empty payload holds no claims."],
  ["json_web_signature_test 272", "An empty payload holds no claims."],
  ["json_web_signature_test 346", "It is signed with PS384, which is not what its key is for."],
  ["json_web_signature_test 350", "It is signed with PS384, which is not what its key is for."],
]);

/** What the bearer of a token is told by a service whose issuer has these keys. */
async function toldAsCaller(token: string, keys: JWK[]): Promise<string> {
  // A header holds no line breaks and nothing but Latin letters, so some do not even get this far.
  const headers = { Authorization: `Bearer ${token}` };
  const request = new Request(`${ORIGIN}/v1.0/me/devices`, { headers });
  const vars = { ...env, AUTH_JWKS: JSON.stringify({ keys }) };
  const { status, body } = await answerOf(await app.fetch(request, vars, createExecutionContext()));
  expect([status, body.error.code]).toEqual([401, "InvalidAuthenticationToken"]);
  return body.error.message;
}

/** What a device is told that was registered with this key. */
async function toldAsDevice(token: string, key: JWK): Promise<string> {
  const verified = await verifyJwt(token, key, { requiredClaims: ["exp"] });
  if (verified.ok) throw new Error("A vector was let in.");
  return verified.message;
}

test.each(wycheproof.groups)("$file: $comment", async ({ file, keys, tests }) => {
  const [key] = keys as JWK[];
  for (const { id, comment, valid, jws } of tests) {
    const name = `${file} ${id}`;
    const isRight = valid && ALGORITHMS.includes(key?.alg ?? "") && !REFUSED.has(name);
    const told = [await toldAsCaller(jws, keys as JWK[])];
    if (key !== undefined) told.push(await toldAsDevice(jws, key));
    expect({ name, comment, right: told.map((words) => words === HOLDS) }).toEqual({
      name,
      comment,
      right: told.map(() => isRight),
    });
  }
});

test("every algorithm of ours that they know is among them, right and wrong", () => {
  for (const algorithm of ALGORITHMS) {
    const tests = wycheproof.groups
      .filter(({ keys }) => (keys as JWK[]).some(({ alg }) => alg === algorithm))
      .flatMap((group) => group.tests);
    expect(new Set(tests.map(({ valid }) => valid))).toEqual(new Set([true, false]));
  }
});
