import type { Round } from "./load.ts";

/** What is made of measurements: medians, ratios, goals and tables. Pure. */

/** How one contestant did, round by round; the others' rounds lay between these. */
export interface Measured {
  name: string;
  side: "service" | "floor" | "peer";
  rounds: readonly Round[];
}

export type Figure = "rate" | "p50" | "p99";

/** The middle one; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** A contestant's figure: the median of its rounds, which one disturbed round does not move far. */
export function figureOf({ rounds }: Measured, figure: Figure): number {
  return median(rounds.map((round) => round[figure]));
}

/**
 * How one contestant's figure stands to another's: the median of the ratios of rounds that lay side by side, so that
 * whatever slows the machine for a while slows both.
 */
export function ratioOf(one: Measured, other: Measured, figure: Figure): number {
  return median(
    one.rounds.flatMap((round, index) => {
      const beside = other.rounds[index];
      return beside === undefined ? [] : [round[figure] / beside[figure]];
    }),
  );
}

/** What is aimed at, and what it came to. */
export interface Goal {
  what: string;
  value: number;
  bound: number;
  better: "higher" | "lower";
}

export function isMet({ value, bound, better }: Goal): boolean {
  return better === "higher" ? value >= bound : value <= bound;
}

/** A number with about three digits, as a person would write it. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const places = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places });
}

/** A Markdown table; all columns but the first are numbers, aligned right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) =>
    `| ${cells.map((cell) => (typeof cell === "number" ? digits(cell) : cell.replaceAll("|", "\\|"))).join(" | ")} |`;
  const rule = `|${head.map((_, index) => (index === 0 ? " --- |" : " ---: |")).join("")}`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** The goals as a table; empty where there are none. */
export function goalsTable(goals: readonly Goal[]): string {
  if (goals.length === 0) return "";
  return table(
    ["goal", "measured", "bound", ""],
    goals.map((goal) => [
      goal.what,
      goal.value,
      `${goal.better === "higher" ? "≥" : "≤"} ${digits(goal.bound)}`,
      isMet(goal) ? "met" : "**not met**",
    ]),
  );
}
