import { Queue, QueueEvents } from "bullmq";
import type { Roads } from "./server.ts";

/** Commands as BullMQ's jobs, for workers that are devices. */

export const QUEUE = { away: "away", there: "there" };
/** Milliseconds a job has to end in. */
const CALL_TIMEOUT_MS = 20_000;

export async function roadsOfBullmq(port: number): Promise<Roads> {
  const connection = { host: "127.0.0.1", port };
  const queues = {
    away: new Queue(QUEUE.away, { connection }),
    there: new Queue(QUEUE.there, { connection }),
  };
  const events = new QueueEvents(QUEUE.there, { connection });
  await Promise.all([queues.away.waitUntilReady(), queues.there.waitUntilReady(), events.waitUntilReady()]);
  return {
    create: async (device, body) => (await queues[device].add("command", body)).id ?? "",
    status: async (id) => await queues.away.getJobState(id),
    call: async (body) => {
      const job = await queues.there.add("command", body);
      return await job.waitUntilFinished(events, CALL_TIMEOUT_MS);
    },
  };
}
