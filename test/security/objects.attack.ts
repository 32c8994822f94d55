import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { app } from "../../src/http/app.ts";
import { type Ids, ROUTES_TO_ALL, type Route, routesTo } from "../http/routes.ts";
import { type Answer, APP_SERVICE, Api, Device, type Json } from "../stage.ts";
import { keptBy } from "./kept.ts";

/** What is another's is not there: every route, with every combination of ids that is not the caller's own. */

const nowhere: Ids = { device: "{device}", command: "{command}" };
/** Routes by their names, with the places that ids go to. */
const ROUTES = routesTo(nowhere).map((route, index) => ({ ...route, index, name: nameOf(route) }));

function nameOf({ method, path }: Pick<Route, "method" | "path">): string {
  return `${method} ${path}`;
}

const ada = new Api();
const eve = new Api();
/** What Ada has: a device with a command that was answered, one that is carried out, and one that waits on another. */
let adas: Ids & { running: string; away: string; waiting: string };
/** What Eve has: the same, a device and a command that are no more, and a second device. */
let eves: Ids & { other: string; removed: string; erased: string };

/** Ids that were never given out. */
const nobodys: Ids = {
  device: env.DEVICES.newUniqueId().toString(),
  command: env.COMMANDS.newUniqueId().toString(),
};

const idOf = (command: string): string => command.split("/").at(-1) ?? "";

async function answered(api: Api, device: Device, response: Json): Promise<string> {
  const command = await api.send(device, APP_SERVICE);
  device.answers((await device.receives()).id, response);
  await api.reaches(command, "completed");
  return idOf(command);
}

beforeAll(async () => {
  const device = await Device.connected(ada);
  const command = await answered(ada, device, { secret: "Ada's" });
  const running = await ada.send(device, APP_SERVICE);
  device.acknowledges((await device.receives()).id);
  await ada.reaches(running, "executing");
  const away = (await Device.registered(ada)).id;
  const waiting = idOf(await ada.send(away, { ...APP_SERVICE, payload: "Ada's, too" }));
  adas = { device: device.id, command, running: idOf(running), away, waiting };

  const own = await Device.connected(eve);
  const erased = await answered(eve, own, 1);
  await eve.request("DELETE", `/me/devices/${own.id}/commands/${erased}`);
  const removed = (await Device.registered(eve)).id;
  await eve.request("DELETE", `/me/devices/${removed}`);
  const other = (await Device.registered(eve)).id;
  eves = { device: own.id, command: await answered(eve, own, 2), other, removed, erased };
});

/** Ids that are not what Eve may ask for. Each stands for a device or for a command, beside her own for the other. */
function foreign(): Record<string, Ids> {
  const device = (id: string): Ids => ({ device: id, command: eves.command });
  const command = (id: string): Ids => ({ device: eves.device, command: id });
  const last = (id: string): string => id.slice(0, -1) + (id.endsWith("0") ? "1" : "0");
  return {
    "Ada's device and command": { device: adas.device, command: adas.command },
    "Ada's device and her running command": { device: adas.device, command: adas.running },
    "Ada's device that is away, and what waits for it": { device: adas.away, command: adas.waiting },
    "Ada's device, Eve's command": device(adas.device),
    "Eve's device, Ada's command": command(adas.command),
    "Eve's device, Ada's running command": command(adas.running),
    "Eve's device, what waits for Ada's": command(adas.waiting),
    "another device of Eve's": device(eves.other),
    "a command that was erased": command(eves.erased),
    "a device that was unregistered": device(eves.removed),
    "ids that nobody was given": nobodys,
    "a device that nobody was given": device(nobodys.device),
    "a command that nobody was given": command(nobodys.command),
    "a command's id as a device's": device(eves.command),
    "a device's id as a command's": command(eves.device),
    "both in each other's place": { device: eves.command, command: eves.device },
    "an account's id as a device's": device(env.ACCOUNTS.idFromName("x").toString()),
    "a pairing's id as a command's": command(env.PAIRINGS.idFromName("BCDFGHJK").toString()),
    "a device's id in capitals": device(eves.device.toUpperCase()),
    "a command's id in capitals": command(eves.command.toUpperCase()),
    "a device's id with another last digit": device(last(eves.device)),
    "a command's id with another last digit": command(last(eves.command)),
    ...Object.fromEntries(
      [
        "0".repeat(64),
        "f".repeat(64),
        "0",
        "x",
        "*",
        "null",
        "undefined",
        "__proto__",
        "constructor",
        "%00",
        "..;",
      ].flatMap((id) => [
        [`${id} as a device`, device(id)],
        [`${id} as a command`, command(id)],
      ]),
    ),
    "a device's id with a blank": device(`${eves.device}%20`),
    "a device's id with a line break": device(`${eves.device}%0A`),
    "a command's id with a NUL": command(`${eves.command}%00`),
    "two devices' ids": device(`${eves.device},${adas.device}`),
    "two commands' ids": command(`${eves.command}%2F..%2F${adas.command}`),
  };
}

