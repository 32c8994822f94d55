import { beforeAll, describe, expect, test } from "vitest";
import { Api, Device, type Json } from "../stage.ts";

/** What a LaunchUri command may open. */

const api = new Api();
let device: Device;

beforeAll(async () => {
  device = await Device.connected(api);
});

const send = (payload: Json) =>
  api.post(`/v1.0/me/devices/${device.id}/commands`, { type: "LaunchUri", payload });

/** Expects a refusal that names what is wrong. */
async function expectRefused(payload: Json, named: string): Promise<void> {
  const answer = await send(payload);
  expect([answer.status, answer.body.error?.code]).toEqual([400, "invalidRequest"]);
  expect(answer.body.error.message).toContain(named);
}

describe("a LaunchUri command", () => {
  test("takes as long a URI as allowed", async () => {
    const uri = "https://example.com/".padEnd(8_192, "x");
    expect((await send({ uri })).status).toBe(201);
    expect((await device.receives()).params.uri).toBe(uri);
  });

  test.each([
    "https://example.com/a?b=c#d",
    "HTTPS://EXAMPLE.com",
    "http://localhost:8080/",
    "bingmaps:?cp=47.6~-122.3",
    "mailto:ada@example.com?subject=javascript:",
    "ms-settings:display",
    "tel:+15550100",
    "https://пример.example/ключ",
    `https://example.com/${"x".repeat(64)}`,
  ])("takes %s to the device as it was written", async (uri) => {
    const payload = { uri, note: "kept", nested: { list: [1] } };
    expect((await send(payload)).status).toBe(201);
    expect((await device.receives()).params).toMatchObject({ uri, payload });
  });

  test.each<[what: string, payload: Json]>([
    ["no payload", undefined],
    ["null", null],
    ["a text", "https://example.com/"],
    ["a list", ["https://example.com/"]],
    ["no uri", { url: "https://example.com/" }],
    ["an empty uri", { uri: "" }],
    ["a number", { uri: 42 }],
    ["a list of them", { uri: ["https://example.com/"] }],
    ["a relative one", { uri: "/page" }],
    ["one without a scheme", { uri: "example.com/page" }],
    ["one with the page's scheme", { uri: "//example.com/page" }],
    ["a broken host", { uri: "https://exa mple.com/" }],
    ["a blank before it", { uri: " https://example.com/" }],
    ["a line break behind it", { uri: "https://example.com/\n" }],
    ["a tab inside", { uri: "ht\ttps://example.com/" }],
    ["a control character behind it", { uri: "https://example.com/\u0000" }],
    ["a path on a drive", { uri: "C:\\Windows\\System32\\calc.exe" }],
    ["the same with slashes", { uri: "c:/Windows/System32/calc.exe" }],
    ["one that is too long", { uri: "https://example.com/".padEnd(8_193, "x") }],
    ["two of them", { uri: "https://example.com/", Uri: "https://example.com/" }],
    ["a good one that hides a bad one", { URI: "https://example.com/", uri: "javascript:alert(1)" }],
  ])("needs payload.uri: %s", async (what, payload) => {
    await expectRefused(payload, what === "no payload" ? '"payload"' : '"payload.uri"');
  });

  test.each([
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "javascript://example.com/%0Aalert(1)",
    " javascript:alert(1)",
    "\tjavascript:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "java\r\nscript:alert(1)",
    "javascript\t:alert(1)",
    "\u0000javascript:alert(1)",
    "\u00a0javascript:alert(1)",
    "\u200bjavascript:alert(1)",
    "\ufeffjavascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "DATA:text/html;base64,AAAA",
    "vbscript:msgbox(1)",
    "VBScript:msgbox(1)",
    "file:///etc/passwd",
    "FILE://server/share",
    "file:C:/Windows",
    "about:blank",
    "About:config",
  ])("is refused %j", async (uri) => {
    await expectRefused({ uri }, '"payload.uri"');
  });
});
