import type { Context, Hono } from "hono";
import { weightOf } from "./accept.ts";
import type { Edge } from "./edge.ts";
import { ApiError } from "./errors.ts";
import { originOf, type Profile } from "./paths.ts";

/** A resource: its methods, its addresses, and what a request for it may ask. */

type Handler = (c: Context<Edge>) => Promise<Response> | Response;
type Method = "GET" | "POST" | "PATCH" | "DELETE";

/** Puts a resource's methods on its path; any other method is answered 405 with those that are allowed. */
export function resource(app: Hono<Edge>, path: string, handlers: Partial<Record<Method, Handler>>): void {
  const methods = Object.keys(handlers) as Method[];
  for (const method of methods) app.on(method, path, handlers[method] as Handler);
  const allowed = methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ");
  app.all(path, () => {
    throw new ApiError("notAllowed", `This resource allows ${allowed}.`, { headers: { Allow: allowed } });
  });
}

/** The profile that the caller's path asks for. */
export function profileOf(c: Context<Edge>): Profile {
  return c.req.path.startsWith("/v1.0/") ? "v1.0" : "beta";
}

/** The address of a path in the caller's own profile, on the host that it called. */
export function addressOf(c: Context<Edge>, path: string): string {
  return `${originOf(c.req.url)}/${profileOf(c)}${path}`;
}

/** The `@odata.context` of a collection or an entity type (OData JSON format 4.0, 4.5.1). */
export function contextOf(c: Context<Edge>, fragment: string): string {
  return addressOf(c, `/$metadata#${fragment}`);
}

/** Refuses a caller who would not understand the answer (RFC 9110, 12.5.1). */
export function requireJsonAccepted(c: Context<Edge>): void {
  if (weightOf("application/json", c.req.header("Accept")) > 0) return;
  throw new ApiError("notAcceptable", 'The answer is JSON; accept "application/json".');
}

/** Refuses query options that the resource does not know; those without `$` are the caller's own (OData 4.0, 11.2.1). */
export function readOptions<Name extends string>(
  c: Context<Edge>,
  known: readonly Name[],
): Partial<Record<Name, string>> {
  const options: Partial<Record<Name, string>> = {};
  if (!c.req.url.includes("?")) return options;
  for (const [key, value] of new URL(c.req.url).searchParams) {
    if (!key.startsWith("$")) continue;
    const name = known.find((candidate) => candidate === key.toLowerCase());
    if (name === undefined) {
      const those = known.length === 0 ? "none" : known.join(", ");
      throw new ApiError(
        "invalidRequest",
        `The query option "${key.slice(0, 64)}" is not known here; known: ${those}.`,
      );
    }
    if (options[name] !== undefined)
      throw new ApiError("invalidRequest", `The query option "${name}" is given twice.`);
    options[name] = value;
  }
  return options;
}

/** A whole number from a query option. */
export function readCount(name: string, text: string | undefined, usual: number, most: number): number {
  if (text === undefined) return usual;
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw new ApiError("invalidRequest", `"${name}" is a whole number from 1 on.`);
  return Math.min(count, most);
}
