import { type Road as Compared, type Comparison, rowsOf } from "./compare.ts";
import { CPU_MS, dollars, OBJECT_MS, type Road } from "./cost.ts";
import { type Goal, goalsTable, table } from "./figures.ts";
import type { Machine } from "./machine.ts";
import { AT_ONCE, type Terms } from "./race.ts";
import type { Section } from "./scale.ts";

/** What a run has found; null where it was left out. */
export interface Findings {
  machine: Machine;
  terms: Terms;
  comparison: Comparison | null;
  scales: Section[];
  cost: Road[] | null;
  goals: Goal[];
  /** The parts that broke off, each with its reason. */
  failures: string[];
}

const HEADINGS: Record<Compared, string> = {
  create: "Creating a command",
  status: "Reading its status",
  call: "The whole round trip",
};

const EXPLAINED: Record<Compared, string> = {
  create: "`POST …/commands`, answered when the command is durable.",
  status: "`GET …/commands/{id}`.",
  call: "`POST …/commands` with `Prefer: wait=20`: from the caller to the device, and back with its result.",
};

/** The whole of it as Markdown. `plots` are the names of the pictures beside it. */
export function markdownOf(
  { machine, terms, comparison, scales, cost, goals, failures }: Findings,
  plots: { comparison: string; scale: string },
): string {
  const parts = ["# Benchmark", machine.lines.map((line) => `- ${line}`).join("\n")];
  parts.push(
    `The bundle as it is deployed (${machine.bundle.toFixed(1)} KiB gzipped), served by workerd with its storage on disk. The load, the devices and the servers share the machine, so absolute figures say little; ratios are taken within the run, round against round.`,
  );
  if (failures.length > 0) parts.push("## Failed", failures.map((failure) => `- ${failure}`).join("\n"));
  if (goals.length > 0) parts.push("## Goals", goalsTable(goals));
  if (comparison !== null) parts.push(...comparisonOf(comparison, terms, plots.comparison));
  if (scales.length > 0) {
    parts.push("## Scale", `![Cost per command as things grow](${plots.scale})`);
    for (const { title, text } of scales) parts.push(`### ${title}`, text);
  }
  if (cost !== null) parts.push("## Cost", costOf(cost));
  return `${parts.join("\n\n")}\n`;
}

function comparisonOf({ races, peers }: Comparison, { seconds, rounds }: Terms, plot: string): string[] {
  const parts = [
    "## Beside the floor and its peers",
    `A closed loop with 1, 16 and 64 callers at once, ${rounds} rounds of ${seconds} s each in turns, medians of the rounds. The *floor* is the least that the platform allows for the same guarantee (the same router and objects that write a row, without tokens, validation or history); the *spike* is the bare way to the device and back over a hibernating socket, with no more rows than are named.`,
    `![Requests a second and latency, beside the floor and peers](${plot})`,
  ];
  for (const [road, run] of races) {
    const head = AT_ONCE.flatMap((atOnce) => [`${atOnce}: req/s`, "p50 ms", "p99 ms"]);
    const rows = rowsOf(run).map(({ name, figures }) => [
      name,
      ...figures.flatMap(({ rate, p50, p99 }) => [rate, p50, p99]),
    ]);
    parts.push(`### ${HEADINGS[road]}`, EXPLAINED[road], table(["at once", ...head], rows));
  }
  for (const { name, promises } of peers) parts.push(`${name}: ${promises}.`);
  return parts;
}

function costOf(roads: readonly Road[]): string {
  if (roads.length === 0) return "Not measured.";
  const rows = [...roads].map((road) => [
    road.road,
    String(road.workerRequests ?? 1),
    String(road.requests),
    String(road.messages),
    String(road.rows),
    road.objectMs ?? OBJECT_MS * (road.requests + road.messages),
    dollars(road),
  ]);
  return `What each road of a command takes, as \`test/cost\` counts it, and what a million come to at list prices, before the plan's free allowance; ${CPU_MS} ms of CPU for a Worker's request are assumed. Object time is what was measured on this machine, with a device that answers at once and time that passes faked: each 100 ms that a device takes longer, while its command stays in its list, add $0.16.

${table(["road", "Worker requests", "object requests", "messages in", "rows written", "object ms", "$ per million"], rows)}`;
}
