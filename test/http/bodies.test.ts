import { createExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { app } from "../../src/http/app.ts";
import { type Answer, APP_SERVICE, Api, answerOf, Device, type Json, ORIGIN, signToken } from "../stage.ts";

/** Request bodies: what is read, how far, and what is done with strange ones. */

const KIB = 1_024;
const api = new Api();
let device: Device;
let commands: string;

beforeAll(async () => {
  device = await Device.connected(api);
  commands = `/v1.0/me/devices/${device.id}/commands`;
});

/** The body of an AppService command whose payload is this JSON text. */
const withPayload = (payload: string): string =>
  `{"type":"AppService","appServiceName":"a","packageFamilyName":"b","payload":${payload}}`;

/** Posts a body as it is: bytes, or a stream whose length nobody told. */
async function postRaw(body: BodyInit, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await exports.default.fetch(`${ORIGIN}${commands}`, {
    method: "POST",
    headers: {
      Authorization: `Bearer ${await signToken(api.sub)}`,
      "Content-Type": "application/json",
      ...headers,
    },
    body,
  });
  return await answerOf(response);
}

function expectRefused(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body.error?.code]).toEqual([status, code]);
}

describe("what is no JSON object is refused", () => {
  test.each([
    ["nothing", ""],
    ["blanks", "  \n"],
    ["words", "nonsense"],
    ["half an object", '{"type":"LaunchUri"'],
    ["an object and more", `${withPayload("1")} x`],
    ["a comment", `/* Hello */ ${withPayload("1")}`],
    ["single quotes", "{'type':'LaunchUri'}"],
    ["a trailing comma", '{"type":"LaunchUri",}'],
    ["a list", "[]"],
    ["a text", '"LaunchUri"'],
    ["a number", "42"],
    ["null", "null"],
  ])("%s", async (_, body) => {
    expectRefused(await api.post(commands, body), 400, "invalidRequest");
  });

  test("no body at all", async () => {
    expectRefused(
      await api.request("POST", commands, undefined, { "Content-Type": "application/json" }),
      400,
      "invalidRequest",
    );
  });
});

describe("the media type is JSON, in UTF-8", () => {
  test.each([
    ["application/json", 201],
    ["application/json; charset=utf-8", 201],
    ['Application/JSON;Charset="UTF-8"', 201],
    ["application/json;odata.metadata=minimal; charset=utf-8", 201],
    ["application/json; charset=iso-8859-1", 415],
    ["application/json; charset=utf-16", 415],
    ["text/plain", 415],
    ["text/json-ish", 415],
    ["application/jsonp", 415],
    ["application/x-www-form-urlencoded", 415],
    ["multipart/form-data; boundary=application/json", 415],
    ["", 415],
  ])("%s answers %i", async (type, expected) => {
    const answer = await api.post(commands, withPayload("1"), { "Content-Type": type });
    expect(answer.status).toBe(expected);
    if (expected === 201) await device.receives();
    else expect(answer.body.error.code).toBe("unsupportedMediaType");
  });

  test.each<[what: string, bytes: number[]]>([
    ["a byte that UTF-8 does not have", [0xff]],
    ["a character cut short", [0xe2, 0x82]],
    ["a character longer than it need be", [0xc0, 0xaf]],
    ["half of a surrogate pair", [0xed, 0xa0, 0x80]],
    ["Latin-1", [0x63, 0xe9]],
  ])("%s is not UTF-8", async (_, bytes) => {
    const [before = "", after = ""] = withPayload('"?"').split("?");
    const encoder = new TextEncoder();
    const body = new Uint8Array([...encoder.encode(before), ...bytes, ...encoder.encode(after)]);
    expectRefused(await postRaw(body), 400, "invalidRequest");
  });

  test("a mark at the beginning is passed over", async () => {
    const { status } = await postRaw(new TextEncoder().encode(`\ufeff${withPayload("1")}`));
    expect(status).toBe(201);
    await device.receives();
  });
});

