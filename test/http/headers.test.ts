import { createExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { app } from "../../src/http/app.ts";
import { type Answer, Api, answerOf, Device, LAUNCH_URI, ORIGIN, signToken } from "../stage.ts";

/** What every answer has in common, good or bad. */

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
const api = new Api();
let device: string;
let command: string;

beforeAll(async () => {
  ({ id: device } = await Device.registered(api));
  command = await api.send(device, LAUNCH_URI);
});

interface Case {
  what: string;
  method?: string;
  path: () => string;
  body?: unknown;
  headers?: Record<string, string>;
  status: number;
  /** The error's code, where it is one. */
  code?: string;
}

const GOOD: Case[] = [
  { what: "a device", path: () => `/v1.0/me/devices/${device}`, status: 200 },
  { what: "a list", path: () => "/beta/me/devices", status: 200 },
  { what: "a command", path: () => `/beta${command}`, status: 200 },
  {
    what: "a created command",
    method: "POST",
    path: () => `/me/devices/${device}/commands`,
    body: LAUNCH_URI,
    status: 201,
  },
  { what: "no response payload", path: () => `/v1.0${command}/responsePayload`, status: 204 },
  { what: "liveness", path: () => "/healthz", status: 200 },
];
const BAD: Case[] = [
  {
    what: "a wrong body",
    method: "POST",
    path: () => `/me/devices/${device}/commands`,
    body: {},
    status: 400,
    code: "invalidRequest",
  },
  { what: "a wrong option", path: () => "/me/devices?$orderby=name", status: 400, code: "invalidRequest" },
  {
    what: "a wrong token",
    path: () => "/me/devices",
    headers: { Authorization: "Bearer wrong" },
    status: 401,
    code: "InvalidAuthenticationToken",
  },
  { what: "a wrong id", path: () => "/v1.0/me/devices/wrong", status: 404, code: "itemNotFound" },
  { what: "a wrong path", path: () => "/wrong", status: 404, code: "itemNotFound" },
  { what: "a wrong method", method: "PUT", path: () => "/me/devices", status: 405, code: "notAllowed" },
  {
    what: "a wrong media type to answer in",
    path: () => "/me/devices",
    headers: { Accept: "text/html" },
    status: 406,
    code: "notAcceptable",
  },
  {
    what: "a wrong media type",
    method: "POST",
    path: () => "/me/devices",
    body: "name=x",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    status: 415,
    code: "unsupportedMediaType",
  },
  {
    what: "a plain GET on the connection",
    path: () => `/devices/${device}/connection`,
    status: 426,
    code: "upgradeRequired",
  },
];

async function answerTo(
  { method = "GET", path, body, headers }: Case,
  more: Record<string, string> = {},
): Promise<Answer> {
  return await api.request(method, path(), body, { ...headers, ...more });
}

describe.each([...GOOD, ...BAD])("$what ($status)", (asked) => {
  test("has the headers of every answer", async () => {
    const { status, headers } = await answerTo(asked);
    expect(status).toBe(asked.status);
    expect(headers.get("request-id")).toMatch(UUID);
    expect(headers.get("OData-Version")).toBe("4.0");
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(headers.has("client-request-id")).toBe(false);
  });

  test("has a request-id of its own, and the caller's beside it", async () => {
    const first = await answerTo(asked, { "client-request-id": "mine, {42}" });
    const second = await answerTo(asked, { "client-request-id": "mine, {42}" });
    expect(first.headers.get("client-request-id")).toBe("mine, {42}");
    expect(second.headers.get("client-request-id")).toBe("mine, {42}");
    expect(first.headers.get("request-id")).not.toBe(second.headers.get("request-id"));
  });

  test("can be read from any origin, without credentials", async () => {
    const { headers } = await answerTo(asked, { Origin: "https://elsewhere.example" });
    expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(headers.has("Access-Control-Allow-Credentials")).toBe(false);
    expect(listIn(headers, "Access-Control-Expose-Headers")).toEqual([
      "client-request-id",
      "location",
      "preference-applied",
      "request-id",
      "retry-after",
    ]);
  });
});

test.each(GOOD.filter(({ status }) => status !== 204))("$what is JSON", async (asked) => {
  expect((await answerTo(asked)).headers.get("Content-Type")).toBe("application/json");
});

test.each(BAD)("$what is told in Graph's shape", async (asked) => {
  const before = Date.now();
  const { status, body, headers } = await answerTo(asked, { "client-request-id": "mine" });
  expect([status, headers.get("Content-Type")]).toEqual([asked.status, "application/json"]);
  expect(Object.keys(body)).toEqual(["error"]);
  expect(Object.keys(body.error)).toEqual(["code", "message", "innerError"]);
  expect(body.error.code).toBe(asked.code);
  expect(body.error.message).toMatch(/^[A-Z"].{10,}\.$/);
  expect(body.error.innerError).toMatchObject({
    "request-id": headers.get("request-id"),
    "client-request-id": "mine",
  });
  const date = Date.parse(body.error.innerError.date);
  expect(date).toBeGreaterThanOrEqual(before);
  expect(date).toBeLessThanOrEqual(Date.now());
});

test("an error has no client-request-id where the caller sent none", async () => {
  const { body } = await api.get("/wrong");
  expect(Object.keys(body.error.innerError)).toEqual(["date", "request-id"]);
});

test.each([
  ["printable, and as long as allowed", "x".repeat(256), true],
  ["too long", "x".repeat(257), false],
  ["not ASCII", "caf\u00e9", false],
  ["with a tab inside", "a\tb", false],
])("a client-request-id that is %s", async (_, id, echoed) => {
  for (const path of ["/me/devices", "/wrong"]) {
    const { headers, body } = await api.get(path, { "client-request-id": id });
    expect(headers.get("client-request-id")).toBe(echoed ? id : null);
    expect(body.error?.innerError["client-request-id"]).toBe(echoed && path === "/wrong" ? id : undefined);
  }
});

test.each(["/v1.0/me/devices", "/me/devices/x/commands", "/healthz", "/wrong"])(
  "a browser may ask anything of %s, and no cookie goes along",
  async (path) => {
    const { status, body, headers } = await answerOf(
      await exports.default.fetch(`${ORIGIN}${path}`, {
        method: "OPTIONS",
        headers: {
          Origin: "https://elsewhere.example",
          "Access-Control-Request-Method": "POST",
          "Access-Control-Request-Headers": "authorization, prefer, x-unknown",
        },
      }),
    );
    expect([status, body]).toEqual([204, undefined]);
    expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(headers.has("Access-Control-Allow-Credentials")).toBe(false);
    expect(listIn(headers, "Access-Control-Allow-Methods")).toEqual([
      "delete",
      "get",
      "head",
      "patch",
      "post",
    ]);
    expect(listIn(headers, "Access-Control-Allow-Headers")).toEqual([
      "authorization",
      "client-request-id",
      "content-type",
      "idempotency-key",
      "last-event-id",
      "prefer",
      "retry-attempt",
      "sdkversion",
    ]);
    expect(Number(headers.get("Access-Control-Max-Age"))).toBeGreaterThan(0);
    expect(headers.get("request-id")).toMatch(UUID);
  },
);

test.each([
  ["application/json", 200],
  ["application/json;odata.metadata=minimal, text/plain;q=0.5", 200],
  ["application/*", 200],
  ["*/*", 200],
  ["text/html, application/xhtml+xml, */*;q=0.8", 200],
  ["", 200],
  ["text/html", 406],
  ["application/xml, application/json;q=0", 406],
  ["application/jsonp", 406],
])("Accept: %s answers %i", async (accept, expected) => {
  expect((await api.get("/me/devices", { Accept: accept })).status).toBe(expected);
});

/** Asks for the devices where the accounts' objects are this. */
async function askWhereAccountsAre(accounts: object): Promise<Answer> {
  const request = new Request(`${ORIGIN}/v1.0/me/devices`, {
    headers: { Authorization: `Bearer ${await signToken("someone")}` },
  });
  const changed = { ...env, ACCOUNTS: accounts as Env["ACCOUNTS"] };
  return await answerOf(await app.fetch(request, changed, createExecutionContext()));
}

const accountIds = { idFromName: () => "an id", idFromString: () => "an id" };

test("a bug is told to the log, and not to the caller", async () => {
  const log = vi.spyOn(console, "error").mockReturnValue();
  const failure = Object.assign(new Error("secret words"), { remote: true });
  const { status, body, headers } = await askWhereAccountsAre({
    ...accountIds,
    get: () => ({ page: () => Promise.reject(failure) }),
  });
  expect([status, body.error.code]).toEqual([500, "internalServerError"]);
  expect(JSON.stringify(body)).not.toMatch(/secret|\.ts|at /);
  expect(JSON.stringify(log.mock.calls)).toContain("secret words");
  expect(JSON.stringify(log.mock.calls)).toContain(headers.get("request-id"));
  log.mockRestore();
  expect(headers.get("request-id")).toBe(body.error.innerError["request-id"]);
  expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
});

test("a part that cannot be reached is asked again, then reported as unavailable for now", async () => {
  const log = vi.spyOn(console, "error").mockReturnValue();
  let asked = 0;
  const { status, body, headers } = await askWhereAccountsAre({
    ...accountIds,
    get: () => ({
      page: () => {
        asked++;
        return Promise.reject(new Error("Network connection lost."));
      },
    }),
  });
  expect([status, body.error.code]).toEqual([503, "serviceNotAvailable"]);
  expect(headers.get("Retry-After")).toMatch(/^[1-9]\d*$/);
  expect(asked).toBeGreaterThan(1);
  expect(JSON.stringify(log.mock.calls)).toContain("Network connection lost.");
  log.mockRestore();
});

/** A header's list, in lower case and sorted. */
function listIn(headers: Headers, name: string): string[] {
  return (headers.get(name) ?? "")
    .split(",")
    .map((item) => item.trim().toLowerCase())
    .sort();
}
