import * as fc from "fast-check";
import type { DescribedOperation, Description } from "../described.ts";
import type { Json } from "../stage.ts";
import { FRAME } from "./frames.ts";
import type { Plan } from "./plans.ts";
import { ANY_JSON, damaged, fitting, mutated } from "./values.ts";

/** Bodies: as their schemas have them, nearly so, and not at all. */

export interface PlannedBody {
  text: string;
  /** Each character of the text is one byte of the body. */
  bytes?: true;
  /** Its Content-Type; empty where it says none. */
  type: string;
  /** It is the description's own example. */
  isExample: boolean;
  /** The requests in it, where it is a batch. */
  parts?: readonly Plan[];
}

interface Wish {
  isWrong: boolean;
  isMistyped: boolean;
}

const JSON_TYPE = "application/json";
const JSON_TYPES = [
  JSON_TYPE,
  JSON_TYPE,
  `${JSON_TYPE}; charset=utf-8`,
  "Application/JSON",
  "application/scim+json",
];
const OTHER_TYPES = [
  "",
  "text/plain",
  "application/x-www-form-urlencoded",
  `${JSON_TYPE};charset=utf-16`,
  "multipart/form-data",
  "json",
];

/** A body for an operation, or none where it takes none. */
export function bodyFor(
  description: Description,
  operation: DescribedOperation,
  method: string,
  { isWrong, isMistyped }: Wish,
): fc.Arbitrary<PlannedBody | null> {
  if (method === "GET" || method === "HEAD") return fc.constant(null);
  const kinds = Object.entries(operation.bodies);
  if (kinds.length === 0 || operation.method !== method) {
    if (!isWrong) return fc.constant(null);
    return ANY_JSON.map((value) => ({ text: JSON.stringify(value), type: JSON_TYPE, isExample: false }));
  }
  return fc.constantFrom(...kinds).chain(([type, { schema, example }]) => {
    const types = isMistyped ? fc.constantFrom(...OTHER_TYPES) : typesOf(type, isWrong);
    const valid = fc.oneof(
      { weight: 3, arbitrary: fc.constant({ value: example as Json, isExample: true }) },
      { weight: 3, arbitrary: valuesOf(description, schema).map((value) => ({ value, isExample: false })) },
    );
    const texts = isWrong
      ? valid.chain(({ value }) => wrong(value))
      : valid.map(({ value, isExample }) => ({ text: JSON.stringify(value ?? {}), isExample }));
    return fc.tuple(types, texts).map(([said, body]): PlannedBody => {
      const isForm = said.startsWith("application/x-www-form");
      return { isExample: false, ...body, ...(isForm && { text: formOf(body.text) }), type: said };
    });
  });
}

function typesOf(type: string, isWrong: boolean): fc.Arbitrary<string> {
  return type === JSON_TYPE && !isWrong ? fc.constantFrom(...JSON_TYPES) : fc.constant(type);
}

/** The most that a payload, and the least that no body, may have. */
const LARGE = ["{{big:262142}}", "{{big:262143}}", "{{big:1048577}}", "{{big:1048577}}", "{{big:1048577}}"];

function wrong(value: Json): fc.Arbitrary<{ text: string; bytes?: true }> {
  const text = JSON.stringify(value ?? {});
  return fc.oneof(
    { weight: 10, arbitrary: mutated(value).map((changed) => ({ text: JSON.stringify(changed) })) },
    { weight: 6, arbitrary: damaged(text) },
    { weight: 2, arbitrary: ANY_JSON.map((other) => ({ text: JSON.stringify(other) })) },
    {
      weight: 4,
      arbitrary: fc
        .constantFrom(...LARGE)
        .map((big) => ({ text: JSON.stringify({ ...value, payload: big }) })),
    },
  );
}

function valuesOf(description: Description, schema: Json): fc.Arbitrary<Json> {
  return schema.$ref?.endsWith("/jsonRpcMessageOrBatch") ? FRAME : fitting(description, schema);
}

/** A JSON object as a form has it. */
function formOf(text: string): string {
  try {
    return Object.entries<Json>(JSON.parse(text))
      .map(([name, value]) => `${encodeURIComponent(name)}=${String(value)}`)
      .join("&");
  } catch {
    return text;
  }
}
