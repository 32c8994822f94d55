import { PAIRING_INTERVAL_SECONDS, PAIRING_MS, SECOND } from "../limits.ts";
import { DEVICE_WORDS, ENTITIES, id } from "./entities.ts";
import { dateTime, type JsonSchema, list, nullable, object, ref, text } from "./json-schema.ts";

/** What is answered besides the entities: errors, pairing, batches, and what tools ask. */

const ApiError = object(
  {
    error: object({
      code: text("A stable code for programs.", { examples: ["invalidRequest"] }),
      message: text("What to change, in words."),
      innerError: object(
        {
          code: text("A more precise code, where there is one."),
          date: dateTime("When it happened."),
          "request-id": text("Leads the operator to the reason in the service's log."),
          "client-request-id": text("The caller's own id, where it sent one."),
        },
        { optional: ["code", "client-request-id"] },
      ),
    }),
  },
  { description: "Why a request was refused, in Microsoft Graph's shape." },
);

const OAuthError = object(
  {
    error: text("Why there is no device yet, or will be none.", {
      enum: [
        "authorization_pending",
        "slow_down",
        "access_denied",
        "expired_token",
        "invalid_grant",
        "invalid_request",
        "unsupported_grant_type",
      ],
    }),
    error_description: text("The same in words."),
  },
  { description: "An error in OAuth's shape (RFC 6749, 5.2)." },
);

const PairingCode = object(
  {
    device_code: text("What the device asks for its outcome with. Keep it secret."),
    user_code: text("What the person types.", { examples: ["WDJB-MJHT"] }),
    verification_uri: text("Where the person types it.", { format: "uri" }),
    verification_uri_complete: text("The same with the code in it, for a QR code.", { format: "uri" }),
    expires_in: {
      type: "integer",
      description: "Seconds until the code expires.",
      examples: [PAIRING_MS / SECOND],
    },
    interval: {
      type: "integer",
      description: "Seconds to wait between questions for the outcome.",
      examples: [PAIRING_INTERVAL_SECONDS],
    },
  },
  { description: "A pairing that waits for a person (RFC 8628, 3.2)." },
);

const PairedDevice = object(
  { device_id: id("The id under which the device is registered."), name: DEVICE_WORDS.name },
  { description: "The device that was let in." },
);

const Pairing = object(
  {
    "@odata.context": text("Where the metadata describes this (OData).", { format: "uri" }),
    userCode: text("The code, as it is shown.", { examples: ["WDJB-MJHT"] }),
    name: DEVICE_WORDS.name,
    kind: DEVICE_WORDS.kind,
    platform: DEVICE_WORDS.platform,
    manufacturer: DEVICE_WORDS.manufacturer,
    model: DEVICE_WORDS.model,
    place: nullable(text("Roughly where the request came from, in words; null where that is not known.")),
    sameAddress: {
      type: "boolean",
      description: "It came from the network that the person comes from, too.",
    },
    createdDateTime: dateTime("When the device asked."),
    expirationDateTime: dateTime("When the code expires."),
  },
  { description: "What asks to become a device of the account." },
);

const BatchResponse = object(
  {
    id: text("The request's own id."),
    status: { type: "integer", description: "Its HTTP status; 424 where what it depends on failed." },
    headers: {
      type: "object",
      description: "Its headers.",
      additionalProperties: { type: "string" },
    },
    body: {
      description: "Its body: JSON as it is, anything else as text in base64. Absent where there is none.",
    },
  },
  { optional: ["body"], description: "What one request of a batch was answered." },
);

const JsonRpcMessage: JsonSchema = {
  ...object(
    {
      jsonrpc: { const: "2.0", description: "The version of JSON-RPC." },
      id: {
        type: ["string", "number", "null"],
        description: "Of a request that hands a command over: the command's id.",
      },
      method: text("Of a request or a notification.", { examples: ["launchUri"] }),
      params: { description: "Of a request or a notification." },
      result: { description: "Of a response: what the device returns." },
      error: { description: "Of a response: `code`, `message` and perhaps `data`." },
    },
    { optional: ["id", "method", "params", "result", "error"] },
  ),
  description: "A JSON-RPC 2.0 request, notification or response.",
};

const SignIn = object(
  {
    authorizationServer: {
      type: ["object", "null"],
      description:
        "What the token issuer says of itself (OpenID Connect Discovery), or null where none is set up.",
      additionalProperties: true,
    },
    client: nullable(
      object({
        client_id: text("The console's id at the issuer."),
        scope: text("The scopes to ask for."),
        resource: nullable(text("The resource that tokens are to be for (RFC 8707).")),
      }),
    ),
  },
  { description: "How the web console signs people in. Both members are null where only a token will do." },
);

const Deletion = object({
  status: { const: "deleting" },
  devices: { type: "integer", minimum: 0, description: "Devices that still have something." },
});

const Check = { enum: ["ok", "unreachable"] };

const Health = object({
  status: {
    enum: ["ok", "unavailable"],
    description: "`ok` where the edge and all that stands behind it answer.",
  },
  checks: object(
    { accounts: Check, devices: Check, commands: Check, pairings: Check },
    { description: "One object of each class, as it was at most a few seconds ago." },
  ),
});

/** Every schema of the document but those of request bodies. */
export const ANSWERED: Record<string, JsonSchema> = {
  ...ENTITIES,
  error: ApiError,
  oauthError: OAuthError,
  pairingCode: PairingCode,
  pairedDevice: PairedDevice,
  pairing: Pairing,
  batchResponse: BatchResponse,
  batchAnswer: object({ responses: list(ref("batchResponse"), "One for each request, in their order.") }),
  jsonRpcMessage: JsonRpcMessage,
  signIn: SignIn,
  health: Health,
  deletion: Deletion,
};
