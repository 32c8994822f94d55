import type { Report } from "../command/command.ts";
import type { Happening, Introduction } from "../command/introduction.ts";
import type { Event } from "../command/transition.ts";
import { GATHERING_MS } from "../limits.ts";
import type { Newcomer, Stage } from "./device-store.ts";

/** Reports after which nothing more is to be expected. */
const LAST_WORDS: readonly Report["type"][] = ["succeeded", "failed", "dropped", "oversized"];

/** What happened to a command by being accepted at this stage. */
const BEGINNINGS: Record<Stage, Event[]> = {
  offline: [{ type: "deviceOffline" }],
  queued: [{ type: "queued" }],
  leaving: [],
};

/** A command as its device's object knows it, and what has happened to it besides. */
export function introductionOf(
  { order, acceptedAt, place, stage }: Newcomer,
  happened: readonly Happening[] = [],
): Introduction {
  const beginnings = BEGINNINGS[stage].map((event) => ({ event, at: acceptedAt }));
  return { order, acceptedAt, place, happened: [...beginnings, ...happened] };
}

interface Gathering {
  /** Null once it is on its way. */
  happened: Happening[] | null;
  /** Ends the wait for more. */
  close: () => void;
  /** Resolves when the command was introduced, or could not be. */
  done: Promise<void>;
}

/** Commands that are being handed over and have no object yet: what happens to each in one breath is gathered. */
export class Newcomers {
  readonly #gatherings = new Map<string, Gathering>();
  readonly #introduce: (introduction: Introduction) => Promise<void>;

  /** `introduce` never rejects. */
  constructor(introduce: (introduction: Introduction) => Promise<void>) {
    this.#introduce = introduce;
  }

  /** Gathers what happens to a command from now on; resolves when it was introduced, or could not be. */
  gather(introduction: Introduction): Promise<void> {
    const { promise: closed, resolve: close } = Promise.withResolvers<void>();
    const { id } = introduction.order;
    const happened = [...introduction.happened];
    const gathering: Gathering = { happened, close, done: Promise.resolve() };
    gathering.done = Promise.race([closed, scheduler.wait(GATHERING_MS)]).then(async () => {
      gathering.happened = null;
      await this.#introduce({ ...introduction, happened });
      this.#gatherings.delete(id);
    });
    this.#gatherings.set(id, gathering);
    return gathering.done;
  }

  /** Takes down what a device said of a command; false where nothing is gathered of it. */
  note(id: string, report: Report, now: number): boolean {
    const gathering = this.#gatherings.get(id);
    if (gathering === undefined || gathering.happened === null) return false;
    gathering.happened.push({ event: { type: "reported", report }, at: now });
    if (LAST_WORDS.includes(report.type)) gathering.close();
    return true;
  }

  /** Whether something is gathered of a command. */
  has(id: string): boolean {
    return this.#gatherings.has(id);
  }

  /** Introduces a command now, if it is one of these. */
  async flush(id: string): Promise<void> {
    const gathering = this.#gatherings.get(id);
    gathering?.close();
    await gathering?.done;
  }

  async flushAll(): Promise<void> {
    await Promise.all([...this.#gatherings.keys()].map((id) => this.flush(id)));
  }
}
