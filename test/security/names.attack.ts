import { exports } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { Api, answerOf, Device, type Json, ORIGIN } from "../stage.ts";

/** Names that every object of JavaScript's has already: as members, options, headers, paths, ids and methods. */

const NAMES = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then"];
/** What a careless merge would write into every object. */
const POISON =
  '{"polluted":true,"status":"completed","ok":true,"scp":"Device.ReadWrite","__proto__":{"polluted":true}}';
/** A value with all of them in it, as JSON: an object that is written in TypeScript would lose the first. */
const PAYLOAD = `{${NAMES.map((name) => `"${name}":${POISON}`).join(",")},"list":[{"__proto__":null}]}`;

const api = new Api();
let device: Device;
beforeAll(async () => {
  device = await Device.connected(api);
});

afterEach(() => {
  const clean = new (class {})() as Json;
  for (const name of ["polluted", "status", "ok", "scp"]) expect(clean[name]).toBeUndefined();
  for (const prototype of [Object.prototype, Array.prototype, Function.prototype, String.prototype])
    expect(Object.keys(prototype)).toEqual([]);
});

/** A request whose answer is read as text: parsing it would be the reader's own risk. */
async function asked(method: string, path: string, body?: string, headers: Record<string, string> = {}) {
  const answer = await api.request(method, path, body, headers);
  return { status: answer.status, code: answer.body?.error?.code, body: answer.body };
}

describe("in JSON", () => {
  test("they travel to the device and back, as they are", async () => {
    const envelope = `{"type":"AppService","appServiceName":"a","packageFamilyName":"constructor","payload":${PAYLOAD}}`;
    const { body } = await api.post(`/v1.0/me/devices/${device.id}/commands`, envelope);
    const received = await device.receives();
    expect(JSON.stringify(received.params.payload)).toBe(PAYLOAD);
    device.sends(`{"jsonrpc":"2.0","id":"${body.id}","result":${PAYLOAD}}`);
    const command = await api.reaches(`/me/devices/${device.id}/commands/${body.id}`, "completed");
    expect(JSON.stringify(command.payload)).toBe(PAYLOAD);
    expect(JSON.stringify(command.responsePayload)).toBe(PAYLOAD);
    for (const profile of ["v1.0", "beta"]) {
      const path = `/${profile}/me/devices/${device.id}/commands/${body.id}/responsePayload`;
      const { body: response } = await api.get(path);
      for (const name of NAMES)
        expect(JSON.stringify(Object.getOwnPropertyDescriptor(response, name)?.value)).toBe(POISON);
      expect(Object.getPrototypeOf(response)).toBe(Object.prototype);
    }
    const page = await api.get(`/v1.0/me/devices/${device.id}/commands?$select=payload`);
    expect(JSON.stringify(page.body.value[0])).toBe(`{"payload":${PAYLOAD}}`);
  });

  test.each(NAMES)("%s is no member of a body, whatever it holds", async (name) => {
    const bodies: [method: string, path: string, rest: string][] = [
      ["POST", "/me/devices", '"name":"n","kind":"Iot","platform":"Linux","publicKey":{}'],
      ["PATCH", `/me/devices/${device.id}`, '"name":"Renamed"'],
      [
        "POST",
        `/me/devices/${device.id}/commands`,
        '"type":"LaunchUri","payload":{"uri":"https://example.com/"}',
      ],
      ["POST", "/$batch", '"requests":[{"id":"1","method":"GET","url":"/me/devices"}]'],
    ];
    for (const [method, path, rest] of bodies) {
      expect(await asked(method, path, `{"${name}":${POISON},${rest}}`)).toMatchObject({
        status: 400,
        code: "invalidRequest",
      });
    }
  });

  test.each(NAMES)("%s is no word where one of several is asked for", async (name) => {
    const commands = `/me/devices/${device.id}/commands`;
    const payload = { uri: "https://example.com/" };
    for (const body of [
      { type: name, payload },
      { type: "LaunchUri", payload, whenOffline: name },
      { type: "LaunchUri", payload, deliveryTimeout: name },
      { type: "LaunchUri", payload: { [name]: 1 } },
      { type: "LaunchUri", payload: { uri: name } },
    ])
      expect((await asked("POST", commands, JSON.stringify(body))).status).toBe(400);
    const kinds = { name: "n", kind: name, platform: "Linux", publicKey: { kty: name } };
    expect((await asked("POST", "/me/devices", JSON.stringify(kinds))).status).toBe(400);
    expect((await asked("POST", "/me/devices", JSON.stringify({ ...kinds, kind: "Iot" }))).status).toBe(400);
  });
});

