import { createExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { app } from "../../src/http/app.ts";
import {
  type Answer,
  APP_SERVICE,
  Api,
  answerOf,
  Device,
  type Json,
  newAccount,
  ORIGIN,
  signToken,
} from "../stage.ts";
import { type Ids, ROUTES_TO_ALL, type Route, routesTo } from "./routes.ts";

/** Who may do what: scopes, and accounts that never learn of one another. */

/** Ada, with a device and a command that was answered. */
async function settled(): Promise<{ ada: Api; ids: Ids }> {
  const ada = new Api();
  const device = await Device.connected(ada);
  const command = await ada.send(device, APP_SERVICE);
  const { id } = await device.receives();
  device.answers(id, { secret: "Ada's" });
  await ada.reaches(command, "completed");
  return { ada, ids: { device: device.id, command: id } };
}

const nowhere: Ids = { device: "{device}", command: "{command}" };
const ALL_ROUTES = [...ROUTES_TO_ALL, ...routesTo(nowhere)];
const named = (routes: readonly Route[]): [name: string, index: number][] =>
  routes.map(({ method, path }, index) => [`${method} ${path}`, index]);

describe("scopes", () => {
  const GRANTS = [
    "",
    "Device.Read",
    "Device.ReadWrite",
    "Device.Command",
    "device.read",
    "Device.ReadWriteAll",
    "Device.Read,Device.ReadWrite,Device.Command",
  ];

  test.each(named(ALL_ROUTES))("%s needs its own", async (_, index) => {
    const { ada, ids } = await settled();
    const { method, path, body, scopes } = [...ROUTES_TO_ALL, ...routesTo(ids)][index] as Route;
    const answers: [grant: string, refused: boolean][] = [];
    // What is let in comes last: it may unregister the device.
    for (const grant of GRANTS.toSorted((a, b) => Number(scopes.includes(a)) - Number(scopes.includes(b)))) {
      const caller = new Api(ada.sub, grant);
      if (!scopes.includes(grant)) {
        const part = { id: "1", method, url: path, body };
        const { body: batch } = await caller.post("/$batch", { requests: [part] });
        expect(batch.responses).toMatchObject([{ status: 403, body: { error: { code: "accessDenied" } } }]);
      }
      const answer = await caller.request(method, path, body);
      answers.push([grant, answer.status === 403]);
      if (answer.status === 403) {
        expect(answer.body.error.code).toBe("accessDenied");
        expect(answer.body.error.message).toContain(scopes[0]);
        expect(answer.headers.get("WWW-Authenticate")).toBe(
          `Bearer realm="appia", error="insufficient_scope", scope="${scopes[0]}"`,
        );
      }
    }
    expect(Object.fromEntries(answers)).toEqual(
      Object.fromEntries(GRANTS.map((grant) => [grant, !scopes.includes(grant)])),
    );
  });

  test.each(named(ALL_ROUTES))("%s needs a token", async (_, index) => {
    const { method, path, body } = ALL_ROUTES[index] as Route;
    const { status } = await exports.default.fetch(`${ORIGIN}${path}`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
    expect(status).toBe(401);
  });

  test.each<[what: string, claims: Json, status: number]>([
    ["in scp", { scp: "Other Device.Read" }, 200],
    ["in scope", { scp: undefined, scope: "Device.Read Other" }, 200],
    ["in a list", { scp: ["Other", "Device.Read"] }, 200],
    ["spread over both", { scp: "Other", scope: "Device.Read" }, 200],
    ["nowhere", { scp: undefined }, 403],
    ["in roles", { scp: undefined, roles: ["Device.Read"] }, 403],
    ["as a number", { scp: 42 }, 403],
    ["in an object", { scp: { "Device.Read": true } }, 403],
  ])("are read %s", async (_, claims, expected) => {
    const token = await signToken(newAccount(), "", claims);
    const { status } = await new Api().get("/me/devices", { Authorization: `Bearer ${token}` });
    expect(status).toBe(expected);
  });
});

// Every route with every id that is not the caller's own is in test/security/objects.attack.ts.
describe("what belongs to another account is not there", () => {
  let ada: Api;
  let adas: Ids;
  let evesDevice: string;
  const eve = new Api();

  beforeAll(async () => {
    ({ ada, ids: adas } = await settled());
    evesDevice = (await Device.registered(eve)).id;
  });

  test("lists show one's own alone", async () => {
    const idsOf = async (api: Api): Promise<string[]> =>
      (await api.get("/me/devices")).body.value.map(({ id }: { id: string }) => id);
    expect(await idsOf(ada)).toEqual([adas.device]);
    expect(await idsOf(eve)).toEqual([evesDevice]);
    expect(await idsOf(new Api())).toEqual([]);
  });

  test("the same subject of another issuer is another account", async () => {
    const issuer = "https://other.test";
    const token = await signToken(ada.sub, undefined, { iss: issuer });
    const ask = async (path: string): Promise<Answer> => {
      const request = new Request(`${ORIGIN}${path}`, { headers: { Authorization: `Bearer ${token}` } });
      return await answerOf(
        await app.fetch(request, { ...env, AUTH_ISSUER: issuer }, createExecutionContext()),
      );
    };
    expect((await ask("/v1.0/me/devices")).body.value).toEqual([]);
    expect((await ask(`/v1.0/me/devices/${adas.device}`)).status).toBe(404);
    expect(
      (await ask(`/v1.0/me/devices/${adas.device}/commands/${adas.command}/responsePayload`)).status,
    ).toBe(404);
  });
});
