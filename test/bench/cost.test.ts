import { expect, test } from "vitest";
import { dollars } from "./cost.ts";

test("a road costs what its pieces cost", () => {
  // Worker's request and CPU, object requests (20 messages are one), rows, object time.
  const plain = { road: "plain", rows: 4, requests: 2, messages: 2 };
  expect(dollars(plain)).toBeCloseTo(0.3 + 0.04 + 0.15 * 2.1 + 4 + 0.0016 * 40);
  expect(dollars({ ...plain, workerRequests: 2, objectMs: 0 })).toBeCloseTo(0.6 + 0.08 + 0.15 * 2.1 + 4);
});
