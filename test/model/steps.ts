import * as fc from "fast-check";
import { HANDSHAKE_PAUSE_MS, HOUR, MINUTE, SECOND } from "../../src/limits.ts";
import type { Intention } from "./deeds.ts";
import * as deeds from "./deeds.ts";
import type { Reality } from "./reality.ts";
import type { Passage, Trial } from "./trial.ts";
import { DELIVERY_TIMEOUTS, EXECUTION_TIMEOUTS, type Report, type Wish } from "./world.ts";

/** The steps of a trial, and how often each is drawn. */

type Step = fc.AsyncCommand<Trial, Reality>;

/** One deed, or two at once: the second begins so many milliseconds after the first. */
class Deeds implements Step {
  readonly #intentions: Intention[];
  readonly #lag: number;
  #words = "";

  constructor(intentions: Intention[], lag = 0) {
    this.#intentions = intentions;
    this.#lag = lag;
  }

  check({ world }: Readonly<Trial>): boolean {
    const can = this.#intentions.filter((intention) => intention(world, () => "") !== null);
    return can.length > 0 && can.length === this.#intentions.length;
  }

  async run(trial: Trial): Promise<void> {
    const planned = trial.plans(...this.#intentions);
    this.#words = deeds.wordsOf(planned);
    await trial.does(planned, this.#lag);
  }

  toString(): string {
    return this.#words;
  }
}

class Passing implements Step {
  readonly #passage: Passage;

  constructor(passage: Passage) {
    this.#passage = passage;
  }

  check(): boolean {
    return true;
  }

  run(trial: Trial): Promise<void> {
    return trial.passes(this.#passage);
  }

  toString(): string {
    const { milliseconds, late, answering } = this.#passage;
    return `${milliseconds / SECOND} s pass${late ? ", alarms are late" : ""}${answering ? ", ping is answered" : ""}`;
  }
}

const nth = fc.nat({ max: 5 });

export const wish: fc.Arbitrary<Wish> = fc.record({
  type: fc.constantFrom("LaunchUri", "AppService"),
  whenOffline: fc.oneof({ arbitrary: fc.constant("queue"), weight: 4 }, fc.constant("fail")),
  deliveryTimeout: fc.constantFrom(...(Object.keys(DELIVERY_TIMEOUTS) as Wish["deliveryTimeout"][])),
  executionTimeout: fc.constantFrom(...(Object.keys(EXECUTION_TIMEOUTS) as Wish["executionTimeout"][])),
  idempotencyKey: fc.oneof({ arbitrary: fc.constant(null), weight: 2 }, fc.constantFrom("one", "two")),
  page: fc.nat({ max: 1 }),
});

const report: fc.Arbitrary<Report> = fc.oneof(
  { arbitrary: fc.constant<Report>({ type: "executing" }), weight: 4 },
  {
    arbitrary: fc.record({
      type: fc.constant("progress"),
      message: fc.constantFrom("Begun", "Nearly done"),
      percent: fc.constantFrom(0, 50, 100),
    }),
    weight: 3,
  },
  fc.constant<Report>({ type: "dropped" }),
  fc.record({ type: fc.constant("result"), value: fc.constantFrom<unknown>(null, { done: true }, 0, "") }),
  fc.record({
    type: fc.constant("error"),
    code: fc.constantFrom(-32800, -32601, -32603),
    status: fc.constantFrom(null, "NotAuthorized"),
  }),
);

const said = fc.array(fc.record({ nth, report }), { minLength: 1, maxLength: 3 });

const callers: fc.Arbitrary<Intention> = fc.oneof(
  { arbitrary: wish.map(deeds.send), weight: 8 },
  { arbitrary: nth.map(deeds.repeat), weight: 1 },
  { arbitrary: nth.map(deeds.cancel), weight: 4 },
  { arbitrary: nth.map(deeds.erase), weight: 1 },
);

const reports: fc.Arbitrary<Intention> = fc
  .tuple(said, fc.boolean())
  .map(([several, isBatch]) => deeds.sayOf(several, isBatch));

const devices: fc.Arbitrary<Intention> = fc.oneof(
  { arbitrary: reports, weight: 8 },
  { arbitrary: fc.constant(deeds.connect), weight: 4 },
  { arbitrary: fc.constant(deeds.disconnect), weight: 1 },
  { arbitrary: fc.constant(deeds.reconnect), weight: 1 },
  { arbitrary: fc.constantFrom<"active" | "standby">("active", "standby").map(deeds.sayPresence), weight: 1 },
);

const platforms: fc.Arbitrary<Intention> = fc.oneof(
  { arbitrary: fc.option(nth).map(deeds.evict), weight: 3 },
  { arbitrary: fc.option(nth).map(deeds.ring), weight: 2 },
  { arbitrary: fc.constant(deeds.crash), weight: 1 },
);

const strangers = fc.tuple(nth, report).map(([which, words]) => deeds.strangerSays(which, words));

const passage = fc.record({
  milliseconds: fc.oneof(
    { arbitrary: fc.constantFrom(3 * SECOND, 10 * SECOND, 20 * SECOND, MINUTE), weight: 9 },
    fc.constantFrom(15 * MINUTE, 26 * HOUR),
  ),
  late: fc.boolean(),
  answering: fc.boolean(),
});

/** Two things at once, of which shrinking may leave out either. */
function both(one: fc.Arbitrary<Intention>, other: fc.Arbitrary<Intention>): fc.Arbitrary<Intention[]> {
  return fc
    .tuple(fc.option(one), fc.option(other))
    .map((intentions) => intentions.filter((intention) => intention !== null));
}

/** A device says one thing after the other. */
const atOnce = fc.oneof(
  { arbitrary: both(devices, callers), weight: 6 },
  { arbitrary: both(callers, callers), weight: 1 },
  { arbitrary: both(fc.constant(deeds.unregister), fc.oneof(callers, devices)), weight: 1 },
);

/** Milliseconds around those that a connection takes from its handshake to its first command. */
const lag = fc.oneof({ arbitrary: fc.constant(0), weight: 2 }, fc.nat({ max: HANDSHAKE_PAUSE_MS + 4 }));

export function anySteps(length: number): fc.Arbitrary<Iterable<Step>> {
  const alone = (intention: fc.Arbitrary<Intention>) => intention.map((only): Step => new Deeds([only]));
  const kinds: [number, fc.Arbitrary<Step>][] = [
    [5, alone(callers)],
    [3, alone(devices)],
    [8, alone(reports)],
    [2, alone(platforms)],
    [4, passage.map((time) => new Passing(time))],
    [6, fc.tuple(atOnce, lag).map(([intentions, pause]) => new Deeds(intentions, pause))],
    [1, alone(fc.constant(deeds.answerPing))],
    [1, alone(strangers)],
  ];
  return fc.commands(
    kinds.flatMap(([weight, steps]) => Array<typeof steps>(weight).fill(steps)),
    { maxCommands: length, size: "max" },
  );
}
