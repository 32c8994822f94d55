import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";

/** JSON Schema (draft 2020-12, which OpenAPI 3.1 uses), written by hand or made from what checks the requests. */

export interface JsonSchema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  enum?: readonly (string | null)[];
  [keyword: string]: unknown;
}

/** An object of these members, all of which are always there but for the optional ones. */
export function object<Name extends string>(
  properties: Record<Name, JsonSchema>,
  { optional = [], ...more }: { optional?: NoInfer<Name>[]; [keyword: string]: unknown } = {},
): JsonSchema {
  const required = (Object.keys(properties) as Name[]).filter((name) => !optional.includes(name));
  return { type: "object", ...more, required, properties };
}

export function text(description: string, more: JsonSchema = {}): JsonSchema {
  return { type: "string", description, ...more };
}

export function dateTime(description: string): JsonSchema {
  return text(description, { format: "date-time", examples: ["2026-11-21T22:54:31.123Z"] });
}

export function list(items: JsonSchema, description: string): JsonSchema {
  return { type: "array", description, items };
}

/** The same, or null. */
export function nullable(schema: JsonSchema): JsonSchema {
  // Of any value, null is one.
  if (Object.keys(schema).length === 0) return schema;
  if (schema.type === undefined) return { anyOf: [schema, { type: "null" }] };
  return {
    ...schema,
    type: [schema.type, "null"].flat(),
    ...(schema.enum && { enum: [...schema.enum, null] }),
  };
}

/** Where a schema stands in the document. */
export function ref(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}

/** What a member of a body means, and what its schema does not tell. */
export type Words = JsonSchema & { description: string };

/** The schema of a request's body, from the one that checks it, with words for each of its members. */
export function bodySchema<Entries extends v.ObjectEntries>(
  schema: v.ObjectSchema<Entries, v.ErrorMessage<v.ObjectIssue> | undefined>,
  words: Record<keyof Entries & string, Words>,
): JsonSchema {
  const names = Object.keys(words) as (keyof Entries & string)[];
  return object(
    Object.fromEntries(
      names.map((name) => [name, { ...written(schema.entries[name] as v.GenericSchema), ...words[name] }]),
    ),
    { optional: names.filter((name) => (schema.entries[name] as v.GenericSchema).type === "nullish") },
  );
}

/** What a caller writes for a schema: before it is transformed, and any words in their canonical spelling. */
function written(schema: v.GenericSchema): JsonSchema {
  const { wrapped, pipe } = schema as Partial<{ wrapped: v.GenericSchema; pipe: { options?: string[] }[] }>;
  if (wrapped !== undefined) return nullable(written(wrapped));
  const words = pipe?.find(({ options }) => options !== undefined)?.options;
  if (words !== undefined) return { type: "string", enum: words };
  // What cannot be said in JSON Schema, such as "no control characters", is said in the members' descriptions.
  const { $schema: _, ...made } = toJsonSchema(schema, {
    target: "draft-2020-12",
    typeMode: "input",
    errorMode: "ignore",
  });
  return { ...(made as object) };
}
