import type { Report } from "../command/command.ts";
import type { Delivery } from "../command/handover.ts";
import { depthOf, utf8Length } from "../json.ts";
import {
  BATCH_MESSAGES_MAX,
  DEVICE_WORDS_LENGTH_MAX,
  FRAME_LENGTH_MAX,
  PAYLOAD_BYTES_MAX,
  PAYLOAD_DEPTH_MAX,
} from "../limits.ts";

/**
 * The device protocol: JSON-RPC 2.0 messages between the service and a device. Pure and free of any platform,
 * so that the service, the device library and their tests share one definition.
 */

/** The WebSocket subprotocol of a device's connection. */
export const SUBPROTOCOL = "appia.device.v1";
/** A second offered subprotocol `bearer.<jwt>` carries the token where headers cannot be set (browsers). */
export const BEARER_SUBPROTOCOL_PREFIX = "bearer.";

/** Why the service closes a connection (RFC 6455, 7.4.2: 4000 to 4999 are for private use). */
export const CLOSE = {
  /** A newer connection of the same device has taken over: do not reconnect. */
  replaced: 4001,
  /** The device's token has expired: reconnect with a new one. */
  tokenExpired: 4003,
  /** The device was unregistered: do not reconnect. */
  unregistered: 4004,
  /** `ping` went unanswered: reconnect. */
  unresponsive: 4008,
  /** Too many frames (RFC 6455: policy violation): reconnect, slower. */
  flooded: 1008,
} as const;

/** The JSON-RPC error codes in use (specification, section 5.1; -32800 as in the Language Server Protocol). */
export const RPC_ERROR = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  cancelled: -32800,
} as const;

/** The `id` of the service's `ping` request; a command's id is 64 hex digits, so the two never meet. */
export const PING_ID = "ping";

/** The JSON-RPC request that hands a command over. The payload's text is spliced in, not parsed again. */
export function deliveryFrame({ commandId, task, attempt, expirationDateTime }: Delivery): string {
  const subject =
    task.type === "LaunchUri"
      ? `"uri":${JSON.stringify(task.uri)}`
      : `"appServiceName":${JSON.stringify(task.appServiceName)},"packageFamilyName":${JSON.stringify(task.packageFamilyName)}`;
  const method = task.type === "LaunchUri" ? "launchUri" : "appService";
  return (
    `{"jsonrpc":"2.0","id":"${commandId}","method":"${method}","params":{${subject},"payload":${task.payload},` +
    `"attempt":${attempt},"expirationDateTime":"${expirationDateTime}"}}`
  );
}

/** The JSON-RPC request that any living device answers, if only with "method not found". */
export const pingFrame = JSON.stringify({ jsonrpc: "2.0", id: PING_ID, method: "ping" });

/** The notification that asks the device to cancel a command. */
export function cancelFrame(commandId: string): string {
  return JSON.stringify({ jsonrpc: "2.0", method: "cancel", params: { id: commandId } });
}

/** The notification that a report changed nothing, with the command's status. A device may ignore it. */
export function lateFrame(commandId: string, status: string): string {
  return JSON.stringify({ jsonrpc: "2.0", method: "late", params: { id: commandId, status } });
}

/** A JSON-RPC answer without an error. */
export function resultFrame(id: string | number, result: unknown): string {
  return JSON.stringify({ jsonrpc: "2.0", id, result });
}

/** A JSON-RPC error answer; `id` is null where the message's own could not be read. */
export function errorFrame(id: RequestId, code: number, message: string): string {
  return JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } });
}

export type Presence = "active" | "standby";

/** A device's message, understood. `request` is its own id where it wants an answer, null where it does not. */
export type Message =
  | { type: "report"; commandId: string; report: Report; request: RequestId }
  | { type: "presence"; state: Presence; request: RequestId }
  /** An answer to `ping`, or another sign of life that asks for nothing. */
  | { type: "alive" }
  /** `frame` is the JSON-RPC answer that is owed. */
  | { type: "answer"; frame: string };

export type RequestId = string | number | null;

/** What a text frame holds. `fault` says what is wrong with the whole of it, where nothing in it could be heard. */
export interface Frame {
  messages: Message[];
  isBatch: boolean;
  fault: string | null;
}

/**
 * Understands one text frame: a JSON-RPC message, or a batch of them (specification, section 6).
 * Never throws; what is wrong becomes a message of type `answer` with the error to send back.
 */
export function parseFrame(text: string): Frame {
  const faulty = (code: number, fault: string): Frame => ({
    messages: [refusal(null, code, fault)],
    isBatch: false,
    fault,
  });
  if (text.length > FRAME_LENGTH_MAX) {
    return faulty(RPC_ERROR.invalidRequest, `A frame has at most ${FRAME_LENGTH_MAX} characters.`);
  }
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return faulty(RPC_ERROR.parse, "This is not JSON.");
  }
  if (!Array.isArray(frame)) return { messages: [parseMessage(frame)], isBatch: false, fault: null };
  if (frame.length === 0 || frame.length > BATCH_MESSAGES_MAX) {
    return faulty(RPC_ERROR.invalidRequest, `A batch holds 1 to ${BATCH_MESSAGES_MAX} messages.`);
  }
  return { messages: frame.map(parseMessage), isBatch: true, fault: null };
}

