import * as fc from "fast-check";
import type { DescribedOperation, Description } from "../described.ts";
import { bodyFor, type PlannedBody } from "./bodies.ts";
import { canGo, headersOf, wildHeaders } from "./headers.ts";
import { idsFor, spelled, wildPath } from "./paths.ts";
import { fitting, WILD_TEXT } from "./values.ts";

/** Requests as they are drawn: whatever is there only when they are sent stands in double braces. */

export interface Plan {
  /** What the request is for; null where the path is one that no description has. */
  operation: DescribedOperation | null;
  method: string;
  /** With version and query. */
  path: string;
  /** What its path's parameters are. */
  ids: Record<string, string>;
  headers: readonly (readonly [name: string, value: string])[];
  body: PlannedBody | null;
  /** There is nothing wrong with it. */
  isPlain: boolean;
}

type Headers = Plan["headers"];

/** What is not as it should be with a request. */
const ASPECTS = ["id", "token", "query", "headers", "accept", "body", "type", "method", "path"] as const;
type Deviations = ReadonlySet<(typeof ASPECTS)[number]>;

const DEVIATIONS: fc.Arbitrary<Deviations> = fc
  .oneof(
    { weight: 5, arbitrary: fc.constant([]) },
    { weight: 6, arbitrary: fc.constantFrom(...ASPECTS).map((aspect) => [aspect]) },
    { weight: 2, arbitrary: fc.subarray([...ASPECTS], { minLength: 2, maxLength: 4 }) },
  )
  .map((aspects) => new Set(aspects));

/** Requests for any operation of the description. */
export function plansOf(description: Description): fc.Arbitrary<Plan> {
  // With a body there is more to be wrong.
  const all = description.operations.flatMap((one) =>
    Object.keys(one.bodies).length > 0 ? [one, one] : [one],
  );
  return fc.constantFrom(...all).chain((operation) => plansFor(description, operation));
}

