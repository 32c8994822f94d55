import { execFile } from "node:child_process";
import { cpus, release, totalmem, type } from "node:os";
import { promisify } from "node:util";
import type { Outcome } from "./kills.ts";

/** How a scenario ended. */
export interface Verdict {
  name: string;
  holds: boolean;
  /** What was measured, or what went wrong. */
  words: string;
  seconds: number;
}

export interface Run {
  seed: number;
  outcome: Outcome;
  verdicts: readonly Verdict[];
  seconds: number;
}

/** The run in Markdown: where, what, and each claim with how often it was checked. */
export async function reportOf({ seed, outcome, verdicts, seconds }: Run): Promise<string> {
  const { findings, kills, ends, met } = outcome;
  const violations = findings.violations;
  const lines = [
    "# Faults",
    "",
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown processor"}, ` +
      `${Math.round(totalmem() / 2 ** 30)} GB, ${type()} ${release()}, Node ${process.version}, commit ${await commit()}, ` +
      `seed ${seed}, ${Math.round(seconds)} s.`,
    "",
    "## Killed under load",
    "",
    `The process was ended with SIGKILL ${kills} times and started again on the same storage. That is a crash of the ` +
      "process, not of the machine: what the system had taken from it is written.",
    "",
    `Met: ${Object.entries(met)
      .map(([words, count]) => `${count} ${words}`)
      .join(", ")}.`,
    "",
    `Ends: ${[...ends]
      .sort(([, a], [, b]) => b - a)
      .map(([status, count]) => `${status} ${count}`)
      .join(", ")}.`,
    "",
    "| claim | checked | violated |",
    "| --- | ---: | ---: |",
    ...[...findings.claims.values()].map(
      ({ words, checked, violations }) => `| ${words} | ${checked} | ${violations.length} |`,
    ),
    "",
    "## Stories",
    "",
    "| story | holds | what was seen | seconds |",
    "| --- | --- | --- | ---: |",
    ...verdicts.map(
      ({ name, holds, words, seconds }) =>
        `| ${name} | ${holds ? "yes" : "**no**"} | ${words} | ${seconds.toFixed(1)} |`,
    ),
    ...(violations.length === 0 ? [] : ["", "## Violations", "", ...violations.map((words) => `- ${words}`)]),
    "",
  ];
  return lines.join("\n");
}

async function commit(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)("git", ["describe", "--always", "--dirty", "--exclude=*"]);
    return stdout.trim();
  } catch {
    // Unpacked without its history.
    return "unknown";
  }
}
