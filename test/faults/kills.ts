import { hasEnded } from "../../src/client/client.ts";
import { CANCEL_TIMEOUT_MS, POST_BACK_GUARD_MS, SECOND } from "../../src/limits.ts";
import type { Bundle } from "../workerd/bundle.ts";
import { Chance, pause } from "./chance.ts";
import { LibraryDevice, type LoadedDevice, PlainDevice } from "./devices.ts";
import { Findings } from "./findings.ts";
import { each, examine, INVARIANTS, unpostedOf } from "./invariants.ts";
import { DELIVERY_SECONDS, EXECUTION_SECONDS, Load } from "./load.ts";
import { mostly, Receiver } from "./receiver.ts";
import { Service } from "./service.ts";

/** Milliseconds that a busy machine may be late by. */
const SLACK_MS = 15 * SECOND;
/** Kills after which plain devices are not cancelled any more: what they answered may be lost, and counts a minute later. */
const CANCELS_PLAIN = 6;

/** Milliseconds after which a service that answers nobody is killed all the same. */
const IDLE_MS_MAX = 3 * SECOND;
/** Milliseconds between two words on how far the rest is. */
const REST_SAID_MS = 10 * SECOND;

/** What came of the kills. */
export interface Outcome {
  findings: Findings;
  kills: number;
  /** Commands that were accepted, by how they ended. */
  ends: Map<string, number>;
  /** What there was besides: for knowing that the run met what it was to meet. */
  met: Record<string, number>;
}

/**
 * Kills the service again and again under load, lets it come to rest, and examines every command. `onKilled` is told
 * when the last kill is over.
 */
export async function killsUnderLoad(
  bundle: Bundle,
  { kills, seed }: { kills: number; seed: number },
  say: (words: string) => void,
  onKilled: () => void,
): Promise<Outcome> {
  const chance = new Chance(seed);
  const findings = new Findings(INVARIANTS);
  const service = await Service.start(bundle);
  const caller = await service.caller();
  const receiver = await Receiver.start(await caller.postBackSecret(), mostly(chance.fork()));
  const devices = await fleet(service, caller, chance);
  try {
    for (const device of devices) device.start();
    const load = new Load(caller, devices, receiver, chance.fork(), findings);
    const away = new AbortController();
    const absences = devices
      .filter(({ name }) => name.startsWith("away"))
      .map((device) => comesAndGoes(device, chance.fork(), away.signal));
    load.start();
    for (let killed = 0; killed < kills; killed++) {
      load.cancelsPlain = killed < Math.max(CANCELS_PLAIN, kills - 60);
      // Now and then at once again, in the middle of coming back.
      if (chance.is(0.15)) await pause(chance.next() * 150);
      else await underWay(load, chance);
      await service.workerd.kill();
      await service.workerd.restart();
      for (const device of devices)
        if (device instanceof LibraryDevice) setTimeout(() => device.wake(), chance.next() * 300);
      if ((killed + 1) % 10 === 0) say(`${killed + 1} of ${kills} kills, ${load.orders.length} orders`);
    }
    onKilled();
    away.abort();
    await Promise.all(absences);
    say("coming to rest");
    await load.stop();
    await comesToRest(load, receiver, say);
    say("examining");
    const ends = await examine({ load, caller, devices, receiver, findings });
    return { findings, kills, ends, met: metBy(load, devices, receiver) };
  } finally {
    await Promise.all(devices.map((device) => device.stop()));
    receiver.stop();
    await service.workerd.stop();
  }
}

/** Resolves at a moment of chance, when the service has done something since it came back: a busy machine is slow at that. */
async function underWay(load: Load, chance: Chance): Promise<void> {
  const answers = load.answered + chance.between(5, 40);
  await pause(chance.next() * 600);
  const begun = performance.now();
  while (load.answered < answers && performance.now() - begun < IDLE_MS_MAX) await pause(5);
}

async function fleet(
  service: Service,
  caller: Awaited<ReturnType<Service["caller"]>>,
  chance: Chance,
): Promise<LoadedDevice[]> {
  const { origin } = service;
  const library = async (name: string, transport: "socket" | "poll"): Promise<LoadedDevice> =>
    new LibraryDevice(name, origin, await caller.registers(name), transport);
  const plain = async (name: string): Promise<LoadedDevice> =>
    new PlainDevice(name, origin, await caller.registers(name), chance.fork());
  return [
    await library("library 1", "socket"),
    await library("library 2", "socket"),
    await library("polling library", "poll"),
    await library("away, library", "socket"),
    await plain("plain 1"),
    await plain("plain 2"),
    await plain("away, plain"),
  ];
}

async function comesAndGoes(device: LoadedDevice, chance: Chance, end: AbortSignal): Promise<void> {
  while (!end.aborted) {
    await pause(1_000 + chance.next() * 3_000);
    await device.stop();
    await pause(500 + chance.next() * 3_000);
    device.start();
  }
}

/** Waits until every command has ended and every receiver was told, or their time is over. */
async function comesToRest(load: Load, receiver: Receiver, say: (words: string) => void): Promise<void> {
  const begun = performance.now();
  const timesMs = (DELIVERY_SECONDS + EXECUTION_SECONDS) * SECOND + SLACK_MS;
  const isLate = (ms: number): boolean => performance.now() - begun > ms;
  let left = load.orders.flatMap((order) =>
    order.erased ? [] : [...order.ids].map((id) => ({ order, id, isOver: false })),
  );
  for (let toldAt = begun; ; ) {
    await each(left, async (entry) => {
      const { order, id } = entry;
      if (!hasEnded(await load.read(order, id).catch(() => ({ status: "requesting" as const })))) {
        entry.isOver = isLate(timesMs + (order.cancelled ? CANCEL_TIMEOUT_MS : 0));
        return;
      }
      const isTold = !order.isTold || (await isPosted(load, receiver, order, id));
      entry.isOver = isTold || isLate(timesMs + CANCEL_TIMEOUT_MS + 3 * POST_BACK_GUARD_MS);
    });
    left = left.filter(({ isOver }) => !isOver);
    if (left.length === 0) return;
    if (performance.now() - toldAt > REST_SAID_MS) {
      toldAt = performance.now();
      say(`${left.length} commands are still to end, or to be told of`);
    }
    await pause(500);
  }
}

async function isPosted(
  load: Load,
  receiver: Receiver,
  { device, label }: Load["orders"][number],
  id: string,
): Promise<boolean> {
  const history = await load.history(device.id, id);
  return unpostedOf(history, receiver.received.get(`/${label}`) ?? []).length === 0;
}

function metBy(load: Load, devices: readonly LoadedDevice[], receiver: Receiver): Record<string, number> {
  const accounts = devices.flatMap(({ ledger }) => [...ledger.accounts.values()]);
  const { orders } = load;
  return {
    orders: orders.length,
    "commands accepted": orders.filter(({ ids }) => ids.size > 0).length,
    "orders with a key": orders.filter(({ key }) => key !== null).length,
    "commands delivered more than once": accounts.filter(({ seen }) => seen > 1).length,
    "commands cancelled": orders.filter(({ cancelled }) => cancelled).length,
    "commands watched": orders.filter(({ watched }) => watched !== null).length,
    "commands erased": orders.filter(({ erased }) => erased).length,
    "commands with a receiver": orders.filter(({ isTold, ids }) => isTold && ids.size > 0).length,
    "post-backs received": [...receiver.received.values()].reduce((sum, { length }) => sum + length, 0),
  };
}
