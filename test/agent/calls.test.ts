import { describe, expect, test } from "vitest";
import type { Wire } from "./acting-service.ts";
import { connected } from "./stage.ts";

const result = (id: string, value: unknown): Wire => ({ jsonrpc: "2.0", id, result: value });
const failure = (id: string | null, code: number): Wire => ({
  jsonrpc: "2.0",
  id,
  error: { code, message: expect.any(String) },
});

describe("messages other than commands", () => {
  test.each([
    ["no JSON", "{", failure(null, -32700)],
    ["a scalar", "7", failure(null, -32600)],
    ["another version", '{"id":"x","method":"ping"}', failure(null, -32600)],
    ["a method that is no string", '{"jsonrpc":"2.0","id":"x","method":7}', failure("x", -32600)],
    ["an unknown request", '{"jsonrpc":"2.0","id":"x","method":"dance"}', failure("x", -32601)],
    [
      "a LaunchUri without a URI",
      '{"jsonrpc":"2.0","id":"x","method":"launchUri","params":{}}',
      failure("x", -32602),
    ],
    [
      "an AppService without a name",
      '{"jsonrpc":"2.0","id":"x","method":"appService"}',
      failure("x", -32602),
    ],
    ["a cancel of nothing", '{"jsonrpc":"2.0","method":"cancel","params":[]}', failure(null, -32602)],
    ["a ping", '{"jsonrpc":"2.0","id":"ping","method":"ping"}', result("ping", "pong")],
  ])("%s is answered", async (_, frame, answer) => {
    const { line } = await connected();
    line.says(frame);
    expect(await line.hears()).toEqual(answer);
  });

  test("what asks for nothing is left unanswered, and harms nothing", async () => {
    const { line } = await connected();
    line.says({ method: "futureNotice", params: {} });
    line.says({ id: "c1", result: 1 });
    line.says("[]");
    line.says("pong");
    line.saysBytes(new Uint8Array([0, 255]));
    await line.isHeardOut();
    expect(line.heard.left).toEqual([]);
  });

  test("the service's own error answers are told to the owner", async () => {
    const { line, told } = await connected();
    line.says({ id: null, error: { code: -32600, message: "what?" } });
    expect(await told("complaint")).toEqual({ type: "complaint", id: null, code: -32600, message: "what?" });
  });
});
