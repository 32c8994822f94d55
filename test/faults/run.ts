import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Bundle, deployedBundle } from "../workerd/bundle.ts";
import { comeback } from "./comeback.ts";
import { disconnects } from "./disconnects.ts";
import { fullQueue } from "./full-queue.ts";
import { halfOpen } from "./half-open.ts";
import { hangingReceiver } from "./hanging-receiver.ts";
import { killsUnderLoad } from "./kills.ts";
import { reportOf, type Verdict } from "./report.ts";
import type { Scenario } from "./scenario.ts";
import { Service } from "./service.ts";

const HELP = `Kills the service under load, and tells the stories of what else can break. Writes a report in Markdown to
standard output, progress to standard error; the exit code is 1 where something did not hold.

  npm run test:faults -- [--kills N] [--seed S] [--queue N] [--devices N] [--out FILE]

  --kills    how often the process is killed (default: 30); 0 leaves that out
  --seed     of the load's and the kills' chance, as far as timing allows (default: a new one)
  --queue    commands that wait for one device at most (default: 1000); the limit that is deployed is 20000
  --devices  devices that come back at once (default: 500)
  --out      a file for the report besides
  --help     prints this
`;

interface Options {
  kills: number;
  seed: number;
  queue: number;
  devices: number;
  out: string | undefined;
}

/** What the command line asks for; a sentence where it cannot be read, null where it asks for help. */
function readOptions(): Options | string | null {
  try {
    const { values } = parseArgs({
      options: {
        kills: { type: "string", default: "30" },
        seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
        queue: { type: "string", default: "1000" },
        devices: { type: "string", default: "500" },
        out: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return null;
    for (const name of ["kills", "seed", "queue", "devices"] as const)
      if (!/^\d{1,10}$/.test(values[name])) return `--${name} is a number, not "${values[name]}".`;
    const { kills, seed, queue, devices, out } = values;
    return { kills: Number(kills), seed: Number(seed), queue: Number(queue), devices: Number(devices), out };
  } catch (error) {
    return (error as Error).message;
  }
}

const BEGUN = performance.now();

function say(words: string): void {
  console.error(`${((performance.now() - BEGUN) / 1_000).toFixed(0).padStart(5)} s  ${words}`);
}

/** The verdict on a story. */
async function tell({ name, tell }: Scenario, service: Service, bundle: Bundle): Promise<Verdict> {
  const begun = performance.now();
  const verdict = await tell({ service, bundle }).then(
    (words) => ({ name, holds: true, words }),
    (error: unknown) => ({ name, holds: false, words: String(error) }),
  );
  const seconds = (performance.now() - begun) / 1_000;
  say(`${verdict.holds ? "holds" : "DOES NOT HOLD"}: ${name}: ${verdict.words}`);
  return { ...verdict, seconds };
}

/** Those that mostly wait are told side by side, those that are work one after the other when the kills are over. */
async function run({ kills, seed, queue, devices, out }: Options, folder: string): Promise<boolean> {
  say(`seed ${seed}; building`);
  const bundle = await deployedBundle(folder);
  const service = await Service.start(bundle);
  try {
    const killed = Promise.withResolvers<void>();
    const waiting = Promise.all(
      [halfOpen, hangingReceiver, ...disconnects].map((story) => tell(story, service, bundle)),
    );
    const working = killed.promise.then(async () => {
      const verdicts: Verdict[] = [];
      for (const story of [comeback(devices, seed), fullQueue(queue)])
        verdicts.push(await tell(story, service, bundle));
      return verdicts;
    });
    const outcome = await killsUnderLoad(bundle, { kills, seed }, say, killed.resolve);
    const verdicts = [await waiting, await working].flat();
    const seconds = (performance.now() - BEGUN) / 1_000;
    const report = await reportOf({ seed, outcome, verdicts, seconds });
    console.log(report);
    if (out !== undefined) await writeFile(out, report);
    return outcome.findings.violations.length === 0 && verdicts.every(({ holds }) => holds);
  } finally {
    await service.workerd.stop();
  }
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options === null || typeof options === "string") {
    if (options === null) console.log(HELP);
    else console.error(`${options}\n\n${HELP}`);
    return options === null ? 0 : 2;
  }
  const folder = await mkdtemp(join(tmpdir(), "appia-faults-"));
  try {
    return (await run(options, folder)) ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

// Ended from outside, it leaves no process behind.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main();
