import type { Measured } from "./figures.ts";
import type { Job, Load, Round } from "./load.ts";

/** Contestants under the same load, in short rounds that take turns: the machine's moods meet all of them alike. */

export interface Contestant {
  name: string;
  side: Measured["side"];
  job: Pick<Job, "questions" | "expects">;
}

export interface Terms {
  /** Seconds of one round. */
  seconds: number;
  rounds: number;
}

/** How many ask at once, in one race after another. */
export const AT_ONCE = [1, 16, 64] as const;

/** The part of a round by which it is warmed up before. */
const WARM_UP = 0.25;

/** A race for each number of callers at once. */
export type Races = ReadonlyMap<number, readonly Measured[]>;

export async function race(
  load: Load,
  contestants: readonly Contestant[],
  { seconds, rounds }: Terms,
  say: (text: string) => void,
  settled: () => Promise<void>,
): Promise<Races> {
  const races = new Map<number, Measured[]>();
  for (const atOnce of AT_ONCE) {
    const run = contestants.map(({ name, side }) => ({ name, side, rounds: [] as Round[] }));
    for (let round = 1; round <= rounds; round++) {
      for (const [index, { name, job }] of contestants.entries()) {
        say(`${name}, ${atOnce} at once, round ${round} of ${rounds}`);
        await load.run({ ...job, atOnce, lasts: { seconds: seconds * WARM_UP } });
        run[index]?.rounds.push(await load.run({ ...job, atOnce, lasts: { seconds } }));
        // What was answered before it was all done is not to be paid for by the next.
        await settled();
      }
    }
    races.set(atOnce, run);
  }
  return races;
}
