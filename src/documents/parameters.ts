import { ENDED, LIVE } from "../command/command.ts";
import { COMMAND_MEMBERS } from "../command/entity.ts";
import {
  CLIENT_REQUEST_ID_LENGTH_MAX,
  COMMANDS_PER_PAGE,
  COMMANDS_PER_PAGE_MAX,
  DEVICES_PER_PAGE,
  IDEMPOTENCY_KEY_LENGTH_MAX,
  WAIT_SECONDS_MAX,
} from "../limits.ts";
import { COMMAND_ID_EXAMPLE, id } from "./entities.ts";
import { type JsonSchema, text } from "./json-schema.ts";

/** What a request says besides its body. */

interface Parameter {
  in: "path" | "query" | "header";
  name: string;
  description: string;
  required?: true;
  schema: JsonSchema;
  example?: string | number;
}

function inPath(name: string, description: string, schema: JsonSchema): Parameter {
  const { description: _, ...own } = schema;
  return { in: "path", name, description, required: true, schema: own };
}

function optional(
  place: "query" | "header",
  name: string,
  description: string,
  schema: JsonSchema,
): Parameter {
  return { in: place, name, description, schema };
}

function count(usual: number, most: number): JsonSchema {
  return { type: "integer", minimum: 1, maximum: most, default: usual };
}

export type ParameterName =
  | "deviceId"
  | "commandId"
  | "userCode"
  | "devicesTop"
  | "top"
  | "skipToken"
  | "filter"
  | "select"
  | "format"
  | "prefer"
  | "idempotencyKey"
  | "clientRequestId"
  | "retryAttempt"
  | "lastEventId"
  | "subprotocol";

const STATUS_FILTER = `^\\s*status\\s+eq\\s+'(${[...LIVE, ...ENDED].join("|")})'\\s*$`;

export const PARAMETERS: Record<ParameterName, Parameter> = {
  deviceId: inPath("deviceId", "The device's id, in exactly these letters.", id("")),
  commandId: inPath("commandId", "The command's id, in exactly these letters.", id("", COMMAND_ID_EXAMPLE)),
  userCode: inPath(
    "userCode",
    "The code that the device shows. Case, hyphen and blanks make no difference.",
    text("", { examples: ["WDJB-MJHT"] }),
  ),
  devicesTop: optional("query", "$top", "Devices on a page.", count(DEVICES_PER_PAGE, DEVICES_PER_PAGE)),
  top: optional("query", "$top", "Commands on a page.", count(COMMANDS_PER_PAGE, COMMANDS_PER_PAGE_MAX)),
  skipToken: optional("query", "$skiptoken", "Where the page begins, from a `@odata.nextLink`.", {
    type: "string",
  }),
  filter: {
    ...optional("query", "$filter", "Only commands in one status.", {
      type: "string",
      pattern: STATUS_FILTER,
    }),
    example: "status eq 'expired'",
  },
  select: {
    ...optional("query", "$select", `Only these members, divided by commas: ${COMMAND_MEMBERS.join(", ")}.`, {
      type: "string",
    }),
    example: "id,status,error",
  },
  format: optional("query", "$format", "The form of the metadata, whatever `Accept` says.", {
    type: "string",
    enum: ["xml", "json", "application/xml", "application/json"],
  }),
  prefer: {
    ...optional(
      "header",
      "Prefer",
      `\`wait=N\` (RFC 7240): answer as soon as there is something to tell, or after N seconds, at most ${WAIT_SECONDS_MAX}.`,
      { type: "string" },
    ),
    example: "wait=30",
  },
  idempotencyKey: optional(
    "header",
    "Idempotency-Key",
    "Makes repeats harmless: the same key and body for a device is one command. The same key with another body is 422.",
    { type: "string", minLength: 1, maxLength: IDEMPOTENCY_KEY_LENGTH_MAX },
  ),
  clientRequestId: optional(
    "header",
    "client-request-id",
    "The caller's own id for the request; it is echoed.",
    {
      type: "string",
      maxLength: CLIENT_REQUEST_ID_LENGTH_MAX,
    },
  ),
  retryAttempt: optional(
    "header",
    "Retry-Attempt",
    "As Graph's SDKs send it: the request repeats the one of the same client-request-id and body.",
    { type: "integer", minimum: 0 },
  ),
  lastEventId: optional("header", "Last-Event-ID", "With events: go on after this entry of the history.", {
    type: "integer",
    minimum: 0,
  }),
  subprotocol: optional(
    "header",
    "Sec-WebSocket-Protocol",
    "`appia.device.v1`; where no `Authorization` can be sent, as in browsers, also `bearer.` and the device's token.",
    { type: "string", examples: ["appia.device.v1"] },
  ),
};
