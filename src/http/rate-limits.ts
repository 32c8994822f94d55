import type { Context, Next } from "hono";
import { RATE_LIMIT_SECONDS, SECOND } from "../limits.ts";
import { logFault, logInfo } from "../operations/log.ts";
import type { Edge } from "./edge.ts";
import { ApiError, answerError } from "./errors.ts";
import { networkOf } from "./whereabouts.ts";

/**
 * Rate limits: by address, by account and by device. Their numbers stand in wrangler.toml. On Cloudflare a count is
 * kept on the machine that asks, and asking for it calls nobody; where there is no such binding, nothing is limited.
 */

/** The limits that the var REQUEST_LIMITS switches off for local work: there, each count is a row in an object. */
type RequestLimit = "ADDRESS_REQUESTS" | "STRANGER_REQUESTS" | "ACCOUNT_REQUESTS" | "DEVICE_REQUESTS";

/**
 * Counts a request by its address before anything is done for it; one that names nobody counts as a stranger's, too.
 * So does, once that is known, one whose token is no good: a stranger with too many is told that instead.
 */
export function limitByAddress(c: Context<Edge>, next: Next): Promise<void> {
  const { REQUEST_LIMITS, ADDRESS_REQUESTS, STRANGER_REQUESTS } = c.env as Partial<Env>;
  const isOff = REQUEST_LIMITS === "off" || (ADDRESS_REQUESTS ?? STRANGER_REQUESTS) === undefined;
  return isOff ? next() : countByAddress(c, next);
}

async function countByAddress(c: Context<Edge>, next: Next): Promise<void> {
  const address = (): string | null => networkOf(c.req.header("CF-Connecting-IP") ?? "");
  const isStranger = c.req.header("Authorization") === undefined;
  const [tooMany, tooManyOfStrangers] = await Promise.all([
    exceeds(c, "ADDRESS_REQUESTS", address),
    isStranger && exceeds(c, "STRANGER_REQUESTS", address),
  ]);
  if (tooMany || tooManyOfStrangers) throw tooManyRequests();
  await next();
  if (!isStranger && c.res.status === 401 && (await exceeds(c, "STRANGER_REQUESTS", address))) {
    c.res = answerError(tooManyRequests(), c);
    c.res.headers.delete("WWW-Authenticate");
  }
}

/** Counts a call of an account whose token has been checked. Throws 429. */
export async function limitByAccount(c: Context<Edge>, account: string): Promise<void> {
  if (await exceeds(c, "ACCOUNT_REQUESTS", () => account)) throw tooManyRequests();
}

/**
 * Counts a command that an account sends to a device. The count is the two's own: a stranger who has learned a
 * device's id cannot use up what its owner may send. Resolves true where it is one too many, and never rejects.
 */
export async function exceedsForDevice(c: Context<Edge>, device: string, account: string): Promise<boolean> {
  return await exceeds(c, "DEVICE_REQUESTS", () => `${device} ${account}`);
}

/**
 * Counts a request that a device makes, or somebody in its name: its object, which it reaches, is what knows its key.
 * So the count is of the device and of the network that it asks from. Throws 429.
 */
export async function limitByDevice(c: Context<Edge>, device: string): Promise<void> {
  const key = (): string => `${device} ${networkOf(c.req.header("CF-Connecting-IP") ?? "")}`;
  if (await exceeds(c, "DEVICE_REQUESTS", key)) throw tooManyRequests();
}

/**
 * Counts a request under each of these keys. Throws 429 where one of them has too many, and an error where
 * they cannot be counted: what is not counted can be guessed.
 */
export async function countEach(limit: RateLimit | undefined, ...keys: (string | null)[]): Promise<void> {
  const counted = await Promise.all(keys.map((key) => key !== null && isOver(limit, key)));
  if (counted.includes(true)) throw tooManyRequests();
}

export function tooManyRequests(): ApiError {
  return new ApiError(
    "activityLimitReached",
    "These were too many requests within a minute. Wait for as long as Retry-After says.",
    { headers: { "Retry-After": String(RATE_LIMIT_SECONDS) } },
  );
}

/**
 * Resolves at once where there is nothing to count; the key is not asked for then. A limit that fails holds nobody
 * off: these guard against floods, and are not what lets people in.
 */
async function exceeds(
  { env }: Context<Edge>,
  name: RequestLimit,
  keyOf: () => string | null,
): Promise<boolean> {
  const limit: RateLimit | undefined = env[name];
  if (limit === undefined || env.REQUEST_LIMITS === "off") return false;
  const key = keyOf();
  try {
    if (key === null || !(await isOver(limit, key))) return false;
    report(name, key);
    return true;
  } catch (error) {
    logFault({ event: "rateLimitFailed", limit: name, error: String(error) });
    return false;
  }
}

async function isOver(limit: RateLimit | undefined, key: string): Promise<boolean> {
  return limit !== undefined && !(await limit.limit({ key })).success;
}

/** When each limit was last reported: a flood must not become one of log lines, which are billed. */
const reported = new Map<RequestLimit, number>();

/** Of a key only the ids are told: an address is its user's own. */
function report(limit: RequestLimit, key: string): void {
  const now = Date.now();
  if (now - (reported.get(limit) ?? 0) < RATE_LIMIT_SECONDS * SECOND) return;
  reported.set(limit, now);
  logInfo({ event: "rateLimited", limit, ids: key.match(/\b[\da-f]{64}\b/g)?.join(" ") });
}
