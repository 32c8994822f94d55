import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { DEVICE_TEXT_LENGTH_MAX } from "../../src/limits.ts";
import { ask, Newcomer, newAddress, publicKey, REGISTRATION, send } from "../pairing/stage.ts";
import { type Answer, Api, type Json, ORIGIN } from "../stage.ts";

/** What the edge says to those who pair: the wire format, its refusals, where requests come from, and how many may come. */

const FORM = { "Content-Type": "application/x-www-form-urlencoded" };
const JSON_TYPE = { "Content-Type": "application/json" };
const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";

describe("asking for a pairing", () => {
  test("is answered with two codes, where to enter the one, and how often to ask with the other", async () => {
    const { status, headers, body } = await ask();
    expect(status).toBe(200);
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(body).toEqual({
      device_code: expect.stringMatching(/^[\da-f]{64}\.[\w-]{43}$/),
      user_code: expect.stringMatching(/^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$/),
      verification_uri: `${ORIGIN}/pair`,
      verification_uri_complete: `${ORIGIN}/pair#${body.user_code}`,
      expires_in: 600,
      interval: 5,
    });
  });

  test("is answered differently each time", async () => {
    const codes = await Promise.all(Array.from({ length: 8 }, async () => (await ask()).body));
    expect(new Set(codes.map(({ user_code }) => user_code)).size).toBe(8);
    expect(new Set(codes.map(({ device_code }) => device_code.slice(65))).size).toBe(8);
  });

  test.each<[what: string, registration: Json, member: string]>([
    ["without a name", { name: undefined }, "name"],
    ["with a name without end", { name: "x".repeat(10_000) }, "name"],
    ["with a kind that is none", { kind: "Toaster" }, "kind"],
    ["without a key", { publicKey: undefined }, "publicKey"],
    ["with a private key", { publicKey: { ...publicKey, d: "AA" } }, "private key"],
    ["with a member too many", { account: "mine" }, "account"],
  ])("%s is refused", async (_, registration, member) => {
    const { status, body } = await ask(registration);
    expect([status, body.error.code]).toEqual([400, "invalidRequest"]);
    expect(body.error.message).toContain(member);
  });

  test("needs JSON", async () => {
    expect((await ask({}, { "Content-Type": "text/plain" })).status).toBe(415);
    expect((await send("/pairings", { headers: JSON_TYPE, body: "{" })).status).toBe(400);
    expect((await ask({}, { Accept: "text/html" })).status).toBe(406);
  });
});

describe("the device's question", () => {
  test.each<[what: string, headers: Record<string, string>, write: (code: string) => string]>([
    [
      "a form",
      FORM,
      (code) => `grant_type=${encodeURIComponent(GRANT_TYPE)}&device_code=${code}&client_id=lamp`,
    ],
    ["a form without a grant type", FORM, (code) => `device_code=${code}&grant_type=`],
    [
      "a form in another's letters",
      { "Content-Type": `${FORM["Content-Type"]}; charset=UTF-8` },
      (code) => `device_code=${code}`,
    ],
    ["JSON", JSON_TYPE, (code) => JSON.stringify({ grant_type: GRANT_TYPE, device_code: code })],
    [
      "JSON without a grant type",
      JSON_TYPE,
      (code) => JSON.stringify({ device_code: code, grant_type: null }),
    ],
  ])("is heard in %s", async (_, headers, write) => {
    const { deviceCode } = await Newcomer.asks();
    const answer = await send("/v1.0/Pairings/TOKEN", { headers, body: write(deviceCode) });
    expect([answer.status, answer.body.error]).toEqual([400, "authorization_pending"]);
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
    expect(answer.body.error_description).toMatch(/\.$/);
  });

  test.each<[what: string, headers: Record<string, string>, body: string | undefined, error: string]>([
    ["an object that never was", FORM, `device_code=${"a".repeat(64)}.${"A".repeat(43)}`, "invalid_grant"],
    ["a device's id", FORM, `device_code=${env.DEVICES.newUniqueId()}.${"A".repeat(43)}`, "invalid_grant"],
    [
      "nobody's pairing",
      FORM,
      `device_code=${env.PAIRINGS.idFromName("ZZZZZZZZ")}.${"A".repeat(43)}`,
      "expired_token",
    ],
    ["garbage", FORM, "device_code=garbage", "invalid_grant"],
    ["a user code", FORM, "device_code=WDJB-MJHT", "invalid_grant"],
    ["an endless code", FORM, `device_code=${"A".repeat(5_000)}`, "invalid_grant"],
    ["no code", FORM, `grant_type=${GRANT_TYPE}`, "invalid_request"],
    ["an empty code", FORM, "device_code=", "invalid_request"],
    ["two codes", FORM, "device_code=a&device_code=b", "invalid_request"],
    ["two grant types", FORM, "device_code=a&grant_type=a&grant_type=b", "invalid_request"],
    ["a code that is no text", JSON_TYPE, '{"device_code":{"a":1}}', "invalid_request"],
    ["no object", JSON_TYPE, "null", "invalid_request"],
    ["no JSON", JSON_TYPE, "{", "invalid_request"],
    ["nothing", FORM, undefined, "invalid_request"],
    ["another type", { "Content-Type": "text/plain" }, "device_code=a", "invalid_request"],
    ["too much", FORM, `device_code=${"A".repeat(9_000)}`, "invalid_request"],
    ["another grant", FORM, "device_code=a&grant_type=password", "unsupported_grant_type"],
  ])("with %s is refused as OAuth does", async (_, headers, body, error) => {
    const answer = await send("/pairings/token", { headers, ...(body !== undefined && { body }) });
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error, error_description: expect.stringMatching(/\.$/) });
    expect(answer.headers.get("Cache-Control")).toBe("no-store");
  });
});

