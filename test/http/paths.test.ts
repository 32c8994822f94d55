import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { Api, answerOf, Device, LAUNCH_URI, ORIGIN } from "../stage.ts";

/** Where things are: paths as the original's clients write them, and what each of them allows. */

const api = new Api();
let device: string;
let command: string;

beforeAll(async () => {
  ({ id: device } = await Device.registered(api));
  command = (await api.send(device, LAUNCH_URI)).split("/").at(-1) ?? "";
});

/** Fills in the ids of this file's device and command. */
function filled(path: string): string {
  return path.replace("{d}", device).replace("{c}", command);
}

describe("a path finds its resource, however it is written", () => {
  test.each([
    ["/me/devices", "beta"],
    ["/beta/me/devices", "beta"],
    ["/v1.0/me/devices", "v1.0"],
    ["/me/devices/", "beta"],
    ["/v1.0/me/devices/", "v1.0"],
    ["/ME/Devices", "beta"],
    ["/Beta/Me/dEVICES/", "beta"],
    ["/V1.0/ME/DEVICES", "v1.0"],
  ])("%s lists the devices in %s", async (path, profile) => {
    const { status, body } = await api.get(path);
    expect(status).toBe(200);
    expect(body["@odata.context"]).toBe(`${ORIGIN}/${profile}/$metadata#me/devices`);
    expect(body.value).toHaveLength(1);
  });

  test.each([
    "/me/devices/{d}",
    "/beta/Me/Devices/{d}/",
    "/V1.0/ME/DEVICES/{d}",
    "/me/devices('{d}')",
    "/v1.0/me/Devices(id=%27{d}%27)/",
  ])("%s is the device", async (path) => {
    const { status, body } = await api.get(filled(path));
    expect(status).toBe(200);
    expect(body.id).toBe(device);
  });

  test.each([
    "/me/devices/{d}/commands",
    "/me/devices/{d}/commands/",
    "/me/devices/{d}/command",
    "/v1.0/me/devices/{d}/Command/",
    "/BETA/ME/DEVICES/{d}/COMMANDS",
  ])("%s lists the commands", async (path) => {
    const { status, body } = await api.get(filled(path));
    expect(status).toBe(200);
    expect(body.value).toMatchObject([{ id: command }]);
  });

  test.each([
    "/me/devices/{d}/commands/{c}",
    "/me/devices/{d}/command/{c}/",
    "/v1.0/Me/Devices/{d}/COMMAND/{c}",
    "/me/devices('{d}')/commands('{c}')",
    "/me/devices/{d}/commands(id='{c}')",
    "/Beta/me/devices/{d}/Commands/{c}/",
  ])("%s is the command", async (path) => {
    const { status, body } = await api.get(filled(path));
    expect(status).toBe(200);
    expect(body.id).toBe(command);
  });

  test.each([
    ["responsePayload", 204],
    ["responsepayload", 204],
    ["RESPONSEPAYLOAD/", 204],
    ["history", 200],
    ["History/", 200],
    ["microsoft.graph.history", 200],
  ])("…/command/{id}/%s answers %i", async (word, expected) => {
    const { status } = await api.get(filled(`/me/devices/{d}/command/{c}/${word}`));
    expect(status).toBe(expected);
  });

  test.each(["/command", "/Command/", "/commands"])("a command can be sent to …%s", async (word) => {
    const other = await Device.registered(new Api(api.sub));
    const { status, body } = await api.post(`/me/devices/${other.id}${word}`, LAUNCH_URI);
    expect(status).toBe(201);
    expect((await api.get(`/me/devices/${other.id}/commands`)).body.value).toMatchObject([{ id: body.id }]);
    await api.request("DELETE", `/me/devices/${other.id}`);
  });
});

describe("ids are exact", () => {
  test.each([
    ["an upper-cased device id", () => `/me/devices/${device.toUpperCase()}`],
    [
      "a command under an upper-cased device id",
      () => `/me/devices/${device.toUpperCase()}/commands/${command}`,
    ],
    ["the commands of an upper-cased device id", () => `/me/devices/${device.toUpperCase()}/commands`],
    ["an upper-cased command id", () => `/me/devices/${device}/commands/${command.toUpperCase()}`],
    ["a device id cut short", () => `/me/devices/${device.slice(0, -1)}`],
    ["a device id with a digit more", () => `/me/devices/${device}0`],
    ["a device's id as a command's", () => `/me/devices/${device}/commands/${device}`],
    ["a command's id as a device's", () => `/me/devices/${command}`],
    ["an account's id as a device's", () => `/me/devices/${env.ACCOUNTS.newUniqueId()}`],
    ["half a percent sign", () => "/me/devices/%E0%A4%A"],
    ["a name", () => "/me/devices/__proto__"],
    ["an upper-cased device id in parentheses", () => `/me/devices('${device.toUpperCase()}')`],
    ["a device id without its quotation marks", () => `/me/devices(${device})`],
    ["a device id in too many quotation marks", () => `/me/devices(''${device}'')`],
  ])("%s is not found", async (_, path) => {
    const { status, body } = await api.get(path());
    expect(status).toBe(404);
    expect(body.error.code).toBe("itemNotFound");
  });

  test("an upper-cased id changes nothing either", async () => {
    const { status } = await api.request("PATCH", `/me/devices/${device.toUpperCase()}`, { name: "Loud" });
    expect(status).toBe(404);
    expect((await api.get(`/v1.0/me/devices/${device}`)).body.name).toBe("Test device");
  });
});

