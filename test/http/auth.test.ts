import { createExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { base64url, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { app } from "../../src/http/app.ts";
import { type Answer, answerOf, ORIGIN, signToken } from "../stage.ts";

/** Who is let in: tokens, their keys, and where those come from. */

/** Asks for the devices with this Authorization header, of a service with these vars. */
async function ask(authorization: string | null, vars: object = {}): Promise<Answer> {
  const request = new Request(`${ORIGIN}/v1.0/me/devices`, {
    headers: authorization === null ? {} : { Authorization: authorization },
  });
  return await answerOf(await app.fetch(request, { ...env, ...vars }, createExecutionContext()));
}

async function expectRefused(answer: Answer): Promise<void> {
  expect([answer.status, answer.body.error.code]).toEqual([401, "InvalidAuthenticationToken"]);
  expect(answer.headers.get("WWW-Authenticate")).toMatch(/^Bearer realm="appia"/);
}

const now = (): number => Math.floor(Date.now() / 1_000);

/** The claims of a good token. */
function claims(): JWTPayload {
  return {
    iss: env.AUTH_ISSUER,
    aud: env.AUTH_AUDIENCE,
    sub: "ada",
    scp: "Device.Read",
    iat: now(),
    exp: now() + 600,
  };
}

const encoded = (value: unknown): string => base64url.encode(JSON.stringify(value));

/** A token whose three parts were changed by hand. */
async function tampered(
  change: (header: string, payload: string, signature: string) => string[],
): Promise<string> {
  const [header = "", payload = "", signature = ""] = (await signToken("ada")).split(".");
  return change(header, payload, signature).join(".");
}

describe("a good token is let in", () => {
  test.each([
    ["as it should be", {}],
    ["for several audiences", { aud: ["another", "appia-test"] }],
    ["valid since a moment that has not quite come", { nbf: now() + 5 }],
    ["expired a moment ago, on a clock that differs", { exp: now() - 5 }],
  ])("%s", async (_, changed) => {
    expect((await ask(`Bearer ${await signToken("ada", undefined, changed)}`)).status).toBe(200);
  });

  test("whatever the case of the scheme", async () => {
    expect((await ask(`bearer ${await signToken("ada")}`)).status).toBe(200);
  });

  test("through the Worker's own door", async () => {
    const headers = { Authorization: `Bearer ${await signToken("ada")}` };
    expect((await exports.default.fetch(`${ORIGIN}/me/devices`, { headers })).status).toBe(200);
  });
});

describe("no token is no entry", () => {
  test.each([
    ["no header", null],
    ["an empty one", ""],
    ["no scheme", "a.b.c"],
    ["Basic", "Basic YWRhOmFkYQ=="],
    ["Bearer alone", "Bearer "],
    ["two words", "Bearer a b"],
  ])("%s", async (_, authorization) => {
    const answer = await ask(authorization);
    await expectRefused(answer);
    // Without a token there is no error to speak of (RFC 6750, 3.1).
    expect(answer.headers.get("WWW-Authenticate")).toBe('Bearer realm="appia"');
  });

  test("a token of nobody's issuer cannot be had from the query", async () => {
    const token = await signToken("ada");
    const answer = await exports.default.fetch(`${ORIGIN}/me/devices?access_token=${token}`);
    expect(answer.status).toBe(401);
  });
});

// What attackers make of tokens is in test/security/tokens.attack.ts.
describe("a wrong token is no entry", () => {
  const cases: [what: string, token: () => Promise<string>][] = [
    ["not a token at all", async () => "nonsense"],
    ["two parts", () => tampered((header, payload) => [header, payload])],
    ["four parts", () => tampered((...parts) => [...parts, "x"])],
    [
      "parts that are not JSON",
      () => tampered((_, payload, signature) => ["bm9uc2Vuc2U", payload, signature]),
    ],
    ["expired", () => signToken("ada", undefined, { exp: now() - 60 })],
    ["valid later", () => signToken("ada", undefined, { nbf: now() + 120 })],
    ["another issuer's", () => signToken("ada", undefined, { iss: "https://other.test" })],
    ["for another audience", () => signToken("ada", undefined, { aud: "another" })],
    ["without an audience", () => signToken("ada", undefined, { aud: undefined })],
    ["without an issuer", () => signToken("ada", undefined, { iss: undefined })],
    ["without a subject", () => signToken("ada", undefined, { sub: undefined })],
    ["with an empty subject", () => signToken("")],
    ["without an end", () => signToken("ada", undefined, { exp: undefined })],
    ["unsigned", async () => `${encoded({ alg: "none" })}.${encoded(claims())}.`],
    [
      "with a payload that was changed",
      () => tampered((header, _, signature) => [header, encoded({ ...claims(), sub: "eve" }), signature]),
    ],
  ];

  test.each(cases)("%s", async (_, token) => {
    const answer = await ask(`Bearer ${await token()}`);
    await expectRefused(answer);
    expect(answer.headers.get("WWW-Authenticate")).toContain('error="invalid_token", error_description="');
  });

  test.each([
    ["expired", { exp: now() - 60 }, "The token has expired."],
    ["valid later", { nbf: now() + 120 }, "The token is not valid yet."],
    ["for another audience", { aud: "another" }, 'The token\'s claim "aud" is not the one expected here.'],
    ["without a subject", { sub: undefined }, 'The token lacks the claim "sub".'],
  ])("%s: the bearer is told so", async (_, changed, message) => {
    const answer = await ask(`Bearer ${await signToken("ada", undefined, changed)}`);
    expect(answer.body.error.message).toBe(message);
    expect(answer.headers.get("WWW-Authenticate")).toContain(
      `error_description="${message.replaceAll('"', "'")}"`,
    );
  });
});

describe("signatures", () => {
  /** Signs with a new key of this algorithm, and asks a service that knows the key. */
  async function askSigned(alg: string): Promise<Answer> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const AUTH_JWKS = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: "its own" }] });
    const token = await new SignJWT(claims()).setProtectedHeader({ alg, kid: "its own" }).sign(privateKey);
    return await ask(`Bearer ${token}`, { AUTH_JWKS });
  }

  test.each(["ES256", "EdDSA", "RS256", "PS256"])("%s is good", async (algorithm) => {
    expect((await askSigned(algorithm)).status).toBe(200);
  });

  test.each(["ES384", "RS512"])("%s is not on the list", async (algorithm) => {
    const answer = await askSigned(algorithm);
    await expectRefused(answer);
    expect(answer.body.error.message).toContain("use one of ES256, RS256, EdDSA, PS256");
  });
});

