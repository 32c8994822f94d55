import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a user would pick instead, behind a small HTTP server, with a device of its own at the other end. */
export interface Peer {
  name: string;
  /** What its answers promise, and what not. */
  promises: string;
  /** Where its HTTP server is; its roads are those of `server.ts`. */
  origin: string;
  /** Whether it can tell what became of a command. */
  tellsStatus: boolean;
  stop: () => Promise<void>;
}

/** A process with an HTTP server before a broker. Resolves when it serves. */
export async function serve(
  kind: "mqtt" | "bullmq",
  brokerPort: number,
): Promise<{ origin: string; stop: () => Promise<void> }> {
  const server = fileURLToPath(new URL("server.ts", import.meta.url));
  const child: ChildProcess = fork(server, [kind, String(brokerPort)]);
  const closed = once(child, "close");
  const ended = closed.then(() => {
    throw new Error(`The ${kind} server has ended.`);
  });
  ended.catch(() => {});
  const [port] = (await Promise.race([once(child, "message"), ended])) as [number];
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await closed;
  };
  return { origin: `http://127.0.0.1:${port}`, stop };
}
