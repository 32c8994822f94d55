import { describe, expect, test } from "vitest";
import { APP_SERVICE, Api, Device, type Json, LAUNCH_URI, ORIGIN } from "../stage.ts";

/** The same things in two forms: `/beta` as the original's clients know them, `/v1.0` clean. */

const COMMAND_MEMBERS = [
  "id",
  "status",
  "type",
  "appServiceName",
  "packageFamilyName",
  "error",
  "permissionTicket",
  "postBackUri",
  "payload",
  "responsePayload",
  "createdDateTime",
  "lastModifiedDateTime",
  "expirationDateTime",
  "statusDetail",
];
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Sends a command that the device answers with this result, and waits for its end. */
async function commandAnswered(api: Api, device: Device, result: unknown): Promise<string> {
  const command = await api.send(device, APP_SERVICE);
  const { id } = await device.receives();
  device.answers(id, result);
  await api.reaches(command, "completed");
  return command;
}

describe("a device", () => {
  const properties = {
    name: "Ada's laptop",
    manufacturer: "Analytical",
    model: "Engine",
    kind: "Laptop",
    platform: "Linux",
  };

  test.each(["/v1.0", "/beta", ""])(
    "shows its members under %s as the profile spells them",
    async (profile) => {
      const api = new Api();
      const { id } = await Device.registered(api, properties);
      const inV1 = { id, ...properties, status: "Unknown" };
      const inBeta = {
        id,
        Name: "Ada's laptop",
        Manufacturer: "Analytical",
        Model: "Engine",
        Kind: "Laptop",
        Status: "Unknown",
        Platform: "Linux",
      };
      const expected = profile === "/v1.0" ? inV1 : inBeta;

      expect((await api.get(`${profile}/me/devices/${id}`)).body).toEqual(expected);
      expect((await api.get(`${profile}/me/devices`)).body).toEqual({
        "@odata.context": `${ORIGIN}${profile || "/beta"}/$metadata#me/devices`,
        value: [expected],
      });
      const renamed = await api.request("PATCH", `${profile}/me/devices/${id}`, { name: properties.name });
      expect(renamed.body).toEqual(expected);
    },
  );

  test.each(["/v1.0", "/beta"])("reads null under %s where its owner left something out", async (profile) => {
    const api = new Api();
    const { id } = await Device.registered(api);
    const { body } = await api.get(`${profile}/me/devices/${id}`);
    const [manufacturer, model] = profile === "/v1.0" ? ["manufacturer", "model"] : ["Manufacturer", "Model"];
    expect([body[manufacturer], body[model]]).toEqual([null, null]);
  });

  test("has a status that tells whether commands reach it now", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const statuses = async (): Promise<string[]> => [
      (await api.get(`/v1.0/me/devices/${device.id}`)).body.status,
      (await api.get(`/beta/me/devices/${device.id}`)).body.Status,
      (await api.get("/v1.0/me/devices")).body.value[0].status,
    ];
    expect(await statuses()).toEqual(["Unknown", "Unknown", "Unknown"]);
    await device.connects();
    expect(await statuses()).toEqual(["Online", "Online", "Online"]);
    device.notifies("presence", { state: "standby" });
    await expect.poll(statuses, { timeout: 5_000 }).toEqual(["Standby", "Standby", "Standby"]);
    device.notifies("presence", { state: "active" });
    await expect.poll(statuses, { timeout: 5_000 }).toEqual(["Online", "Online", "Online"]);
    await device.disconnects(api);
    expect(await statuses()).toEqual(["Offline", "Offline", "Offline"]);
  });
});

describe("a command", () => {
  test("has all of its members, absent ones as null", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const { status, body: sent } = await api.post(`/v1.0/me/devices/${device.id}/commands`, LAUNCH_URI);
    expect(status).toBe(201);
    expect(Object.keys(sent)).toEqual(COMMAND_MEMBERS);
    expect(sent).toMatchObject({
      status: "requesting",
      type: "LaunchUri",
      appServiceName: null,
      packageFamilyName: null,
      error: null,
      permissionTicket: null,
      postBackUri: null,
      payload: LAUNCH_URI.payload,
      responsePayload: null,
      statusDetail: null,
    });
    expect(sent.createdDateTime).toMatch(ISO);
    expect(sent.lastModifiedDateTime).toMatch(ISO);
    expect(Date.parse(sent.expirationDateTime) - Date.parse(sent.createdDateTime)).toBe(24 * 3_600_000);

    const { body: read } = await api.get(`/v1.0/me/devices/${device.id}/commands/${sent.id}`);
    expect(Object.keys(read)).toEqual(COMMAND_MEMBERS);
    expect(read).toMatchObject({ id: sent.id, status: "requesting", error: null, responsePayload: null });
    expect(JSON.stringify([sent, read])).not.toContain('"null"');
  });

  test("tells what its sender wrote", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const wish = { ...APP_SERVICE, permissionTicket: "Please", postBackUri: "https://example.com/told" };
    const command = await api.send(device, wish);
    expect((await api.get(`/v1.0${command}`)).body).toMatchObject(wish);
  });

  test("is in beta also its own `value`, with the same members and no context of a collection", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const { body: sent } = await api.post(`/beta/me/devices/${device.id}/commands`, APP_SERVICE);
    const address = `/me/devices/${device.id}/commands/${sent.id}`;
    const clean = (await api.get(`/v1.0${address}`)).body;
    expect(clean).not.toHaveProperty("value");
    for (const profile of ["/beta", ""]) {
      const { body } = await api.get(`${profile}${address}`);
      expect(body).toEqual({ ...clean, value: clean });
    }
    const { value, ...entity } = sent;
    expect(Object.keys(entity)).toEqual(COMMAND_MEMBERS);
    expect(value).toEqual(entity);
  });

  test.each(["/v1.0", "/beta", ""])("is plain in the list under %s", async (profile) => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, LAUNCH_URI);
    const { body } = await api.get(`${profile}/me/devices/${device.id}/commands`);
    expect(body).toEqual({
      "@odata.context": `${ORIGIN}${profile || "/beta"}/$metadata#me/devices('${device.id}')/commands`,
      value: [(await api.get(`/v1.0${command}`)).body],
    });
  });
});

