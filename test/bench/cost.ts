import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What a command costs by the piece, as `test/cost` counts it, and what that comes to at list prices. */

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const RUN_TIMEOUT_MS = 120_000;

/** What a road of a command takes; `workerRequests` and `objectMs` may be left to the assumptions below. */
export interface Road {
  road: string;
  rows: number;
  requests: number;
  messages: number;
  workerRequests?: number;
  /** Milliseconds for which objects are held in memory. */
  objectMs?: number;
}

/** Milliseconds of CPU for a Worker's request, and of an object's time for a call or a message: assumed, and said so. */
export const CPU_MS = 2;
export const OBJECT_MS = 10;

/** Dollars for a million of them, at Cloudflare's list prices and before the plan's free allowance. */
export function dollars({ rows, requests, messages, workerRequests = 1, objectMs }: Road): number {
  const calls = requests + messages / 20;
  return (
    0.3 * workerRequests +
    0.02 * CPU_MS * workerRequests +
    0.15 * calls +
    rows +
    0.0016 * (objectMs ?? OBJECT_MS * (requests + messages))
  );
}

/**
 * Runs the cost tests, which write their table (a JSON array of `Road`) to the file that COST_TABLE names; empty where
 * they write none. Throws where a test fails.
 */
export async function measureCost(folder: string): Promise<Road[]> {
  const file = join(folder, "cost.json");
  const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
  const child = spawn(process.execPath, [vitest, "run", "--project", "workerd", "test/cost"], {
    cwd: ROOT,
    env: { ...process.env, COST_TABLE: file },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_TIMEOUT_MS,
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (said += data));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`The cost tests failed.\n${said}`);
  const text = await readFile(file, "utf8").catch(() => "[]");
  return JSON.parse(text) as Road[];
}
