import http from "node:http";
import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import type { WebSocket } from "ws";
import type { Workerd } from "../workerd/workerd.ts";
import { askJson } from "./ask.ts";
import { atOnce, begins, type Fleet, ORDER, type Place, question } from "./fleet.ts";
import { areIdle, type Stage, startService } from "./stage.ts";

/** Whether an event costs the same for each of its watchers, on one command or on as many. */

export const WATCHERS = [1, 100, 1_000] as const;
/** Streams that are opened at once. */
const AT_ONCE = 32;
/** Milliseconds in which all are to have heard. */
const HEAR_TIMEOUT_MS = 60_000;

/** Milliseconds from the device's word until all had heard of it, and of workerd's processor time for each watcher. */
export interface Heard {
  all: number;
  cpu: number;
}

export interface AtWatchers {
  watchers: number;
  oneCommand: Heard;
  /** A command for each watcher. */
  ownCommands: Heard;
}

export async function scaleWatchers(
  stage: Stage,
  sizes: readonly number[] = WATCHERS,
): Promise<AtWatchers[]> {
  const { service, fleet } = await startService(stage);
  try {
    const found: AtWatchers[] = [];
    for (const watchers of sizes) {
      stage.say(`${watchers} watchers of one command`);
      const oneCommand = await hear(stage, service, fleet, 1, watchers);
      stage.say(`${watchers} watchers of a command each`);
      found.push({
        watchers,
        oneCommand,
        ownCommands: await hear(stage, service, fleet, watchers, watchers),
      });
    }
    return found;
  } finally {
    fleet.disconnect();
    await service.stop();
  }
}

async function hear(
  stage: Stage,
  service: Workerd,
  fleet: Fleet,
  commands: number,
  watchers: number,
): Promise<Heard> {
  const [place] = await fleet.register(service, 1, stage.agent);
  if (place === undefined) throw new Error("No device.");
  const [device] = await fleet.connect(service, [place], begins);
  const ids: string[] = [];
  await atOnce(AT_ONCE, commands, async (index) => {
    const order = question(service, place.token, "POST", place.commands, { body: ORDER });
    ids[index] = (await askJson(order, 201, stage.agent)).id;
  });
  const streams: Stream[] = [];
  await atOnce(AT_ONCE, watchers, async (index) => {
    const stream = new Stream(service, place, ids[index % ids.length] ?? "");
    streams[index] = stream;
    await stream.shows("executing");
  });
  try {
    await areIdle([service]);
    const before = await service.cpu();
    const begin = performance.now();
    for (const id of ids) tell(device, { method: "progress", params: { id, percent: 50 } });
    await Promise.all(streams.map((stream) => stream.shows("custom")));
    const all = performance.now() - begin;
    await areIdle([service]);
    const cpu = (((await service.cpu()) - before) / watchers) * 1_000;
    for (const id of ids) tell(device, { id, result: null });
    await Promise.all(streams.map((stream) => stream.shows("completed")));
    return { all, cpu };
  } finally {
    for (const stream of streams) stream.end();
  }
}

function tell(device: WebSocket | undefined, message: object): void {
  device?.send(JSON.stringify({ jsonrpc: "2.0", ...message }));
}

/** One watcher. */
class Stream {
  #text = "";
  #changed = (): void => {};
  #failure: Error | null = null;
  readonly #request: http.ClientRequest;

  constructor(service: Workerd, { token, commands }: Place, id: string) {
    const headers = { authorization: `Bearer ${token}`, accept: "text/event-stream" };
    this.#request = http.get(
      `${service.origin}/v1.0${commands}/${id}`,
      { headers, agent: false },
      (response) => {
        response.setEncoding("utf8").on("data", (chunk: string) => {
          this.#text += chunk;
          this.#changed();
        });
      },
    );
    this.#request.on("error", (error) => {
      this.#failure = error;
      this.#changed();
    });
  }

  /** Resolves when an event has shown this status. */
  async shows(status: string): Promise<void> {
    const late = Date.now() + HEAR_TIMEOUT_MS;
    while (!this.#text.includes(`"status":"${status}"`)) {
      if (this.#failure !== null) throw this.#failure;
      if (Date.now() > late)
        throw new Error(`A watcher has not heard of ${status}: ${this.#text.slice(-300)}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#changed = resolve;
      await Promise.race([promise, wait(HEAR_TIMEOUT_MS, undefined, { ref: false })]);
    }
  }

  end(): void {
    this.#request.destroy();
  }
}
