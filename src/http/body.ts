import type { Context } from "hono";
import * as v from "valibot";
import { type Bounds, type JsonRefusal, readJsonOf } from "../json.ts";
import { BODY_BYTES_MAX, BODY_DEPTH_MAX, PAYLOAD_DEPTH_MAX } from "../limits.ts";
import type { Edge } from "./edge.ts";
import { ApiError } from "./errors.ts";

/** Request bodies: read under bounds, with member names in any case, and checked against a schema. */

const BOUNDS: Bounds = { bytesMax: BODY_BYTES_MAX, depthMax: BODY_DEPTH_MAX };

const REFUSALS: Record<JsonRefusal, (bounds: Bounds) => ApiError> = {
  tooLarge: ({ bytesMax }) => new ApiError("requestTooLarge", `The body is larger than ${bytesMax} bytes.`),
  tooDeep: () =>
    new ApiError("requestTooLarge", `The payload is nested deeper than ${PAYLOAD_DEPTH_MAX} levels.`),
  notUtf8: () => new ApiError("invalidRequest", "The body is not UTF-8."),
  malformed: () => new ApiError("invalidRequest", "The body is not JSON."),
};

/**
 * Reads a body as the schema's object. Members match in any case; `ignored` are members that a client may send
 * back because it got them from the service (OData 4.01, 11.4.2: read-only properties are ignored).
 * Throws 400, 413 or 415.
 */
export async function readBody<Entries extends v.ObjectEntries>(
  c: Context<Edge>,
  schema: v.ObjectSchema<Entries, undefined>,
  ignored: readonly string[] = [],
  bounds = BOUNDS,
): Promise<v.InferOutput<v.ObjectSchema<Entries, undefined>>> {
  requireJsonType(c.req.header("Content-Type"));
  // Asking for the length first spares the reading; a wrong length is met by the bound on what is read.
  if (Number(c.req.header("Content-Length") ?? 0) > bounds.bytesMax) throw REFUSALS.tooLarge(bounds);
  const body = await readJsonOf(c.req.raw, bounds);
  if (!body.ok) throw REFUSALS[body.reason](bounds);
  if (typeof body.value !== "object" || body.value === null || Array.isArray(body.value)) {
    throw new ApiError("invalidRequest", "The body is a JSON object.");
  }
  const parsed = v.safeParse(schema, canonicalMembers(body.value, Object.keys(schema.entries), ignored), {
    abortEarly: true,
  });
  if (!parsed.success) throw new ApiError("invalidRequest", parsed.issues[0].message);
  return parsed.output;
}

const JSON_TYPE = /^application\/([\w.+-]+\+)?json$/;

/** Whether a media type is JSON, whatever its parameters. */
export function isJson(contentType: string | undefined): boolean {
  return JSON_TYPE.test(mediaType(contentType)[0] ?? "");
}

/** A media type and its parameters. */
function mediaType(contentType: string | undefined): string[] {
  return (contentType ?? "").split(";").map((part) => part.trim().toLowerCase());
}

/** Refuses a body that is not declared as JSON in UTF-8 (415). */
export function requireJsonType(contentType: string | undefined): void {
  const [type = "", ...parameters] = mediaType(contentType);
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  const isUtf8 = charset === undefined || /^charset="?utf-8"?$/.test(charset);
  if (!JSON_TYPE.test(type) || !isUtf8) {
    throw new ApiError(
      "unsupportedMediaType",
      'Send the body as "Content-Type: application/json", in UTF-8.',
    );
  }
}

/** The body's members under the schema's own spelling; those that it lacks read undefined, so that the schema explains. */
function canonicalMembers(
  body: object,
  known: string[],
  ignored: readonly string[],
): Record<string, unknown> {
  const spelling = new Map(known.map((name) => [name.toLowerCase(), name]));
  const passed = new Set(ignored.map((name) => name.toLowerCase()));
  const members: Record<string, unknown> = Object.fromEntries(known.map((name) => [name, undefined]));
  const given = new Set<string>();
  for (const [key, value] of Object.entries(body)) {
    const lower = key.toLowerCase();
    const name = spelling.get(lower);
    if (name === undefined) {
      if (passed.has(lower) || key.includes("@")) continue;
      throw new ApiError(
        "invalidRequest",
        `The member "${key.slice(0, 64)}" is not known here; known: ${known.join(", ")}.`,
      );
    }
    if (given.has(name)) throw new ApiError("invalidRequest", `The member "${name}" is given twice.`);
    given.add(name);
    members[name] = value;
  }
  return members;
}