describe("what is not there is not found", () => {
  test.each([
    "/v2.0/me/devices",
    "/v1/me/devices",
    "/beta/beta/me/devices",
    "/beta/v1.0/me/devices",
    "/devices",
    "/me/device",
    "/me/devices/{d}/nothing",
    "/me/devices/{d}/commands/{c}/nothing",
    "/me/devices/{d}/commands/{c}/history/1",
    "/me%2Fdevices",
  ])("%s", async (path) => {
    for (const method of ["GET", "POST", "DELETE"]) {
      const { status, body } = await api.request(method, filled(path));
      expect([method, status]).toEqual([method, 404]);
      expect(body.error.code).toBe("itemNotFound");
    }
  });
});

test.each(["/me", "/v1.0/ME/"])("%s is only ever deleted", async (path) => {
  const { status, headers } = await api.get(path);
  expect([status, headers.get("Allow")]).toEqual([405, "DELETE"]);
});

const ALLOWED = [
  ["/healthz", ["GET", "HEAD"]],
  ["/%24metadata", ["GET", "HEAD"]],
  ["/$metadata", ["GET", "HEAD"]],
  ["/openapi.json", ["GET", "HEAD"]],
  ["/me/devices", ["GET", "HEAD", "POST"]],
  ["/me/devices/{d}", ["DELETE", "GET", "HEAD", "PATCH"]],
  ["/me/devices/{d}/commands", ["GET", "HEAD", "POST"]],
  ["/me/devices/{d}/commands/{c}", ["DELETE", "GET", "HEAD"]],
  ["/me/postBackSecret", ["GET", "HEAD"]],
  ["/me/pairings/BCDF-GHJK", ["GET", "HEAD"]],
  ["/devices/{d}/messages", ["GET", "HEAD", "POST"]],
  ["/me/devices/{d}/commands/{c}/responsePayload", ["GET", "HEAD"]],
  ["/me/devices/{d}/commands/{c}/history", ["GET", "HEAD"]],
  ["/devices/{d}/connection", ["GET", "HEAD"]],
] as const;

test.each([
  "/me/devices/{d}/commands/{c}/cancel",
  "/$batch",
  "/pairings",
  "/pairings/token",
  "/me/pairings/BCDF-GHJK/approve",
  "/me/pairings/BCDF-GHJK/deny",
])("%s is only ever posted to", async (path) => {
  const { status, headers } = await api.get(filled(path));
  expect([status, headers.get("Allow")]).toEqual([405, "POST"]);
});

describe("a method that a resource does not have is answered with those that it has", () => {
  test.each(ALLOWED)("%s allows %s", async (path, allowed: readonly string[]) => {
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "PROPFIND"].filter(
      (name) => !allowed.includes(name),
    )) {
      for (const profile of ["", "/beta", "/v1.0"]) {
        const { status, body, headers } = await api.request(method, `${profile}${filled(path)}`);
        expect([method, status, body.error.code]).toEqual([method, 405, "notAllowed"]);
        expect(headers.get("Allow")?.split(", ").sort()).toEqual(allowed);
      }
    }
  });

  test.each(ALLOWED)("HEAD %s answers as GET does, without the body", async (path) => {
    const got = await api.get(filled(path));
    const head = await api.request("HEAD", filled(path));
    expect(head.status).toBe(got.status);
    expect(head.body).toBeUndefined();
    for (const name of ["Content-Type", "OData-Version", "Cache-Control", "Retry-After", "Upgrade"]) {
      expect([name, head.headers.get(name)]).toEqual([name, got.headers.get(name)]);
    }
    expect(head.headers.get("request-id")).toMatch(/./);
  });
});

test.each(["/healthz", "/beta/healthz", "/v1.0/Healthz/"])(
  "%s tells that the service lives, to anyone",
  async (path) => {
    const { status, body } = await answerOf(await exports.default.fetch(`${ORIGIN}${path}`));
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: "ok" });
  },
);

test("a connection that is not asked to become a WebSocket says so", async () => {
  const { status, body, headers } = await api.get(`/devices/${device}/connection`);
  expect(status).toBe(426);
  expect(body.error.code).toBe("upgradeRequired");
  expect(headers.get("Upgrade")).toBe("websocket");
});
