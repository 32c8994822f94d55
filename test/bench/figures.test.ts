import { expect, test } from "vitest";
import { digits, goalsTable, isMet, type Measured, median, ratioOf, table } from "./figures.ts";

const measured = (...rates: number[]): Measured => ({
  name: "one",
  side: "service",
  rounds: rates.map((rate) => ({ requests: rate, seconds: 1, rate, p50: 1_000 / rate, p99: 5_000 / rate })),
});

test("the median is the middle one, or lies between the two", () => {
  expect(median([3, 100, 1])).toBe(3);
  expect(median([4, 1, 2, 100])).toBe(3);
  expect(median([])).toBeNaN();
});

test("rounds are compared with those beside them, so a slow moment of the machine takes no side", () => {
  const one = measured(100, 10, 120);
  const other = measured(200, 20, 240);
  expect(ratioOf(one, other, "rate")).toBe(0.5);
  expect(ratioOf(one, other, "p50")).toBe(2);
  expect(ratioOf(one, measured(), "rate")).toBeNaN();
});

test("a goal is met at its bound, and a figure that there is none of meets none", () => {
  expect(isMet({ what: "", value: 0.85, bound: 0.85, better: "higher" })).toBe(true);
  expect(isMet({ what: "", value: 1.21, bound: 1.2, better: "lower" })).toBe(false);
  for (const better of ["higher", "lower"] as const)
    expect(isMet({ what: "", value: Number.NaN, bound: 1, better })).toBe(false);
});

test("numbers have the digits that mean something", () => {
  expect([1234.6, 100, 12.34, 1.014, 0, Number.NaN].map(digits)).toEqual([
    "1,235",
    "100",
    "12.3",
    "1.01",
    "0.00",
    "–",
  ]);
});

test("tables are Markdown, with bars in texts escaped", () => {
  expect(table(["a", "b"], [["x|y", 2]])).toBe("| a | b |\n| --- | ---: |\n| x\\|y | 2.00 |");
  expect(goalsTable([])).toBe("");
  expect(goalsTable([{ what: "w", value: 2, bound: 1, better: "lower" }])).toContain(
    "| w | 2.00 | ≤ 1.00 | **not met** |",
  );
});
