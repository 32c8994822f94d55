import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { COMMAND_MEMBERS } from "../../src/command/entity.ts";
import { Newcomer, newAddress, publicKey, REGISTRATION } from "../pairing/stage.ts";
import { APP_SERVICE, Api, Device, type Json } from "../stage.ts";
import { keptBy, namesIn } from "./kept.ts";

/**
 * Members that are not a caller's to write: whatever the service keeps by a name is tried under that name, and what
 * people try elsewhere. Each is refused, or has no effect.
 */

const api = new Api();
const victim = new Api();
let device: Device;
let victims: string;
/** Everything that is kept of a device, a command and a pairing has one of these names. */
const names = { device: new Set<string>(), command: new Set<string>(), pairing: new Set<string>() };

const deviceObject = (id: string): DurableObjectStub => env.DEVICES.get(env.DEVICES.idFromString(id));
const commandObject = (id: string): DurableObjectStub => env.COMMANDS.get(env.COMMANDS.idFromString(id));

/** Names that are no member here, and are elsewhere. */
const ELSEWHERE = [
  ...[
    "owner",
    "ownerId",
    "userId",
    "user",
    "accountId",
    "tenantId",
    "sub",
    "iss",
    "scp",
    "scope",
    "scopes",
    "role",
  ],
  ...[
    "isAdmin",
    "admin",
    "approved",
    "verified",
    "createdBy",
    "createdAt",
    "updatedAt",
    "deletedAt",
    "version",
    "_id",
  ],
];
/** Names of what only the service writes, in the documents. */
const READ_ONLY = [
  ...COMMAND_MEMBERS,
  "value",
  "lastSeen",
  "registeredDateTime",
  "userCode",
  "device_code",
  "user_code",
];

beforeAll(async () => {
  device = await Device.connected(api);
  victims = (await Device.registered(victim)).id;
  const waiting = await Device.registered(api);
  await api.send(waiting, APP_SERVICE);
  names.device = namesIn(await keptBy(deviceObject(waiting.id)));
  const command = await api.send(device, {
    ...APP_SERVICE,
    postBackUri: "https://receiver.example.com/none",
  });
  const { id } = await device.receives();
  device.notifies("progress", { id, percent: 1 });
  await api.reaches(command, "custom");
  device.answers(id, { answer: 42 });
  await api.reaches(command, "completed");
  names.command = namesIn(await keptBy(commandObject(id)));
  names.pairing = namesIn(await keptBy((await Newcomer.asks()).object));
  // Were they not read rightly, nothing would be tried.
  expect([...names.device]).toEqual(
    expect.arrayContaining(["account", "removed", "connectedBefore", "stage"]),
  );
  expect([...names.command]).toEqual(expect.arrayContaining(["account", "retentionMs", "history", "status"]));
  expect([...names.pairing]).toEqual(expect.arrayContaining(["verdict", "digest", "network", "place"]));
});

/** Every name with values that would do harm, but for those that are the caller's own to write. */
function attempts(kept: Iterable<string>, own: readonly string[]): Json[] {
  const values = [victims, "completed", { type: "approved", account: victims }];
  return (
    [...new Set([...kept, ...ELSEWHERE, ...READ_ONLY])]
      .filter((name) => !own.some((member) => member.toLowerCase() === name.toLowerCase()))
      // What is refused is so by its name, and one value will do.
      .flatMap((name) =>
        values.slice(0, READ_ONLY.includes(name) ? 3 : 1).map((value) => ({ [name]: value })),
      )
  );
}

