import type { Context, Hono } from "hono";
import { HEALTH_MS, HEALTH_TIMEOUT_MS, SECOND } from "../limits.ts";
import { logFault } from "../operations/log.ts";
import type { Edge } from "./edge.ts";
import { resource } from "./resource.ts";

/** Whether the service lives: the edge, and one object of each class, of nobody's, which keeps nothing. */

const NAMESPACES = {
  accounts: "ACCOUNTS",
  devices: "DEVICES",
  commands: "COMMANDS",
  pairings: "PAIRINGS",
} as const;
type Part = keyof typeof NAMESPACES;
const PARTS = Object.keys(NAMESPACES) as Part[];

type Checks = Record<Part, "ok" | "unreachable">;

/** What each environment's objects last said: whoever asks more often wakes nobody. */
const known = new WeakMap<object, { checks: Checks; until: number }>();

export function serveHealth(app: Hono<Edge>): void {
  resource(app, "/:profile/healthz", {
    GET: async (c) => {
      const checks = await checksOf(c);
      if (Object.values(checks).every((check) => check === "ok")) return c.json({ status: "ok", checks });
      return c.json({ status: "unavailable", checks }, 503, { "Retry-After": String(HEALTH_MS / SECOND) });
    },
  });
}

async function checksOf({ env }: Context<Edge>): Promise<Checks> {
  const before = known.get(env);
  if (before !== undefined && Date.now() < before.until) return before.checks;
  // Whoever asks while they are being asked is told what was so before.
  if (before !== undefined) before.until = Date.now() + HEALTH_TIMEOUT_MS;
  const answers = await Promise.all(PARTS.map(async (part) => [part, await checkOf(env, part)] as const));
  const checks = Object.fromEntries(answers) as Checks;
  known.set(env, { checks, until: Date.now() + HEALTH_MS });
  return checks;
}

async function checkOf(env: Env, part: Part): Promise<Checks[Part]> {
  const namespace = env[NAMESPACES[part]];
  const { promise: patience, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("It did not answer in time.")), HEALTH_TIMEOUT_MS);
  try {
    await Promise.race([namespace.get(namespace.idFromName("health")).answers(), patience]);
    return "ok";
  } catch (error) {
    logFault({ event: "healthCheckFailed", part, error: String(error) });
    return "unreachable";
  } finally {
    clearTimeout(timer);
  }
}