describe("the person", () => {
  test.each(["/beta", "/v1.0", ""])("is shown under %s what asks", async (profile) => {
    const api = new Api();
    const before = Date.now();
    const name = '<img src=x onerror="alert(1)"> & \u200fevil';
    const newcomer = await Newcomer.asks({ name, kind: "hub", platform: "LINUX", model: "Pi" });
    const { status, body } = await api.get(`${profile}${newcomer.path}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      "@odata.context": `${ORIGIN}/${profile.slice(1) || "beta"}/$metadata#me/pairings/$entity`,
      userCode: newcomer.userCode,
      name,
      kind: "Hub",
      platform: "Linux",
      manufacturer: null,
      model: "Pi",
      place: null,
      sameAddress: false,
      createdDateTime: expect.any(String),
      expirationDateTime: expect.any(String),
    });
    const created = Date.parse(body.createdDateTime);
    expect(created).toBeGreaterThanOrEqual(before);
    expect(Date.parse(body.expirationDateTime) - created).toBe(600_000);
  });

  test("may type the code as it comes", async () => {
    const api = new Api();
    const { userCode } = await Newcomer.asks();
    const letters = userCode.replace("-", "");
    const spellings = [
      letters,
      letters.toLowerCase(),
      `${letters.slice(0, 2)}%20${letters.slice(2)}`,
      `%20${userCode}%20`,
    ];
    for (const typed of spellings) {
      expect((await api.get(`/ME/Pairings/${typed}/`)).body.userCode).toBe(userCode);
    }
    const { status, headers, body } = await api.post(
      `/v1.0/me/pairings/${letters.toLowerCase()}/Approve`,
      undefined,
    );
    expect(status).toBe(201);
    expect(headers.get("Location")).toBe(`${ORIGIN}/v1.0/me/devices/${body.id}`);
    expect((await api.get(`/v1.0/me/devices/${body.id}`)).body).toEqual(body);
  });

  test("is told the same of a code that is wrong and of one that was used", async () => {
    const api = new Api();
    const used = await Newcomer.asks();
    await api.post(`${used.path}/approve`, undefined);
    for (const code of [used.userCode, "BBBB-BBBB", "nonsense", "WDJB", "%E0%A4%A"]) {
      for (const { status, body } of [
        await api.get(`/me/pairings/${code}`),
        await new Api().post(`/me/pairings/${code}/approve`, undefined),
        await new Api().post(`/me/pairings/${code}/deny`, undefined),
      ]) {
        expect([code, status, body.error.code]).toEqual([code, 404, "itemNotFound"]);
        expect(body.error.message).toMatch(/^This code is wrong, has expired or was used\. /);
      }
    }
  });
});

