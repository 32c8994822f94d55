import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** A Worker as workerd serves it, without wrangler's proxy between, on storage that outlasts the process. */

/** The program's path. The package is CommonJS, whose default export an `import` would wrap once more. */
const PROGRAM: string = createRequire(import.meta.url)("workerd").default;
/** Milliseconds to start in; it takes a few hundred. */
const START_TIMEOUT_MS = 20_000;
/** UTF-16 units of its own words that are kept, the latest. */
const WORDS_KEPT = 64 * 1024;
/**
 * Every live object holds three files, every connection one: the usual bound of 1,024 is met after 300 commands.
 * Root may raise the hard bound; others take what they are given.
 */
const WITH_FILES = 'ulimit -n 131072 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$0" "$@"';

/** A Worker: its one module, and what it finds in `env`. */
export interface WorkerSettings {
  /** Path of the bundled module. */
  module: string;
  compatibilityDate: string;
  compatibilityFlags: readonly string[];
  /** Durable Object classes by the names of their bindings. */
  classes: Readonly<Record<string, string>>;
  /** Text bindings: vars and secrets. */
  bindings: Readonly<Record<string, string>>;
}

export interface WorkerdOptions extends WorkerSettings {
  /** Folder of the storage, made where it is missing; a temporary one, which goes with the process, unless named. */
  storage?: string;
  /** Port on loopback; a free one of the system's choice unless named. */
  port?: number;
}

export class Workerd {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #said: () => string;

  private constructor(process: ChildProcess, port: number, folder: string, said: () => string) {
    this.#process = process;
    this.port = port;
    this.#folder = folder;
    this.#said = said;
  }

  /** Resolves when it serves; rejects, with what it has said, where it does not come to that. */
  static async start(options: WorkerdOptions): Promise<Workerd> {
    const folder = await mkdtemp(join(tmpdir(), "workerd-"));
    const storage = options.storage ?? join(folder, "storage");
    await mkdir(storage, { recursive: true });
    await copyFile(options.module, join(folder, "index.js"));
    const config = join(folder, "config.capnp");
    await writeFile(config, configOf(options, storage));
    // The fourth stream is where it tells which port it has got.
    const child = spawn(
      "/bin/sh",
      ["-c", WITH_FILES, PROGRAM, "serve", "--experimental", "--control-fd=3", config],
      { stdio: ["ignore", "pipe", "pipe", "pipe"] },
    );
    // It does not outlive those who started it, however they end.
    const end = (): void => void child.kill("SIGKILL");
    process.once("exit", end);
    child.once("close", () => process.off("exit", end));
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (data: Buffer) => (said = (said + data.toString()).slice(-WORDS_KEPT)));
    const port = await portOf(child);
    if (port === null) {
      end();
      await rm(folder, { recursive: true });
      throw new Error(`workerd did not start.\n${said}`);
    }
    return new Workerd(child, port, folder, () => said);
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What it has written to its log, the latest of it. */
  get said(): string {
    return this.#said();
  }

  /** Bytes of its memory that are resident (proc_pid_status(5)); Linux only. */
  async rss(): Promise<number> {
    const status = await readFile(`/proc/${this.#process.pid}/status`, "utf8");
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** Seconds of processor time that its threads have used (the kernel's sched-stats.rst); Linux only. */
  async cpu(): Promise<number> {
    const threads = `/proc/${this.#process.pid}/task`;
    const used = (await readdir(threads)).map(async (thread) =>
      // A thread that has ended meanwhile has nothing to tell.
      Number.parseInt(await readFile(`${threads}/${thread}/schedstat`, "utf8").catch(() => "0"), 10),
    );
    return (await Promise.all(used)).reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1e9;
  }

  /** Ends it as a crash does (SIGKILL). Resolves when it has ended. */
  async kill(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const closed = once(this.#process, "close");
      this.#process.kill("SIGKILL");
      await closed;
    }
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** The port that it listens on; null where it ends, or takes too long, before it does. */
async function portOf(child: ChildProcess): Promise<number | null> {
  const timer = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
  try {
    for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
      const message = JSON.parse(line) as { event: string; port?: number };
      if (message.event === "listen" && message.port !== undefined) return message.port;
    }
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** workerd's configuration (its workerd.capnp says what all of it means). */
function configOf(options: WorkerdOptions, storage: string): string {
  const { classes, bindings, compatibilityDate, compatibilityFlags, port = 0 } = options;
  const text = (value: string) => JSON.stringify(value);
  const list = (items: readonly string[]) => `[${items.join(", ")}]`;
  const namespaces = [...new Set(Object.values(classes))].map(
    (name) => `(className = ${text(name)}, uniqueKey = ${text(name)}, enableSql = true)`,
  );
  const bound = [
    ...Object.entries(classes).map(
      ([name, of]) => `(name = ${text(name)}, durableObjectNamespace = ${text(of)})`,
    ),
    ...Object.entries(bindings).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
  ];
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "storage", disk = (path = ${text(storage)}, writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed "index.js")],
  compatibilityDate = ${text(compatibilityDate)},
  compatibilityFlags = ${list(compatibilityFlags.map(text))},
  durableObjectNamespaces = ${list(namespaces)},
  durableObjectStorage = (localDisk = "storage"),
  bindings = ${list(bound)},
);
`;
}
