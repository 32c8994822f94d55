import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

/** The API's description as a test reads it: its operations, and whether an answer is as they say. */

// biome-ignore lint/suspicious/noExplicitAny: a description is read member by member.
type Json = any;

/** A parameter of an operation. */
export interface DescribedParameter {
  in: "path" | "query" | "header";
  name: string;
  schema: Json;
  example?: string | number;
}

/** What is told of an answer. */
export interface DescribedAnswer {
  headers?: Record<string, Json>;
  content?: Record<string, { schema: Json; example?: unknown }>;
}

export interface DescribedOperation {
  id: string;
  method: string;
  /** Its path as it is described, with its parameters in braces. */
  path: string;
  /** Who may: a caller with this scope, the device itself, or anyone. */
  access: string;
  parameters: readonly DescribedParameter[];
  /** The bodies that it takes, by their types. */
  bodies: Record<string, { schema: Json; example?: unknown }>;
  /** What it answers, by the status. */
  answers: Record<string, DescribedAnswer>;
}

/** The schemas, with which an object has no members but those that are told, unless it says so. */
function strictly(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(strictly);
  if (typeof schema !== "object" || schema === null) return schema;
  const members = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strictly(value)]));
  return "properties" in schema && schema.type === "object"
    ? { additionalProperties: false, ...members }
    : members;
}

export class Description {
  readonly operations: readonly DescribedOperation[];
  readonly #document: Json;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  /** Schemas that were compiled, by themselves: an operation's are asked for again and again. */
  readonly #compiled = new Map<Json, (value: unknown) => string | null>();

  /** Reads a document of OpenAPI 3.1. */
  constructor(document: Json) {
    this.#document = document;
    // The package is one of CommonJS: its plugin is the module itself, or the module's default.
    const plugin = addFormats as Json;
    (plugin.default ?? plugin)(this.#ajv);
    this.#ajv.addSchema({ $id: "api", components: { schemas: strictly(document.components.schemas) } });
    this.operations = Object.entries<Json>(document.paths).flatMap(([path, item]) =>
      Object.entries<Json>(item).map(([method, operation]) => this.#read(path, method, operation)),
    );
  }

  operation(id: string): DescribedOperation {
    const found = this.operations.find((operation) => operation.id === id);
    if (found === undefined) throw new Error(`There is no operation ${id}.`);
    return found;
  }

  /** The schema of this name. */
  schema(name: string): Json {
    return { $ref: `#/components/schemas/${name}` };
  }

  /** What a reference leads to, or the thing itself where it is none. */
  resolved(thing: Json): Json {
    if (thing.$ref === undefined) return thing;
    return thing.$ref
      .slice(2)
      .split("/")
      .reduce((whole: Json, name: string) => whole[name], this.#document);
  }

  /** How a value is not as a schema says, in words; null where it is. */
  faultOf(value: unknown, schema: Json): string | null {
    let check = this.#compiled.get(schema.$ref ?? schema);
    if (check === undefined) {
      const validate = this.#ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api#/')));
      check = (examined) => (validate(examined) ? null : this.#ajv.errorsText(validate.errors));
      this.#compiled.set(schema.$ref ?? schema, check);
    }
    return check(value);
  }

  #read(path: string, method: string, operation: Json): DescribedOperation {
    const [security = {}] = operation.security ?? this.#document.security;
    const [scheme] = Object.keys(security);
    return {
      id: operation.operationId,
      method: method.toUpperCase(),
      path,
      access: scheme === undefined ? "anyone" : security[scheme].join(" ") || scheme,
      parameters: operation.parameters.map((parameter: Json) => this.resolved(parameter)),
      bodies: operation.requestBody?.content ?? {},
      answers: Object.fromEntries(
        Object.entries(operation.responses).map(([status, answer]) => [status, this.resolved(answer)]),
      ),
    };
  }
}
