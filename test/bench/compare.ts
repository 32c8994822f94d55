import { askJson, type Question } from "./ask.ts";
import { figureOf, type Goal, type Measured, ratioOf } from "./figures.ts";
import { answers, begins, ORDER, question } from "./fleet.ts";
import { startMosquitto } from "./peers/mosquitto.ts";
import type { Peer } from "./peers/peer.ts";
import { startRedis } from "./peers/redis.ts";
import { AT_ONCE, type Contestant, type Races, race } from "./race.ts";
import { areIdle, type Stage, startFloor, startService } from "./stage.ts";

/** The service beside the platform's floor, and beside what a user would pick instead. */

export const ROADS = ["create", "status", "call"] as const;
export type Road = (typeof ROADS)[number];

export interface Comparison {
  races: Map<Road, Races>;
  peers: Peer[];
  goals: Goal[];
}

/** The names by which figures are compared. */
const AWAY = "Appia, device away";
const STATUS = "Appia, a finished command";
const CALL = "Appia, POST waits for the device";
const FLOOR_CREATE = "floor: new object, row and alarm";
const FLOOR_STATUS = "floor: one read of an object";
/** The answer can be read again, as with the service. */
const SPIKE_KEPT = "spike: order and answer kept in the device's object";
const SPIKE_OWN = "spike: order kept in an object of its own";
const BULLMQ = "BullMQ, Redis AOF always";

const created = (contains: string) => ({ status: 201, contains });
const FINISHED = '"status":"completed"';

export async function compare(stage: Stage, roads: readonly Road[]): Promise<Comparison> {
  const { load, terms, say, note, folder } = stage;
  say("starting the service, the floor and the peers");
  const { service, fleet } = await startService(stage);
  const { floor, line } = await startFloor(stage);
  const peers: Peer[] = [];
  for (const [start, name] of [
    [startMosquitto, "mosquitto (test/bench/peers/install.sh installs it)"],
    [startRedis, "redis-server (test/bench/peers/install.sh installs it), or the package ioredis,"],
  ] as const) {
    const peer = await start(folder);
    if (peer !== null) peers.push(peer);
    else note(`${name} is missing: left out`);
  }
  try {
    const places = await fleet.register(service, 3, stage.agent);
    const [away, there, called] = places;
    if (away === undefined || there === undefined || called === undefined) throw new Error("No devices.");
    await fleet.connect(service, [there], begins);
    await fleet.connect(service, [called], answers);
    const send = { body: ORDER };
    const wait = { body: ORDER, prefer: "wait=20" };
    const sentTo = (device: typeof away, more: typeof send) =>
      question(service, device.token, "POST", device.commands, more);
    const waiting = await askJson(sentTo(away, send), 201, stage.agent);
    const finished = await askJson(sentTo(called, wait), 201, stage.agent);
    const row = await askJson(post(`${floor.origin}/rows`), 201, stage.agent);
    const read = (device: typeof away, id: string) => [
      question(service, device.token, "GET", `${device.commands}/${id}`),
    ];

    const contestants: Record<Road, Contestant[]> = {
      create: [
        entry(FLOOR_CREATE, "floor", post(`${floor.origin}/rows`), created('"id"')),
        entry("floor: row in an object that is there", "floor", post(`${line}/rows`), created('"id"')),
        entry(AWAY, "service", sentTo(away, send), created('"requesting"')),
        entry("Appia, device there", "service", sentTo(there, send), created('"requesting"')),
        ...peers.map(({ name, origin }) =>
          entry(name, "peer", post(`${origin}/commands/away`), created('"id"')),
        ),
      ],
      status: [
        entry(FLOOR_STATUS, "floor", get(`${floor.origin}/rows/${row.id}`), {
          status: 200,
          contains: "example.com",
        }),
        entry(STATUS, "service", read(called, finished.id)[0] as Question, {
          status: 200,
          contains: FINISHED,
        }),
        entry("Appia, a waiting command", "service", read(away, waiting.id)[0] as Question, {
          status: 200,
          contains: '"status":"requesting"',
        }),
        ...(await Promise.all(
          peers
            .filter(({ tellsStatus }) => tellsStatus)
            .map(async ({ name, origin }) => {
              const { id } = await askJson(post(`${origin}/commands/away`), 201, stage.agent);
              return entry(name, "peer", get(`${origin}/commands/${id}`), {
                status: 200,
                contains: "waiting",
              });
            }),
        )),
      ],
      call: [
        entry(SPIKE_OWN, "floor", post(`${line}/calls/own`), created('{"ok":1}')),
        entry(SPIKE_KEPT, "floor", post(`${line}/calls/kept`), created('{"ok":1}')),
        entry(
          "spike: order kept in the device's object",
          "floor",
          post(`${line}/calls`),
          created('{"ok":1}'),
        ),
        entry(CALL, "service", sentTo(called, wait), created(FINISHED)),
        ...peers.map(({ name, origin }) => entry(name, "peer", post(`${origin}/calls`), created('{"ok":1}'))),
      ],
    };
    const settled = () => areIdle([service, floor]);
    const races = new Map<Road, Races>();
    for (const road of roads) races.set(road, await race(load, contestants[road], terms, say, settled));
    return { races, peers, goals: [...races].flatMap(([road, run]) => goalsOf(road, run)) };
  } finally {
    fleet.disconnect();
    await Promise.all([service.stop(), floor.stop(), ...peers.map((peer) => peer.stop())]);
  }
}