describe("where a request comes from", () => {
  const cf = { city: "Leipzig", region: "Saxony", country: "DE" };

  /** What a person elsewhere is told of a device that asks like this. */
  async function toldOf(from: Record<string, string>, place: Json, asker: Record<string, string> = {}) {
    const init: RequestInit<RequestInitCfProperties> = { cf: place };
    const { body } = await ask({}, from, init);
    const told = await new Api().get(`/me/pairings/${body.user_code}`, asker);
    return [told.body.place, told.body.sameAddress];
  }

  test.each<[ip: string, more: Record<string, string>, place: Json, told: string | null]>([
    ["203.0.113.7", { "CF-Ray": "9" }, cf, "Leipzig, Saxony, DE"],
    ["2001:db8::7", { "CF-Ray": "9" }, cf, "Leipzig, Saxony, DE"],
    ["203.0.113.7", { "CF-Ray": "9" }, { ...cf, region: "Leipzig" }, "Leipzig, DE"],
    ["203.0.113.7", { "CF-Ray": "9" }, { country: "DE" }, "DE"],
    ["203.0.113.7", { "CF-Ray": "9" }, {}, null],
    // Not Cloudflare's word: what runs the service locally makes a city up.
    ["203.0.113.7", {}, cf, null],
    ["127.0.0.1", {}, cf, "the service's own computer"],
    ["::1", { "CF-Ray": "9" }, cf, "the service's own computer"],
    ["::ffff:127.0.0.1", {}, cf, "the service's own computer"],
    ["192.168.1.20", {}, cf, "the service's local network"],
    ["10.1.2.3", {}, cf, "the service's local network"],
    ["172.16.0.1", {}, cf, "the service's local network"],
    ["172.32.0.1", {}, cf, null],
    ["100.64.0.1", {}, cf, "the service's local network"],
    ["169.254.1.1", {}, cf, "the service's local network"],
    ["fd12:3456::1", {}, cf, "the service's local network"],
    ["fe80::1", {}, cf, "the service's local network"],
    ["127.0.0.1", { "X-Forwarded-For": "203.0.113.7" }, cf, null],
    ["192.168.1.20", { Forwarded: "for=203.0.113.7" }, cf, null],
    ["nonsense", { "CF-Ray": "9" }, cf, null],
    ["", { "CF-Ray": "9" }, cf, null],
    // A page that somebody looks at has their browser ask, from where they are.
    [
      "203.0.113.7",
      { "CF-Ray": "9", Origin: "https://evil.example:8443" },
      cf,
      "a web page of evil.example:8443",
    ],
    ["127.0.0.1", { Origin: "null" }, cf, "a web page of unknown origin"],
    ["203.0.113.7", { "CF-Ray": "9", Origin: ORIGIN }, cf, "Leipzig, Saxony, DE"],
  ])("%s, with %j, in %j, is told as %j", async (ip, more, place, told) => {
    expect(await toldOf({ "CF-Connecting-IP": ip, ...more }, place)).toEqual([told, false]);
  });

  test.each<[one: Record<string, string>, other: Record<string, string>, same: boolean]>([
    [{ "CF-Connecting-IP": "203.0.113.7" }, { "CF-Connecting-IP": "203.0.113.7" }, true],
    [{ "CF-Connecting-IP": "203.0.113.7" }, { "CF-Connecting-IP": "203.0.113.8" }, false],
    // One subscriber's.
    [{ "CF-Connecting-IP": "2001:db8:1:2::7" }, { "CF-Connecting-IP": "2001:0DB8:1:2:ffff::8" }, true],
    [{ "CF-Connecting-IP": "2001:db8:1:2::7" }, { "CF-Connecting-IP": "2001:db8:1:3::7" }, false],
    [{ "CF-Connecting-IP": "127.0.0.1" }, { "CF-Connecting-IP": "::1" }, true],
    [{ "CF-Connecting-IP": "::ffff:203.0.113.9" }, { "CF-Connecting-IP": "203.0.113.9" }, true],
    [{ "CF-Connecting-IP": "" }, { "CF-Connecting-IP": "" }, false],
    [{ "CF-Connecting-IP": "nonsense" }, { "CF-Connecting-IP": "nonsense" }, false],
    // Everyone behind a proxy has its address.
    [
      { "CF-Connecting-IP": "127.0.0.1", "X-Forwarded-For": "203.0.113.7" },
      { "CF-Connecting-IP": "127.0.0.1", "X-Forwarded-For": "203.0.113.8" },
      false,
    ],
    [
      { "CF-Connecting-IP": "203.0.113.7", Origin: "https://evil.example" },
      { "CF-Connecting-IP": "203.0.113.7" },
      false,
    ],
  ])("%j and %j are the same: %s", async (one, other, same) => {
    expect((await toldOf(one, {}, other))[1]).toBe(same);
  });
});

