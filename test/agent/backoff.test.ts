import fc from "fast-check";
import { expect, test } from "vitest";
import { backoff, backoffCeiling, RECONNECT_MS_MAX, RECONNECT_MS_MIN } from "../../src/agent/backoff.ts";

const failures = fc.nat({ max: 10_000 });

test("the ceiling doubles from the first delay, and never passes the largest", () => {
  expect(backoffCeiling(0)).toBe(RECONNECT_MS_MIN);
  fc.assert(
    fc.property(failures, (n) => {
      expect(backoffCeiling(n + 1)).toBe(Math.min(RECONNECT_MS_MAX, 2 * backoffCeiling(n)));
    }),
  );
});

test("the jitter is full: every delay from nothing up to the ceiling, in proportion to chance", () => {
  fc.assert(
    fc.property(failures, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (n, random) => {
      const delay = backoff(n, random);
      expect(delay).toBeGreaterThanOrEqual(0);
      expect(delay).toBeLessThan(backoffCeiling(n));
      expect(delay).toBe(Math.floor(random * backoffCeiling(n)));
    }),
  );
});
