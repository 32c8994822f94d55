import * as fc from "fast-check";
import type { Description } from "../described.ts";
import { anyPlan } from "./batches.ts";
import type { Plan } from "./plans.ts";
import { type Answer, aim, curl, fire, inTime, type Shot } from "./shots.ts";
import { examine, Wrong } from "./verdict.ts";
import { World } from "./world.ts";

/** Requests of one scene, the most: what fails is told with those before it. */
const SCENE = 20;
/** Scenes after which all is made anew: an account that is used without end meets its limits. */
const SCENES_IN_A_WORLD = 50;
/** Milliseconds in which what was found is made smaller. */
const SHRINKING_MS = 30_000;

/** Random requests until there were enough of them, and what they were answered. */
export class Trial {
  readonly #description: Description;
  sent = 0;
  /** Operations that were asked for. */
  readonly asked = new Set<string>();
  /** Operations and the statuses that they were answered with, and how often. */
  readonly seen = new Map<string, number>();
  #world = new World();
  #scenes = 0;
  #failedAt = Number.POSITIVE_INFINITY;

  constructor(description: Description) {
    this.#description = description;
  }

  /** Sends so many. Throws what is wrong with one, as small as it could be made, and how to find it again. */
  async sends(requests: number, firstSeed: number): Promise<void> {
    const plan = anyPlan(this.#description);
    const scenes = fc.array(plan, { minLength: 1, maxLength: SCENE, size: "max" });
    const property = fc.asyncProperty(scenes, (plans) => this.#plays(plans));
    for (let seed = firstSeed; this.sent < requests; seed++) {
      const numRuns = Math.ceil((2 * (requests - this.sent)) / SCENE);
      const { failed, errorInstance, numShrinks } = await fc.check(property, {
        seed,
        numRuns,
        unbiased: true,
      });
      if (!failed) continue;
      const { message } = errorInstance as Error;
      throw new Error(
        `Found after ${this.sent} requests, shrunk ${numShrinks} times; again: SEED=${firstSeed} REQUESTS=${requests}\n\n${message}`,
      );
    }
    await this.#world.ends();
  }

  async #plays(plans: readonly Plan[]): Promise<void> {
    const failing = performance.now() - this.#failedAt;
    if (failing > SHRINKING_MS) return;
    // What was found is made smaller in a world where nothing else has happened.
    if (failing >= 0 || ++this.#scenes % SCENES_IN_A_WORLD === 0) await this.#anew();
    const before: string[] = [];
    try {
      for (const plan of plans) await this.#asks(plan, before);
    } catch (failure) {
      this.#failedAt = Math.min(this.#failedAt, performance.now());
      const words = failure instanceof Wrong ? failure.message : (failure as Error).stack;
      throw new Error([words, ...before].join("\n\n"));
    }
  }

  async #aims(plan: Plan): Promise<Shot> {
    try {
      return await aim(plan, this.#world);
    } catch {
      // What it speaks of may have gone with its account.
      await this.#anew();
      return await aim(plan, this.#world);
    }
  }

  async #anew(): Promise<void> {
    await this.#world.ends();
    this.#world = new World();
  }

  async #asks(plan: Plan, before: string[]): Promise<void> {
    // The account may have been deleted.
    if (this.#world.isSpent) await this.#anew();
    const shot = await inTime(this.#aims(plan), `what ${plan.method} ${plan.path} speaks of`);
    before.push(curl(shot));
    const answer = await inTime(fire(shot), "an answer");
    if (answer === null) {
      before.pop();
      return;
    }
    if (this.#failedAt === Number.POSITIVE_INFINITY) this.sent++;
    before.push(toldOf(answer));
    await this.#learns(shot, answer);
    examine(this.#description, this.#world, shot, answer);
    before.splice(-1, 1, `# ${answer.status}`);
  }

  /** What there is now, as far as the answer tells. */
  async #learns(shot: Shot, { status, headers, text }: Answer): Promise<void> {
    const { operation, method } = shot.plan;
    if (operation !== null) {
      const key = `${operation.id} ${status}`;
      this.asked.add(operation.id);
      this.seen.set(key, (this.seen.get(key) ?? 0) + 1);
    }
    if (status === 200 && shot.parts.length > 0) {
      const { responses } = JSON.parse(text);
      for (const [at, part] of shot.parts.entries()) {
        const { status: own, headers: theirs } = responses[at];
        const isNamed = part.headers.some(([name]) => name === "Authorization");
        const heard = isNamed ? part : { ...part, speaker: shot.speaker };
        await this.#learns(heard, { status: own, headers: new Headers(theirs), text: "" });
      }
    }
    if (status >= 300 && status !== 101) return;
    const { deviceId, commandId, userCode } = shot.ids;
    const location = headers.get("Location");
    if (status === 201 && location !== null) this.#world.made(shot.speaker, location);
    const isDevices = shot.speaker !== null && "device" in shot.speaker;
    if (isDevices && method === "GET") await this.#world.takes(deviceId);
    else if (operation === null) {
      // Where the path led, and to what of all this, nobody knows.
      if (method !== "GET" && method !== "HEAD") await this.#forgetsAll(Object.values(shot.ids));
    } else if (method === "DELETE") await this.#world.forgets(commandId ?? deviceId);
    else if (method === "POST" && (commandId ?? userCode) !== undefined)
      await this.#world.forgets(commandId ?? userCode);
  }

  async #forgetsAll(ids: readonly string[]): Promise<void> {
    for (const id of ids) await this.#world.forgets(id);
    // It may have been the account that went.
    if (ids.length === 0) await this.#world.forgets(undefined);
  }
}

function toldOf({ status, headers, text }: Answer): string {
  const lines = [String(status), ...[...headers].map((pair) => pair.join(": "))];
  return `${lines.map((line) => `# ${line}`).join("\n")}\n${text.slice(0, 2_000)}`;
}
