import { DAY, SECOND } from "../../src/limits.ts";
import { answerPing, connect, type Deed, type Intention, ringOf, say, wordsOf } from "./deeds.ts";
import { differences, expectedFacts, seenFacts } from "./facts.ts";
import { after } from "./happenings.ts";
import { Reality } from "./reality.ts";
import { beginning, type Happening, hasEnded, nextActionAt, type Said, type World } from "./world.ts";

/** Milliseconds in which the service has to come to where the model sees it. */
const PATIENCE_MS = 1_000;

export interface Passage {
  milliseconds: number;
  late: boolean;
  answering: boolean;
}

export type Finale = "answers" | "silence" | "asItIs";

/**
 * The service beside the model. Where two things happen at once the model does not know their order: it keeps every
 * world that would explain what was seen, and fails where there is none.
 */
export class Trial {
  worlds: World[];
  readonly reality: Reality;
  readonly #story: string[] = [];
  #names = 0;

  private constructor(reality: Reality, chance: number) {
    this.reality = reality;
    this.worlds = [beginning(reality.now, chance)];
  }

  static async begins(chance: number): Promise<Trial> {
    return new Trial(await Reality.begins(chance), chance);
  }

  /** A world as it may be. */
  get world(): World {
    const [world] = this.worlds;
    if (world === undefined) throw new Error("There is no world left.");
    return world;
  }

  /** What these intend, as the world is. */
  plans(...intentions: Intention[]): Deed[] {
    return intentions.flatMap((intention) => intention(this.world, () => this.#newName()) ?? []);
  }

  /** Does these at once, or each so many milliseconds after the one before, and waits until it shows. */
  async does(deeds: Deed[], lag = 0): Promise<void> {
    const { reality } = this;
    if (deeds.length > 0) this.#story.push(wordsOf(deeds));
    reality.answers = {};
    reality.line?.stepBegins();
    const orders = deeds.reduce<Happening[][]>(interleaved, [[]]);
    const before = this.worlds.map((world) => ({
      ...world,
      now: reality.now,
      frames: [],
      answers: {},
      arrived: [],
    }));
    const possible = before.flatMap((world) => orders.map((order) => order.reduce(after, world)));
    try {
      await Promise.all(
        deeds.map(async (deed, index) => {
          if (index * lag > 0) await scheduler.wait(index * lag);
          await deed.act(reality);
        }),
      );
      this.worlds = await explaining(reality, distinct(possible), this.#moving(deeds, possible));
      await this.#findHomes();
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /**
   * Lets time pass and rings what is due: each alarm at its time, or, where the platform is late, all of them at the
   * end. `answering`: the device answers `ping`.
   */
  async passes({ milliseconds, late, answering }: Passage): Promise<void> {
    const { reality } = this;
    const end = reality.now + milliseconds;
    if (late) this.#clockShows(end);
    for (;;) {
      const alarms = await reality.alarms();
      this.#requireAlarms(alarms);
      const [next] = alarms;
      if (next === undefined || next.at > end) break;
      if (next.at > reality.now) this.#clockShows(next.at);
      await this.does(this.plans(ringOf(next.name)));
      if (answering && this.world.frames.includes("ping")) await this.does(this.plans(answerPing));
    }
    if (reality.now < end) this.#clockShows(end);
  }

  /**
   * The end: the device answers everything, falls silent, or stays as it is. After all clocks have run out every
   * command has ended, and after the time of keeping each is gone.
   */
  async concludes(finale: Finale): Promise<void> {
    const isThere = this.world.connection !== null;
    if (finale !== "asItIs" && !isThere) await this.does(this.plans(connect));
    if (finale === "answers") await this.does(this.plans(say(this.#answers(), false)));
    await this.passes({ milliseconds: 4 * DAY, late: false, answering: false });
    const stuck = this.world.commands.filter((command) => !hasEnded(command));
    if (stuck.length > 0) throw this.#failure(`These never ended: ${stuck.map(({ name }) => name).join()}`);
    await this.#requireFiltersAgree();
    if (finale !== "asItIs") return;
    await this.passes({ milliseconds: 31 * DAY, late: false, answering: false });
    if (this.world.commands.length > 0) throw this.#failure("Commands were kept for too long.");
  }

  /** Where each command lives is nobody's business but the service's; the model only has to know whose alarm rings. */
  async #findHomes(): Promise<void> {
    const names = new Set(this.worlds.flatMap(({ commands }) => commands.map(({ name }) => name)));
    const residents = await this.reality.residents([...names]);
    for (const command of this.worlds.flatMap(({ commands }) => commands))
      command.resident = residents.has(command.name);
  }

  /** Those that this concerns, or that have not ended; of the others nothing new is to be seen. */
  #moving(deeds: Deed[], possible: World[]): Set<string> {
    const concerned = deeds.flatMap(({ happenings }) =>
      happenings.flatMap((each) => ("name" in each ? (each.name ?? []) : [])),
    );
    const live = [...this.worlds, ...possible].flatMap(({ commands }) =>
      commands.filter((command) => !hasEnded(command)),
    );
    return new Set([...concerned, ...live.map(({ name }) => name)]);
  }

  /** A result for every command that has not ended. */
  #answers(): Said[] {
    const open = this.world.commands.filter((command) => !hasEnded(command));
    return open.map(({ name }) => ({ name, report: { type: "result", value: "done" } }));
  }

  #newName(): string {
    return `c${++this.#names}`;
  }

  #clockShows(now: number): void {
    this.#story.push(`${(now - this.reality.now) / SECOND} s pass`);
    this.reality.clockShows(now);
  }

  /** Something always stands behind a command: its own alarm, or its device's, rings by the time that its history names. */
  #requireAlarms(alarms: { name: string | null; at: number }[]): void {
    for (const command of this.world.commands) {
      // The earliest come first.
      const alarm = alarms.find(({ name }) => name === command.name || name === null);
      const due = nextActionAt(command);
      if (alarm === undefined || alarm.at > Math.max(due, this.reality.now + 1_000))
        throw this.#failure(`The alarm of ${command.name} rings ${alarm?.at ?? "never"}, due is ${due}.`);
    }
  }

  /** How the device's list says that each command ended agrees with the command itself. */
  async #requireFiltersAgree(): Promise<void> {
    const { api, commands } = this.reality;
    if (this.world.device === "unregistered") return;
    for (const status of new Set([...this.world.commands.map((command) => command.status), "requesting"])) {
      const { body } = await api.get(`${commands}?$top=100&$filter=status eq '${status}'`);
      const listed = body.value.map(({ id }: { id: string }) => this.reality.nameOf(id)).reverse();
      const expected = this.world.commands.filter((command) => command.status === status);
      if (listed.join() !== expected.map(({ name }) => name).join())
        throw this.#failure(`The list has ${listed.join()} as ${status}.`);
    }
  }

  #failure(cause: unknown): Error {
    const message = cause instanceof Error ? cause.message : String(cause);
    const story = this.#story.map((words, index) => `  ${index + 1}. ${words}`).join("\n");
    return new Error(`${message}\nafter\n${story}\n`, { cause });
  }
}

