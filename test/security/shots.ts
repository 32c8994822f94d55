import { exports } from "cloudflare:workers";
import { ORIGIN } from "../stage.ts";
import type { Plan } from "./plans.ts";
import type { Speaker, World } from "./world.ts";

/** Requests as they are sent, and what comes back. */

export interface Shot {
  plan: Plan;
  url: string;
  headers: readonly (readonly [name: string, value: string])[];
  body: string | Uint8Array | null;
  /** What its path's parameters are. */
  ids: Record<string, string>;
  speaker: Speaker;
  /** It is answered as Project Rome's API did. */
  isBeta: boolean;
  /** The requests in it, where it is a batch. */
  parts: readonly Shot[];
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

const NAMES = /\{\{(\w+:\w+)\}\}/g;

type Named = Map<string, { text: string; speaker?: Speaker }>;

/** A plan with what its names stand for: in a batch, the same in all of its parts. */
export async function aim(
  plan: Plan,
  world: World,
  known: Named = new Map(),
  isUsuallyBeta = true,
): Promise<Shot> {
  const version = /^\/(beta|v1\.0)\b/.exec(plan.path)?.[1];
  const isBeta = version === undefined ? isUsuallyBeta : version === "beta";
  const parts: Shot[] = [];
  for (const part of plan.body?.parts ?? []) parts.push(await aim(part, world, known, isBeta));
  const whole = JSON.stringify([plan.path, plan.headers, plan.body?.text, plan.ids]);
  for (const [, name = ""] of whole.matchAll(NAMES)) {
    if (!known.has(name)) known.set(name, await world.resolve(name));
  }
  const authorization = plan.headers.find(([header]) => header === "Authorization")?.[1] ?? "";
  const bearer = /^Bearer \{\{([\w:]+)\}\}$/.exec(authorization)?.[1] ?? "";
  const named = (text: string): string =>
    text.replaceAll(NAMES, (_, name: string) => known.get(name)?.text ?? "");
  const body = plan.body === null ? null : named(plan.body.text);
  return {
    plan,
    url: `${ORIGIN}${named(plan.path)}`,
    headers: plan.headers.map(([name, value]) => [name, named(value)]),
    body: plan.body?.bytes ? Uint8Array.from(body ?? "", (letter) => letter.charCodeAt(0)) : body,
    ids: Object.fromEntries(Object.entries(plan.ids).map(([name, value]) => [name, named(value)])),
    speaker: known.get(bearer)?.speaker ?? null,
    isBeta,
    parts,
  };
}

/** Milliseconds, of the real clock, after which an answer does not come any more. */
const PATIENCE_MS = 8_000;
const later = setTimeout;

/** What a promise comes to. Throws where that takes too long. */
export async function inTime<Value>(promise: Promise<Value>, what: string): Promise<Value> {
  let timer: number | null = null;
  const never = new Promise<never>((_, reject) => {
    timer = later(() => reject(new Error(`There never came ${what}.`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, never]);
  } finally {
    clearTimeout(timer);
  }
}

/** Sends a request; null where it is none that can be sent. */
export async function fire({ plan, url, headers, body }: Shot): Promise<Answer | null> {
  // The platform would write it as UTF-8, and warn of it each time.
  if (headers.some(([, value]) => /[^\0-\x7f]/.test(value))) return null;
  let request: Request;
  try {
    request = new Request(url, {
      method: plan.method,
      headers: headers.map(([name, value]) => [name, value]),
      body,
      redirect: "manual",
    });
  } catch {
    return null;
  }
  const response = await exports.default.fetch(request);
  const { status } = response;
  if (response.webSocket !== null) {
    response.webSocket.accept();
    response.webSocket.close(1000);
    return { status, headers: response.headers, text: "" };
  }
  const isStream = response.headers.get("Content-Type") === "text/event-stream";
  const text = isStream ? await begun(response) : await response.text();
  return { status, headers: response.headers, text };
}

/** A stream of events up to its end, or to where nothing more has happened. */
async function begun({ body }: Response): Promise<string> {
  if (body === null) return "";
  let text = "";
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.endsWith(":\n\n")) break;
  }
  return text;
}

/** A request as a person would repeat it by hand. */
export function curl({ plan, url, headers, body }: Shot): string {
  const quoted = (text: string): string =>
    `'${text.replaceAll("'", "'\\''").replaceAll(/[\p{Cc}\p{Cs}]/gu, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`)}'`;
  const written = typeof body === "string" || body === null ? body : String.fromCharCode(...body);
  const named = new Map(plan.headers);
  return [
    `curl -X ${plan.method} ${quoted(url)}`,
    // A token says less than its name, and is of no use any more.
    ...headers.map(
      ([name, value]) => `-H ${quoted(`${name}: ${name === "Authorization" ? named.get(name) : value}`)}`,
    ),
    ...(written === null
      ? []
      : [`--data-binary ${quoted(written.length > 4_000 ? `${written.slice(0, 4_000)}…` : written)}`]),
  ].join(" \\\n  ");
}