describe("in addresses and headers", () => {
  test.each(NAMES)("%s is no option, no filter and no member to select", async (name) => {
    const commands = `/v1.0/me/devices/${device.id}/commands`;
    for (const query of [
      `$${name}=1`,
      `$filter=${name} eq 'x'`,
      `$filter=status eq '${name}'`,
      `$skiptoken=${name}`,
    ])
      expect((await asked("GET", `${commands}?${query}`)).status, query).toBe(400);
    expect((await asked("GET", `${commands}?$select=${name}`)).status).toBe(400);
    // Without "$" they are the caller's own, and nobody's here.
    const own = `${name}=1&${name}[polluted]=1&${name}.polluted=1&constructor[prototype][polluted]=1`;
    expect((await asked("GET", `${commands}?${own}`)).status).toBe(200);
  });

  test.each(NAMES)("%s is no place", async (name) => {
    for (const path of [
      ...[`/${name}`, `/v1.0/${name}`, `/${name}/me/devices`, `/me/${name}`, `/me/devices/${name}`],
      ...[`/me/devices/${name}/commands/${name}`, `/me/devices('${name}')`, `/me/pairings/${name}`],
      ...[
        `/me/devices/${device.id}/${name}`,
        `/assets/${name}`,
        `/me/devices/${device.id}/commands/${name}/history`,
      ],
    ])
      expect((await asked("GET", path)).status, path).toBe(404);
    expect((await answerOf(await Device.handshake(name, { Authorization: "Bearer x" }))).status).toBe(404);
  });

  test.each(NAMES)("%s is a header like any other", async (name) => {
    const headers = { [name]: "polluted", "client-request-id": name, Prefer: name, Accept: `${name}, */*` };
    const { status, headers: answered } = await api.get("/v1.0/me/devices", headers);
    expect([status, answered.get("client-request-id")]).toEqual([200, name]);
    const sent = { "Idempotency-Key": name };
    const body = '{"type":"LaunchUri","payload":{"uri":"https://example.com/"},"whenOffline":"fail"}';
    const own = await Device.registered(api);
    const commands = `/v1.0/me/devices/${own.id}/commands`;
    const first = await api.post(commands, body, sent);
    const again = await api.post(commands, body, sent);
    expect([first.status, again.status, again.body.id]).toEqual([201, 201, first.body.id]);
  });

  test("they are the ids of a batch's requests like any others", async () => {
    const requests = NAMES.map((id, index) => ({
      ...{ id, method: "GET", url: "/me/devices" },
      ...(index > 0 && { dependsOn: [NAMES[index - 1]] }),
    }));
    const text = JSON.stringify({ requests }).replaceAll(
      '"url":',
      '"headers":{"__proto__":"x","constructor":"y"},"url":',
    );
    const { body } = await api.post("/v1.0/$batch", text);
    expect(body.responses.map(({ id, status }: Json) => [id, status])).toEqual(NAMES.map((id) => [id, 200]));
  });

  test("they are no grounds to let anyone in", async () => {
    for (const name of NAMES) {
      const headers = { Authorization: `Bearer ${name}.${name}.${name}` };
      expect((await exports.default.fetch(`${ORIGIN}/me/devices`, { headers })).status).toBe(401);
      const scoped = new Api(api.sub, name);
      expect((await scoped.get("/me/devices")).status).toBe(403);
    }
  });
});

describe("said by a device", () => {
  test.each(NAMES)("%s is no method, no command and no state", async (name) => {
    const own = await Device.connected(api);
    const says = async (frame: string): Promise<Json> => {
      own.sends(frame);
      return (await own.receives()).error?.code;
    };
    expect(await says(`{"jsonrpc":"2.0","id":1,"method":"${name}"}`)).toBe(-32601);
    expect(await says(`{"jsonrpc":"2.0","id":1,"method":"presence","params":{"state":"${name}"}}`)).toBe(
      -32602,
    );
    for (const method of ["executing", "progress", "dropped"])
      expect(await says(`{"jsonrpc":"2.0","id":1,"method":"${method}","params":{"id":"${name}"}}`)).toBe(
        -32602,
      );
    expect(await says(`{"jsonrpc":"2.0","id":"${name}","result":${PAYLOAD}}`)).toBe(-32602);
    expect(await says(`{"jsonrpc":"2.0","${name}":{"method":"ping","id":1}}`)).toBe(-32600);
    expect(await says(`{"__proto__":{"jsonrpc":"2.0","id":1,"method":"ping"}}`)).toBe(-32600);
    expect(
      await says(`{"jsonrpc":"2.0","id":1,"method":"executing","params":{"__proto__":{"id":"x"}}}`),
    ).toBe(-32602);
    // What went wrong has a name of ours, or none.
    const { body } = await api.post(`/v1.0/me/devices/${own.id}/commands`, {
      ...{ type: "AppService", appServiceName: name, packageFamilyName: name, payload: null },
    });
    expect((await own.receives()).params).toMatchObject({ appServiceName: name, packageFamilyName: name });
    own.sends(
      `{"jsonrpc":"2.0","id":"${body.id}","error":{"code":1,"message":"${name}","data":{"status":"${name}"}}}`,
    );
    const command = `/me/devices/${own.id}/commands/${body.id}`;
    expect(await api.reaches(command, "executionFailed")).toMatchObject({ error: "Unknown" });
  });
});
