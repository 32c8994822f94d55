import { afterEach, expect, test, vi } from "vitest";
import { systemClock } from "../../src/agent/clock.ts";

afterEach(() => void vi.useRealTimers());

test("a wait of a month is a month long, not the nothing of an overflown timer", () => {
  vi.useFakeTimers();
  const month = 30 * 86_400_000;
  const action = vi.fn();
  systemClock.after(month, action);
  vi.advanceTimersByTime(month - 1);
  expect(action).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(action).toHaveBeenCalledOnce();
});

test("a wait can be called off at any stage", () => {
  vi.useFakeTimers();
  const action = vi.fn();
  const forget = systemClock.after(30 * 86_400_000, action);
  vi.advanceTimersByTime(25 * 86_400_000);
  forget();
  expect(vi.getTimerCount()).toBe(0);
});