function entry(
  name: string,
  side: Contestant["side"],
  asked: Question,
  expects: Contestant["job"]["expects"],
): Contestant {
  return { name, side, job: { questions: [asked], expects } };
}

const post = (url: string): Question => ({ method: "POST", url, body: ORDER });
const get = (url: string): Question => ({ method: "GET", url });

/** What each road is to come to. */
function goalsOf(road: Road, races: Races): Goal[] {
  return AT_ONCE.flatMap((atOnce) => goalsAt(atOnce, road, races.get(atOnce) ?? []));
}

function goalsAt(atOnce: number, road: Road, run: readonly Measured[]): Goal[] {
  const goal = (what: string, names: [one: string, other: string], figure: "rate" | "p50", bound: number) => {
    const [one, other] = names.map((name) => run.find((measured) => measured.name === name));
    // A peer may be missing.
    if (one === undefined || other === undefined) return [];
    const better = figure === "rate" ? ("higher" as const) : ("lower" as const);
    return [{ what: `${what}, ${atOnce} at once`, value: ratioOf(one, other, figure), bound, better }];
  };
  // A single caller: of many, Redis gathers the writes in one sync.
  const besideBullmq = (what: string, name: string) =>
    atOnce === 1 ? goal(`${what}: requests/s to BullMQ's`, [name, BULLMQ], "rate", 1) : [];
  switch (road) {
    case "create":
      return [
        ...goal("create: requests/s to the floor's", [AWAY, FLOOR_CREATE], "rate", 0.85),
        ...besideBullmq("create", AWAY),
      ];
    case "status":
      return goal("status: requests/s to the floor's", [STATUS, FLOOR_STATUS], "rate", 0.9);
    case "call":
      return [
        ...goal("round trip: p50 to the spike's with an object a command", [CALL, SPIKE_OWN], "p50", 1.2),
        ...goal("round trip: p50 to the spike's in the device's object", [CALL, SPIKE_KEPT], "p50", 1.2),
        ...besideBullmq("round trip", CALL),
      ];
  }
}

/** The contestants' names and figures, for a table or a plot. */
export function rowsOf(races: Races): { name: string; side: Measured["side"]; figures: Figures[] }[] {
  const first = races.get(AT_ONCE[0]) ?? [];
  return first.map(({ name, side }, index) => ({
    name,
    side,
    figures: AT_ONCE.map((atOnce) => {
      const run = races.get(atOnce)?.[index];
      const of = (figure: "rate" | "p50" | "p99") => (run === undefined ? Number.NaN : figureOf(run, figure));
      return { atOnce, rate: of("rate"), p50: of("p50"), p99: of("p99") };
    }),
  }));
}

export interface Figures {
  atOnce: number;
  rate: number;
  p50: number;
  p99: number;
}