describe("a response payload", () => {
  const results: [what: string, result: Json, members: object][] = [
    ["an object", { answer: "Yes.", list: [1, null] }, { answer: "Yes.", list: [1, null] }],
    ["an object with a member `value`", { value: 3, other: 4 }, { value: 3, other: 4 }],
    ["an empty object", {}, {}],
    ["a list", [1, [2]], { value: [1, [2]] }],
    ["an empty list", [], { value: [] }],
    ["a text", "Yes.", { value: "Yes." }],
    ["an empty text", "", { value: "" }],
    ["zero", 0, { value: 0 }],
    ["false", false, { value: false }],
    ["the device's own MsIgnoredParameter", { MsIgnoredParameter: 7 }, { MsIgnoredParameter: 7 }],
  ];

  test.each(results)("that is %s reads so in both profiles", async (_, result, members) => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await commandAnswered(api, device, result);

    const clean = await api.get(`/v1.0${command}/responsePayload`);
    expect(clean.status).toBe(200);
    expect(clean.body).toEqual({
      "@odata.context": `${ORIGIN}/v1.0/$metadata#microsoft.graph.PayloadResponse`,
      ...members,
    });
    for (const profile of ["/beta", ""]) {
      const { status, body } = await api.get(`${profile}${command}/responsePayload`);
      expect(status).toBe(200);
      expect(body).toEqual({
        "@odata.context": `${ORIGIN}/beta/$metadata#microsoft.graph.PayloadResponse`,
        MsIgnoredParameter: 0,
        ...members,
      });
    }
    expect((await api.get(`/v1.0${command}`)).body.responsePayload).toEqual(result);
  });

  test("has the service's context, whatever the device says", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await commandAnswered(api, device, {
      "@odata.context": "https://elsewhere.example/",
      answer: 1,
    });
    expect((await api.get(`/v1.0${command}/responsePayload`)).body).toEqual({
      "@odata.context": `${ORIGIN}/v1.0/$metadata#microsoft.graph.PayloadResponse`,
      answer: 1,
    });
  });

  test("keeps members that are special to JavaScript", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    const result = '{"__proto__":{"polluted":true},"constructor":{"prototype":1},"toString":null}';
    device.sends(`{"jsonrpc":"2.0","id":"${id}","result":${result}}`);
    await api.reaches(command, "completed");
    const { body } = await api.get(`/v1.0${command}/responsePayload`);
    expect(JSON.stringify(body)).toContain(result.slice(1, -1));
    expect({}).not.toHaveProperty("polluted");
  });

  test("is not there while the command lives, and worth asking for again", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    device.acknowledges(id);
    await api.reaches(command, "executing");
    for (const profile of ["/v1.0", "/beta"]) {
      const { status, body, headers } = await api.get(`${profile}${command}/responsePayload`);
      expect([status, body]).toEqual([204, undefined]);
      expect(headers.get("Retry-After")).toMatch(/^[1-9]\d*$/);
    }
  });

  test.each([
    ["a result of null", "completed", (device: Device, id: string) => device.answers(id, null)],
    [
      "an error",
      "executionFailed",
      (device: Device, id: string) => device.fails(id, { code: 1, message: "No.", data: { more: "words" } }),
    ],
    [
      "a refusal",
      "commandDropped",
      (device: Device, id: string) => device.notifies("dropped", { id, reason: "Asleep" }),
    ],
  ])("is never there after %s", async (_, status, ends) => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    ends(device, (await device.receives()).id);
    expect(await api.reaches(command, status)).toMatchObject({ responsePayload: null });
    for (const profile of ["/v1.0", "/beta"]) {
      const answer = await api.get(`${profile}${command}/responsePayload`);
      expect([answer.status, answer.body]).toEqual([204, undefined]);
      expect(answer.headers.get("Retry-After")).toBeNull();
    }
  });
});
