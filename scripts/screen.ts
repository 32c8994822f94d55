import { styleText } from "node:util";

/** What a person sees while something is under way. `styleText` colours only where the stream shows colours. */

export const bold = (text: string): string => styleText("bold", text);
export const dim = (text: string): string => styleText("dim", text);
export const green = (text: string): string => styleText("green", text);

/** Milliseconds between dots. */
const DOT_MS = 500;

/** Runs something that takes a while, with its words, a dot each half second, and how long it took. */
export async function step<T>(words: string, run: () => Promise<T>): Promise<T> {
  const began = performance.now();
  process.stdout.write(`${words} .`);
  const dots = setInterval(() => process.stdout.write("."), DOT_MS);
  try {
    const result = await run();
    console.log(` ${green("done")} ${dim(`${((performance.now() - began) / 1_000).toFixed(1)} s`)}`);
    return result;
  } finally {
    clearInterval(dots);
  }
}
