import type { DeviceOptions } from "../../src/agent/device.ts";
import type { Task, TaskContext } from "../../src/agent/task.ts";
import type { Asked } from "./acting-service.ts";
import { Queue } from "./queue.ts";
import { type Stage, stage } from "./stage.ts";

/** What the stories of devices without sockets are told with. */

export const POLL = { transport: "poll" } as const;

/** A device that is connected, and its request for messages that waits. */
export async function polling(options: Partial<DeviceOptions> = {}): Promise<Stage & { asked: Asked }> {
  const set = await stage({ ...POLL, ...options });
  set.device.start();
  await set.service.greets();
  await set.device.connected();
  await set.told("connected");
  return { ...set, asked: await set.service.asks.next() };
}

/** The device tries again after a failure, and is let in. */
export async function returns({ told, clock, service }: Stage): Promise<Asked> {
  clock.advance((await told("disconnected")).retryInMs ?? Number.NaN);
  await service.greets();
  return await service.asks.next();
}

/** An app service whose runs a test holds in its hands, and which heeds its signal. */
export function held() {
  const runs = new Queue<PromiseWithResolvers<unknown> & { task: Task; context: TaskContext }>();
  return {
    runs,
    appService: (task: Task, context: TaskContext) => {
      const run = { ...Promise.withResolvers<unknown>(), task, context };
      runs.push(run);
      context.signal.addEventListener("abort", () => run.reject(context.signal.reason));
      return run.promise;
    },
  };
}
