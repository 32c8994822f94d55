import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { deliveryFrame, type Message, parseFrame } from "../../src/device/protocol.ts";
import { DEVICE_WORDS_LENGTH_MAX, PAYLOAD_BYTES_MAX, PAYLOAD_DEPTH_MAX } from "../../src/limits.ts";
import { always } from "../always.ts";

const ID = "c".repeat(64);

function parse(message: unknown): Message[] {
  return parseFrame(JSON.stringify(message)).messages;
}

function rpc(members: object): Message[] {
  return parse({ jsonrpc: "2.0", ...members });
}

/** The JSON-RPC error that a frame is answered with. */
function errorOf(messages: Message[]): { code: number; message: string; id: unknown } {
  const [message] = messages;
  if (message?.type !== "answer") throw new Error(`That is no answer: ${JSON.stringify(message)}`);
  const { error, id } = JSON.parse(message.frame);
  return { ...error, id };
}

describe("what a device says", () => {
  test.each([
    [{ method: "executing", params: { id: ID } }, { type: "acknowledged" }],
    [
      { method: "progress", params: { id: ID } },
      { type: "progressed", message: null, percent: null },
    ],
    [
      { method: "progress", params: { id: ID, message: "Half", percent: 50 } },
      { type: "progressed", message: "Half", percent: 50 },
    ],
    [
      { method: "dropped", params: { id: ID, reason: "asleep" } },
      { type: "dropped", reason: "asleep" },
    ],
    [
      { id: ID, result: { a: [1] } },
      { type: "succeeded", payload: '{"a":[1]}' },
    ],
    [
      { id: ID, result: null },
      { type: "succeeded", payload: null },
    ],
    [
      { id: ID, result: false },
      { type: "succeeded", payload: "false" },
    ],
    [
      { id: ID, error: { code: 5, message: "No" } },
      { type: "failed", kind: "other", message: "No", status: null },
    ],
    [
      { id: ID, error: { code: 5, message: "No", data: { status: "AppUnavailable" } } },
      { type: "failed", kind: "other", message: "No", status: "AppUnavailable" },
    ],
  ])("%j is a report", (message, report) => {
    expect(rpc(message)).toEqual([{ type: "report", commandId: ID, report, request: null }]);
  });

  test("in the manner of JSON-RPC 1.0, with null for what does not apply, is understood", () => {
    expect(rpc({ id: ID, result: { a: 1 }, error: null })).toMatchObject([{ report: { type: "succeeded" } }]);
    expect(rpc({ id: ID, result: null, error: { code: 1.5, message: "No" } })).toMatchObject([
      { report: { type: "failed" } },
    ]);
  });

  test("as a request is a report that wants an answer", () => {
    expect(rpc({ id: 7, method: "executing", params: { id: ID } })).toMatchObject([
      { type: "report", request: 7 },
    ]);
  });

  test("of its presence", () => {
    expect(rpc({ method: "presence", params: { state: "standby" } })).toEqual([
      { type: "presence", state: "standby", request: null },
    ]);
  });

  test("in answer to ping is a sign of life, whatever it is", () => {
    expect(rpc({ id: "ping", result: "pong" })).toEqual([{ type: "alive" }]);
    expect(rpc({ id: "ping", error: { code: -32601, message: "Method not found" } })).toEqual([
      { type: "alive" },
    ]);
  });

  test("in a batch is heard message by message", () => {
    const batch = [
      { jsonrpc: "2.0", method: "executing", params: { id: ID } },
      1,
      { jsonrpc: "2.0", id: ID, result: 1 },
    ];
    expect(parse(batch).map(({ type }) => type)).toEqual(["report", "answer", "report"]);
  });

  test("that nobody knows is let pass as a notification, and refused as a request", () => {
    expect(rpc({ method: "future" })).toEqual([{ type: "alive" }]);
    expect(errorOf(rpc({ id: 7, method: "future" }))).toMatchObject({ code: -32601, id: 7 });
  });

  test("too long is cut, not refused", () => {
    const [message] = rpc({ method: "dropped", params: { id: ID, reason: "x".repeat(10_000) } });
    if (message?.type !== "report" || message.report.type !== "dropped")
      throw new Error("That is no report.");
    expect(message.report.reason?.length).toBe(DEVICE_WORDS_LENGTH_MAX);
  });
});

