import type { ErrorStatus } from "../http/error-codes.ts";
import type { Content as Contents, Operation as OpenApiOperation, Reference } from "./document.ts";
import { ref } from "./json-schema.ts";
import type { ParameterName } from "./parameters.ts";

/** One operation as its author writes it, and as OpenAPI has it. */

export type Tag = "Devices" | "Commands" | "Post-backs" | "Pairing" | "A device's side" | "Service";

/** Who may: a caller whose token has this scope, or these, the device itself, or anyone. */
export type Access =
  | "Device.Read"
  | "Device.ReadWrite"
  | "Device.Command"
  | "Device.ReadWrite Device.Command"
  | "device"
  | "anyone";

export type HeaderName =
  | "Location"
  | "Retry-After"
  | "Preference-Applied"
  | "Idempotency-Replayed"
  | "Upgrade"
  | "Allow"
  | "WWW-Authenticate";

/** A body of one type, with an example. */
export interface Content {
  type?: string;
  /** The name of a schema; where there is none, the body is text. */
  schema?: string;
  /** It is an array of these. */
  isList?: boolean;
  example?: unknown;
}

export interface Answer {
  description: string;
  content?: Content[];
  headers?: HeaderName[];
}

export interface Operation {
  method: "get" | "post" | "patch" | "delete";
  path: string;
  id: string;
  tag: Tag;
  summary: string;
  description: string;
  access: Access;
  parameters?: ParameterName[];
  body?: Content[];
  answers: Record<number, Answer>;
  /** Besides those that any request may be answered: 429, 500 and 503. */
  errors: ErrorStatus[];
  /** It sends post-backs. */
  callsBack?: boolean;
}

/** What an operation asks of its caller, in words. */
export function accessInWords(access: Access): string {
  switch (access) {
    case "Device.Read":
      return "Needs a token with the scope Device.Read or Device.ReadWrite.";
    case "Device.ReadWrite":
    case "Device.Command":
      return `Needs a token with the scope ${access}.`;
    case "Device.ReadWrite Device.Command":
      return "Needs a token with both the scopes Device.ReadWrite and Device.Command.";
    case "device":
      return "Needs a token that the device has signed with its own key.";
    case "anyone":
      return "Needs no token.";
  }
}

function securityOf(access: Access): Record<string, string[]>[] {
  if (access === "anyone") return [];
  return access === "device" ? [{ device: [] }] : [{ caller: access.split(" ") }];
}

/** Headers of every answer, and those of its own. */
export function headersOf(names: readonly HeaderName[] = []): Record<string, Reference> {
  const all = ["request-id", "client-request-id", "OData-Version", ...names];
  return Object.fromEntries(all.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

export function contentOf(content: readonly Content[]): Contents {
  return Object.fromEntries(
    content.map(({ type = "application/json", schema, isList, example }) => {
      const one = schema === undefined ? { type: "string" } : ref(schema);
      const whole = isList ? { type: "array", items: one } : one;
      return [type, { schema: whole, ...(example !== undefined && { example }) }];
    }),
  );
}

/** An operation as OpenAPI 3.1 has it. */
export function openApiOf(operation: Operation): OpenApiOperation {
  const { id, tag, summary, description, access, parameters = [], body, answers, errors } = operation;
  const refs = [...parameters, "clientRequestId"].map((name) => ({
    $ref: `#/components/parameters/${name}`,
  }));
  const responses = Object.entries(answers).map(([status, answer]) => [
    status,
    {
      description: answer.description,
      ...(status !== "101" && { headers: headersOf(answer.headers) }),
      ...(answer.content && { content: contentOf(answer.content) }),
    },
  ]);
  const refusals = ([...errors, 429, 500, 503] as const).map((status) => [
    String(status),
    { $ref: `#/components/responses/${status}` },
  ]);
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: `${description}\n\n${accessInWords(access)}`,
    security: securityOf(access),
    parameters: refs,
    ...(body && { requestBody: { required: true, content: contentOf(body) } }),
    responses: { ...Object.fromEntries(refusals), ...Object.fromEntries(responses) },
    ...(operation.callsBack && {
      callbacks: {
        postBack: { "{$request.body#/postBackUri}": { $ref: "#/components/pathItems/postBack" } },
      },
    }),
  };
}
