import { expect, test } from "vitest";
import { format, lineOf } from "../../src/agent/event-lines.ts";

const noon = new Date(2026, 10, 2, 12, 0, 0);

test("what others wrote cannot command the terminal", () => {
  const line = lineOf({ type: "refused", id: "c1", code: 0, message: "\u{1B}]0;owned\u{7}\r\u{202E}" });
  expect(line && format(line, noon, false)).toBe(
    "12:00:00  c1 refused: \u{FFFD}]0;owned\u{FFFD}\u{FFFD}\u{FFFD}",
  );
});

test("a loss says why, and when the next try is", () => {
  const line = lineOf({ type: "disconnected", code: 1012, reason: "restart", retryInMs: 1_500 });
  expect(line?.text).toBe("disconnected (code 1012: restart); trying again in 1.5 s");
});

test("colours come only when asked for", () => {
  const line = { text: "done", tone: "good" } as const;
  expect(format(line, noon, true)).toContain("\u{1B}[32mdone");
  expect(format(line, noon, false)).toBe("12:00:00  done");
});