describe("results over a limit are reports of their own", () => {
  const nested = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));
  test.each([
    ["as deep as allowed", nested(PAYLOAD_DEPTH_MAX), "succeeded"],
    ["one level deeper", nested(PAYLOAD_DEPTH_MAX + 1), "oversized"],
    ["as large as allowed", "x".repeat(PAYLOAD_BYTES_MAX - 2), "succeeded"],
    ["one byte larger", "x".repeat(PAYLOAD_BYTES_MAX - 1), "oversized"],
    ["larger in bytes, not in characters", "é".repeat(PAYLOAD_BYTES_MAX / 2), "oversized"],
  ])("%s", (_, result, expected) => {
    expect(rpc({ id: ID, result })).toMatchObject([{ type: "report", report: { type: expected } }]);
  });
});

describe("bad frames", () => {
  test.each([
    ["{", -32700],
    ["", -32700],
    ["[]", -32600],
    ["1", -32600],
    ["null", -32600],
    ['{"method":"executing"}', -32600],
    ['{"jsonrpc":"1.0","method":"executing","params":{"id":"x"}}', -32600],
    ['{"jsonrpc":"2.0"}', -32600],
    ['{"jsonrpc":"2.0","method":5}', -32600],
    ['{"jsonrpc":"2.0","id":5,"result":1}', -32600],
    [`{"jsonrpc":"2.0","id":"${ID}","error":"no"}`, -32600],
    [`{"jsonrpc":"2.0","id":"${ID}","error":{"code":"x","message":"y"}}`, -32600],
    [JSON.stringify(Array(101).fill({ jsonrpc: "2.0", method: "noise" })), -32600],
    [JSON.stringify("x".repeat(1024 * 1024)), -32600],
    [`{"jsonrpc":"2.0","id":"${ID}","result":1,"error":{"code":1,"message":"y"}}`, -32600],
    ['{"jsonrpc":"2.0","method":"executing"}', -32602],
    ['{"jsonrpc":"2.0","method":"executing","params":[]}', -32602],
    ['{"jsonrpc":"2.0","method":"executing","params":{"id":5}}', -32602],
    [`{"jsonrpc":"2.0","method":"progress","params":{"id":"${ID}","percent":101}}`, -32602],
    [`{"jsonrpc":"2.0","method":"progress","params":{"id":"${ID}","percent":"50"}}`, -32602],
    [`{"jsonrpc":"2.0","method":"progress","params":{"id":"${ID}","message":5}}`, -32602],
    [`{"jsonrpc":"2.0","method":"dropped","params":{"id":"${ID}","reason":5}}`, -32602],
    ['{"jsonrpc":"2.0","method":"presence","params":{"state":"away"}}', -32602],
  ])("%s is answered %i", (frame, code) => {
    expect(errorOf(parseFrame(frame).messages).code).toBe(code);
  });

  test("of any kind throw nothing, and get at least one message", () => {
    always(
      fc.property(
        fc.oneof(fc.string(), fc.json()),
        (text) => void expect(parseFrame(text).messages.length).toBeGreaterThan(0),
      ),
    );
    always(
      fc.property(
        fc.record(
          {
            jsonrpc: fc.constant("2.0"),
            id: fc.anything(),
            method: fc.anything(),
            params: fc.anything(),
            result: fc.anything(),
            error: fc.anything(),
          },
          { requiredKeys: ["jsonrpc"] },
        ),
        (message) => {
          let text: string;
          try {
            text = JSON.stringify(message);
          } catch {
            return; // A BigInt: nothing that JSON could carry.
          }
          expect(parseFrame(text).messages.length).toBe(1);
        },
      ),
    );
  });
});

test("a delivery is JSON whatever the words in it, and carries the payload as it came", () => {
  const text = fc.string({ unit: "binary" });
  always(
    fc.property(text, text, fc.jsonValue(), (appServiceName, packageFamilyName, payload) => {
      const json = JSON.stringify(payload);
      const task = { type: "AppService", appServiceName, packageFamilyName, payload: json } as const;
      const frame = JSON.parse(
        deliveryFrame({ commandId: ID, task, attempt: 2, expirationDateTime: "2026-01-01T00:00:00.000Z" }),
      );
      expect(frame).toMatchObject({ jsonrpc: "2.0", id: ID, method: "appService" });
      expect(frame.params).toEqual({
        appServiceName,
        packageFamilyName,
        payload: JSON.parse(json),
        attempt: 2,
        expirationDateTime: "2026-01-01T00:00:00.000Z",
      });
    }),
  );
});
