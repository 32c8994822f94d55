import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { expect } from "vitest";
import type { Json } from "./stage.ts";

/** The schemas, with which an object has no members but those that are told, unless it says so. */
function strictly(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(strictly);
  if (typeof schema !== "object" || schema === null) return schema;
  const members = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strictly(value)]));
  return "properties" in schema && schema.type === "object"
    ? { additionalProperties: false, ...members }
    : members;
}

/** Someone who calls operations by their names, and checks each answer against the description. */
export class Reader {
  readonly #origin: string;
  readonly #document: Json;
  readonly #token: string;
  readonly #ajv: Ajv2020;
  /** Operations that have succeeded. */
  readonly succeeded = new Set<string>();

  constructor(origin: string, document: Json, token: string) {
    this.#origin = origin;
    this.#document = document;
    this.#token = token;
    this.#ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(this.#ajv);
    this.#ajv.addSchema({ $id: "api", components: { schemas: strictly(document.components.schemas) } });
  }

  /** Calls an operation; `values` fill its parameters, wherever they stand. */
  async calls(
    id: string,
    values: Record<string, string> = {},
    { body, type = "application/json", accept, token = this.#token }: Record<string, Json> = {},
  ): Promise<{ status: number; body: Json; headers: Headers }> {
    const { path, method, operation } = this.#operation(id);
    const url = new URL(`${this.#origin}${this.#document.servers[0].url}${path}`);
    const headers = new Headers(token === null ? {} : { Authorization: `Bearer ${token}` });
    const known = operation.parameters.map((parameter: Json) => this.#resolved(parameter));
    for (const [name, value] of Object.entries(values)) {
      const parameter = known.find((one: Json) => one.name === name);
      expect(parameter, `the parameter ${name} of ${id}`).toBeDefined();
      if (parameter.in === "path") url.pathname = url.pathname.replace(encodeURI(`{${name}}`), value);
      else if (parameter.in === "query") url.searchParams.set(name, value);
      else headers.set(name, value);
    }
    if (accept !== undefined) headers.set("Accept", accept);
    if (body !== undefined) {
      headers.set("Content-Type", type);
      const schema = operation.requestBody.content[type].schema;
      if (typeof body === "object") this.#fits(body, schema, `the body of ${id}`);
    }
    const sent = body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(url, { method, headers, body: sent });
    return await this.#check(id, operation, response);
  }

  async #check(
    id: string,
    operation: Json,
    response: Response,
  ): Promise<{ status: number; body: Json; headers: Headers }> {
    const { status, headers } = response;
    const text = await response.text();
    const told = operation.responses[status];
    expect(told, `the answer ${status} of ${id}: ${text}`).toBeDefined();
    const { content = {}, headers: toldHeaders } = this.#resolved(told);
    for (const [name, header] of Object.entries(toldHeaders)) {
      const value = headers.get(name);
      if (value !== null) this.#fits(value, this.#resolved(header).schema, `${name} of ${id}`);
    }
    for (const name of ["Location", "Retry-After", "Preference-Applied", "WWW-Authenticate", "Allow"]) {
      if (headers.has(name))
        expect(Object.keys(toldHeaders), `the headers of ${id} ${status}`).toContain(name);
    }
    expect(headers.has("request-id")).toBe(true);
    if (status < 300) this.succeeded.add(id);
    if (text === "") {
      expect(content, `the body of ${id} ${status}`).toEqual({});
      return { status, headers, body: undefined };
    }
    const type = headers.get("Content-Type")?.split(";")[0] ?? "";
    expect(Object.keys(content), `the types of ${id} ${status}`).toContain(type);
    const body = type === "application/json" ? JSON.parse(text) : text;
    this.#fits(body, content[type].schema, `${id} ${status}`);
    return { status, headers, body };
  }

  /** Fails where a value is not as a schema says. */
  #fits(value: Json, schema: Json, what: string): void {
    const inPlace = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"api#/'));
    const isValid = this.#ajv.validate(inPlace, value);
    expect(isValid ? null : this.#ajv.errors, `${what}: ${JSON.stringify(value)}`).toBeNull();
  }

  fits(value: Json, name: string): void {
    this.#fits(value, { $ref: `#/components/schemas/${name}` }, name);
  }

  #operation(id: string): { path: string; method: string; operation: Json } {
    for (const [path, item] of Object.entries<Json>(this.#document.paths)) {
      for (const [method, operation] of Object.entries<Json>(item)) {
        if (operation.operationId === id) return { path, method: method.toUpperCase(), operation };
      }
    }
    throw new Error(`There is no operation ${id}.`);
  }

  #resolved(thing: Json): Json {
    if (thing.$ref === undefined) return thing;
    return thing.$ref
      .slice(2)
      .split("/")
      .reduce((whole: Json, name: string) => whole[name], this.#document);
  }
}