describe("too many", () => {
  /** Sends until it is told that it sends too much, after so many at least; the limits' minute may end in between. */
  async function sendsTooMuch(least: number, most: number, act: () => Promise<Answer>): Promise<void> {
    for (let sent = 0; sent <= 2 * most; sent++) {
      const { status, headers, body } = await act();
      if (status !== 429) continue;
      expect(sent).toBeGreaterThanOrEqual(least);
      expect(body.error.code).toBe("activityLimitReached");
      expect(headers.get("Retry-After")).toBe("60");
      return;
    }
    throw new Error(`Nobody minded ${2 * most} requests.`);
  }

  test("requests from one network are refused, and others are not", async () => {
    const address = newAddress();
    const neighbour = address.replace(/::1$/, "::2");
    let turn = 0;
    const from = () => ({ "CF-Connecting-IP": turn++ % 2 === 0 ? address : neighbour });
    await sendsTooMuch(30, 30, () => ask({ name: "" }, from()));
    await sendsTooMuch(0, 30, () => ask({}, from()));
    expect((await ask()).status).toBe(200);
  });

  test("looks by one account are refused, whatever they look at and wherever it is", async () => {
    const api = new Api();
    const newcomer = await Newcomer.asks();
    const look = (method: string, path: string) => () =>
      api.request(method, path, undefined, { "CF-Connecting-IP": newAddress() });
    const looks = [
      look("GET", "/me/pairings/BBBB-BBBB"),
      look("POST", "/me/pairings/BBBB-BBBB/approve"),
      look("POST", "/me/pairings/BBBB-BBBB/deny"),
    ];
    let turn = 0;
    await sendsTooMuch(20, 20, () => looks[turn++ % 3]?.() ?? Promise.reject());
    for (const one of [...looks, look("GET", newcomer.path)]) await sendsTooMuch(0, 20, one);
    expect((await new Api().get(newcomer.path)).status).toBe(200);
  });

  test("looks from one network are refused, whoever looks", async () => {
    const headers = { "CF-Connecting-IP": newAddress() };
    const newcomer = await Newcomer.asks();
    await sendsTooMuch(20, 20, () => new Api().get("/me/pairings/nonsense", headers));
    await sendsTooMuch(0, 20, () => new Api().get(newcomer.path, headers));
    expect((await new Api().get(newcomer.path)).status).toBe(200);
  });
});

test("a code that is taken is not given out twice", async () => {
  const taken = env.PAIRINGS.get(env.PAIRINGS.idFromName("HHHHHHHH"));
  await taken.begin({
    properties: { ...REGISTRATION, kind: "Hub", platform: "Linux", manufacturer: null, model: null },
    digest: new Uint8Array(32),
    place: null,
    network: null,
  });
  let draws = 0;
  const random = crypto.getRandomValues.bind(crypto);
  const spy = vi
    .spyOn(crypto, "getRandomValues")
    .mockImplementation((array) =>
      array instanceof Uint32Array && draws++ < 2 ? array.fill(5) : random(array),
    );
  try {
    const { status, body } = await ask();
    expect(status).toBe(200);
    expect(body.user_code).not.toBe("HHHH-HHHH");
    expect(draws).toBe(3);
  } finally {
    spy.mockRestore();
  }
});

test("names as long as they may be are taken", async () => {
  expect((await ask({ name: "x".repeat(DEVICE_TEXT_LENGTH_MAX) })).status).toBe(200);
});
