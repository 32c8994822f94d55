import { exports } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
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

/** Sends a payload as JSON text, and answers it as the device and as the sender read it, as JSON text again. */
async function travel(payload: string): Promise<{ atDevice: string; atSender: string }> {
  const command = await api.post(commands, withPayload(payload));
  expect(command.status).toBe(201);
  const delivery = await device.receives();
  expect(delivery.id).toBe(command.body.id);
  const read = await api.get(`${commands}/${command.body.id}`);
  return { atDevice: JSON.stringify(delivery.params.payload), atSender: JSON.stringify(read.body.payload) };
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
    const body = new ReadableStream({ pull: (controller) => controller.enqueue((pulls++, bytes)) });
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

describe("a payload has at most 256 KiB as compact JSON", () => {
  const LIMIT = 256 * KIB;
  test.each([
    ["letters", JSON.stringify("a".repeat(LIMIT - 2)), JSON.stringify("a".repeat(LIMIT - 1))],
    [
      "letters of two bytes",
      JSON.stringify("é".repeat(LIMIT / 2 - 1)),
      JSON.stringify("é".repeat(LIMIT / 2)),
    ],
    ["brackets in a text", JSON.stringify("[".repeat(LIMIT - 2)), JSON.stringify("{".repeat(LIMIT - 1))],
    [
      "a wide list",
      `[${"0,".repeat(LIMIT / 2 - 1)}0]`.slice(0, -3).concat("]"),
      `[${"0,".repeat(LIMIT / 2 - 1)}0]`,
    ],
  ])("%s", async (_, fits, exceeds) => {
    const { atDevice, atSender } = await travel(fits);
    // Compared by hand: a difference of this size is no reading matter.
    expect([atDevice === fits, atSender === fits]).toEqual([true, true]);
    expectRefused(await api.post(commands, withPayload(exceeds)), 413, "requestTooLarge");
  });

  test("generous white space and escapes do not count", async () => {
    const { atDevice } = await travel(`[ ${" ".repeat(300 * KIB)} "${"\\u0061".repeat(100 * KIB)}" ]`);
    expect(atDevice === JSON.stringify(["a".repeat(100 * KIB)])).toBe(true);
  });
});

describe("a payload has at most 64 levels", () => {
  const lists = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);
  const objects = (levels: number): string => '{"a":'.repeat(levels - 1) + "{}" + "}".repeat(levels - 1);
  const mixed = (levels: number): string => '[{"a":'.repeat(levels / 2) + "1" + "}]".repeat(levels / 2) + "";

  test.each([
    ["lists", lists(64), lists(65)],
    ["objects", objects(64), objects(65)],
    ["both", mixed(64), `[${mixed(64)}]`],
    ["a deep member behind flat ones", `[1,[],{},${lists(63)}]`, `[1,[],{},${lists(64)}]`],
  ])("%s", async (_, fits, exceeds) => {
    expect(await travel(fits)).toEqual({ atDevice: fits, atSender: fits });
    expectRefused(await api.post(commands, withPayload(exceeds)), 413, "requestTooLarge");
  });

  test("a million brackets are refused like any", async () => {
    expectRefused(await api.post(commands, withPayload("[".repeat(1_000_000))), 413, "requestTooLarge");
  });

  test("brackets in a text are no levels, whatever stands before them", async () => {
    const payload = JSON.stringify(`\\"${"[{".repeat(1_000)}\\\\"`);
    expect(await travel(payload)).toEqual({ atDevice: payload, atSender: payload });
  });
});

describe("a payload travels as it is", () => {
  test.each([
    ["null", "null"],
    ["false", "false"],
    ["an empty text", '""'],
    ["an empty object", "{}"],
    [
      "members special to JavaScript",
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":1}',
    ],
    ["members that read like our own", '{"id":"x","jsonrpc":"1.0","method":"other","Payload":{"payload":1}}'],
    ["members in two cases", '{"a":1,"A":2}'],
    ["an empty member", '{"":{"":""}}'],
    ["emoji and other scripts", '{"ключ":"значение 😀 𝒳 \u202e"}'],
    ["line separators", JSON.stringify("\u2028\u2029\u0085")],
    ["control characters", JSON.stringify("\u0000\u001b\n\t\u007f")],
    ["lone surrogates", '["\\ud800","x\\udfff","\\udc00\\ud800"]'],
    ["what is neither composed nor decomposed", JSON.stringify(["é", "e\u0301"])],
    ["markup", '"</script><b>"'],
    ["large and small numbers", "[1e+300,-0.5,5e-324,9007199254740991]"],
  ])("%s", async (_, payload) => {
    expect(await travel(payload)).toEqual({ atDevice: payload, atSender: payload });
    expect({}).not.toHaveProperty("polluted");
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

  test.each(["colour", "payloads", "__proto__", "constructor", "Ünknown", "x".repeat(10_000)])(
    "that nobody knows are refused by name: %.12s",
    async (name) => {
      const answer = await api.post(
        commands,
        `{${JSON.stringify(name)}:1,${JSON.stringify(APP_SERVICE).slice(1)}`,
      );
      expectRefused(answer, 400, "invalidRequest");
      expect(answer.body.error.message).toContain(`"${name.slice(0, 64)}"`);
      expect(answer.body.error.message.length).toBeLessThan(1_000);
    },
  );

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