describe("a body has at most 1 MiB", () => {
  test.each([
    [KIB * KIB, 201],
    [KIB * KIB + 1, 413],
  ])("%i bytes answer %i", async (bytes, expected) => {
    const answer = await api.post(commands, withPayload("1").padEnd(bytes));
    expect(answer.status).toBe(expected);
    if (expected === 201) await device.receives();
    else expect(answer.body.error.code).toBe("requestTooLarge");
  });

  /** An endless body, and how much of it was asked for. */
  function endless(chunk: string): { body: ReadableStream<Uint8Array>; read: () => number } {
    const bytes = new TextEncoder().encode(chunk);
    let pulls = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulls++;
        controller.enqueue(bytes);
      },
    });
    return { body, read: () => pulls * bytes.length };
  }

  test("and where a greater length was told, none of it is read", async () => {
    const { body, read } = endless(" ".repeat(KIB));
    const request = new Request(`${ORIGIN}${commands}`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${await signToken(api.sub)}`,
        "Content-Type": "application/json",
        "Content-Length": `${KIB * KIB + 1}`,
      },
      body,
    });
    expectRefused(
      await answerOf(await app.fetch(request, env, createExecutionContext())),
      413,
      "requestTooLarge",
    );
    // One chunk is what a stream holds ready.
    expect(read()).toBeLessThanOrEqual(KIB);
  });

  test("and where its length was not told, no more than that is read", async () => {
    const { body, read } = endless(" ".repeat(16 * KIB));
    expectRefused(await postRaw(body), 413, "requestTooLarge");
    expect(read()).toBeGreaterThan(KIB * KIB);
    // What the platform has read ahead by then is little.
    expect(read()).toBeLessThan(2 * KIB * KIB);
  });

  test("one that goes too deep is not read on either", async () => {
    const { body, read } = endless("[".repeat(KIB));
    expectRefused(await postRaw(body), 413, "requestTooLarge");
    expect(read()).toBeLessThan(256 * KIB);
  });

  test("one that is not UTF-8 is not read on either", async () => {
    const bytes = new Uint8Array(KIB).fill(0xff);
    let pulls = 0;
    const body = new ReadableStream({
      pull: (controller) => {
        pulls++;
        controller.enqueue(bytes);
      },
    });
    expectRefused(await postRaw(body), 400, "invalidRequest");
    expect(pulls).toBeLessThan(256);
  });

  test("one that comes byte by byte is read all the same", async () => {
    const bytes = new TextEncoder().encode(withPayload('"é€😀"'));
    const body = new ReadableStream({
      start: (controller) => {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
        controller.close();
      },
    });
    expect((await postRaw(body)).status).toBe(201);
    expect((await device.receives()).params.payload).toBe("é€😀");
  });
});

describe("members", () => {
  const post = async (members: Json): Promise<Answer> =>
    await api.post(commands, { ...APP_SERVICE, ...members });

  test.each(["payLoad", "PAYLOAD", "Payload"])(
    "given twice, as payload and %s, are refused by name",
    async (name) => {
      const answer = await post({ [name]: 1 });
      expectRefused(answer, 400, "invalidRequest");
      expect(answer.body.error.message).toContain('"payload"');
    },
  );

  test.each([
    ["a word", "colour"],
    ["nearly ours", "payloads"],
    ["special to JavaScript", "__proto__"],
    ["inherited", "constructor"],
    ["not ASCII", "Ünknown"],
    ["empty", ""],
    ["endless", "x".repeat(10_000)],
  ])("that nobody knows are refused by name: %s", async (_, name) => {
    const answer = await api.post(
      commands,
      `{${JSON.stringify(name)}:1,${JSON.stringify(APP_SERVICE).slice(1)}`,
    );
    expectRefused(answer, 400, "invalidRequest");
    expect(answer.body.error.message).toContain(`"${name.slice(0, 64)}"`);
    expect(answer.body.error.message.length).toBeLessThan(1_000);
  });

  test("that only the service writes are passed over, so that what was read can be sent again", async () => {
    const { body: first } = await api.post(commands, APP_SERVICE);
    device.answers((await device.receives()).id, { answer: 42 });
    await api.reaches(`/me/devices/${device.id}/commands/${first.id}`, "completed");
    const { body: read } = await api.get(`${commands}/${first.id}`);
    const { status, body: second } = await api.post(commands, {
      "@odata.context": "x",
      ...read,
      Status: "error",
    });
    expect(status).toBe(201);
    expect(second).toMatchObject({
      status: "requesting",
      error: null,
      responsePayload: null,
      payload: APP_SERVICE.payload,
    });
    expect(second.id).not.toBe(first.id);
    expect((await device.receives()).id).toBe(second.id);
  });

  test("of a device that only the service writes are passed over too", async () => {
    const { id } = await Device.registered(api, { id: "mine", status: "Online" });
    expect((await api.get(`/v1.0/me/devices/${id}`)).body).toMatchObject({ id, status: "Unknown" });
  });
});
