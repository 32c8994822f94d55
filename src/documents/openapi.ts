import { HOUR, MINUTE, POST_BACK_DELAYS_MS, SECOND } from "../limits.ts";
import { ASKED } from "./bodies.ts";
import type { OpenApi, Operation as OpenApiOperation, Parameter } from "./document.ts";
import { ANSWERED } from "./exchanges.ts";
import { type JsonSchema, object, ref, text } from "./json-schema.ts";
import { lifecycleTable } from "./lifecycle.ts";
import { type HeaderName, type Operation, openApiOf, type Tag } from "./operation.ts";
import { COMMAND_OPERATIONS } from "./operations/commands.ts";
import { DEVICE_OPERATIONS, PAIRING_OPERATIONS } from "./operations/devices.ts";
import { DEVICE_SIDE_OPERATIONS, SERVICE_OPERATIONS } from "./operations/service.ts";
import { PARAMETERS } from "./parameters.ts";
import { refusalResponses } from "./refusals.ts";

/** The API's description in OpenAPI 3.1, whole. */

export const OPERATIONS: readonly Operation[] = [
  ...DEVICE_OPERATIONS,
  ...COMMAND_OPERATIONS,
  ...PAIRING_OPERATIONS,
  ...DEVICE_SIDE_OPERATIONS,
  ...SERVICE_OPERATIONS,
];

export const TAGS: Record<Tag, string> = {
  Devices: "The account's devices: registering, listing and removing them.",
  Commands: "Sending commands to a device, and learning what became of them.",
  "Post-backs": "Each change of a command's status, sent to the caller's own address and signed.",
  Pairing:
    "Letting a device in without giving it a token: it shows a code, a person decides (after RFC 8628).",
  "A device's side":
    "How a device takes commands and reports on them: JSON-RPC 2.0 on a WebSocket, or over HTTP.",
  Service: "Batches, descriptions and the service's health.",
};

const DESCRIPTION = `Appia sends a command to one of a user's devices, and tells truthfully what became of it.

**Versions.** Under \`/v1.0\` the service answers as it is described here. Under \`/beta\`, and without a version in front, it answers as Project Rome's API did: a device's members but \`id\` begin with a capital (\`Name\`, \`Status\`), a single command has a member \`value\` that holds it once more, and a response payload has \`MsIgnoredParameter: 0\` unless the device sent one.

**Paths.** Words match in any case, a slash at the end is allowed, ids are exact. \`command\` is another word for \`commands\`, and an id may stand in parentheses, as OData has it: \`devices('…')\`. HEAD is answered as GET is, without the body.

**Bodies.** JSON in UTF-8, whose member names match in any case. Members that the service itself writes are ignored.

**Headers.** Every answer has a \`request-id\`, which leads the operator to the reason in the log, and echoes the caller's \`client-request-id\`. Any origin may call (CORS), without cookies.

**Errors.** \`{"error": {"code", "message", "innerError"}}\`, with a message that says what to change. A method that a resource does not have is answered 405 with \`Allow\`.

## Lifecycle

${lifecycleTable()}

A command that has ended never changes.`;

const HEADERS: Record<HeaderName | "request-id" | "client-request-id" | "OData-Version", JsonSchema> = {
  "request-id": text("The service's id for the request.", { format: "uuid" }),
  "client-request-id": text("The caller's own id, where it sent one."),
  "OData-Version": text("The version of OData.", { const: "4.0" }),
  Location: text("Where the new thing is.", { format: "uri" }),
  "Retry-After": text("Seconds after which it is worth asking again.", { pattern: "^\\d+$" }),
  "Preference-Applied": text("The wait that was granted.", { examples: ["wait=30"] }),
  "Idempotency-Replayed": text("This is the command of an earlier request.", { const: "true" }),
  "WWW-Authenticate": text("What the token lacks (RFC 6750, 3).", { examples: ['Bearer realm="appia"'] }),
  Allow: text("The methods that the resource has.", { examples: ["GET, HEAD"] }),
  Upgrade: text("What to ask for.", { const: "websocket" }),
};

