import { exportJWK, generateKeyPair, importJWK } from "jose";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Answer, Api, type Json } from "../stage.ts";
import { asCaller, asDevice, expectRefused, registered, trustedIssuer } from "./doors.ts";
import { signedWith } from "./signing.ts";

/** Tokens whose algorithm is not what their key is for. */

const api = new Api();
const issuer = await trustedIssuer();

describe("an algorithm is the key's, and not the token's", () => {
  /** Asks with a token signed so, where the issuer's only key is this one. */
  async function asked(alg: string, pair: CryptoKeyPair, jwk: Json, header: Json = {}): Promise<Answer> {
    const AUTH_JWKS = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), ...jwk }] });
    return await asCaller(await signedWith(alg, pair.privateKey, issuer.claims, header), { AUTH_JWKS });
  }

  test("RSA keys that are for one padding are not for the other", async () => {
    const rs = (await generateKeyPair("RS256", { extractable: true })) as CryptoKeyPair;
    const jwk = await exportJWK(rs.privateKey);
    const privateKey = (await importJWK({ ...jwk, ext: true }, "PS256")) as CryptoKey;
    const ps = { privateKey, publicKey: rs.publicKey } as CryptoKeyPair;
    expect((await asked("RS256", rs, { alg: "RS256" })).status).toBe(200);
    expect((await asked("PS256", ps, { alg: "PS256" })).status).toBe(200);
    expect((await asked("PS256", ps, { alg: "RS256" })).status).toBe(401);
    expect((await asked("RS256", rs, { alg: "PS256" })).status).toBe(401);
    // The signature of one under the name of the other.
    for (const [alg, pair] of [
      ["RS256", rs],
      ["PS256", ps],
    ] as const) {
      const other = alg === "RS256" ? "PS256" : "RS256";
      const token = await signedWith(alg, pair.privateKey, issuer.claims);
      const [header = "", payload, signature] = token.split(".");
      const renamed = btoa(atob(header).replace(alg, other)).replaceAll("=", "");
      const AUTH_JWKS = JSON.stringify({ keys: [await exportJWK(rs.publicKey)] });
      expect((await asCaller(`${renamed}.${payload}.${signature}`, { AUTH_JWKS })).status).toBe(401);
    }
  });

  test.each(["ES384", "ES512", "RS384", "RS512", "PS384", "PS512"])("%s is no one's", async (alg) => {
    const pair = (await generateKeyPair(alg, { extractable: true })) as CryptoKeyPair;
    expect((await asked(alg, pair, {})).status).toBe(401);
    expect((await asked(alg, pair, { alg })).status).toBe(401);
  });

  test("a key for something else is for no signature", async () => {
    const pair = (await generateKeyPair("ES256", { extractable: true })) as CryptoKeyPair;
    expect((await asked("ES256", pair, {})).status).toBe(200);
    for (const jwk of [{ use: "enc" }, { key_ops: ["deriveKey"] }, { alg: "ES384" }, { alg: "ECDH-ES" }])
      expect((await asked("ES256", pair, jwk)).status, JSON.stringify(jwk)).toBe(401);
  });

  test("two keys of one name let neither's bearer choose", async () => {
    const [first, second] = await Promise.all(
      [1, 2].map(() => generateKeyPair("ES256", { extractable: true })),
    );
    const keys = await Promise.all(
      [first, second].map(async (pair) => ({
        ...(await exportJWK(pair?.publicKey as CryptoKey)),
        kid: "one",
      })),
    );
    const token = await signedWith("ES256", second?.privateKey as CryptoKey, issuer.claims, { kid: "one" });
    expect((await asCaller(token, { AUTH_JWKS: JSON.stringify({ keys }) })).status).toBe(401);
  });

  test("an Ed25519 signature of zeros, or with a number over the group's, is none", async () => {
    const { id, claims, privateKey } = await registered(api, "EdDSA");
    const good = await signedWith("EdDSA", privateKey, claims);
    expect((await asDevice(id, good)).status).toBe(200);
    const cut = good.lastIndexOf(".") + 1;
    const tokens = [
      ["zeros", `${good.slice(0, cut)}${"A".repeat(86)}`],
      ["S too large", `${good.slice(0, cut + 43)}${"_".repeat(42)}w`],
      ["cut short", good.slice(0, -2)],
    ] as const;
    await expectRefused(tokens, (token) => asDevice(id, token));
  });
});

describe("a device's key", () => {
  let log: ReturnType<typeof vi.spyOn>;
  beforeAll(() => {
    log = vi.spyOn(console, "error");
  });
  afterAll(() => log.mockRestore());

  test.each(["ES256", "RS256", "EdDSA"])(
    "for %s takes no token that calls itself something else",
    async (own) => {
      const { id, claims } = await registered(api, own);
      const others = ["ES256", "RS256", "PS256", "EdDSA"].filter(
        (alg) => alg !== own && !(own === "RS256" && alg === "PS256"),
      );
      const tokens = await Promise.all(
        others.map(async (alg) => {
          const { privateKey } = await generateKeyPair(alg);
          return [alg, await signedWith(alg, privateKey, claims)] as const;
        }),
      );
      await expectRefused(tokens, (token) => asDevice(id, token));
      // A refusal is no failure of the service.
      expect(log).not.toHaveBeenCalled();
    },
  );
});
