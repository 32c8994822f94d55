import { expect, test } from "vitest";
import { lineOf } from "../../src/agent/event-lines.ts";

test("a loss says why, and when the next try is", () => {
  const line = lineOf({ type: "disconnected", code: 1012, reason: "restart", retryInMs: 1_500 });
  expect(line?.text).toBe("disconnected (code 1012: restart); trying again in 1.5 s");
});
