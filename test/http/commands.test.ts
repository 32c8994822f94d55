import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, APP_SERVICE, Api, Device, LAUNCH_URI, ORIGIN } from "../stage.ts";

/** Sending commands, and finding them again. */

const api = new Api();
let device: Device;
let commands: string;

beforeAll(async () => {
  device = await Device.connected(api);
  commands = `/v1.0/me/devices/${device.id}/commands`;
});

const send = (body: unknown): Promise<Answer> => api.post(commands, body);

/** Expects a refusal that names what is wrong. */
async function expectRefused(body: unknown, named: string): Promise<void> {
  const answer = await send(body);
  expect([answer.status, answer.body.error?.code]).toEqual([400, "invalidRequest"]);
  expect(answer.body.error.message).toContain(named);
}

describe("the type", () => {
  test.each([
    ["LaunchUri", "LaunchUri", "launchUri"],
    ["launchUri", "LaunchUri", "launchUri"],
    ["LaunchURI", "LaunchUri", "launchUri"],
    ["LAUNCHURI", "LaunchUri", "launchUri"],
    ["AppService", "AppService", "appService"],
    ["appService", "AppService", "appService"],
    ["AppServices", "AppService", "appService"],
    ["appservices", "AppService", "appService"],
  ])("written %s reads %s", async (written, type, method) => {
    const { status, body } = await send({
      ...APP_SERVICE,
      type: written,
      payload: { uri: "https://example.com/" },
    });
    expect([status, body.type]).toEqual([201, type]);
    expect(await device.receives()).toMatchObject({ id: body.id, method });
  });

  test.each(["Launch", "LaunchUri ", "LaunchUris", "", null, 1, ["LaunchUri"], undefined])(
    "is not %j",
    async (type) => {
      await expectRefused({ ...APP_SERVICE, type }, '"type"');
    },
  );

  test.each([
    ["as the original's clients do", { Type: "LaunchUri", Payload: { uri: "https://example.com/" } }],
    ["in capitals", { TYPE: "LaunchUri", PAYLOAD: { URI: "https://example.com/" } }],
  ])("and the payload may be spelled %s", async (_, body) => {
    expect((await send(body)).status).toBe(201);
    expect((await device.receives()).params.uri).toBe("https://example.com/");
  });

  test.each(["postbackURI", "postBackURI", "PostBackUri", "POSTBACKURI"])(
    "and postBackUri %s",
    async (name) => {
      const { body } = await send({ ...APP_SERVICE, [name]: "https://example.com/told" });
      expect(body.postBackUri).toBe("https://example.com/told");
      await device.receives();
    },
  );
});

describe("an AppService command", () => {
  test.each(["appServiceName", "packageFamilyName", "payload"])("needs %s", async (name) => {
    await expectRefused({ ...APP_SERVICE, [name]: undefined }, `"${name}"`);
  });

  test.each([
    ["appServiceName", "null", null],
    ["appServiceName", "empty", ""],
    ["appServiceName", "a number", 42],
    ["appServiceName", "too long", "x".repeat(513)],
    ["packageFamilyName", "null", null],
    ["packageFamilyName", "an object", { name: "x" }],
    ["packageFamilyName", "too long", "x".repeat(513)],
  ])("refuses %s that is %s", async (name, _, value) => {
    await expectRefused({ ...APP_SERVICE, [name]: value }, `"${name}"`);
  });

  test("carries both names as they are", async () => {
    const names = { appServiceName: 'a"b\\c', packageFamilyName: "Пакет_😀" };
    expect((await send({ ...APP_SERVICE, ...names })).body).toMatchObject(names);
    expect((await device.receives()).params).toMatchObject(names);
  });
});

