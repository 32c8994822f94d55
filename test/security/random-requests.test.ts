import { env, exports } from "cloudflare:workers";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { Description } from "../described.ts";
import { ORIGIN } from "../stage.ts";
import { hurries } from "./hurry.ts";
import { Trial } from "./trial.ts";

/** Random requests, made from the API's own description: nothing fails, and every answer is one that it tells of. */

const REQUESTS = Number(env.RANDOM_REQUESTS || 500);
const SEED = env.MODEL_SEED === "" ? Date.now() & 0x7fffffff : Number(env.MODEL_SEED);
/** Requests from which on all that is described is met. */
const ALL_FROM = 8_000;
/**
 * What is described and not met: no object fails here, and floods have their own tests. A method that a resource does
 * not have is answered 405 by all of them.
 */
const UNMET = new Set(["405", "429", "500", "503"]);
/** What is met only while the deletion of an account takes its time (test/http/delete-account.test.ts). */
const WHILE_DELETING = ["registerDevice 409", "approvePairing 409", "denyPairing 409", "deleteAccount 202"];

let description: Description;
beforeAll(async () => {
  const served = await exports.default.fetch(`${ORIGIN}/openapi.json`);
  description = new Description(await served.json());
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

test(`${REQUESTS} random requests are answered as described`, {
  timeout: 120_000 + 60 * REQUESTS,
}, async () => {
  // Tokens that lead nowhere are told to the log.
  vi.spyOn(console, "error").mockReturnValue();
  hurries();
  const trial = new Trial(description);
  await trial.sends(REQUESTS, SEED);

  expect(description.operations.filter(({ id }) => !trial.asked.has(id)).map(({ id }) => id)).toEqual([]);
  if (REQUESTS < ALL_FROM) return;
  // A rare one may need some luck more.
  for (let more = 1; unmetBy(trial).length > 0 && more <= 10; more++)
    await trial.sends(REQUESTS + (more * REQUESTS) / 10, SEED + more * REQUESTS);
  expect(unmetBy(trial)).toEqual([]);
});

/** What is described, and was not answered. */
function unmetBy({ seen }: Trial): string[] {
  return description.operations.flatMap(({ id, answers }) => {
    const statuses = Object.keys(answers).filter((status) => !UNMET.has(status));
    return statuses
      .map((status) => `${id} ${status}`)
      .filter((one) => !seen.has(one) && !WHILE_DELETING.includes(one));
  });
}