describe("the issuer's keys", () => {
  let token: string;
  const log = vi.spyOn(console, "error");
  beforeEach(async () => {
    token = `Bearer ${await signToken("ada")}`;
    log.mockReset().mockReturnValue();
  });
  afterAll(() => log.mockRestore());

  test.each([
    ["at the configured address", { AUTH_JWKS: "", AUTH_JWKS_URL: "https://issuer.test/keys" }],
    ["through the issuer's OpenID configuration", { AUTH_JWKS: "", AUTH_JWKS_URL: "" }],
    ["so too where the vars are not even there", { AUTH_JWKS: undefined, AUTH_JWKS_URL: undefined }],
  ])("are found %s, and judge", async (_, vars) => {
    expect((await ask(token, vars)).status).toBe(200);
    const { privateKey } = await generateKeyPair("ES256");
    for (const kid of ["test", "unknown"]) {
      const wrong = await new SignJWT(claims()).setProtectedHeader({ alg: "ES256", kid }).sign(privateKey);
      await expectRefused(await ask(`Bearer ${wrong}`, vars));
    }
  });

  test("given themselves come before an address", async () => {
    expect((await ask(token, { AUTH_JWKS_URL: "https://down.test/keys" })).status).toBe(200);
  });

  test.each([
    ["at an address that does not answer", { AUTH_JWKS: "", AUTH_JWKS_URL: "https://down.test/keys" }],
    ["at an address that is none", { AUTH_JWKS: "", AUTH_JWKS_URL: "issuer.test/keys" }],
    ["of an issuer that does not answer", { AUTH_JWKS: "", AUTH_ISSUER: "https://down.test" }],
    ["of an issuer that publishes none", { AUTH_JWKS: "", AUTH_ISSUER: "https://keyless.test" }],
    ["of an issuer that says it is another", { AUTH_JWKS: "", AUTH_ISSUER: "https://impostor.test" }],
    ["that are not JSON", { AUTH_JWKS: "nonsense" }],
    ["that are no key set", { AUTH_JWKS: "{}" }],
  ])("%s let nobody in, for now", async (_, vars) => {
    const { status, body, headers } = await ask(token, vars);
    expect([status, body.error.code]).toEqual([503, "serviceNotAvailable"]);
    expect(headers.get("Retry-After")).toMatch(/^[1-9]\d*$/);
    expect(log).toHaveBeenCalledOnce();
    expect(JSON.stringify(log.mock.calls)).toMatch(
      /AUTH_JWKS|down\.test|keyless\.test|impostor\.test|issuer\.test\/keys/,
    );
  });

  test.each([
    ["nothing", { AUTH_ISSUER: "", AUTH_AUDIENCE: "", AUTH_JWKS_URL: "", AUTH_JWKS: "" }],
    ["no issuer", { AUTH_ISSUER: "" }],
    ["no audience", { AUTH_AUDIENCE: "" }],
    ["an issuer alone", { AUTH_AUDIENCE: "", AUTH_JWKS: "" }],
    ["vars that are not there", { AUTH_ISSUER: undefined, AUTH_AUDIENCE: undefined, AUTH_JWKS: undefined }],
    ["no issuer's var", { AUTH_ISSUER: undefined }],
    ["no audience's var", { AUTH_AUDIENCE: undefined }],
  ])("%s: configured so, nobody is let in at all, and the log says why", async (_, vars) => {
    await expectRefused(await ask(token, vars));
    expect(log).toHaveBeenCalledOnce();
    expect(JSON.stringify(log.mock.calls)).toContain("Set the vars AUTH_ISSUER and AUTH_AUDIENCE");
  });
});
