import type { Bundle } from "../workerd/bundle.ts";
import type { Service } from "./service.ts";

/** A story with an end: it throws a sentence where something is not as it has to be. */
export interface Scenario {
  name: string;
  /** Resolves with what was measured or seen, in a sentence. */
  tell: (stage: Stage) => Promise<string>;
}

export interface Stage {
  service: Service;
  bundle: Bundle;
}

/** Throws where it is not so. */
export function require(holds: boolean, words: string): asserts holds {
  if (!holds) throw new Error(words);
}

/** What comes, once it does. Throws what is missing after so many milliseconds. */
export async function eventually<T>(
  words: string,
  look: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  milliseconds = 30_000,
): Promise<T> {
  for (const begun = performance.now(); ; ) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
    if (performance.now() - begun > milliseconds)
      throw new Error(`${words}: not within ${milliseconds / 1_000} s.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
