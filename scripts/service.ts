import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { localVars } from "./local-vars.ts";

/** The service on this machine: `wrangler dev`, with local keys and storage that outlasts it. */

const ROOT = new URL("..", import.meta.url);
/** Milliseconds to start in, where nobody sees what wrangler says meanwhile; it takes one to five seconds. */
const START_TIMEOUT_MS = 30_000;
/**
 * Preloaded by wrangler's processes: each ends when the one that started it is gone, however that ended. The
 * channel must not keep alive a process that has nothing else to do.
 */
const END_WITH_PARENT = `data:text/javascript,${encodeURIComponent(
  "process.once('disconnect', () => process.kill(process.pid, 'SIGTERM')); process.channel?.unref();",
)}`;

export interface ServiceOptions {
  /** Port on loopback; 0 for a free one of the system's choice. */
  port: number;
  /** Folder of the storage; undefined for the usual `.wrangler/state`. */
  persistTo: string | undefined;
  /** Whether wrangler's own lines are shown as they come, or kept for `said`. */
  output: "shown" | "kept";
  /** Vars that take the place of the local ones. */
  vars?: Record<string, string>;
}

export interface Service {
  /** Where it serves. Where the port was left to the system, reading it throws until the service is ready. */
  readonly origin: string;
  process: ChildProcess;
  /** What wrangler has said, where `output` is "kept". */
  said: () => string;
  /** Resolves when it serves. Where it does not come to that it is ended, and this rejects with what wrangler said. */
  ready: Promise<void>;
  /** Ends it, and resolves when it has ended. */
  stop: () => Promise<void>;
}

/** Port and storage folder from the environment. Throws a sentence for the user where PORT is none. */
export function optionsFromEnvironment(output: ServiceOptions["output"]): ServiceOptions {
  const { PORT = "", PERSIST_TO = "" } = process.env;
  const port = PORT === "" ? 8787 : Number(PORT);
  if (!/^\d*$/.test(PORT) || port > 65_535) throw new Error(`PORT is a port number, not "${PORT}".`);
  return { port, persistTo: PERSIST_TO || undefined, output };
}

/** Starts the service. Throws a sentence for the user where the port is taken. */
export async function startService({ port, persistTo, output, vars = {} }: ServiceOptions): Promise<Service> {
  await localVars();
  if (port !== 0 && (await isTaken(port))) {
    throw new Error(
      `Port ${port} is taken. End what listens there, or choose another with the variable PORT; PORT=0 takes any that is free.`,
    );
  }
  const wrangler = fileURLToPath(new URL("node_modules/wrangler/bin/wrangler.js", ROOT));
  const storage = persistTo === undefined ? [] : ["--persist-to", persistTo];
  const args = [
    "--import",
    END_WITH_PARENT,
    wrangler,
    "dev",
    "--ip",
    "127.0.0.1",
    "--port",
    String(port),
    "--inspector-port",
    "0",
    ...storage,
    ...Object.entries({ REQUEST_LIMITS: process.env.REQUEST_LIMITS ?? "off", ...vars }).flatMap(
      ([name, value]) => ["--var", `${name}:${value}`],
    ),
  ];
  const child = spawnWithFiles(process.execPath, args, output);
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (data: Buffer) => (said += data.toString()));

  const ended = once(child, "close");
  let origin = port === 0 ? null : `http://127.0.0.1:${port}`;
  const serves = async (): Promise<void> => {
    // Where its output is shown, wrangler may wait for the reader to mend what does not build.
    const signal = output === "kept" ? AbortSignal.timeout(START_TIMEOUT_MS) : new AbortController().signal;
    origin = `http://127.0.0.1:${await announcedPort(child, signal)}`;
    // Answered once the Worker is built and runs.
    const { ok, status } = await fetch(`${origin}/healthz`, { signal });
    if (!ok) throw new Error(`${origin}/healthz answered ${status}.`);
  };
  const ends = async (): Promise<void> => {
    await ended;
    throw new Error("It ended.");
  };
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  const ready = Promise.race([serves(), ends()]).catch(async (error: Error) => {
    await stop();
    throw new Error(`The service did not start. ${error.message}\n${said}`, { cause: error });
  });
  return {
    get origin() {
      if (origin === null) throw new Error("The service's port is not known before it is ready.");
      return origin;
    },
    process: child,
    said: () => said,
    ready,
    stop,
  };
}

/**
 * Spawns with as many files allowed as the machine grants: each live Durable Object holds three, and the usual
 * 1,024 are used up by some 300 commands at once.
 */
function spawnWithFiles(command: string, args: string[], output: ServiceOptions["output"]): ChildProcess {
  const options = {
    cwd: fileURLToPath(ROOT),
    stdio:
      output === "shown"
        ? (["inherit", "inherit", "inherit", "ipc"] as const).slice()
        : (["ignore", "pipe", "pipe", "ipc"] as const).slice(),
    env: {
      ...process.env,
      // Nothing here is sent anywhere: the banner would look for newer versions.
      WRANGLER_HIDE_BANNER: "true",
      WRANGLER_SEND_METRICS: "false",
      WRANGLER_SEND_ERROR_REPORTS: "false",
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      // Half of wrangler's own time goes into these.
      X_LOCAL_OBSERVABILITY: "false",
      X_LOCAL_EXPLORER: "false",
    },
  };
  if (process.platform === "win32") return spawn(command, args, options);
  return spawn(
    "/bin/sh",
    ["-c", 'ulimit -n "$(ulimit -Hn)" 2>/dev/null; exec "$0" "$@"', command, ...args],
    options,
  );
}

/** The port that wrangler listens on, as it says over its IPC channel. Never resolves where it ends before. */
async function announcedPort(child: ChildProcess, signal: AbortSignal): Promise<number> {
  for (;;) {
    const [message] = await once(child, "message", { signal });
    const { event, port } = JSON.parse(String(message));
    if (event === "DEV_SERVER_READY") return port;
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
