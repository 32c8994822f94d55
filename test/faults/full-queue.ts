import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ServiceError } from "../../src/client/service-error.ts";
import { OPEN_COMMANDS_PER_DEVICE_MAX } from "../../src/limits.ts";
import type { Bundle } from "../workerd/bundle.ts";
import { connected, say } from "./devices.ts";
import { each } from "./invariants.ts";
import { eventually, require, type Scenario } from "./scenario.ts";
import { Service } from "./service.ts";

/** The limit as the bundle has it. */
const LIMIT = /^(var OPEN_COMMANDS_PER_DEVICE_MAX = )[\de_]+;$/m;

/** The bundle with a smaller limit, and nothing else changed; as it is where the limit is the deployed one. */
async function withLimit(bundle: Bundle, limit: number): Promise<Bundle> {
  if (limit === OPEN_COMMANDS_PER_DEVICE_MAX) return bundle;
  const code = await readFile(bundle.module, "utf8");
  require(LIMIT.test(code), "The bundle does not hold the limit as it was expected.");
  const module = join(dirname(bundle.module), "small-queue.js");
  await writeFile(module, code.replace(LIMIT, `$1${limit};`));
  return { ...bundle, module };
}

/** As many commands wait for a device as may. The limit is 20,000; a smaller one is written into the bundle. */
export function fullQueue(limit: number): Scenario {
  return {
    name:
      limit === OPEN_COMMANDS_PER_DEVICE_MAX
        ? `a full queue of ${limit} commands`
        : `a full queue of ${limit} commands (the limit is lowered from ${OPEN_COMMANDS_PER_DEVICE_MAX})`,
    tell: async ({ bundle }) => {
      const service = await Service.start(await withLimit(bundle, limit));
      try {
        return await fillsAndDrains(service, limit);
      } finally {
        await service.workerd.stop();
      }
    },
  };
}

async function fillsAndDrains(service: Service, limit: number): Promise<string> {
  const caller = await service.caller();
  const identity = await caller.registers("Away");
  const other = await caller.registers("Another");
  const send = (device = identity.deviceId): Promise<{ id: string }> =>
    caller.send(device, { type: "LaunchUri", payload: { uri: "https://example.com/" } });

  const filling = performance.now();
  const ids = new Set<string>();
  await each(Array.from({ length: limit }), async () => void ids.add((await send()).id));
  const filled = (performance.now() - filling) / 1_000;
  require(ids.size === limit, `${ids.size} commands were accepted.`);

  const refusal = await send().then(
    () => null,
    (error: unknown) => error,
  );
  require(refusal instanceof ServiceError, "One more command was accepted.");
  const { status, code, retryAfter } = refusal;
  require(status === 429 &&
    retryAfter !== null, `One more was refused with ${status} ${code}, Retry-After ${retryAfter}.`);
  await send(other.deviceId);

  const draining = performance.now();
  const order: string[] = [];
  const socket = await connected(service.origin, identity);
  let accepted: number | null = null;
  try {
    socket.on("message", (data) => {
      const { id, method } = JSON.parse(String(data)) as { id: string; method?: string };
      if (method === "launchUri") order.push(id);
      say(socket, { id, result: null });
    });
    await eventually("A command was to be accepted again", async () => {
      return await send().then(
        () => true,
        (error: unknown) => {
          if (error instanceof ServiceError && error.status === 429) return false;
          throw error;
        },
      );
    });
    accepted = (performance.now() - draining) / 1_000;
    await eventually("The queue was to be drained", () => order.length > limit, 30_000 + 20 * limit);
    const drained = (performance.now() - draining) / 1_000;
    require(new Set(order).size === order.length, "One was delivered twice.");
    await eventually(
      "All were to complete",
      async () =>
        (await caller.commands(identity.deviceId, { status: "requesting", top: 1 })).value.length === 0,
    );
    const listed: string[] = [];
    for (let next: string | null | undefined; next !== null; ) {
      const page = await caller.commands(identity.deviceId, next === undefined ? { top: 100 } : { next });
      for (const command of page.value) {
        require(command.status === "completed", `A command is ${command.status}.`);
        listed.push(command.id);
      }
      next = page.nextLink;
    }
    require(listed.reverse().join() === order.join(), "They were not delivered in the order of acceptance.");
    return `filled in ${filled.toFixed(1)} s; one more is refused with ${status}, Retry-After ${retryAfter}, while another device's are accepted; accepting again ${accepted.toFixed(1)} s after the device had connected, all delivered in order after ${drained.toFixed(1)} s`;
  } finally {
    socket.terminate();
  }
}
