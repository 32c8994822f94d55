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

/** Runs a program of the project, by its path from the root, with nothing to read unless there is `input`. */
export function run(
  path: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
  input = "",
): Program {
  return launch(process.execPath, [path, ...args], env, input);
}

/** Runs any program in the project's folder. */
export function launch(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  input = "",
): Program {
  const child = spawn(command, args, { cwd: ROOT, env: { ...process.env, ...env }, stdio: "pipe" });
  // One that ends without reading is no failure.
  child.stdin.on("error", () => {}).end(input);
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
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`It ended without a word of ${pattern}.\n${texts.err}`);
        await Promise.race([once(child.stdout, "data"), ended]);
      }
    },
    said: () => texts.out,
    ended,
  };
}