const SCHEMAS: Record<string, JsonSchema> = {
  ...ANSWERED,
  ...ASKED,
  jsonRpcMessageOrBatch: {
    description: "A JSON-RPC 2.0 message, or a batch of them.",
    anyOf: [ref("jsonRpcMessage"), { type: "array", items: ref("jsonRpcMessage") }],
  },
  csdl: {
    ...object({ $Version: text("The version of OData.") }),
    description: "CSDL JSON (OData 4.01).",
    additionalProperties: true,
  },
  openApi: {
    ...object({
      openapi: text("The version of OpenAPI."),
      info: { type: "object" },
      paths: { type: "object" },
    }),
    description: "OpenAPI 3.1.",
    additionalProperties: true,
  },
};

/** Before each attempt but the first. */
const DELAYS = POST_BACK_DELAYS_MS.slice(1).map(spelled).join(", ");

function spelled(milliseconds: number): string {
  if (milliseconds >= HOUR) return `${milliseconds / HOUR} h`;
  return milliseconds >= MINUTE ? `${milliseconds / MINUTE} min` : `${milliseconds / SECOND} s`;
}

const POST_BACK: Record<string, OpenApiOperation> = {
  post: {
    operationId: "receivePostBack",
    tags: ["Post-backs"],
    summary: "Hear of a change of a command's status",
    description: `What the service sends to a command's \`postBackUri\`, in order and at least once, after Standard Webhooks: any of its libraries checks the signature. Failures are tried again after ${DELAYS}, or later where \`Retry-After\` asks so. Redirects are failures.`,
    security: [],
    parameters: [
      webhookHeader("webhook-id", "The same for every attempt at one message.", { type: "string" }),
      webhookHeader("webhook-timestamp", "Seconds since 1970 at the attempt.", {
        type: "string",
        pattern: "^\\d+$",
      }),
      webhookHeader("webhook-signature", "`v1,` and the HMAC-SHA256 in base64; one for each secret in use.", {
        type: "string",
      }),
    ],
    requestBody: { required: true, content: { "application/json": { schema: ref("postBack") } } },
    responses: {
      "2XX": { description: "Heard." },
      "410": { description: "Heard, and nothing more is to be sent." },
      "4XX": { description: "Not heard: it is sent again." },
    },
  },
};

function webhookHeader(name: string, description: string, schema: JsonSchema): Parameter {
  return { in: "header", name, description, required: true, schema };
}

/** The document, as it is served. */
export function openApiDocument(version: string): OpenApi {
  const paths: OpenApi["paths"] = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] = { ...paths[operation.path], [operation.method]: openApiOf(operation) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Appia",
      version,
      summary: "Commands for a user's devices.",
      description: DESCRIPTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [
      { url: "/v1.0", description: "As it is described here." },
      { url: "/beta", description: "As Project Rome's API answered; the differences are told above." },
    ],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    security: [{ caller: [] }],
    paths,
    webhooks: { postBack: { $ref: "#/components/pathItems/postBack" } },
    components: {
      securitySchemes: {
        caller: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description:
            "A token of the configured issuer, for this service. Its scopes (`scp` or `scope`) are Device.Read, Device.ReadWrite (which includes Device.Read) and Device.Command; the account is the issuer's user.",
        },
        device: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWT",
          description:
            "A token that the device signs with its own key: `iss` and `sub` are its id, `aud` is the service's origin, `exp` is at most an hour ahead.",
        },
      },
      parameters: PARAMETERS,
      headers: Object.fromEntries(
        Object.entries(HEADERS).map(([name, { description = "", ...schema }]) => [
          name,
          { description, schema },
        ]),
      ),
      responses: refusalResponses(),
      schemas: SCHEMAS,
      pathItems: { postBack: POST_BACK },
    },
  };
}
