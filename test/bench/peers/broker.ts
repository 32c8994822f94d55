import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

/** Where Debian puts programs; a user's PATH need not name the last. */
const FOLDERS = [...(process.env.PATH ?? "").split(":"), "/usr/bin", "/usr/sbin"];
/** Milliseconds to listen in, and between two looks. */
const START_TIMEOUT_MS = 10_000;
const LOOK_MS = 20;

/** A server of someone else's, for as long as it is compared. */
export interface Broker {
  port: number;
  stop: () => Promise<void>;
}

/** The path of a program; null where it is not installed. */
export function programAt(name: string): string | null {
  return FOLDERS.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

/** A port on loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("The system gave no port.");
  return address.port;
}

/** Starts a program that listens on a port. Resolves when it does; rejects with its words where it ends instead. */
export async function startBroker(program: string, args: readonly string[], port: number): Promise<Broker> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  // It does not outlive those who started it, however they end.
  const end = (): void => void child.kill("SIGKILL");
  process.once("exit", end);
  child.once("close", () => process.off("exit", end));
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (said += data));
  const closed = once(child, "close");
  const stop = async (): Promise<void> => {
    end();
    await closed;
  };
  for (const begin = Date.now(); !(await listens(port)); await wait(LOOK_MS)) {
    if (isRunning(child) && Date.now() - begin < START_TIMEOUT_MS) continue;
    await stop();
    throw new Error(`${program} does not listen on port ${port}.\n${said}`);
  }
  return { port, stop };
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
