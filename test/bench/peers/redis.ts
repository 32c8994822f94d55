import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "bullmq";
import { freePort, programAt, startBroker } from "./broker.ts";
import { QUEUE } from "./bullmq-roads.ts";
import { type Peer, serve } from "./peer.ts";

/** Jobs that a device works on at once: as many as the load has under way. */
const CONCURRENCY = 64;

/** BullMQ on Redis, whose append-only file is synced before each answer; null where either is not installed. */
export async function startRedis(folder: string): Promise<Peer | null> {
  const program = programAt("redis-server");
  if (program === null || !hasClient()) return null;
  const port = await freePort();
  const data = join(folder, "redis");
  await mkdir(data, { recursive: true });
  const settings = {
    port: String(port),
    bind: "127.0.0.1",
    dir: data,
    appendonly: "yes",
    appendfsync: "always",
    save: "",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const broker = await startBroker(program, args, port);
  const device = new Worker(QUEUE.there, async () => ({ ok: 1 }), {
    connection: { host: "127.0.0.1", port, maxRetriesPerRequest: null },
    concurrency: CONCURRENCY,
  });
  await device.waitUntilReady();
  const server = await serve("bullmq", port);
  return {
    name: "BullMQ, Redis AOF always",
    promises: "synced to disk before each answer",
    origin: server.origin,
    tellsStatus: true,
    stop: async () => {
      await server.stop();
      await device.close(true);
      await broker.stop();
    },
  };
}

/** Whether there is the client that BullMQ uses; it is an optional dependency of it. */
function hasClient(): boolean {
  try {
    import.meta.resolve("ioredis");
    return true;
  } catch {
    return false;
  }
}
