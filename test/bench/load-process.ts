import { createHistogram, performance } from "node:perf_hooks";
import { ask, connections, WrongAnswer } from "./ask.ts";
import type { Job, Reply, Round } from "./load.ts";

/** The process behind `Load`: runs the jobs that it is sent, one after another, until its parent is gone. */

const MICROSECONDS = 1_000;
const agents = new Map<string, ReturnType<typeof connections>>();

process.on("message", async (job: Job) => {
  let reply: Reply;
  try {
    reply = { ok: true, round: await run(job) };
  } catch (error) {
    reply = { ok: false, message: (error as Error).message };
  }
  process.send?.(reply);
});
process.once("disconnect", () => process.exit());

async function run({ questions, atOnce, lasts, expects }: Job): Promise<Round> {
  const agent = agentFor(questions[0]?.url ?? "", atOnce);
  const times = createHistogram();
  const begin = performance.now();
  const end = "seconds" in lasts ? begin + lasts.seconds * 1_000 : Number.POSITIVE_INFINITY;
  const most = "requests" in lasts ? lasts.requests : Number.POSITIVE_INFINITY;
  let asked = 0;
  const caller = async (): Promise<void> => {
    while (asked < most && performance.now() < end) {
      const question = questions[asked++ % questions.length];
      if (question === undefined) throw new Error("The job has no questions.");
      const since = performance.now();
      const answer = await ask(question, agent);
      times.record(Math.max(1, Math.round((performance.now() - since) * MICROSECONDS)));
      if (answer.status !== expects.status || !answer.text.includes(expects.contains))
        throw new WrongAnswer(question, answer, `${expects.status} with ${expects.contains}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, caller));
  const seconds = (performance.now() - begin) / 1_000;
  return {
    requests: times.count,
    seconds,
    rate: times.count / seconds,
    p50: times.percentile(50) / MICROSECONDS,
    p99: times.percentile(99) / MICROSECONDS,
  };
}

/** Connections are kept from one job to the next: opening them is not what is measured. */
function agentFor(url: string, atOnce: number): ReturnType<typeof connections> {
  const key = `${new URL(url).host} ${atOnce}`;
  const agent = agents.get(key) ?? connections(atOnce);
  agents.set(key, agent);
  return agent;
}