describe("timeouts", () => {
  const SECONDS: [duration: string, seconds: number][] = [
    ["PT1S", 1],
    ["PT1.5S", 1.5],
    ["PT2,25S", 2.25],
    ["PT90S", 90],
    ["PT10M", 600],
    ["PT1.5H", 5_400],
    ["PT1H30M5S", 5_405],
    ["P1DT12H", 129_600],
    ["P2W", 1_209_600],
    ["P30D", 2_592_000],
  ];
  const WRONG = [
    "P1M",
    "P1Y",
    "P1Y2M",
    "P0M1D",
    "P",
    "PT",
    "P1DT",
    "-PT10M",
    "PT-10M",
    "+PT10M",
    "PT0S",
    "P0D",
    "PT0.5S",
    "P31D",
    "P5W",
    "PT721H",
    "P1H",
    "PT1D",
    "PT1S1H",
    "PT10",
    "10",
    "10M",
    "PT10m",
    "pt10m",
    " PT10M",
    "PT10M\n",
    "in PT10M or so",
    "PT1e3S",
    "PT١M",
    "",
    600,
    true,
    [],
    {},
    `P${"9".repeat(500_000)}`,
  ];

  test.each(SECONDS)("deliveryTimeout %s is %d seconds", async (deliveryTimeout, seconds) => {
    const away = await Device.registered(api);
    const { status, body } = await api.post(`/v1.0/me/devices/${away.id}/commands`, {
      ...LAUNCH_URI,
      deliveryTimeout,
    });
    expect(status).toBe(201);
    expect(Date.parse(body.expirationDateTime) - Date.parse(body.createdDateTime)).toBe(seconds * 1_000);
  });

  test.each(["deliveryTimeout", "executionTimeout"])(
    "%s is an ISO 8601 duration, and of a fixed length",
    async (name) => {
      for (const duration of WRONG) await expectRefused({ ...LAUNCH_URI, [name]: duration }, `"${name}"`);
    },
  );

  test("left out, or null, they are 24 hours and 10 minutes", async () => {
    for (const nothing of [{}, { deliveryTimeout: null, executionTimeout: null }]) {
      const { body } = await send({ ...LAUNCH_URI, ...nothing });
      expect(Date.parse(body.expirationDateTime) - Date.parse(body.createdDateTime)).toBe(24 * 3_600_000);
      const { id } = await device.receives();
      device.acknowledges(id);
      const running = await api.reaches(`/me/devices/${device.id}/commands/${id}`, "executing");
      expect(Date.parse(running.expirationDateTime) - Date.parse(running.lastModifiedDateTime)).toBe(600_000);
    }
  });

  test("executionTimeout begins with the execution", async () => {
    await send({ ...LAUNCH_URI, executionTimeout: "PT2H" });
    const { id } = await device.receives();
    device.acknowledges(id);
    const running = await api.reaches(`/me/devices/${device.id}/commands/${id}`, "executing");
    expect(Date.parse(running.expirationDateTime) - Date.parse(running.lastModifiedDateTime)).toBe(7_200_000);
  });
});

describe("whenOffline", () => {
  test("fail: a command for a device that is away fails at once, and is never delivered", async () => {
    const away = await Device.registered(api);
    const failing = await api.send(away, { ...LAUNCH_URI, whenOffline: "fail" });
    const queued = await api.send(away, { ...APP_SERVICE, whenOffline: "queue" });
    expect(await api.reaches(failing, "failedToSend")).toMatchObject({ error: "RemoteSystemUnavailable" });
    expect(await api.reaches(queued, "requesting")).toMatchObject({ error: null });
    await away.connects();
    expect(queued).toContain((await away.receives()).id);
    await api.reaches(queued, "sentToTarget");
    expect(away.untaken).toEqual([]);
    expect(await api.statusesOf(failing)).toEqual(["requesting", "failedToSend"]);
  });

  test("fail: a device that is there gets it", async () => {
    const { body } = await send({ ...LAUNCH_URI, whenOffline: "fail" });
    expect((await device.receives()).id).toBe(body.id);
  });

  test.each(["wait", "", 1, true])("is not %j", async (whenOffline) => {
    await expectRefused({ ...LAUNCH_URI, whenOffline }, '"whenOffline"');
  });
});

test.each([
  ["/v1.0", "/v1.0"],
  ["/beta", "/beta"],
  ["", "/beta"],
  ["/BETA", "/beta"],
])("a command sent under %s is at its Location", async (profile, canonical) => {
  const { body, headers } = await api.post(`${profile}/me/devices/${device.id}/command/`, LAUNCH_URI);
  const location = headers.get("Location") ?? "";
  expect(location).toBe(`${ORIGIN}${canonical}/me/devices/${device.id}/commands/${body.id}`);
  const read = await api.get(location.slice(ORIGIN.length));
  expect([read.status, read.body.id]).toEqual([200, body.id]);
  await device.receives();
});

test("a command is not found under another device of the same account", async () => {
  const command = await api.send(await Device.registered(api), LAUNCH_URI);
  const id = command.split("/").at(-1);
  for (const part of ["", "/responsePayload", "/history"]) {
    expect((await api.get(`/v1.0${command}${part}`)).status).toBeLessThan(300);
    expect((await api.get(`${commands}/${id}${part}`)).status).toBe(404);
    expect(
      (await api.get(`/v1.0/me/devices/${env.DEVICES.newUniqueId()}/commands/${id}${part}`)).status,
    ).toBe(404);
  }
});

test("a command's resources know no query options, and pass the caller's own over", async () => {
  const { body } = await send(LAUNCH_URI);
  await device.receives();
  for (const part of ["", "/responsePayload", "/history"]) {
    const path = `${commands}/${body.id}${part}`;
    expect((await api.get(`${path}?$top=1`)).status).toBe(400);
    expect((await api.get(`${path}?cache=no`)).status).toBeLessThan(300);
  }
  expect((await api.post(`${commands}?$top=1`, LAUNCH_URI)).status).toBe(400);
});
