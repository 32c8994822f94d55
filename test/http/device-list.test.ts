import { env } from "cloudflare:workers";
import { exportJWK, generateKeyPair } from "jose";
import { describe, expect, test } from "vitest";
import { DEVICES_PER_ACCOUNT_MAX } from "../../src/limits.ts";
import { type Answer, Api, type Json, ORIGIN } from "../stage.ts";

/** The list of an account's devices: pages, and an end. */

const { publicKey } = await generateKeyPair("ES256", { extractable: true });
const jwk = await exportJWK(publicKey);

function register(api: Api, name: string): Promise<Answer> {
  return api.post("/v1.0/me/devices", { name, kind: "Hub", platform: "Linux", publicKey: jwk });
}

/** Follows the list to its end; answers the names on each page. */
async function pagesFrom(api: Api, path: string): Promise<string[][]> {
  const { status, body } = await api.get(path);
  expect(status).toBe(200);
  const names = body.value.map((device: Json) => device.name ?? device.Name);
  const next: string | undefined = body["@odata.nextLink"];
  if (next === undefined) return [names];
  expect(next.startsWith(`${ORIGIN}${path.split("?")[0]}?`)).toBe(true);
  return [names, ...(await pagesFrom(api, next.slice(ORIGIN.length)))];
}

describe("seven devices", async () => {
  const api = new Api();
  const names = ["1", "2", "3", "4", "5", "6", "7"];
  for (const name of names) await register(api, name);

  test.each([
    ["", [7]],
    ["?$top=7", [7]],
    ["?$top=3", [3, 3, 1]],
    ["?%24Top=6", [6, 1]],
    ["?other=1&$top=5", [5, 2]],
  ])("%s come in the order of their registration, in pages of %j", async (query, sizes) => {
    for (const profile of ["/v1.0", "/beta"]) {
      const pages = await pagesFrom(api, `${profile}/me/devices${query}`);
      expect(pages.flat()).toEqual(names);
      expect(pages.map(({ length }) => length)).toEqual(sizes);
    }
  });

  test.each([
    ["$top=0", "$top"],
    ["$top=-1", "$top"],
    ["$top=all", "$top"],
    ["$top=1&$top=1", "$top"],
    ["$skiptoken=x", "$skiptoken"],
    ["$skip=1", "$skip"],
    ["$count=true", "$count"],
  ])("refuse ?%s", async (query, named) => {
    const { status, body } = await api.get(`/v1.0/me/devices?${query}`);
    expect([status, body.error.code]).toEqual([400, "invalidRequest"]);
    expect(body.error.message).toContain(`"${named}"`);
  });

  test("know no query options but in the list", async () => {
    const { body } = await api.get("/v1.0/me/devices?$top=1");
    const path = `/v1.0/me/devices/${body.value[0].id}`;
    expect((await api.get(`${path}?$top=1`)).status).toBe(400);
    expect((await api.request("PATCH", `${path}?$top=1`, { name: "New" })).status).toBe(400);
    expect((await api.request("DELETE", `${path}?$top=1`)).status).toBe(400);
    expect((await api.post("/v1.0/me/devices?$top=1", {})).status).toBe(400);
    expect((await pagesFrom(api, "/v1.0/me/devices")).flat()).toEqual(names);
  });
});

/** Enters devices into an account without making their objects: each of those is a file of its own. */
async function enter(api: Api, devices: number): Promise<void> {
  const account = env.ACCOUNTS.getByName(JSON.stringify([env.AUTH_ISSUER, api.sub]));
  for (let count = 0; count < devices; count++) await account.add(env.DEVICES.newUniqueId().toString());
}

test("a page has at most 100 devices, and what does not answer is left out of it", async () => {
  const api = new Api();
  await enter(api, 100);
  await register(api, "the last");
  for (const query of ["", "?$top=1000"]) {
    expect(await pagesFrom(api, `/v1.0/me/devices${query}`)).toEqual([[], ["the last"]]);
  }
});

test("an account has room for so many devices and no more, until one goes", async () => {
  const api = new Api();
  await enter(api, DEVICES_PER_ACCOUNT_MAX - 1);
  const { status, body: last } = await register(api, "the last");
  expect(status).toBe(201);

  const refused = await register(api, "one too many");
  expect([refused.status, refused.body.error.code]).toEqual([429, "activityLimitReached"]);
  expect(refused.headers.get("Retry-After")).toMatch(/^[1-9]\d*$/);

  await api.request("DELETE", `/v1.0/me/devices/${last.id}`);
  expect((await register(api, "another")).status).toBe(201);
});
