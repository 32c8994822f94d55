import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, Api, Device } from "../stage.ts";

/** Payloads: how large and how deep they may be, and that they arrive as they were sent. */

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
  const objects = (levels: number): string => `${'{"a":'.repeat(levels - 1)}{}${"}".repeat(levels - 1)}`;
  const mixed = (levels: number): string => `${'[{"a":'.repeat(levels / 2)}1${"}]".repeat(levels / 2)}`;

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
