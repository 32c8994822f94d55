import type { Context, Hono } from "hono";
import { base64url } from "jose";
import type * as v from "valibot";
import { BATCH_BYTES_MAX, BATCH_DEPTH_MAX, SECOND, WAIT_SECONDS_MAX } from "../limits.ts";
import { isJson, readBody } from "./body.ts";
import { commonHeaders, type Edge } from "./edge.ts";
import { ApiError, answerError } from "./errors.ts";
import { wantsEvents } from "./events.ts";
import { canonicalPath, isVersioned } from "./paths.ts";
import { waitingAtMost } from "./prefer.ts";
import { profileOf, readOptions, requireJsonAccepted, resource } from "./resource.ts";
import { Batch, type BatchPart } from "./schemas.ts";

/** Graph's JSON batching: many requests in one, each of which the app answers as if it had come alone. */

type Part = v.InferOutput<typeof BatchPart>;

/** A part as the app takes it. `dependsOn` are the ids of parts that have to succeed first. */
interface Call {
  id: string;
  dependsOn: readonly string[];
  request: Request;
}

/** What a part was answered: its status, and the JSON of its place among the responses. */
interface Answered {
  status: number;
  json: string;
}

export function serveBatch(app: Hono<Edge>): void {
  resource(app, "/:profile/$batch", {
    POST: async (c) => {
      requireJsonAccepted(c);
      readOptions(c, []);
      const { requests } = await readBody(c, Batch, [], {
        bytesMax: BATCH_BYTES_MAX,
        depthMax: BATCH_DEPTH_MAX,
      });
      // Everything is read before anything is done: what is refused as a whole has done nothing.
      const calls = inOrder(requests).map((part) => callOf(c, part));
      const answers = new Map<string, Promise<Answered>>();
      // The batch waits no longer than a request of its own would, however its parts depend on each other.
      const waitUntil = Date.now() + WAIT_SECONDS_MAX * SECOND;
      for (const call of calls) answers.set(call.id, carryOut(app, c, call, { answers, waitUntil }));
      const answered = await Promise.all(requests.map(({ id }) => answers.get(id)));
      const responses = answered.map((answer) => answer?.json).join(",");
      return c.body(`{"responses":[${responses}]}`, 200, { "Content-Type": "application/json" });
    },
  });
}

/** The parts, each behind those that it depends on. Refuses ids that are no ids, and parts that wait for each other. */
function inOrder(parts: readonly Part[]): Part[] {
  const ids = new Set<string>();
  for (const { id } of parts) {
    if (ids.has(id)) throw invalid(`The id ${quoted(id)} is given twice; each request has its own.`);
    ids.add(id);
  }
  for (const { id, dependsOn } of parts) {
    const unknown = dependsOn?.find((other) => !ids.has(other));
    if (unknown === undefined) continue;
    throw invalid(`The request ${quoted(id)} depends on ${quoted(unknown)}, which is not in the batch.`);
  }
  const ordered = new Set<Part>();
  const placed = new Set<string>();
  while (ordered.size < parts.length) {
    const ready = parts.filter(
      (part) => !ordered.has(part) && (part.dependsOn ?? []).every((id) => placed.has(id)),
    );
    if (ready.length === 0) {
      const stuck = parts.filter((part) => !ordered.has(part)).map(({ id }) => quoted(id));
      throw invalid(`"dependsOn" leads in a circle, so that these would never begin: ${stuck.join(", ")}.`);
    }
    for (const part of ready) {
      ordered.add(part);
      placed.add(part.id);
    }
  }
  return [...ordered];
}

/**
 * Headers that speak of the connection, or of who is at its other end: the platform writes them, and limits by
 * address rely on them, so a part has those of the batch and none of its own.
 */
const OF_THE_CONNECTION =
  /^(cf-.*|forwarded|x-forwarded-.*|x-real-ip|true-client-ip|host|connection|content-length|transfer-encoding)$/i;

/** Headers that name an intent. A repeated batch repeats its parts, so each part has a name within the batch's. */
const OF_THE_INTENT = ["client-request-id", "Idempotency-Key"];

/** The request that a part is. Throws 400 where it is none. */
function callOf(c: Context<Edge>, { id, method, url, headers: own, body, dependsOn }: Part): Call {
  const headers = new Headers([...c.req.raw.headers].filter(([name]) => OF_THE_CONNECTION.test(name)));
  // It is the length of the batch.
  headers.delete("Content-Length");
  for (const name of ["Authorization", "Retry-Attempt"]) {
    const value = c.req.header(name);
    if (value !== undefined) headers.set(name, value);
  }
  for (const name of OF_THE_INTENT) {
    const value = c.req.header(name);
    if (value !== undefined) headers.set(name, `${value}/${encodeURIComponent(id)}`);
  }
  try {
    for (const [name, value] of Object.entries(own ?? {})) {
      if (!OF_THE_CONNECTION.test(name)) headers.set(name, value);
    }
  } catch {
    throw invalid(`The request ${quoted(id)} has a header that cannot be sent.`);
  }
  return {
    id,
    dependsOn: dependsOn ?? [],
    request: new Request(addressIn(c, url), {
      method,
      headers,
      body: bodyOf(id, method, headers, body),
      ...(c.req.raw.cf && { cf: c.req.raw.cf }),
    }),
  };
}

