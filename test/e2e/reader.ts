import { expect } from "vitest";
import { type DescribedOperation, Description } from "../described.ts";
import type { Json } from "./stage.ts";

/** Someone who calls operations by their names, and checks each answer against the description. */
export class Reader {
  readonly #base: string;
  readonly #description: Description;
  readonly #token: string;
  /** Operations that have succeeded. */
  readonly succeeded = new Set<string>();

  constructor(origin: string, document: Json, token: string) {
    this.#base = `${origin}${document.servers[0].url}`;
    this.#description = new Description(document);
    this.#token = token;
  }

  /** Calls an operation; `values` fill its parameters, wherever they stand. */
  async calls(
    id: string,
    values: Record<string, string> = {},
    { body, type = "application/json", accept, token = this.#token }: Record<string, Json> = {},
  ): Promise<{ status: number; body: Json; headers: Headers }> {
    const operation = this.#description.operation(id);
    const url = new URL(`${this.#base}${operation.path}`);
    const headers = new Headers(token === null ? {} : { Authorization: `Bearer ${token}` });
    for (const [name, value] of Object.entries(values)) {
      const parameter = operation.parameters.find((one) => one.name === name);
      expect(parameter, `the parameter ${name} of ${id}`).toBeDefined();
      if (parameter?.in === "path") url.pathname = url.pathname.replace(encodeURI(`{${name}}`), value);
      else if (parameter?.in === "query") url.searchParams.set(name, value);
      else headers.set(name, value);
    }
    if (accept !== undefined) headers.set("Accept", accept);
    if (body !== undefined) {
      headers.set("Content-Type", type);
      if (typeof body === "object") this.#fits(body, operation.bodies[type]?.schema, `the body of ${id}`);
    }
    const sent = body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(url, { method: operation.method, headers, body: sent });
    return await this.#check(operation, response);
  }

  async #check(
    { id, answers }: DescribedOperation,
    response: Response,
  ): Promise<{ status: number; body: Json; headers: Headers }> {
    const { status, headers } = response;
    const text = await response.text();
    const told = answers[status];
    expect(told, `the answer ${status} of ${id}: ${text}`).toBeDefined();
    const { content = {}, headers: toldHeaders = {} } = told ?? {};
    for (const [name, header] of Object.entries(toldHeaders)) {
      const value = headers.get(name);
      if (value !== null) this.#fits(value, this.#description.resolved(header).schema, `${name} of ${id}`);
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
    this.#fits(body, content[type]?.schema, `${id} ${status}`);
    return { status, headers, body };
  }

  /** Fails where a value is not as a schema says. */
  #fits(value: Json, schema: Json, what: string): void {
    expect(this.#description.faultOf(value, schema), `${what}: ${JSON.stringify(value)}`).toBeNull();
  }

  fits(value: Json, name: string): void {
    this.#fits(value, this.#description.schema(name), name);
  }
}
