import { type SpawnOptions, spawn } from "node:child_process";
import { CommandError } from "./command-error.ts";
import { safeUri } from "./safe-uri.ts";
import type { Handler, LaunchUriTask } from "./task.ts";

/** Milliseconds after which an opener that still runs has opened: some stay for as long as the browser does. */
const OPENER_PATIENCE_MS = 3_000;

/** The schemes of web pages. */
export const WEB_SCHEMES: readonly string[] = ["http", "https"];

/** What starts the opener; `node:child_process` unless a test says otherwise. */
export type Spawn = (
  command: string,
  args: readonly string[],
  options: SpawnOptions,
) => ReturnType<typeof spawn>;

export interface LaunchOptions {
  /**
   * The schemes of which a URI is opened with the system's app for it, in lower case and without the colon; any other
   * URI is only shown. Apps do what a URI says, and nobody is asked: name those of which no URI can do harm.
   */
  open: readonly string[];
  show(uri: string): void;
  platform?: NodeJS.Platform;
  spawn?: Spawn;
}

/** Shows, and on request opens, the URI of a LaunchUri command; the answer says which: `{"opened": boolean}`. */
export function launcher({
  open,
  show,
  platform = process.platform,
  spawn: start = spawn,
}: LaunchOptions): Handler<LaunchUriTask> {
  return async ({ uri }, { signal }) => {
    const safe = safeUri(uri);
    show(safe);
    const opened = open.includes(safe.slice(0, safe.indexOf(":")));
    if (opened) await runOpener(openerOf(platform), safe, start, signal);
    return { opened };
  };
}

function openerOf(platform: NodeJS.Platform): [command: string, ...args: string[]] {
  if (platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler"];
  return platform === "darwin" ? ["open"] : ["xdg-open"];
}

/** Runs an opener without a shell: the URI is one argument, whatever it holds. */
function runOpener(
  [command, ...args]: [string, ...string[]],
  uri: string,
  start: Spawn,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Detached: the browser that it becomes outlives this program and its Ctrl+C.
  const opener = start(command, [...args, uri], { shell: false, detached: true, stdio: "ignore", signal });
  const patience = setTimeout(resolve, OPENER_PATIENCE_MS);
  opener.once("error", (error: NodeJS.ErrnoException) => {
    const message = `This device has no "${command}" to open URIs with.`;
    reject(error.code === "ENOENT" ? new CommandError("AppUnavailable", message) : error);
  });
  opener.once("exit", (code) => {
    const message = `"${command}" could not open the URI (exit code ${code}).`;
    if (code === 0) resolve();
    else reject(new CommandError("AppUnavailable", message));
  });
  opener.unref();
  return promise.finally(() => clearTimeout(patience));
}