/** The worlds that explain what is seen, as soon as there is one. */
async function explaining(
  reality: Reality,
  possible: World[],
  closely: ReadonlySet<string>,
): Promise<World[]> {
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const seen = await seenFacts(reality, closely);
    const accounts = possible.map((world) => ({
      world,
      wrong: differences(expectedFacts(world, closely), seen),
    }));
    const right = accounts.filter(({ wrong }) => wrong.length === 0);
    if (right.length > 0) return right.map(({ world }) => world);
    if (performance.now() > until)
      throw new Error(accounts.map(({ wrong }) => wrong.join("\n")).join("\nor else\n"));
    await scheduler.wait(2);
  }
}

function distinct(worlds: World[]): World[] {
  return [...new Map(worlds.map((world) => [JSON.stringify(world), world])).values()];
}

/** Every order in which things may happen that happen in one of these orders, beside what a deed brings about. */
function interleaved(orders: Happening[][], { happenings, or }: Deed): Happening[][] {
  const beside = or === undefined ? [happenings] : [happenings, or];
  return orders.flatMap((order) => beside.flatMap((others) => merged(order, others)));
}

function merged(one: Happening[], other: Happening[]): Happening[][] {
  const [first, ...rest] = one;
  const [second, ...more] = other;
  if (first === undefined || second === undefined) return [[...one, ...other]];
  return [
    ...merged(rest, other).map((order) => [first, ...order]),
    ...merged(one, more).map((order) => [second, ...order]),
  ];
}
