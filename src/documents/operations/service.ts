import { BATCH_MESSAGES_MAX, BATCH_PARTS_MAX, HEALTH_MS, SECOND, WAIT_SECONDS_MAX } from "../../limits.ts";
import { COMMAND_ID_EXAMPLE } from "../entities.ts";
import type { Operation } from "../operation.ts";

const DELIVERY = {
  jsonrpc: "2.0",
  id: COMMAND_ID_EXAMPLE,
  method: "launchUri",
  params: {
    uri: "https://example.com/",
    payload: { uri: "https://example.com/" },
    attempt: 1,
    expirationDateTime: "2026-11-21T23:04:31.121Z",
  },
};

export const DEVICE_SIDE_OPERATIONS: readonly Operation[] = [
  {
    method: "get",
    path: "/devices/{deviceId}/connection",
    id: "connectDevice",
    tag: "A device's side",
    summary: "Connect as a device",
    description:
      "A WebSocket with the subprotocol `appia.device.v1`, on which both sides speak JSON-RPC 2.0. The service hands commands over as the requests `launchUri` and `appService`, whose `id` is the command's; the device notifies `executing`, `progress` and `dropped`, and its response is the command's end.",
    access: "device",
    parameters: ["deviceId", "subprotocol"],
    answers: {
      101: { description: "The connection is a WebSocket from here on." },
    },
    errors: [400, 401, 404, 426],
  },
  {
    method: "get",
    path: "/devices/{deviceId}/messages",
    id: "receiveMessages",
    tag: "A device's side",
    summary: "Fetch what waits, as a device without a socket",
    description: `The same messages over HTTP. With \`Prefer: wait=N\`, N at most ${WAIT_SECONDS_MAX}, it is answered as soon as something waits.`,
    access: "device",
    parameters: ["deviceId", "prefer"],
    answers: {
      200: {
        description: "What waits; what is answered counts as handed over.",
        headers: ["Preference-Applied"],
        content: [{ schema: "jsonRpcMessage", isList: true, example: [DELIVERY] }],
      },
    },
    errors: [401, 404, 406],
  },
  {
    method: "post",
    path: "/devices/{deviceId}/messages",
    id: "sendMessages",
    tag: "A device's side",
    summary: "Say something, as a device without a socket",
    description: `A JSON-RPC message, or a batch of at most ${BATCH_MESSAGES_MAX}.`,
    access: "device",
    parameters: ["deviceId"],
    body: [
      {
        schema: "jsonRpcMessageOrBatch",
        example: { jsonrpc: "2.0", id: COMMAND_ID_EXAMPLE, result: { opened: true } },
      },
    ],
    answers: {
      200: {
        description: "What JSON-RPC answers to it: responses to requests, and errors.",
        content: [{ schema: "jsonRpcMessageOrBatch" }],
      },
      204: { description: "It was heard, and asks for no response." },
    },
    errors: [400, 401, 404, 406, 413, 415],
  },
];

const HEALTHY = { accounts: "ok", devices: "ok", commands: "ok", pairings: "ok" };

export const SERVICE_OPERATIONS: readonly Operation[] = [
  {
    method: "post",
    path: "/$batch",
    id: "sendBatch",
    tag: "Service",
    summary: "Send many requests in one",
    description: `Microsoft Graph's JSON batching, with at most ${BATCH_PARTS_MAX} requests. They are done at once, those with \`dependsOn\` after what they depend on. Each needs its own scope. A batch that is sent again with its \`Idempotency-Key\`, or as Graph's SDKs repeat it, repeats its commands and makes no others.`,
    access: "anyone",
    parameters: ["idempotencyKey", "retryAttempt"],
    body: [
      {
        schema: "batch",
        example: {
          requests: [
            { id: "1", method: "GET", url: "/me/devices" },
            { id: "2", method: "GET", url: "/me/postBackSecret", dependsOn: ["1"] },
          ],
        },
      },
    ],
    answers: {
      200: {
        description: "An answer to each request, whatever became of it.",
        content: [
          {
            schema: "batchAnswer",
            example: {
              responses: [
                {
                  id: "1",
                  status: 200,
                  headers: { "Content-Type": "application/json" },
                  body: { value: [] },
                },
              ],
            },
          },
        ],
      },
    },
    errors: [400, 406, 413, 415],
  },
  {
    method: "delete",
    path: "/me",
    id: "deleteAccount",
    tag: "Service",
    summary: "Delete the account",
    description: `Deletes all that there is of the account: its devices, whose connections are closed, and all their commands with their payloads and histories, whatever they are doing. It cannot be undone. Until it is done no device is registered (409); commands that are sent meanwhile are deleted, too.`,
    access: "Device.ReadWrite Device.Command",
    answers: {
      202: {
        description: "It goes on by itself; asking again tells how far it is.",
        headers: ["Retry-After"],
        content: [{ schema: "deletion", example: { status: "deleting", devices: 3 } }],
      },
      204: { description: "Nothing is left." },
    },
    errors: [400, 401, 403, 406],
  },
  {
    method: "get",
    path: "/$metadata",
    id: "getMetadata",
    tag: "Service",
    summary: "Read the OData metadata",
    description:
      "The Common Schema Definition Language (OData 4.01), in XML or JSON; `/beta` has its own names.",
    access: "anyone",
    parameters: ["format"],
    answers: {
      200: {
        description: "The metadata.",
        content: [{ type: "application/xml" }, { schema: "csdl" }],
      },
    },
    errors: [400, 406],
  },
  {
    method: "get",
    path: "/openapi.json",
    id: "getOpenApi",
    tag: "Service",
    summary: "Read this description",
    description: "OpenAPI 3.1, the same under every version.",
    access: "anyone",
    answers: { 200: { description: "This description.", content: [{ schema: "openApi" }] } },
    errors: [406],
  },
  {
    method: "get",
    path: "/healthz",
    id: "getHealth",
    tag: "Service",
    summary: "Ask whether the service lives",
    description: `The edge answers, and says whether its objects do; it asks them every ${HEALTH_MS / SECOND} seconds at most.`,
    access: "anyone",
    answers: {
      200: {
        description: "It lives.",
        content: [{ schema: "health", example: { status: "ok", checks: HEALTHY } }],
      },
      503: {
        description: "A part of it does not answer.",
        headers: ["Retry-After"],
        content: [
          {
            schema: "health",
            example: { status: "unavailable", checks: { ...HEALTHY, devices: "unreachable" } },
          },
        ],
      },
    },
    errors: [405],
  },
  {
    method: "get",
    path: "/console/sign-in",
    id: "getSignIn",
    tag: "Service",
    summary: "Ask how the console signs people in",
    description: "For the web console, and for other pages of the same origin.",
    access: "anyone",
    answers: {
      200: {
        description: "The issuer and the console's client there; null where only a token will do.",
        content: [{ schema: "signIn", example: { authorizationServer: null, client: null } }],
      },
    },
    errors: [405],
  },
];
