import { POST_BACK_ATTEMPTS_LISTED_MAX, POST_BACK_GUARD_MS } from "../limits.ts";
import type { Command, Entry, PostBacks } from "./command.ts";
import type { Decision } from "./decision.ts";
import { nextPostBackAt, type PostBackOutcome } from "./post-back.ts";

/** Which post-backs are owed, and when: decided purely, from the history and from what became of each attempt. */

/** The entry whose post-back is owed next: the first change of status that the receiver does not know. */
export function nextOwed({ history, postBacks }: Command): Entry | undefined {
  if (postBacks === null || postBacks.over !== null) return undefined;
  return history.slice(postBacks.told).find((entry) => entry.status !== history[entry.sequence - 2]?.status);
}

/** A decision with what it means for the post-backs: one is begun when it is owed, and none is under way. */
export function owingPostBacks(decision: Decision, now: number): Decision {
  const { command, effects } = decision;
  const { postBacks } = command;
  if (
    postBacks === null ||
    // What is being erased is told to nobody any more.
    effects.some(({ type }) => type === "erase") ||
    (postBacks.dueAt !== null && now < postBacks.dueAt) ||
    nextOwed(command) === undefined
  )
    return decision;
  return {
    command: { ...command, postBacks: begun(postBacks, now) },
    effects: [...effects, { type: "postBack" }],
  };
}

/** What becomes of a command when the receiver has answered, or has not. */
export function postBackTried(
  command: Command,
  sequence: number,
  outcome: PostBackOutcome,
  now: number,
): Decision {
  const { postBacks } = command;
  if (postBacks === null || nextOwed(command)?.sequence !== sequence) return { command, effects: [] };
  const reason = outcome.type === "failed" ? outcome.reason : null;
  const attempt = { sequence, at: now, status: outcome.status, outcome: outcome.type, reason };
  const tried = { ...postBacks, log: [...postBacks.log, attempt].slice(-POST_BACK_ATTEMPTS_LISTED_MAX) };
  switch (outcome.type) {
    case "accepted":
      return owingPostBacks(
        {
          command: { ...command, postBacks: { ...tried, told: sequence, attempts: 0, dueAt: null } },
          effects: [],
        },
        now,
      );
    case "gone":
      return { command: { ...command, postBacks: { ...tried, dueAt: null, over: "gone" } }, effects: [] };
    case "failed": {
      const attempts = postBacks.attempts + 1;
      const dueAt = nextPostBackAt(now, attempts, outcome.retryAfterMs);
      const over = dueAt === null ? ("givenUp" as const) : null;
      return { command: { ...command, postBacks: { ...tried, attempts, dueAt, over } }, effects: [] };
    }
  }
}

/** An attempt is under way; should its outcome be lost, the alarm begins it again. */
function begun(postBacks: PostBacks, now: number): PostBacks {
  return { ...postBacks, dueAt: now + POST_BACK_GUARD_MS };
}
