import type { JsonSchema } from "./json-schema.ts";

/** An OpenAPI 3.1 document, as far as ours goes. */

export interface Reference {
  $ref: string;
}

export interface Parameter {
  in: string;
  name: string;
  description: string;
  required?: boolean;
  schema: JsonSchema;
  example?: string | number;
}

export type Content = Record<string, { schema: JsonSchema; example?: unknown }>;

export interface Answer {
  description: string;
  headers?: Record<string, Reference>;
  content?: Content;
}

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description: string;
  security: Record<string, string[]>[];
  parameters: (Parameter | Reference)[];
  requestBody?: { required: boolean; content: Content };
  responses: Record<string, Answer | Reference>;
  callbacks?: Record<string, Record<string, Reference>>;
}

export interface OpenApi {
  openapi: string;
  info: {
    title: string;
    version: string;
    summary: string;
    description: string;
    license: { name: string; identifier: string };
  };
  servers: { url: string; description: string }[];
  tags: { name: string; description: string }[];
  security: Record<string, string[]>[];
  paths: Record<string, Record<string, Operation>>;
  webhooks: Record<string, Reference>;
  components: {
    securitySchemes: Record<
      string,
      { type: string; scheme: string; bearerFormat: string; description: string }
    >;
    parameters: Record<string, Parameter>;
    headers: Record<string, { description: string; schema: JsonSchema }>;
    responses: Record<string, Answer>;
    schemas: Record<string, JsonSchema>;
    pathItems: Record<string, Record<string, Operation>>;
  };
}

/** What a reference leads to, or the thing itself where it is none. */
export function resolved<Thing extends object>(document: OpenApi, thing: Thing | Reference): Thing {
  if (!("$ref" in thing) || typeof thing.$ref !== "string") return thing as Thing;
  const found = thing.$ref
    .slice(2)
    .split("/")
    .reduce<unknown>((whole, name) => (whole as Record<string, unknown> | undefined)?.[name], document);
  if (found === undefined) throw new Error(`${thing.$ref} leads nowhere.`);
  return found as Thing;
}

/** The name of the schema that a reference leads to. */
export function nameOf($ref: string): string {
  return $ref.slice($ref.lastIndexOf("/") + 1);
}