/** How often each status was answered. */
function counted(statuses: number[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const status of statuses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

/** What of a thing is the same, whoever made it and when. */
function lasting({ kv, tables }: { kv: Json; tables: Json }, ...unique: string[]): string {
  const text = JSON.stringify({ kv, tables });
  return unique.reduce((all, word) => all.replaceAll(word, "…"), text).replaceAll(/\b1\d{12}\b/g, "time");
}

describe("registering a device", () => {
  const own = Object.keys(REGISTRATION).concat("manufacturer", "model");

  test("writes what was registered, and nothing more", async () => {
    const caller = new Api();
    const plain = (await caller.post("/v1.0/me/devices", REGISTRATION)).body;
    const expected = lasting(await keptBy(deviceObject(plain.id)), plain.id);
    const tried = attempts(names.device, own);
    const statuses: number[] = [];
    for (const members of tried) {
      const { status, body } = await caller.post("/v1.0/me/devices", { ...members, ...REGISTRATION });
      statuses.push(status);
      if (status !== 201) continue;
      expect({ ...body, id: "" }, JSON.stringify(members)).toEqual({ ...plain, id: "" });
      expect(lasting(await keptBy(deviceObject(body.id)), body.id)).toBe(expected);
      await caller.request("DELETE", `/me/devices/${body.id}`);
    }
    // What a client has read it may send back; all else is refused.
    expect(counted(statuses)).toEqual({ 201: 2 * 3, 400: tried.length - 2 * 3 });
  });

  test("under an id that is another's does not touch that", async () => {
    const before = await keptBy(deviceObject(victims));
    expect((await api.post("/v1.0/me/devices", { ...REGISTRATION, id: victims })).status).toBe(201);
    expect((await api.post(`/v1.0/me/devices/${victims}`, REGISTRATION)).status).toBe(405);
    expect(await keptBy(deviceObject(victims))).toEqual(before);
  });

  test("renaming writes the name, and nothing more", async () => {
    const { id } = await Device.registered(api);
    const rename = (more: Json): Promise<Json> =>
      api.request("PATCH", `/v1.0/me/devices/${id}`, { ...more, name: "Renamed" });
    await rename({});
    const before = await keptBy(deviceObject(id));
    const tried = attempts(names.device, ["name"]);
    const statuses: number[] = [];
    for (const members of tried) statuses.push((await rename(members)).status);
    expect(counted(statuses)).toEqual({ 200: 2 * 3, 400: tried.length - 2 * 3 });
    expect(await keptBy(deviceObject(id))).toEqual(before);
  });
});

describe("sending a command", () => {
  const own = [
    ...["type", "payload", "appServiceName", "packageFamilyName", "permissionTicket", "postBackUri"],
    ...["deliveryTimeout", "executionTimeout", "whenOffline"],
  ];

  test("writes what was asked, and nothing more", async () => {
    const target = await Device.registered(api);
    const commands = `/v1.0/me/devices/${target.id}/commands`;
    const plain = (await api.post(commands, APP_SERVICE)).body;
    const tried = attempts([...names.command, ...names.device], own);
    const answers = await Promise.all(
      tried.map((members) => api.post(commands, { ...members, ...APP_SERVICE })),
    );
    const dates = { createdDateTime: "", lastModifiedDateTime: "", expirationDateTime: "", id: "" };
    const accepted = answers.filter(({ status }) => status === 201);
    for (const { body } of accepted) expect({ ...body, ...dates }).toEqual({ ...plain, ...dates });
    const refused = answers.filter(({ status }) => status === 400);
    expect(refused.length + accepted.length).toBe(tried.length);
    // id, status, error, responsePayload, the three dates, statusDetail, and value: what the service has answered itself.
    expect(accepted.length).toBe(9 * 3);
    const { tables } = await keptBy(deviceObject(target.id));
    const orders = tables
      .flatMap(([, rows]) => rows)
      .map(({ id, content }) => {
        const { order } = JSON.parse(content);
        return JSON.stringify({ ...order, id: "" }) + (id === order.id);
      });
    expect(orders.length).toBe(accepted.length + 1);
    expect(new Set(orders).size).toBe(1);
    expect(orders[0]).toMatch(/true$/);
  });

  test("cancelling and erasing take no body's word", async () => {
    const target = await Device.registered(api);
    const command = await api.send(target, APP_SERVICE);
    const { status, body } = await api.post(`/v1.0${command}/cancel`, {
      status: "completed",
      responsePayload: 1,
      id: victims,
    });
    expect([status, body.status, body.responsePayload]).toEqual([202, "canceled", null]);
    const id = command.split("/").at(-1);
    expect(body.id).toBe(id);
    expect((await api.request("DELETE", command, { id: victims })).status).toBe(204);
    expect((await victim.get(`/me/devices/${victims}`)).status).toBe(200);
  });
});

describe("a member that is given twice", () => {
  const harmless = "https://example.com/harmless";
  const send = (text: string): Promise<Json> => api.post(`/v1.0/me/devices/${device.id}/commands`, text);

  test("in the same letters is the last, for the service's check and for the device", async () => {
    const order = (first: string, last: string): string =>
      `{"type":"AppService","type":"LaunchUri","payload":{"uri":"${first}","uri":"${last}"}}`;
    expect((await send(order(harmless, "javascript:alert(1)"))).status).toBe(400);
    expect((await send(order("javascript:alert(1)", harmless))).status).toBe(201);
    const { params } = await device.receives();
    expect(params).toMatchObject({ uri: harmless, payload: { uri: harmless } });
    expect(JSON.stringify(params)).not.toContain("javascript");
  });

  test("in letters that are the same in lower case is refused", async () => {
    for (const [name, twin] of [
      ["type", "TYPE"],
      ["payload", "payLoad"],
      // The sign for kelvin is a k in lower case.
      ["packageFamilyName", "pac\u212AageFamilyName"],
    ] as const) {
      const { status, body } = await send(JSON.stringify({ ...APP_SERVICE, [name]: "x", [twin]: "y" }));
      expect([status, body.error.message]).toEqual([400, `The member "${name}" is given twice.`]);
    }
    const uris = '{"uri":"https://example.com/","URI":"x"}';
    expect((await send(`{"type":"LaunchUri","payload":${uris}}`)).status).toBe(400);
  });
});

describe("pairing", () => {
  test("asks for what was asked, and nothing more", async () => {
    const tried = attempts(
      [...names.pairing, ...names.device],
      [...Object.keys(REGISTRATION), "manufacturer", "model"],
    );
    for (const members of tried) {
      const headers = { "CF-Connecting-IP": newAddress() };
      const { status } = await api.post("/pairings", { ...members, ...REGISTRATION, publicKey }, headers);
      expect([status, members]).toEqual([400, members]);
    }
  });

  test("lets in what has asked, for the account that lets it, whatever a body says", async () => {
    const newcomer = await Newcomer.asks();
    const wish = { account: victims, sub: victim.sub, name: "Other", kind: "Desktop", device: victims };
    const { status, body } = await api.post(`/v1.0${newcomer.path}/approve`, wish, {
      "CF-Connecting-IP": newAddress(),
    });
    expect([status, body.name, body.kind]).toEqual([201, REGISTRATION.name, REGISTRATION.kind]);
    expect(body.id).not.toBe(victims);
    expect((await victim.get(`/me/devices/${body.id}`)).status).toBe(404);
    expect((await api.get(`/me/devices/${body.id}`)).status).toBe(200);
  });
});