/** An answer but for what differs from one request to the next. */
function lasting({ status, headers, body }: Answer): Json {
  const { date, "request-id": requestId, ...innerError } = body.error.innerError;
  expect([typeof date, typeof requestId]).toEqual(["string", "string"]);
  const names = [...headers].map(([name, value]) => (name === "request-id" ? [name] : [name, value]));
  return { status, headers: names, body: { error: { ...body.error, innerError } } };
}

/** Whether a route's answer depends on the command. */
const isOfCommand = (path: string): boolean => path.includes(nowhere.command);

/** What is kept of all that is Ada's, Eve's and nobody's. */
async function kept(): Promise<Json> {
  const devices = [adas.device, adas.away, eves.device, eves.other, eves.removed, nobodys.device];
  const commands = [adas.command, adas.running, adas.waiting, eves.command, eves.erased, nobodys.command];
  return {
    devices: await Promise.all(devices.map((id) => keptBy(env.DEVICES.get(env.DEVICES.idFromString(id))))),
    commands: await Promise.all(
      commands.map((id) => keptBy(env.COMMANDS.get(env.COMMANDS.idFromString(id)))),
    ),
  };
}

describe("what is not the caller's own is answered as what never was, and nothing is kept of it", () => {
  test.each(ROUTES)("$name", async ({ index, path }) => {
    const asked = async (ids: Ids): Promise<Json> => {
      const { method, path: address, body } = routesTo(ids)[index] as Route;
      return lasting(await eve.request(method, address, body));
    };
    const before = await kept();
    const never = await asked({
      device: env.DEVICES.newUniqueId().toString(),
      command: env.COMMANDS.newUniqueId().toString(),
    });
    expect(never).toMatchObject({ status: 404, body: { error: { code: "itemNotFound" } } });
    const combinations = Object.entries(foreign()).filter(
      // Where only the device counts, Eve's own are hers.
      ([, { device }]) => isOfCommand(path) || ![eves.device, eves.other].includes(device),
    );
    const answers = await Promise.all(combinations.map(async ([what, ids]) => [what, await asked(ids)]));
    expect(Object.fromEntries(answers)).toEqual(
      Object.fromEntries(combinations.map(([what]) => [what, never])),
    );
    expect(await kept()).toEqual(before);
  });

  test("in a batch as well", async () => {
    const before = await kept();
    const pairs = [adas, { device: eves.device, command: adas.running }, { ...eves, device: adas.device }];
    for (const ids of pairs) {
      const routes = routesTo(ids).filter(({ path }) =>
        path.includes(ids === pairs[1] ? ids.command : ids.device),
      );
      const requests = routes.map(({ method, path, body }, id) => ({ id: `${id}`, method, url: path, body }));
      const { body } = await eve.post("/v1.0/$batch", { requests });
      expect(body.responses.map(({ status }: Json) => status)).toEqual(routes.map(() => 404));
    }
    expect(await kept()).toEqual(before);
  });

  test("by events as well", async () => {
    for (const ids of Object.values(foreign())) {
      const path = `/me/devices/${ids.device}/commands/${ids.command}`;
      expect((await eve.get(path, { Accept: "text/event-stream" })).status).toBe(404);
    }
  });
});

test("the caller's own is there, on every one of these roads", async () => {
  const own = await Device.connected(eve);
  const ids = { device: own.id, command: await answered(eve, own, 3) };
  for (const { method, path, body } of routesTo(ids)) {
    const { status } = await eve.request(method, path, body);
    // 409: what has ended cannot be cancelled.
    expect([nameOf({ method, path }), status]).toEqual([
      nameOf({ method, path }),
      path.endsWith("/cancel") ? 409 : expect.toSatisfy((code: number) => code >= 200 && code < 300),
    ]);
  }
});

test("these are all the routes that there are: who adds one says in test/http/routes.ts who may use it", () => {
  const known = [...ROUTES_TO_ALL, ...routesTo({ device: ":device", command: ":command" })].map((route) =>
    nameOf(route).toLowerCase().replace("bcdf-ghjk", ":code"),
  );
  const served = app.routes
    .filter(({ method, path }) => method !== "ALL" && path.startsWith("/:profile/me/"))
    .map(({ method, path }) =>
      nameOf({ method: method as Route["method"], path })
        .replace("/:profile", "")
        .toLowerCase(),
    );
  expect(new Set(served)).toEqual(new Set(known));
});
