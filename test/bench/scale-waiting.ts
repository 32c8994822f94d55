import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { Workerd } from "../workerd/workerd.ts";
import { askJson } from "./ask.ts";
import { median } from "./figures.ts";
import { answers, Fleet, ORDER, type Place, question } from "./fleet.ts";
import { areIdle, type Stage } from "./stage.ts";

/** Whether a command costs the same however many wait on its device, and however many have ended there. */

export const DEPTHS = [1, 100, 10_000] as const;
const AT_ONCE = 16;
/** Commands by which accepting is measured at a depth. */
const ACCEPTED = 200;
/** Listings of each kind, one after another. */
const LISTINGS = 30;
/** Starts of the process by which a wake from hibernation is measured. */
const WAKES = 5;
/** Milliseconds in which all is to be drained. */
const DRAIN_TIMEOUT_MS = 600_000;

export interface AtDepth {
  /** Commands that waited before those by which accepting was measured. */
  depth: number;
  accept: { rate: number; p50: number; cpu: number };
  /** Milliseconds for a page of the waiting ones, of the 20 newest and of the 100. */
  waiting: { page20: number; page100: number };
  /** Commands a second until all were acknowledged and answered, and milliseconds of workerd's processor time for each. */
  drain: { commands: number; rate: number; firstHalf: number; secondHalf: number; cpu: number };
  /** As `waiting`, of those that have ended, with one more: a page by a status that none has. */
  ended: { page20: number; page100: number; none: number };
  /** Milliseconds for a command when the device's object was not in memory, and has so many ended ones. */
  wake: number;
}

export async function scaleWaiting(stage: Stage, depths: readonly number[] = DEPTHS): Promise<AtDepth[]> {
  const storage = `${stage.folder}/waiting`;
  const fleet = await Fleet.of(stage.issuer);
  let service = await Workerd.start({ ...stage.service, storage });
  try {
    // The last is only there to wake the process itself.
    const places = await fleet.register(service, depths.length + 1, stage.agent);
    const found: Omit<AtDepth, "wake">[] = [];
    for (const [index, depth] of depths.entries()) {
      const place = places[index];
      if (place !== undefined) found.push(await atDepth(stage, service, fleet, place, depth));
    }
    fleet.disconnect();
    const wakes = places.map((): number[] => []);
    for (let wake = 1; wake <= WAKES; wake++) {
      stage.say(`a command after a start, ${wake} of ${WAKES}`);
      await service.stop();
      service = await Workerd.start({ ...stage.service, storage });
      for (const [index, place] of [...places.entries()].reverse())
        wakes[index]?.push(await timed(() => send(stage, service, place)));
    }
    return found.map((at, index) => ({ ...at, wake: median(wakes[index] ?? []) }));
  } finally {
    fleet.disconnect();
    await service.stop();
  }
}

async function atDepth(
  stage: Stage,
  service: Workerd,
  fleet: Fleet,
  place: Place,
  depth: number,
): Promise<Omit<AtDepth, "wake">> {
  const { say, load } = stage;
  say(`accepting ${depth} commands for a device that is away`);
  const job = {
    questions: [question(service, place.token, "POST", place.commands, { body: ORDER })],
    atOnce: Math.min(AT_ONCE, depth),
    expects: { status: 201, contains: '"status":"requesting"' },
  };
  await load.run({ ...job, lasts: { requests: depth } });
  await areIdle([service]);
  const before = await service.cpu();
  const accepted = await load.run({ ...job, atOnce: AT_ONCE, lasts: { requests: ACCEPTED } });
  await areIdle([service]);
  const cpu = (((await service.cpu()) - before) / ACCEPTED) * 1_000;
  say(`listing ${depth} waiting commands`);
  const waiting = {
    page20: await listing(stage, service, place, "$top=20"),
    page100: await listing(stage, service, place, "$top=100"),
  };
  say(`draining ${depth + ACCEPTED} commands`);
  const drain = await drained(stage, service, fleet, place, depth + ACCEPTED);
  say(`listing ${depth} ended commands`);
  const ended = {
    page20: await listing(stage, service, place, "$top=20"),
    page100: await listing(stage, service, place, "$top=100"),
    none: await listing(stage, service, place, "$filter=status eq 'expired'"),
  };
  return { depth, accept: { rate: accepted.rate, p50: accepted.p50, cpu }, waiting, drain, ended };
}

/** Connects the device, and waits until it has answered all, and the service knows so. */
async function drained(
  stage: Stage,
  service: Workerd,
  fleet: Fleet,
  place: Place,
  commands: number,
): Promise<AtDepth["drain"]> {
  const seen = new Set<string>();
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const before = await service.cpu();
  const begin = performance.now();
  let half = begin;
  await fleet.connect(service, [place], (socket, id) => {
    answers(socket, id);
    if (seen.has(id)) return;
    seen.add(id);
    if (seen.size === Math.floor(commands / 2)) half = performance.now();
    if (seen.size === commands) resolve();
  });
  const late = wait(DRAIN_TIMEOUT_MS, undefined, { ref: false }).then(() => {
    throw new Error(`Of ${commands} commands the device has seen ${seen.size}.`);
  });
  await Promise.race([all, late]);
  const last = performance.now();
  await areIdle([service]);
  const cpu = (((await service.cpu()) - before) / commands) * 1_000;
  for (const status of ["requesting", "sentToTarget", "executing"]) {
    const filter = encodeURIComponent(`status eq '${status}'`);
    const list = question(service, place.token, "GET", `${place.commands}?$filter=${filter}`);
    const { value } = await askJson(list, 200, stage.agent);
    if (value.length > 0)
      throw new Error(`${value.length} commands or more are ${status} after all were answered.`);
  }
  const rate = (count: number, from: number, to: number) => count / ((to - from) / 1_000);
  return {
    commands,
    rate: rate(commands, begin, last),
    firstHalf: rate(commands / 2, begin, half),
    secondHalf: rate(commands / 2, half, last),
    cpu,
  };
}

/** The median of some listings, in milliseconds. */
async function listing(stage: Stage, service: Workerd, place: Place, query: string): Promise<number> {
  const path = `${place.commands}?${query.replaceAll(" ", "%20").replaceAll("'", "%27")}`;
  const times: number[] = [];
  for (let count = 0; count < LISTINGS; count++) {
    const list = question(service, place.token, "GET", path);
    times.push(await timed(() => askJson(list, 200, stage.agent)));
  }
  return median(times);
}

async function send(stage: Stage, service: Workerd, { token, commands }: Place): Promise<void> {
  await askJson(question(service, token, "POST", commands, { body: ORDER }), 201, stage.agent);
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await act();
  return performance.now() - begin;
}