function parseMessage(message: unknown): Message {
  if (!isRecord(message) || message.jsonrpc !== "2.0") {
    return refusal(null, RPC_ERROR.invalidRequest, 'A message is an object with "jsonrpc": "2.0".');
  }
  if ("method" in message) return parseCall(message);
  if ("result" in message || "error" in message) return parseResponse(message);
  return refusal(
    rpcId(message),
    RPC_ERROR.invalidRequest,
    'A message has a "method", a "result" or an "error".',
  );
}

function parseCall(message: Record<string, unknown>): Message {
  const id = rpcId(message);
  const params = message.params ?? {};
  if (typeof message.method !== "string") {
    return refusal(id, RPC_ERROR.invalidRequest, '"method" is a string.');
  }
  switch (message.method) {
    case "executing":
    case "progress":
    case "dropped": {
      if (!isRecord(params) || typeof params.id !== "string") {
        return refusal(
          id,
          RPC_ERROR.invalidParams,
          `"${message.method}" needs params {"id": the command's id}.`,
        );
      }
      const report = parseNotice(message.method, params);
      return typeof report === "string"
        ? refusal(id, RPC_ERROR.invalidParams, report)
        : { type: "report", commandId: params.id, report, request: id };
    }
    case "presence":
      if (!isRecord(params) || (params.state !== "active" && params.state !== "standby")) {
        return refusal(
          id,
          RPC_ERROR.invalidParams,
          '"presence" needs params {"state": "active" or "standby"}.',
        );
      }
      return { type: "presence", state: params.state, request: id };
    case "ping":
      return id === null ? { type: "alive" } : { type: "answer", frame: resultFrame(id, "pong") };
    default:
      // A notification is never answered (specification, section 4.1); an unknown one may be a newer device's.
      return id === null
        ? { type: "alive" }
        : refusal(
            id,
            RPC_ERROR.methodNotFound,
            "The service knows executing, progress, dropped, presence and ping.",
          );
  }
}

/** The report in a notification's params, or the words that say what is wrong with them. */
function parseNotice(
  method: "executing" | "progress" | "dropped",
  params: Record<string, unknown>,
): Report | string {
  switch (method) {
    case "executing":
      return { type: "acknowledged" };
    case "progress": {
      const { message = null, percent = null } = params;
      if (message !== null && typeof message !== "string") return '"message" is a string.';
      if (percent !== null && (typeof percent !== "number" || percent < 0 || percent > 100)) {
        return '"percent" is a number from 0 to 100.';
      }
      return { type: "progressed", message: message === null ? null : clip(message), percent };
    }
    case "dropped": {
      const { reason = null } = params;
      if (reason !== null && typeof reason !== "string") return '"reason" is a string.';
      return { type: "dropped", reason: reason === null ? null : clip(reason) };
    }
  }
}

function parseResponse(message: Record<string, unknown>): Message {
  const id = message.id;
  if (id === PING_ID || id === null) return { type: "alive" };
  if (typeof id !== "string") {
    return refusal(null, RPC_ERROR.invalidRequest, 'A response\'s "id" is the id of the request it answers.');
  }
  // Libraries of JSON-RPC 1.0's manners write the member that does not apply as null.
  const { error = null, result = null } = message;
  if (error === null) return { type: "report", commandId: id, report: parseResult(result), request: null };
  if (
    result !== null ||
    !isRecord(error) ||
    typeof error.code !== "number" ||
    typeof error.message !== "string"
  ) {
    const message =
      'A response has a "result", or an "error" with a number as "code" and a text as "message".';
    return refusal(id, RPC_ERROR.invalidRequest, message);
  }
  const status =
    isRecord(error.data) && typeof error.data.status === "string" ? clip(error.data.status) : null;
  const report = { type: "failed", kind: kindOf(error.code), message: clip(error.message), status } as const;
  return { type: "report", commandId: id, report, request: null };
}

function kindOf(code: unknown): Extract<Report, { type: "failed" }>["kind"] {
  if (code === RPC_ERROR.methodNotFound) return "unknownMethod";
  return code === RPC_ERROR.cancelled ? "cancelled" : "other";
}

function parseResult(result: unknown): Report {
  if (result === null) return { type: "succeeded", payload: null };
  if (depthOf(result, PAYLOAD_DEPTH_MAX) > PAYLOAD_DEPTH_MAX) {
    return { type: "oversized", message: `The result is nested deeper than ${PAYLOAD_DEPTH_MAX} levels.` };
  }
  const payload = JSON.stringify(result);
  return utf8Length(payload) > PAYLOAD_BYTES_MAX
    ? { type: "oversized", message: `The result is larger than ${PAYLOAD_BYTES_MAX} bytes.` }
    : { type: "succeeded", payload };
}

function refusal(id: RequestId, code: number, message: string): Message {
  return { type: "answer", frame: errorFrame(id, code, message) };
}

function rpcId(message: Record<string, unknown>): RequestId {
  return typeof message.id === "string" || typeof message.id === "number" ? message.id : null;
}

function clip(words: string): string {
  return words.length > DEVICE_WORDS_LENGTH_MAX ? `${words.slice(0, DEVICE_WORDS_LENGTH_MAX - 1)}…` : words;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