/** A part's address: in the batch's own version unless it names one. */
function addressIn(c: Context<Edge>, url: string): string {
  const { origin } = new URL(c.req.url);
  const path = url.replace(/^\//, "");
  return isVersioned(`${origin}/${path}`) ? `${origin}/${path}` : `${origin}/${profileOf(c)}/${path}`;
}

/** A part's body as it goes out: JSON as it stands, anything else from base64. Completes the headers. */
function bodyOf(id: string, method: Part["method"], headers: Headers, body: unknown): BodyInit | null {
  if (body === undefined || body === null) return null;
  if (method === "GET") throw invalid(`The request ${quoted(id)} is a GET, which has no "body".`);
  const type = headers.get("Content-Type");
  if (type === null && typeof body !== "object") {
    throw invalid(`The request ${quoted(id)} has a "body" that is no object: say its "Content-Type".`);
  }
  if (type === null) headers.set("Content-Type", "application/json");
  if (type === null || isJson(type)) return JSON.stringify(body);
  try {
    if (typeof body !== "string") throw new TypeError("It is no text.");
    // Graph's documents say base64url, and its clients write either.
    return base64url.decode(body.replaceAll("+", "-").replaceAll("/", "_"));
  } catch {
    throw invalid(`The request ${quoted(id)} has a "body" that is not JSON; write it as text in base64.`);
  }
}

/** Has the app answer a call, once those that it depends on are answered. */
async function carryOut(
  app: Hono<Edge>,
  c: Context<Edge>,
  { id, dependsOn, request }: Call,
  { answers, waitUntil }: { answers: ReadonlyMap<string, Promise<Answered>>; waitUntil: number },
): Promise<Answered> {
  const before = await Promise.all(dependsOn.map((other) => answers.get(other)));
  const failed = dependsOn.filter((_, index) => (before[index]?.status ?? 0) >= 400);
  const prefer = request.headers.get("Prefer");
  if (prefer !== null) request.headers.set("Prefer", waitingAtMost(prefer, waitUntil - Date.now()));
  const refusal = failed.length > 0 ? dependencyFailed(failed) : refuse(request);
  const response = refusal === null ? await app.fetch(request, c.env, c.executionCtx) : refused(c, refusal);
  return await written(id, response);
}

function dependencyFailed(ids: readonly string[]): ApiError {
  return new ApiError(
    "failedDependency",
    `This was not done, because what it depends on failed: ${ids.map(quoted).join(", ")}.`,
  );
}

/** What the batch itself answers to a part of it, with what every answer has. */
function refused(c: Context<Edge>, refusal: ApiError): Response {
  const response = answerError(refusal, c);
  for (const [name, value] of commonHeaders(c)) response.headers.set(name, value);
  return response;
}

/** Why a request cannot be a part of a batch; null where it can. */
function refuse(request: Request): ApiError | null {
  if (canonicalPath(request).endsWith("/$batch")) return invalid("A batch holds no other batch.");
  if (request.headers.has("Upgrade")) return invalid("A connection cannot begin in a batch; ask by itself.");
  if (wantsEvents(request.headers.get("Accept") ?? undefined))
    return new ApiError("notAcceptable", "An answer in a batch is whole; ask for events by themselves.");
  return null;
}

/** Header names as Graph writes them; others are in lower case. */
const SPELLINGS = new Map(
  [
    "Allow",
    "Cache-Control",
    "Content-Type",
    "Idempotency-Replayed",
    "Location",
    "OData-Version",
    "Preference-Applied",
    "Retry-After",
    "WWW-Authenticate",
  ].map((name) => [name.toLowerCase(), name]),
);

/** An answer at its place among the responses. JSON is spliced in as text; anything else goes as base64. */
async function written(id: string, response: Response): Promise<Answered> {
  const headers = [...response.headers]
    .filter(([name]) => !name.startsWith("access-control-"))
    .map(([name, value]) => [SPELLINGS.get(name) ?? name, value]);
  const place = JSON.stringify({ id, status: response.status, headers: Object.fromEntries(headers) });
  const body = isJson(response.headers.get("Content-Type") ?? "")
    ? await response.text()
    : JSON.stringify(base64(await response.arrayBuffer()));
  return {
    status: response.status,
    json: response.body === null ? place : `${place.slice(0, -1)},"body":${body}}`,
  };
}

function base64(bytes: ArrayBuffer): string {
  const text = base64url.encode(new Uint8Array(bytes)).replaceAll("-", "+").replaceAll("_", "/");
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}

function quoted(id: string): string {
  return JSON.stringify(id.length > 64 ? `${id.slice(0, 63)}…` : id);
}

function invalid(message: string): ApiError {
  return new ApiError("invalidRequest", message);
}
