import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { cpus, release, totalmem, type } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";

/** On what, and with what, figures were measured: without it they mean nothing. */
export interface Machine {
  /** One line for each. */
  lines: string[];
  /** KiB of the bundle, gzipped. */
  bundle: number;
}

const GIB = 2 ** 30;

export async function describeMachine(bundle: string): Promise<Machine> {
  const [cpu] = cpus();
  const { version } = createRequire(import.meta.url)("workerd/package.json") as { version: string };
  return {
    lines: [
      `${cpu?.model.trim() ?? "unknown processor"}, ${cpus().length} cores, ${Math.round(totalmem() / GIB)} GiB of memory`,
      `${type()} ${release()}, Node ${process.versions.node}, workerd ${version}`,
      `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, commit ${await commit()}`,
    ],
    bundle: gzipSync(await readFile(bundle)).length / 1024,
  };
}

/** The commit, and whether anything has changed since; "unknown" outside of a clone. */
async function commit(): Promise<string> {
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  try {
    const { stdout } = await promisify(execFile)("git", ["describe", "--always", "--dirty", "--exclude=*"], {
      cwd,
    });
    return stdout.trim();
  } catch {
    return "unknown";
  }
}
