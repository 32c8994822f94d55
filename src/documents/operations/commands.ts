import { COMMAND_ID_EXAMPLE, ID_EXAMPLE } from "../entities.ts";
import type { Operation } from "../operation.ts";

const ONE = "/me/devices/{deviceId}/commands/{commandId}";

const NEW_COMMAND = {
  type: "AppService",
  appServiceName: "appia.ping",
  packageFamilyName: "Appia.Demo",
  payload: { hello: "device" },
};

const COMMAND = {
  id: COMMAND_ID_EXAMPLE,
  status: "completed",
  ...NEW_COMMAND,
  error: null,
  permissionTicket: null,
  postBackUri: null,
  responsePayload: { pong: true },
  createdDateTime: "2026-11-21T22:54:31.118Z",
  lastModifiedDateTime: "2026-11-21T22:54:31.123Z",
  expirationDateTime: "2026-11-21T23:04:31.121Z",
  statusDetail: null,
};

const CONTEXT = "https://appia.example/v1.0/$metadata";

export const COMMAND_OPERATIONS: readonly Operation[] = [
  {
    method: "post",
    path: "/me/devices/{deviceId}/commands",
    id: "sendCommand",
    tag: "Commands",
    summary: "Send a command to a device",
    description:
      "Accepts a command; it is durable before the device hears of it. With `Prefer: wait` one request is a function call on the device: it is answered when the command has ended.",
    access: "Device.Command",
    parameters: ["deviceId", "prefer", "idempotencyKey", "retryAttempt"],
    body: [{ schema: "newCommand", example: NEW_COMMAND }],
    answers: {
      201: {
        description: "The command.",
        headers: ["Location", "Preference-Applied", "Idempotency-Replayed"],
        content: [{ schema: "command", example: COMMAND }],
      },
    },
    errors: [400, 401, 403, 404, 406, 413, 415, 422],
    callsBack: true,
  },
  {
    method: "get",
    path: "/me/devices/{deviceId}/commands",
    id: "listCommands",
    tag: "Commands",
    summary: "List a device's commands",
    description: "The newest first.",
    access: "Device.Command",
    parameters: ["deviceId", "top", "skipToken", "filter", "select"],
    answers: {
      200: {
        description: "The commands.",
        content: [
          {
            schema: "commandPage",
            example: {
              "@odata.context": `${CONTEXT}#me/devices('${ID_EXAMPLE}')/commands`,
              value: [COMMAND],
            },
          },
        ],
      },
    },
    errors: [400, 401, 403, 404, 406],
  },
  {
    method: "get",
    path: ONE,
    id: "getCommand",
    tag: "Commands",
    summary: "Read or watch a command",
    description:
      "With `Accept: text/event-stream` every entry of the history is an event, from the first on or after `Last-Event-ID`: `id` is the entry's number, `data` the command as it was then. The stream ends with the command; nothing more to tell is 204.",
    access: "Device.Command",
    parameters: ["deviceId", "commandId", "prefer", "lastEventId"],
    answers: {
      200: {
        description: "The command.",
        headers: ["Preference-Applied"],
        content: [
          { schema: "command", example: COMMAND },
          {
            type: "text/event-stream",
            example: `id: 4\ndata: {"id":"${COMMAND_ID_EXAMPLE}","status":"completed",…}\n\n`,
          },
        ],
      },
      204: { description: "The command has ended, and the watcher knows all of it." },
    },
    errors: [400, 401, 403, 404, 406],
  },
  {
    method: "delete",
    path: ONE,
    id: "eraseCommand",
    tag: "Commands",
    summary: "Erase a command that has ended",
    description: "Its idempotency key is free again.",
    access: "Device.Command",
    parameters: ["deviceId", "commandId"],
    answers: { 204: { description: "It is erased." } },
    errors: [400, 401, 403, 404, 409],
  },
  {
    method: "get",
    path: `${ONE}/responsePayload`,
    id: "getResponsePayload",
    tag: "Commands",
    summary: "Read what the device answered",
    description: "With `Prefer: wait` it is answered when the command has ended.",
    access: "Device.Command",
    parameters: ["deviceId", "commandId", "prefer"],
    answers: {
      200: {
        description: "The device's object, or another value under `value`.",
        headers: ["Preference-Applied"],
        content: [
          {
            schema: "PayloadResponse",
            example: { "@odata.context": `${CONTEXT}#microsoft.graph.PayloadResponse`, pong: true },
          },
        ],
      },
      204: {
        description: "There is nothing: with `Retry-After` not yet, without it never.",
        headers: ["Preference-Applied", "Retry-After"],
      },
    },
    errors: [400, 401, 403, 404, 406],
  },
  {
    method: "post",
    path: `${ONE}/cancel`,
    id: "cancelCommand",
    tag: "Commands",
    summary: "Ask to cancel a command",
    description:
      "A command that was not handed over is `canceled` at once. Otherwise the device is told, and it ends as what truly happened: `canceled`, or `completed` where the device was faster.",
    access: "Device.Command",
    parameters: ["deviceId", "commandId"],
    answers: {
      202: {
        description: "The command.",
        content: [
          { schema: "command", example: { ...COMMAND, status: "cancelling", responsePayload: null } },
        ],
      },
    },
    errors: [400, 401, 403, 404, 406, 409],
  },
  {
    method: "get",
    path: `${ONE}/history`,
    id: "getHistory",
    tag: "Commands",
    summary: "Read a command's history",
    description:
      "Every entry, why the command is in its status, what happens next and when, and its post-backs.",
    access: "Device.Command",
    parameters: ["deviceId", "commandId"],
    answers: {
      200: {
        description: "The history.",
        content: [
          {
            schema: "commandHistory",
            example: {
              status: "requesting",
              explanation: "The device is not connected.",
              nextAction: "It is handed over as soon as the device connects; otherwise it expires.",
              nextActionDateTime: "2026-11-22T22:54:31.118Z",
              value: [
                {
                  sequence: 1,
                  dateTime: "2026-11-21T22:54:31.118Z",
                  status: "requesting",
                  attempt: null,
                  cause: "The command was accepted.",
                  late: false,
                },
              ],
              postBacks: null,
            },
          },
        ],
      },
    },
    errors: [400, 401, 403, 404, 406],
  },
  {
    method: "get",
    path: "/me/postBackSecret",
    id: "getPostBackSecret",
    tag: "Post-backs",
    summary: "Read the secret that post-backs are signed with",
    description: "A receiver gives it to any library of Standard Webhooks, which checks the signatures.",
    access: "Device.Command",
    answers: {
      200: {
        description: "The secret.",
        content: [
          {
            schema: "postBackSecret",
            example: {
              "@odata.context": `${CONTEXT}#me/postBackSecret`,
              value: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
              secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
              previous: [],
            },
          },
        ],
      },
    },
    errors: [400, 401, 403, 406],
  },
];
