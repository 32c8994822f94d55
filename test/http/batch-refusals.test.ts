import { beforeAll, describe, expect, test } from "vitest";
import { BATCH_BYTES_MAX, PAYLOAD_DEPTH_MAX } from "../../src/limits.ts";
import { Api, Device, type Json, ORIGIN } from "../stage.ts";
import { commandsOf, DEVICES, responsesOf, sending } from "./batches.ts";

/** What is no batch, or no part of one. */

const api = new Api();
let device: Device;
beforeAll(async () => {
  device = await Device.registered(api);
});

describe("a request that no batch can hold is refused, and the others are not", () => {
  test.each([
    ["a batch", { method: "POST", url: "/$batch", body: { requests: [DEVICES] } }, 400],
    [
      "a batch, in other letters",
      { method: "POST", url: "v1.0/$Batch/", body: { requests: [DEVICES] } },
      400,
    ],
    ["a connection", { method: "GET", url: "/devices/d/connection", headers: { upgrade: "websocket" } }, 400],
    ["events", { method: "GET", url: "/me/devices", headers: { Accept: "text/event-stream" } }, 406],
  ])("%s", async (_, part, status) => {
    const answered = await responsesOf(api, [{ id: "it", ...part }, DEVICES]);
    expect(answered).toMatchObject({ it: { status }, 1: { status: 200 } });
    expect(answered.it.body.error.message).toMatch(/batch/);
    // What the batch itself answers has what every answer has.
    expect(answered.it.headers).toEqual({
      "Cache-Control": "no-store",
      "Content-Type": "application/json",
      "OData-Version": "4.0",
      "request-id": answered.it.body.error.innerError["request-id"],
    });
  });
});

describe("a batch that is none is refused as a whole", () => {
  const POST = { id: "1", method: "POST", url: "/me/devices" };

  test.each([
    ["a list", [DEVICES]],
    ["no requests", {}],
    ["no list of requests", { requests: {} }],
    ["an empty list of requests", { requests: [] }],
    [
      "a request too many",
      { requests: Array.from({ length: 21 }, (_, id) => ({ ...DEVICES, id: `${id}` })) },
    ],
    ["a request that is none", { requests: [null] }],
    ["no id", { requests: [{ method: "GET", url: "/me/devices" }] }],
    ["an id that is no text", { requests: [{ ...DEVICES, id: 1 }] }],
    ["an empty id", { requests: [{ ...DEVICES, id: "" }] }],
    ["an endless id", { requests: [{ ...DEVICES, id: "x".repeat(129) }] }],
    ["an id of half a letter", { requests: [{ ...DEVICES, id: "\ud800" }] }],
    ["an id twice", { requests: [DEVICES, DEVICES] }],
    ["no method", { requests: [{ id: "1", url: "/me/devices" }] }],
    ["an unknown method", { requests: [{ ...DEVICES, method: "BREW" }] }],
    ["no url", { requests: [{ id: "1", method: "GET" }] }],
    ["an absolute url", { requests: [{ ...DEVICES, url: `${ORIGIN}/me/devices` }] }],
    ["another host", { requests: [{ ...DEVICES, url: "//example.com/me/devices" }] }],
    ["another host, with backslashes", { requests: [{ ...DEVICES, url: "/\\example.com" }] }],
    ["a script", { requests: [{ ...DEVICES, url: "javascript:alert(1)" }] }],
    ["a url with a line break", { requests: [{ ...DEVICES, url: "/me/\ndevices" }] }],
    ["an empty url", { requests: [{ ...DEVICES, url: "" }] }],
    ["headers that are none", { requests: [{ ...DEVICES, headers: [1] }] }],
    ["a header's name that is none", { requests: [{ ...DEVICES, headers: { "no name": "x" } }] }],
    ["a header with a line break", { requests: [{ ...DEVICES, headers: { Prefer: "a\r\nb: c" } }] }],
    ["a GET with a body", { requests: [{ ...DEVICES, body: {} }] }],
    ["a text of no type", { requests: [{ ...POST, body: "text" }] }],
    ["an object as a form", { requests: [{ ...POST, body: {}, headers: { "Content-Type": "text/plain" } }] }],
    ["a text that is no base64", { requests: [{ ...POST, body: "§", headers: { "Content-Type": "a/b" } }] }],
    ["a dependency that is no list", { requests: [{ ...DEVICES, dependsOn: "1" }] }],
    ["a dependency that is not there", { requests: [{ ...DEVICES, dependsOn: ["2"] }] }],
    ["more dependencies than requests", { requests: [{ ...DEVICES, dependsOn: Array(21).fill("2") }] }],
    ["a dependency on itself", { requests: [{ ...DEVICES, dependsOn: ["1"] }] }],
    [
      "a circle",
      {
        requests: [
          ["1", "3"],
          ["2", "1"],
          ["3", "2"],
        ].map(([id, on]) => ({ ...DEVICES, id, dependsOn: [on] })),
      },
    ],
  ])("%s", async (_, body: Json) => {
    const own = await Device.registered(api);
    const sent = sending(own, "sent", { url: `/me/devices/${own.id}/commands` });
    const whole = Array.isArray(body.requests) && body.requests.length > 0 && body.requests.length < 20;
    const answer = await api.post("/v1.0/$batch", whole ? { requests: [sent, ...body.requests] } : body);
    expect(answer).toMatchObject({ status: 400, body: { error: { code: "invalidRequest" } } });
    expect(await commandsOf(api, own)).toEqual([]);
  });

  test.each([
    ["text", "text/plain", 415],
    ["half of one", "application/json", 400],
  ])("%s", async (_, type, status) => {
    expect((await api.post("/$batch", '{"requests":[', { "Content-Type": type })).status).toBe(status);
  });

  test("one that is too large", async () => {
    const filler = { ...DEVICES, headers: { filler: "x".repeat(BATCH_BYTES_MAX) } };
    expect(await api.post("/$batch", { requests: [filler] })).toMatchObject({
      status: 413,
      body: { error: { code: "requestTooLarge" } },
    });
  });

  test("one that is too deep; a payload as deep as it may be is not", async () => {
    const deep = (levels: number): object => JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`);
    const nested = (levels: number): object[] => [
      sending(device, "1", {
        body: { type: "AppService", appServiceName: "a", packageFamilyName: "b", payload: deep(levels) },
      }),
    ];
    expect((await responsesOf(api, nested(PAYLOAD_DEPTH_MAX)))[1].status).toBe(201);
    expect((await api.post("/$batch", { requests: nested(PAYLOAD_DEPTH_MAX + 1) })).status).toBe(413);
  });
});
