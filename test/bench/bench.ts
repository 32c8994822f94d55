import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { compare, ROADS } from "./compare.ts";
import { dollars, measureCost } from "./cost.ts";
import { type Goal, goalsTable, isMet } from "./figures.ts";
import { describeMachine } from "./machine.ts";
import { plotComparison, plotCurves } from "./plots.ts";
import { Progress } from "./progress.ts";
import { type Findings, markdownOf } from "./report.ts";
import { measureScale, SCALES, type Section } from "./scale.ts";
import { setStage } from "./stage.ts";

/** `npm run bench`: measures the deployed bundle on this machine, and writes what it finds as Markdown and SVG. */

const PARTS = [...ROADS, ...SCALES, "cost"] as const;
const DEFAULTS = { seconds: "0.6", rounds: "5", out: "docs/bench" };
const PLOTS = { comparison: "comparison.svg", scale: "scale.svg" };
/** KiB that the bundle may have, gzipped: it is loaded with every cold start. */
const BUNDLE_KIB_MAX = 120;
/** Dollars that a million plain commands may cost. */
const PLAIN_DOLLARS_MAX = 8;

const HELP = `Measures the service beside the platform's floor and beside its peers, and how it scales; some minutes.

  npm run bench -- [--only PART,…] [--seconds N] [--rounds N] [--out FOLDER] [--strict]

  --only     some parts only: ${PARTS.join(", ")}
  --seconds  of one round (default: ${DEFAULTS.seconds})
  --rounds   of each contestant (default: ${DEFAULTS.rounds})
  --out      where bench.md and its plots go (default: ${DEFAULTS.out})
  --strict   exits with 1 where a goal is not met, too
  --help     prints this

Exits with 0 when everything ran, 1 when something was answered that should not have been, 2 on bad usage.
The peers are mosquitto and redis-server: test/bench/peers/install.sh installs them; what is missing is left out.
`;

interface Options {
  only: readonly string[];
  terms: { seconds: number; rounds: number };
  out: string;
  strict: boolean;
}

/** Throws a sentence for the user where the arguments are none. */
function readOptions(): Options | "help" {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: PARTS.join() },
      seconds: { type: "string", default: DEFAULTS.seconds },
      rounds: { type: "string", default: DEFAULTS.rounds },
      out: { type: "string", default: DEFAULTS.out },
      strict: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return "help";
  const only = values.only.split(",").map((part) => part.trim());
  const unknown = only.find((part) => !PARTS.some((known) => known === part));
  if (unknown !== undefined) throw new Error(`There is no part "${unknown}": ${PARTS.join(", ")}.`);
  const terms = { seconds: Number(values.seconds), rounds: Number(values.rounds) };
  if (!(terms.seconds > 0)) throw new Error(`--seconds is a number above 0, not "${values.seconds}".`);
  if (!(Number.isInteger(terms.rounds) && terms.rounds > 0))
    throw new Error(`--rounds is a whole number above 0, not "${values.rounds}".`);
  return { only, terms, out: resolve(values.out), strict: values.strict };
}

async function measure({ only, terms }: Options, progress: Progress): Promise<Findings> {
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  const stage = await setStage(folder, terms, {
    say: (text) => progress.step(text),
    note: (text) => progress.note(text),
  });
  const failures: string[] = [];
  // What the other parts have found is still true.
  const part = async <T>(name: string, act: () => Promise<T>): Promise<T | null> => {
    try {
      return await act();
    } catch (error) {
      failures.push(`${name}: ${(error as Error).message}`);
      progress.note(`failed: ${failures.at(-1)}`);
      return null;
    }
  };
  try {
    const machine = await describeMachine(stage.service.module);
    const goals: Goal[] = [
      { what: "bundle, KiB gzipped", value: machine.bundle, bound: BUNDLE_KIB_MAX, better: "lower" },
    ];
    const roads = ROADS.filter((road) => only.includes(road));
    const comparison = roads.length > 0 ? await part("comparison", () => compare(stage, roads)) : null;
    goals.push(...(comparison?.goals ?? []));
    const scales: Section[] = [];
    for (const scale of SCALES) {
      const section = only.includes(scale) ? await part(scale, () => measureScale(stage, scale)) : null;
      if (section !== null) scales.push(section);
    }
    if (only.includes("cost")) progress.step("counting what a command costs");
    const cost = only.includes("cost") ? await part("cost", () => measureCost(folder)) : null;
    const plain = cost?.[0];
    if (plain !== undefined) {
      const what = `$ per million: ${plain.road}`;
      goals.push({ what, value: dollars(plain), bound: PLAIN_DOLLARS_MAX, better: "lower" });
    }
    return { machine, terms, comparison, scales, cost, goals, failures };
  } finally {
    stage.load.stop();
    stage.agent.destroy();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function main(): Promise<number> {
  let options: Options | "help";
  try {
    options = readOptions();
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  if (options === "help") {
    console.log(HELP);
    return 0;
  }
  const progress = new Progress();
  const fails = (error: Error): number => {
    progress.note(`failed: ${error.message}`);
    return 1;
  };
  process.once("uncaughtException", (error) => process.exit(fails(error)));
  try {
    const findings = await measure(options, progress);
    const { out } = options;
    await mkdir(out, { recursive: true });
    await writeFile(join(out, "bench.md"), markdownOf(findings, PLOTS));
    const { comparison, scales, goals } = findings;
    if (comparison !== null) await writeFile(join(out, PLOTS.comparison), plotComparison(comparison));
    const curves = scales.flatMap((section) => section.curves);
    if (curves.length > 0) await writeFile(join(out, PLOTS.scale), plotCurves(curves));
    progress.note(`written to ${join(out, "bench.md")}`);
    console.log(goalsTable(goals));
    return findings.failures.length > 0 || (options.strict && !goals.every(isMet)) ? 1 : 0;
  } catch (error) {
    return fails(error as Error);
  }
}

process.exit(await main());
