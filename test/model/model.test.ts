import { env } from "cloudflare:workers";
import * as fc from "fast-check";
import { afterEach, test, vi } from "vitest";
import { connect, send } from "./deeds.ts";
import { anySteps, wish } from "./steps.ts";
import { type Finale, Trial } from "./trial.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const RUNS = Number(env.MODEL_RUNS || 50);
const SEED = env.MODEL_SEED === "" ? {} : { seed: Number(env.MODEL_SEED) };
/** Seconds, the most: shrinking what fails takes longer than running what does not. */
const PATIENCE = 120 + RUNS;

const setting = fc.record({
  chance: fc.constantFrom(0, 0.5, 0.999),
  isConnected: fc.constantFrom(true, true, true, false),
  sent: fc.array(wish, { maxLength: 2 }),
  finale: fc.constantFrom<Finale>("answers", "answers", "asItIs", "silence"),
});

test("whatever callers, device and platform do, the service does what its model does", {
  timeout: PATIENCE * 1_000,
}, async () => {
  const property = fc.asyncProperty(setting, anySteps(10), async (given, steps) => {
    const trial = await Trial.begins(given.chance);
    if (given.isConnected) await trial.does(trial.plans(connect));
    for (const order of given.sent) await trial.does(trial.plans(send(order)));
    await fc.asyncModelRun(() => ({ model: trial, real: trial.reality }), steps);
    await trial.concludes(given.finale);
  });
  await fc.assert(property, { ...SEED, numRuns: RUNS, unbiased: true, reporter: tell });
});

/** Fails with the shortest sequence that was found, in words, and with how to run it again. */
function tell<Ts>({ failed, seed, numRuns, numShrinks, errorInstance }: fc.RunDetails<Ts>): void {
  if (!failed) return;
  const { message } = errorInstance as Error;
  throw new Error(
    `Run ${numRuns} failed, here shrunk ${numShrinks} times; again: SEED=${seed} npm test\n\n${message}`,
  );
}
