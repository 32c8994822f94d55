import { env } from "cloudflare:workers";
import { exportJWK } from "jose";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { verifyJwt } from "../../src/jwt.ts";
import { TOKEN_LENGTH_MAX } from "../../src/limits.ts";
import { ASKED } from "../outbound.ts";
import { type Answer, Api, type Json } from "../stage.ts";
import { asCaller, asDevice, ELSEWHERE, expectRefused, now, registered, trustedIssuer } from "./doors.ts";
import { forgeriesFor } from "./forgeries.ts";
import { ofLength, signedWith, type Target, trulySigned, wrongTimes } from "./signing.ts";

/** Tokens that an attacker can make, at both doors: the callers', whose issuer is trusted, and a device's own. */

const api = new Api();
let issuer: Target;
let device: Target & { id: string };

beforeAll(async () => {
  issuer = await trustedIssuer();
  device = { ...(await registered(api, "ES256")), kid: "device", elsewhere: ELSEWHERE };
});

type Door = [name: string, target: () => Target, ask: (token: string) => Promise<Answer>];
const DOORS: Door[] = [
  ["a caller", () => issuer, (token) => asCaller(token)],
  ["a device", () => device, (token) => asDevice(device.id, token)],
];

/** What was asked for beyond the service, where forged tokens point to. */
async function askedElsewhere(): Promise<string[]> {
  const asked: string[] = await (await fetch(ASKED)).json();
  return asked.filter((url) => url.startsWith(ELSEWHERE));
}

describe.each(DOORS)("%s", (_, target, ask) => {
  test("is let in with a good token", async () => {
    const json = JSON.stringify(target().claims);
    expect((await ask(await trulySigned(target(), json))).status).toBe(200);
  });

  test("is let in with no forged one, and nothing is fetched to find out", async () => {
    const forgeries = await forgeriesFor(target());
    expect(forgeries.length).toBeGreaterThan(200);
    const fetched = vi.spyOn(globalThis, "fetch");
    await expectRefused(forgeries, ask);
    expect(fetched).not.toHaveBeenCalled();
    fetched.mockRestore();
    expect(await askedElsewhere()).toEqual([]);
  });

  test("is let in neither before a token's time nor after, nor with a time that is none", async () => {
    const tokens = await Promise.all(
      wrongTimes(now()).map(async (claims) => {
        const json = JSON.stringify({ ...target().claims, ...claims });
        return [json, await trulySigned(target(), json)] as const;
      }),
    );
    await expectRefused(tokens, ask);
  });

  test("is let in with the longest token, and with none longer", async () => {
    const longest = await ofLength(target(), TOKEN_LENGTH_MAX - 3);
    expect(longest.length).toBeLessThanOrEqual(TOKEN_LENGTH_MAX);
    expect((await ask(longest)).status).toBe(200);
    const longer = await ofLength(target(), TOKEN_LENGTH_MAX + 1);
    await expectRefused([["longer", longer]], ask);
  });

  test("has the last word where a claim is given twice, and not both", async () => {
    const { claims } = target();
    const twice = (first: Json, second: Json): string =>
      `{${JSON.stringify(first).slice(1, -1)},${JSON.stringify({ ...claims, ...second }).slice(1)}`;
    const last = await trulySigned(target(), twice({ sub: "eve", aud: "elsewhere", exp: 1 }, {}));
    expect((await ask(last)).status).toBe(200);
    const wrong = [{ sub: "" }, { aud: "elsewhere" }, { iss: "elsewhere" }, { exp: 1 }];
    const tokens = await Promise.all(
      wrong.map(async (claim) => {
        const json = twice(claims, claim);
        return [json, await trulySigned(target(), json)] as const;
      }),
    );
    await expectRefused(tokens, ask);
  });
});

test("a token in letters that no header should carry is none", async () => {
  const { publicKey, claims, privateKey } = device;
  const key = await exportJWK(publicKey);
  const good = await signedWith("ES256", privateKey, claims);
  expect((await verifyJwt(good, key, {})).ok).toBe(true);
  const dots = [
    "\uFF0E",
    "\u3002",
    "\u2024",
    "\u0701",
    ".\u200B",
    ".\uFEFF",
    ".\u0000",
    ".\n",
    ".\u00A0",
    "\u00E9.",
  ];
  for (const dot of dots)
    expect((await verifyJwt(good.replaceAll(".", dot), key, {})).ok, JSON.stringify(dot)).toBe(false);
});

describe("the issuer's own tokens that are not for this service's callers", () => {
  test.each<[claim: string, values: Json[]]>([
    [
      "iss",
      [
        ...[
          "https://issuer.test/",
          "https://ISSUER.test",
          "http://issuer.test",
          "https://issuer.test.evil.test",
        ],
        ...[
          " https://issuer.test",
          ["https://issuer.test"],
          { iss: "https://issuer.test" },
          "",
          null,
          1,
          undefined,
        ],
      ],
    ],
    [
      "aud",
      [
        ...[
          "appia",
          "appia-test2",
          "APPIA-TEST",
          "appia-test ",
          "appia-production",
          "https://issuer.test",
          "*",
          "",
        ],
        ...[[], [["appia-test"]], ["other"], { "appia-test": true }, null, 1, undefined],
      ],
    ],
    ["sub", ["", 0, 42, true, null, [], ["ada"], {}, { toString: "ada" }, undefined]],
  ])("by their %s", async (claim, values) => {
    const tokens = await Promise.all(
      values.map(async (value) => {
        const json = JSON.stringify({ ...issuer.claims, [claim]: value });
        return [json, await trulySigned(issuer, json)] as const;
      }),
    );
    await expectRefused(tokens, (token) => asCaller(token));
  });

  test("are not let in for whom they were made (azp), but for whom they are for (aud)", async () => {
    const json = JSON.stringify({ ...issuer.claims, aud: "another-client", azp: env.AUTH_AUDIENCE });
    await expectRefused([["azp", await trulySigned(issuer, json)]], (token) => asCaller(token));
  });

  test("such as those that tell of a sign-in or a sign-out, may do nothing", async () => {
    const { scp: _, ...claims } = issuer.claims;
    for (const more of [
      { nonce: "n", auth_time: now(), azp: env.AUTH_AUDIENCE },
      { events: { "http://schemas.openid.net/event/backchannel-logout": {} }, sid: "s" },
    ]) {
      const token = await trulySigned(issuer, JSON.stringify({ ...claims, ...more }), { typ: "logout+jwt" });
      expect((await asCaller(token)).status).toBe(403);
    }
  });

  test("of the same user at the same issuer, and of nobody whose name only looks the same", async () => {
    const idsOf = async (sub: string): Promise<string[]> => {
      const token = await trulySigned(issuer, JSON.stringify({ ...issuer.claims, sub }));
      return (await asCaller(token)).body.value.map(({ id }: Json) => id);
    };
    expect(await idsOf(api.sub)).toContain(device.id);
    const alike = [
      `${api.sub} `,
      api.sub.toUpperCase(),
      `${api.sub}\u0000`,
      `${api.sub}\u200b`,
      `${api.sub}"]`,
    ];
    for (const sub of alike) expect(await idsOf(sub)).toEqual([]);
  });
});
