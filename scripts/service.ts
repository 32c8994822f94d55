import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { localVars } from "./local-vars.ts";

/** The service on this machine: `wrangler dev`, with local keys and storage that outlasts it. */

const ROOT = new URL("..", import.meta.url);
/** Milliseconds between looks at a service that is starting. */
const LOOK_MS = 100;

export interface ServiceOptions {
  /** Port on loopback. */
  port: number;
  /** Folder of the storage; undefined for the usual `.wrangler/state`. */
  persistTo: string | undefined;
  /** Whether wrangler's own lines are shown as they come, or only handed to `onOutput`. */
  output: "shown" | "kept";
}

export interface Service {
  origin: string;
  process: ChildProcess;
  /** What wrangler has said, where `output` is "kept". */
  said: () => string;
  /** Resolves when it serves. Rejects, with what wrangler said, if it ends before. */
  ready: Promise<void>;
  /** Ends it, and resolves when it has ended. */
  stop: () => Promise<void>;
}

/** Port and storage folder from the environment. Throws a sentence for the user where PORT is none. */
export function optionsFromEnvironment(output: ServiceOptions["output"]): ServiceOptions {
  const port = Number(process.env.PORT || 8787);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`PORT is a port number, not "${process.env.PORT}".`);
  }
  return { port, persistTo: process.env.PERSIST_TO || undefined, output };
}

/** Starts the service. Throws a sentence for the user where the port is taken. */
export async function startService({ port, persistTo, output }: ServiceOptions): Promise<Service> {
  await localVars();
  if (await isTaken(port)) {
    throw new Error(`Port ${port} is taken. End what listens there, or choose another: PORT=${port + 1} npm start`);
  }
  const wrangler = fileURLToPath(new URL("node_modules/wrangler/bin/wrangler.js", ROOT));
  const storage = persistTo === undefined ? [] : ["--persist-to", persistTo];
  const args = [wrangler, "dev", "--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0", ...storage];
  const child = spawnWithFiles(process.execPath, args, output);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer) => (said += data.toString()));
  const ended = once(child, "exit");
  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    process: child,
    said: () => said,
    ready: serves(origin, child).then(() => {
      if (child.exitCode !== null) throw new Error(`The service ended before it was ready.\n${said}`);
    }),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended;
    },
  };
}

/**
 * Spawns with as many files allowed as the machine grants: each live Durable Object holds three, and the usual
 * 1,024 are used up by some 300 commands at once.
 */
function spawnWithFiles(command: string, args: string[], output: ServiceOptions["output"]): ChildProcess {
  const options = {
    cwd: fileURLToPath(ROOT),
    stdio: output === "shown" ? ("inherit" as const) : (["ignore", "pipe", "pipe"] as ("ignore" | "pipe")[]),
    env: {
      ...process.env,
      // Nothing here is sent anywhere, and half of wrangler's own time goes into these.
      WRANGLER_SEND_METRICS: "false",
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      X_LOCAL_OBSERVABILITY: "false",
      X_LOCAL_EXPLORER: "false",
    },
  };
  if (process.platform === "win32") return spawn(command, args, options);
  return spawn("/bin/sh", ["-c", 'ulimit -n "$(ulimit -Hn)" 2>/dev/null; exec "$0" "$@"', command, ...args], options);
}

/** Resolves when the service answers, or its process has ended. */
async function serves(origin: string, child: ChildProcess): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    const answered = await fetch(`${origin}/healthz`).then(
      (response) => response.ok,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function isTaken(port: number): Promise<boolean> {
  const socket = connect({ port, host: "127.0.0.1" });
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