export function plansFor(description: Description, described: DescribedOperation): fc.Arbitrary<Plan> {
  return DEVIATIONS.chain((deviations) =>
    fc
      .tuple(
        deviations.has("method") ? fc.constantFrom(...METHODS) : methodsOf(described),
        fc.constantFrom("", "/beta", "/v1.0", "/v1.0"),
        idsFor(description, described, deviations.has("id")),
      )
      .chain(([method, profile, ids]) => {
        const operation = operationAt(description, described, method);
        return fc
          .record({
            token: deviations.has("token") ? wrongToken(operation) : rightToken(operation, ids),
            query: deviations.has("query") ? WILD_QUERY : queryOf(description, operation),
            more: deviations.has("headers") ? wildHeaders(operation) : headersOf(description, operation),
            accept: deviations.has("accept") ? WILD_ACCEPT : acceptOf(operation),
            body: bodyFor(description, operation, method, {
              isWrong: deviations.has("body"),
              isMistyped: deviations.has("type"),
            }),
            path: deviations.has("path") ? wildPath(operation.path, ids) : spelled(operation.path, ids),
          })
          .map(
            ({ token, query, more, accept, body, path }): Plan => ({
              operation: deviations.has("path") ? null : operation,
              method,
              path: `${profile}${path}${query}`,
              ids,
              headers: [
                ...token,
                ...accept,
                ...(body?.type ? [["Content-Type", body.type] as const] : []),
                ...canGo(method, more),
              ],
              body,
              isPlain: deviations.size === 0 && (body === null || body.isExample),
            }),
          );
      }),
  );
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

function methodsOf({ method }: DescribedOperation): fc.Arbitrary<string> {
  return method === "GET"
    ? fc.oneof({ weight: 7, arbitrary: fc.constant("GET") }, { weight: 1, arbitrary: fc.constant("HEAD") })
    : fc.constant(method);
}

/** The operation of this method on the same path, or the one that was meant where there is none. */
function operationAt(
  { operations }: Description,
  described: DescribedOperation,
  method: string,
): DescribedOperation {
  const wanted = method === "HEAD" ? "GET" : method;
  return operations.find((one) => one.path === described.path && one.method === wanted) ?? described;
}

// ---- Tokens ----

const CALLERS = ["all", "newcomer", "read", "write", "command", "none", "stranger"];

function rightToken({ access }: DescribedOperation, { deviceId }: Plan["ids"]): fc.Arbitrary<Headers> {
  if (access === "device") {
    const device = /^\{\{device:(\w+)\}\}$/.exec(deviceId ?? "")?.[1] ?? "away";
    return fc.constant(bearer(`deviceToken:${device}`));
  }
  if (access === "anyone") return fc.constantFrom([], bearer("token:all"), bearer("token:newcomer"));
  const scoped = { "Device.Read": "read", "Device.ReadWrite": "write", "Device.Command": "command" }[access];
  // An account of its own, where the path has nothing that is another's: limits by account are then far.
  const owners = ["all", "all", scoped ?? "all", ...(deviceId === undefined ? ["newcomer", "newcomer"] : [])];
  return fc.constantFrom(...owners).map((name) => bearer(`token:${name}`));
}

function wrongToken({ access }: DescribedOperation): fc.Arbitrary<Headers> {
  const wrong = ["forged", "expired", "elsewhere", "unsigned"];
  const others = access === "device" ? ["all"] : CALLERS;
  const narrow = ["Device.Read", "Device.ReadWrite"].includes(access) ? "command" : "read";
  return fc.oneof(
    fc.constant([]),
    fc.constantFrom(bearer("token:none"), bearer(`token:${narrow}`)),
    fc.constantFrom(...[...wrong, ...others].map((name) => bearer(`token:${name}`))),
    fc.constantFrom(bearer("deviceToken:online"), bearer("deviceToken:foreign")),
    fc
      .constantFrom(
        "Bearer",
        "Bearer x",
        "Basic YTpi",
        "bearer a.b.c",
        "Bearer {{big:9000}}",
        "{{token:all}}",
      )
      .map((value) => [["Authorization", value]] as const),
  );
}

function bearer(name: string): Headers {
  return [["Authorization", `Bearer {{${name}}}`]];
}

// ---- Query, and what is accepted ----

function queryOf(description: Description, { parameters }: DescribedOperation): fc.Arbitrary<string> {
  const options = parameters.filter((parameter) => parameter.in === "query");
  const values = options.map(({ name, schema, example }) =>
    fc.option(
      fitting(description, { example, ...schema }, name).map(
        (value) => `${name}=${encodeURIComponent(value)}`,
      ),
      { freq: 2 },
    ),
  );
  return fc.tuple(...values).map((chosen) => written(chosen.filter((one) => one !== null)));
}

function written(options: readonly string[]): string {
  return options.length === 0 ? "" : `?${options.join("&")}`;
}

const OPTION = fc.oneof(
  fc.constantFrom(
    "$top",
    "$skiptoken",
    "$filter",
    "$select",
    "$format",
    "$TOP",
    "$orderby",
    "$",
    "x",
    "%24top",
  ),
  WILD_TEXT.map(escaped),
);
const WILD_QUERY = fc
  .array(
    fc.tuple(
      OPTION,
      fc.oneof(
        fc.constantFrom("1", "0", "2", "id", "id,,status", "status%20eq%20'x'", "json"),
        WILD_TEXT.map(escaped),
      ),
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((options) => written(options.map((pair) => pair.join("="))));

/** As it goes into a query or a path; a lone surrogate, which nothing writes, as what stands for one. */
function escaped(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replaceAll("%7B%7B", "{{")
    .replaceAll("%7D%7D", "}}")
    .replaceAll("%3A", ":");
}

function acceptOf({ answers }: DescribedOperation): fc.Arbitrary<Headers> {
  const types = Object.values(answers).flatMap(({ content = {} }) => Object.keys(content));
  const some = ["*/*", "application/json", ...types];
  return fc
    .option(fc.constantFrom(...some, `${some.at(-1)};q=0.5, */*;q=0.1`))
    .map((accept) => (accept === null ? [] : [["Accept", accept]]));
}

const WILD_ACCEPT: fc.Arbitrary<Headers> = fc
  .oneof(
    fc.constantFrom(
      "text/html",
      "application/xml",
      "application/json;q=0",
      "text/event-stream, */*",
      ";;,=",
      "json",
    ),
    WILD_TEXT,
  )
  .map((accept) => [["Accept", accept]]);
