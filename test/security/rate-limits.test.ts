import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { app } from "../../src/http/app.ts";
import { RATE_LIMIT_SECONDS } from "../../src/limits.ts";
import { type Answer, Api, answerOf, Device, LAUNCH_URI, newAccount, ORIGIN, signToken } from "../stage.ts";
import { LOW_LIMIT } from "./low-limit.ts";

/** Who asks too often is told so, and when to come again; nobody else notices. */

const LIMITS_ON = { REQUEST_LIMITS: "" };
/** The limits' minute may end in between. */
const TRIES = 2 * LOW_LIMIT + 1;

let hosts = 0;
/** An address that no other test uses, from the block for documentation (RFC 5737). */
const newAddress = (): string => `203.0.113.${++hosts}`;

interface Request_ {
  method?: string;
  headers?: Record<string, string>;
  body?: object;
  vars?: Partial<Env>;
}

async function ask(
  path: string,
  { method = "GET", headers = {}, body, vars }: Request_ = {},
): Promise<Answer> {
  const request = new Request(`${ORIGIN}${path}`, {
    method,
    headers: { ...(body && { "Content-Type": "application/json" }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  return await answerOf(
    await app.fetch(request, { ...env, ...LIMITS_ON, ...vars }, createExecutionContext()),
  );
}

/** Asks until it is told that this is too much; what it was answered before. */
async function asksTooOften(once: () => Promise<Answer>): Promise<{ before: number[]; told: Answer }> {
  const before: number[] = [];
  for (let tried = 0; tried < TRIES; tried++) {
    const answer = await once();
    if (answer.status === 429) return { before, told: answer };
    before.push(answer.status);
  }
  throw new Error(`Nobody was held off: ${before.join()}`);
}

function expectHeldOff({ status, body, headers }: Answer): void {
  expect([status, body.error.code]).toEqual([429, "activityLimitReached"]);
  expect(headers.get("Retry-After")).toBe(String(RATE_LIMIT_SECONDS));
  expect(headers.get("WWW-Authenticate")).toBeNull();
  expect(headers.get("request-id")).toMatch(/./);
}

const bearer = async (sub: string): Promise<string> => `Bearer ${await signToken(sub)}`;

describe("an address", () => {
  test.each([
    ["without a token", {}, 401],
    ["with one that is no good", { Authorization: "Bearer a.b.c" }, 401],
  ])("is held off after too many calls %s", async (_, credentials, usual) => {
    const headers = { "CF-Connecting-IP": newAddress(), ...credentials };
    const { before, told } = await asksTooOften(() => ask("/v1.0/me/devices", { headers }));
    expect(told.headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(new Set(before)).toEqual(new Set([usual]));
    expect(before.length).toBeGreaterThanOrEqual(LOW_LIMIT);
    expectHeldOff(told);
  });

  test("is held off from what needs no token, too, and others are not", async () => {
    const headers = { "CF-Connecting-IP": newAddress() };
    const { told } = await asksTooOften(() => ask("/openapi.json", { headers }));
    expectHeldOff(told);
    expect((await ask("/openapi.json", { headers: { "CF-Connecting-IP": newAddress() } })).status).toBe(200);
  });

  test("is one whatever tokens it uses, and everywhere in its network", async () => {
    let host = 0;
    const { before, told } = await asksTooOften(async () =>
      ask("/v1.0/me/devices", {
        headers: {
          "CF-Connecting-IP": `2001:db8:0:1::${(++host).toString(16)}`,
          Authorization: await bearer(newAccount()),
        },
      }),
    );
    expect(new Set(before)).toEqual(new Set([200]));
    expectHeldOff(told);
  });

  test("that is not known is not counted", async () => {
    for (let tried = 0; tried < TRIES; tried++) expect((await ask("/openapi.json")).status).toBe(200);
  });
});

describe("an account", () => {
  test("is held off wherever it calls from, and what it asked for is not done", async () => {
    const sub = newAccount();
    const authorization = await bearer(sub);
    const device = await Device.registered(new Api(sub));
    const { told } = await asksTooOften(() =>
      ask("/v1.0/me/devices", {
        headers: { Authorization: authorization, "CF-Connecting-IP": newAddress() },
      }),
    );
    expectHeldOff(told);
    const headers = { Authorization: authorization };
    const removal = { method: "DELETE", headers, vars: { ACCOUNT_REQUESTS: full } };
    expect((await ask(`/v1.0/me/devices/${device.id}`, removal)).status).toBe(429);
    expect((await new Api(sub).get(`/v1.0/me/devices/${device.id}`)).status).toBe(200);
    expect(
      (await ask("/v1.0/me/devices", { headers: { Authorization: await bearer(newAccount()) } })).status,
    ).toBe(200);
  });

  test("has each part of a batch counted", async () => {
    const requests = Array.from({ length: 20 }, (_, id) => ({
      id: `${id}`,
      method: "GET",
      url: "/me/devices",
    }));
    const headers = { Authorization: await bearer(newAccount()) };
    const batch = () => ask("/v1.0/$batch", { method: "POST", headers, body: { requests } });
    // The minute may end within the first.
    const statuses = [await batch(), await batch()].flatMap(({ body }) =>
      body.responses.map(({ status }: { status: number }) => status),
    );
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(LOW_LIMIT);
    expect(statuses).toContain(429);
  });
});

describe("a device", () => {
  /** Commands that are no commands: they are counted, and need no further road. */
  const sends = (api: { authorization: string }, device: string) => () =>
    ask(`/v1.0/me/devices/${device}/commands`, {
      method: "POST",
      headers: { Authorization: api.authorization },
      body: LAUNCH_URI,
      // The account has a limit of its own.
      vars: { ACCOUNT_REQUESTS: undefined } as unknown as Partial<Env>,
    });

  test("is sent so many commands by its owner, and another's attempts leave that alone", async () => {
    const owner = newAccount();
    const device = await Device.registered(new Api(owner));
    const stranger = await asksTooOften(sends({ authorization: await bearer(newAccount()) }, device.id));
    expect(new Set(stranger.before)).toEqual(new Set([404]));
    const { before, told } = await asksTooOften(sends({ authorization: await bearer(owner) }, device.id));
    expect(new Set(before)).toEqual(new Set([201]));
    expectHeldOff(told);
    const { body } = await new Api(owner).get(`/v1.0/me/devices/${device.id}/commands?$top=100`);
    expect(body.value).toHaveLength(before.length);
  });

  test.each([
    ["asks for its messages", "messages", {}],
    ["connects", "connection", { Upgrade: "websocket" }],
  ])("that %s too often is held off, but not by others that use its name", async (_, path, more) => {
    const device = await Device.registered(new Api());
    const asking = async (token: string, address: string): Promise<Answer> =>
      await ask(`/devices/${device.id}/${path}`, {
        headers: { "CF-Connecting-IP": address, Authorization: `Bearer ${token}`, ...more },
        vars: { ADDRESS_REQUESTS: undefined, STRANGER_REQUESTS: undefined } as unknown as Partial<Env>,
      });
    const [own, other] = [newAddress(), newAddress()];
    const impostor = await asksTooOften(() => asking("a.b.c", other));
    expect(new Set(impostor.before)).toEqual(new Set([401]));
    const token = await device.signToken();
    const { before, told } = await asksTooOften(() => asking(token, own));
    expect(before.length).toBeGreaterThanOrEqual(LOW_LIMIT);
    expectHeldOff(told);
  });
});

test("where there are no limits nobody is held off, nor where they fail", async () => {
  const log = vi.spyOn(console, "error").mockReturnValue();
  const broken = { limit: () => Promise.reject(new Error("No count.")) };
  for (const limit of [undefined, broken]) {
    const vars = {
      ADDRESS_REQUESTS: limit,
      STRANGER_REQUESTS: limit,
      ACCOUNT_REQUESTS: limit,
    } as Partial<Env>;
    const headers = { "CF-Connecting-IP": newAddress(), Authorization: await bearer(newAccount()) };
    for (let tried = 0; tried < TRIES; tried++)
      expect((await ask("/v1.0/me/devices", { headers, vars })).status).toBe(200);
  }
  expect(log.mock.calls[0]?.[0]).toContain('"rateLimitFailed"');
  log.mockRestore();
});

test("but codes that cannot be counted are not shown: they could be guessed", async () => {
  const log = vi.spyOn(console, "error").mockReturnValue();
  const vars = { PAIRING_GUESSES: { limit: () => Promise.reject(new Error("No count.")) } };
  const headers = { Authorization: await bearer(newAccount()) };
  expect((await ask("/v1.0/me/pairings/BCDF-GHJK", { headers, vars })).status).toBe(500);
  log.mockRestore();
});

test("a flood is one line in the log for each limit, which tells whose it is, and no address", async () => {
  const log = vi.spyOn(console, "log").mockReturnValue();
  // Whatever was reported before is long ago.
  vi.useFakeTimers({ now: Date.now() + 3_600_000, toFake: ["Date"] });
  try {
    const sub = newAccount();
    const headers = { "CF-Connecting-IP": newAddress(), Authorization: await bearer(sub) };
    const limits = [
      { ADDRESS_REQUESTS: full, ACCOUNT_REQUESTS: full },
      { ADDRESS_REQUESTS: free, ACCOUNT_REQUESTS: full },
    ];
    for (const vars of limits)
      for (let tried = 0; tried < 5; tried++)
        expect((await ask("/v1.0/me/devices", { headers, vars })).status).toBe(429);
    const ids = env.ACCOUNTS.idFromName(JSON.stringify([env.AUTH_ISSUER, sub])).toString();
    expect(log.mock.calls.map(([line]) => JSON.parse(line))).toEqual([
      { event: "rateLimited", limit: "ADDRESS_REQUESTS" },
      { event: "rateLimited", limit: "ACCOUNT_REQUESTS", ids },
    ]);
  } finally {
    vi.useRealTimers();
    log.mockRestore();
  }
});

const full = { limit: () => Promise.resolve({ success: false }) };
const free = { limit: () => Promise.resolve({ success: true }) };
