import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** One of the project's programs, running. */
export interface Program {
  process: ChildProcess;
  /** Resolves with the match once its standard output has it; rejects if it ends before. */
  says(pattern: RegExp): Promise<RegExpMatchArray>;
  /** What its standard output holds by now. */
  said(): string;
  /** What it came to. */
  ended: Promise<{ code: number | null; out: string; err: string }>;
}

/** Runs a program of the project, by its path from the root. */
export function run(path: string, args: string[] = [], env: NodeJS.ProcessEnv = {}): Program {
  const child = spawn(process.execPath, [path, ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (texts.out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (texts.err += text));
  const ended = once(child, "close").then(([code]: (number | null)[]) => ({ code: code ?? null, ...texts }));
  return {
    process: child,
    async says(pattern) {
      for (;;) {
        const match = texts.out.match(pattern);
        if (match !== null) return match;
        if (child.exitCode !== null) throw new Error(`It ended without a word of ${pattern}.\n${texts.err}`);
        await Promise.race([once(child.stdout, "data"), ended]);
      }
    },
    said: () => texts.out,
    ended,
  };
}
