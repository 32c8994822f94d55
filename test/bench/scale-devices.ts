import { setTimeout as wait } from "node:timers/promises";
import { Workerd } from "../workerd/workerd.ts";
import { answers, Fleet, ORDER, type Place, question } from "./fleet.ts";
import type { Job } from "./load.ts";
import { areIdle, type Stage } from "./stage.ts";

/** Whether a command costs the same however many devices are connected. */

export const DEVICES = [1, 100, 1_000, 5_000] as const;
/** Callers at once. */
const AT_ONCE = 16;
/** How much longer than a round of the races: rare costs have to come by often enough. */
const SECONDS_FACTOR = 4;
/** Milliseconds after which idle objects have left memory and their sockets hibernate. */
const HIBERNATION_MS = 13_000;
/** The first calls of a process compile and parse what all later ones use. */
const WARM_UP_SECONDS = 0.5;
/** Devices from which on memory per device means something. */
const DEVICES_TO_WEIGH = 1_000;

/** What a command costs at some size of something: `cpu` is milliseconds of workerd's processor time. */
export interface Cost {
  rate: number;
  p50: number;
  cpu: number;
}

export interface AtDevices {
  devices: number;
  /** Round trips to each of the devices in turn, and to one of them all the time. */
  each: Cost;
  one: Cost;
  /** Accepting a command for each of the devices in turn, without waiting for what it answers. */
  create: Cost;
  /** A row of the floor in each of as many objects. */
  bare: Cost;
  /** Bytes of memory for each idle device; null where there are too few to tell. */
  bytes: number | null;
}

export async function scaleDevices(stage: Stage, sizes: readonly number[] = DEVICES): Promise<AtDevices[]> {
  const { say, agent } = stage;
  const storage = `${stage.folder}/devices`;
  const fleet = await Fleet.of(stage.issuer);
  const floor = await Workerd.start(stage.floor);
  let service = await Workerd.start({ ...stage.service, storage });
  try {
    const most = Math.max(...sizes);
    say(`registering ${most} devices`);
    // One more, by which each process is warmed up.
    const [warm, ...rest] = await fleet.register(service, most + 1, agent);
    if (warm === undefined) throw new Error("No devices.");
    const found: AtDevices[] = [];
    for (const devices of sizes) {
      // Each size begins with a process that remembers nothing of those before.
      fleet.disconnect();
      await service.stop();
      service = await Workerd.start({ ...stage.service, storage });
      const places = rest.slice(0, devices);
      await fleet.connect(service, [warm], answers);
      await cost(stage, service, sending(service, [warm], WAITS), WARM_UP_SECONDS);
      say(`connecting ${devices} devices`);
      const rows = rowsOnFloor(floor, places);
      await stage.load.run({ ...rows, atOnce: AT_ONCE, lasts: { requests: devices } });
      const bytes = await weigh(service, fleet, places);
      say(`commands to ${devices} connected devices`);
      const seconds = SECONDS_FACTOR * stage.terms.seconds;
      const one = await cost(stage, service, sending(service, places.slice(0, 1), WAITS), seconds);
      const each = await cost(stage, service, sending(service, places, WAITS), seconds);
      const create = await cost(stage, service, sending(service, places, ACCEPTED), seconds);
      const bare = await cost(stage, floor, rows, seconds);
      found.push({ devices, one, each, create, bare, bytes });
    }
    return found;
  } finally {
    fleet.disconnect();
    await Promise.all([service.stop(), floor.stop()]);
  }
}

/**
 * Connects devices, and answers how many bytes each idle one takes; null where there are too few to tell. In two halves:
 * objects that have just been spoken to are in memory, and what the first half has used for that the second uses again.
 */
async function weigh(service: Workerd, fleet: Fleet, places: readonly Place[]): Promise<number | null> {
  if (places.length < DEVICES_TO_WEIGH) {
    await fleet.connect(service, places, answers);
    return null;
  }
  const half = places.length / 2;
  await fleet.connect(service, places.slice(0, half), answers);
  await wait(HIBERNATION_MS);
  const before = await service.rss();
  await fleet.connect(service, places.slice(half), answers);
  await wait(HIBERNATION_MS);
  return ((await service.rss()) - before) / (places.length - half);
}

interface Way {
  prefer?: string;
  expects: Job["expects"];
}

const WAITS: Way = { prefer: "wait=20", expects: { status: 201, contains: '"status":"completed"' } };
const ACCEPTED: Way = { expects: { status: 201, contains: '"status":"requesting"' } };

type Sending = Pick<Job, "questions" | "expects">;

function sending(service: Workerd, places: readonly Place[], { prefer, expects }: Way): Sending {
  const more = { body: ORDER, ...(prefer !== undefined && { prefer }) };
  const questions = places.map(({ token, commands }) => question(service, token, "POST", commands, more));
  return { questions, expects };
}

/** A row in each of as many objects of the floor: what waking them costs without us. */
function rowsOnFloor(floor: Workerd, places: readonly Place[]): Sending {
  const questions = places.map(({ id }) => ({
    method: "POST" as const,
    url: `${floor.origin}/lines/${id}/rows`,
    body: ORDER,
  }));
  return { questions, expects: { status: 201, contains: '"id"' } };
}

/** What sending costs, with all that is done afterwards. */
async function cost({ load }: Stage, service: Workerd, job: Sending, seconds: number): Promise<Cost> {
  const cpu = await service.cpu();
  const { rate, p50, requests } = await load.run({ ...job, atOnce: AT_ONCE, lasts: { seconds } });
  await areIdle([service]);
  return { rate, p50, cpu: (((await service.cpu()) - cpu) / requests) * 1_000 };
}
