import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { Bundle } from "./bundle.ts";

/** The runtime's program: the one that the tests and `wrangler dev` use. */
const { default: WORKERD } = createRequire(import.meta.url)("workerd") as { default: string };
/** Milliseconds for the process to start listening; it takes some 50. */
const START_TIMEOUT_MS = 30_000;
/** Bytes of what the process has said that are kept, the latest. */
const SAID_LENGTH_MAX = 200_000;
/**
 * As many files as can be had: each live object holds three of them, besides the sockets. Root may raise the machine's
 * own limit; others get what that is.
 */
const SERVE = `ulimit -n 500000 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$0" "$@"`;

/** The processes that run: none outlives the one that started it. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface WorkerdOptions extends Bundle {
  /** The folder of its storage; one that is gone with `stop` where none is named. */
  storage?: string;
  /** The port on loopback; a free one of the system's choice where none is named. */
  port?: number;
}

/**
 * The bundle on the bare runtime, as near to the platform as one machine comes: SQLite on disk, no development
 * server around it. Rate limits, analytics and assets do not exist here, and are left out. What the Worker itself
 * fetches can go to this machine and nowhere else.
 */
export class Workerd {
  readonly #folder: string;
  readonly #isTemporary: boolean;
  readonly #options: WorkerdOptions;
  #port: number;
  #process: ChildProcess | undefined;
  #said = "";

  private constructor(options: WorkerdOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
    this.#isTemporary = options.storage === undefined;
    this.#port = options.port ?? 0;
  }

  /** Starts it; resolves when it listens. */
  static async start(options: WorkerdOptions): Promise<Workerd> {
    const folder = options.storage ?? (await mkdtemp(join(tmpdir(), "appia-workerd-")));
    const started = new Workerd(options, folder);
    await mkdir(join(folder, "objects"), { recursive: true });
    await copyFile(options.module, join(folder, "index.js"));
    await started.restart();
    return started;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get pid(): number {
    return this.#process?.pid ?? Number.NaN;
  }

  /** The latest of what it has written to its log. */
  get said(): string {
    return this.#said;
  }

  /** Bytes of its memory that are resident (proc_pid_status(5)); Linux only. */
  async rss(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, "utf8");
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** Seconds of processor time that its threads have used (the kernel's sched-stats.rst); Linux only. */
  async cpu(): Promise<number> {
    const threads = `/proc/${this.pid}/task`;
    const used = (await readdir(threads)).map(async (thread) =>
      // A thread that has ended meanwhile has nothing to tell.
      Number.parseInt(await readFile(`${threads}/${thread}/schedstat`, "utf8").catch(() => "0"), 10),
    );
    return (await Promise.all(used)).reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1e9;
  }

  /** Starts it on the same storage and port, after `kill`. */
  async restart(): Promise<void> {
    const file = join(this.#folder, "config.capnp");
    await writeFile(file, configOf(this.#options, join(this.#folder, "objects"), this.#port));
    const args = ["serve", file, "--experimental", "--control-fd=3"];
    const child = spawn("/bin/sh", ["-c", SERVE, WORKERD, ...args], {
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    this.#process = child;
    running.add(child);
    child.once("close", () => running.delete(child));
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (data: Buffer) => {
        this.#said = (this.#said + data.toString()).slice(-SAID_LENGTH_MAX);
      });
    const ended = once(child, "close").then(() => {
      throw new Error(`workerd ended before it listened.\n${this.#said}`);
    });
    this.#port = await Promise.race([listening(child.stdio[3] as Readable), ended]);
    // From now on its end is the business of whoever ends it.
    ended.catch(() => undefined);
  }

  /** Ends it with SIGKILL, in the middle of whatever it does; resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    this.#process = undefined;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  }

  /** Ends it for good; a storage that nobody named is gone. */
  async stop(): Promise<void> {
    await this.kill();
    if (this.#isTemporary) await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The port, once the process listens on it. */
async function listening(control: Readable): Promise<number> {
  let text = "";
  const signal = AbortSignal.timeout(START_TIMEOUT_MS);
  for (;;) {
    const [data] = await once(control, "data", { signal });
    text += String(data);
    for (const line of text.split("\n").slice(0, -1)) {
      const { event, port } = JSON.parse(line) as { event: string; port?: number };
      if (event === "listen" && port !== undefined) {
        control.resume();
        return port;
      }
    }
  }
}

/** The process's configuration, in Cap'n Proto's text form. */
function configOf(
  { classes, bindings, compatibilityDate, compatibilityFlags }: WorkerdOptions,
  objects: string,
  port: number,
): string {
  const quoted = (text: string): string => JSON.stringify(text);
  const namespaces = Object.values(classes).map(
    (name) => `(className = ${quoted(name)}, uniqueKey = ${quoted(name)}, enableSql = true)`,
  );
  const bound = [
    ...Object.entries(classes).map(
      ([name, className]) => `(name = ${quoted(name)}, durableObjectNamespace = ${quoted(className)})`,
    ),
    ...Object.entries(bindings).map(([name, text]) => `(name = ${quoted(name)}, text = ${quoted(text)})`),
  ];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "disk", disk = (path = ${quoted(objects)}, writable = true)),
    (name = "internet", network = (allow = ["local"]))
  ],
  sockets = [ (name = "http", address = "127.0.0.1:${port}", http = (), service = "main") ]
);
const worker :Workerd.Worker = (
  modules = [ (name = "index.js", esModule = embed "index.js") ],
  compatibilityDate = ${quoted(compatibilityDate)},
  compatibilityFlags = [ ${compatibilityFlags.map(quoted).join(", ")} ],
  durableObjectNamespaces = [ ${namespaces.join(", ")} ],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [ ${bound.join(", ")} ]
);
`;
}
