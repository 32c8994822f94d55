import { RPC_ERROR } from "../device/protocol.ts";
import type { Task } from "./task.ts";

type RpcId = string | number | null;

/** A message of the service, understood. */
export type Call =
  | { type: "task"; task: Task }
  | { type: "cancel"; commandId: string }
  | { type: "ping"; id: string | number }
  /** An error answer is owed. */
  | { type: "unanswerable"; id: RpcId; code: number; message: string }
  /** The service's own error answer to something that this device said. */
  | { type: "complaint"; id: RpcId; code: number; message: string };

/**
 * Understands one text frame of the service: a JSON-RPC message, or a batch of them. Never throws; what asks
 * for nothing (unknown notifications, results) is left out.
 */
export function parseCalls(text: string): Call[] {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return [unanswerable(null, RPC_ERROR.parse, "This frame is not JSON.")];
  }
  const messages = Array.isArray(frame) ? frame : [frame];
  return messages.map(parseCall).filter((call) => call !== null);
}

function parseCall(message: unknown): Call | null {
  if (!isRecord(message) || message.jsonrpc !== "2.0") {
    return unanswerable(null, RPC_ERROR.invalidRequest, 'A message is an object with "jsonrpc": "2.0".');
  }
  const id = typeof message.id === "string" || typeof message.id === "number" ? message.id : null;
  if (isRecord(message.error)) return parseError(id, message.error);
  if (typeof message.method !== "string") {
    return "result" in message ? null : unanswerable(id, RPC_ERROR.invalidRequest, '"method" is a string.');
  }
  const params = isRecord(message.params) ? message.params : {};
  switch (message.method) {
    case "launchUri":
    case "appService":
      return parseTask(message.method, id, params);
    case "cancel":
      return typeof params.id === "string"
        ? { type: "cancel", commandId: params.id }
        : unanswerable(id, RPC_ERROR.invalidParams, '"cancel" needs params {"id": the command\'s id}.');
    case "ping":
      return id === null ? null : { type: "ping", id };
    default:
      // A notification is never answered (JSON-RPC 2.0, section 4.1); an unknown one may be a newer service's.
      return id === null
        ? null
        : unanswerable(
            id,
            RPC_ERROR.methodNotFound,
            `This device does not know the method "${message.method}".`,
          );
  }
}

function parseTask(method: "launchUri" | "appService", id: RpcId, params: Record<string, unknown>): Call {
  if (typeof id !== "string") {
    return unanswerable(
      id,
      RPC_ERROR.invalidRequest,
      `"${method}" is a request whose "id" is the command's id.`,
    );
  }
  const handover = {
    id,
    payload: params.payload ?? null,
    attempt: typeof params.attempt === "number" ? params.attempt : 1,
    expirationDateTime: typeof params.expirationDateTime === "string" ? params.expirationDateTime : "",
  };
  if (method === "launchUri") {
    const { uri } = params;
    if (typeof uri !== "string")
      return unanswerable(id, RPC_ERROR.invalidParams, '"launchUri" needs a "uri".');
    return { type: "task", task: { type: "LaunchUri", ...handover, uri } };
  }
  const { appServiceName, packageFamilyName } = params;
  if (typeof appServiceName !== "string" || typeof packageFamilyName !== "string") {
    const needs = '"appService" needs an "appServiceName" and a "packageFamilyName".';
    return unanswerable(id, RPC_ERROR.invalidParams, needs);
  }
  return { type: "task", task: { type: "AppService", ...handover, appServiceName, packageFamilyName } };
}

function parseError(id: RpcId, { code, message }: Record<string, unknown>): Call {
  return {
    type: "complaint",
    id,
    code: typeof code === "number" ? code : RPC_ERROR.internal,
    message: typeof message === "string" ? message : "",
  };
}

function unanswerable(id: RpcId, code: number, message: string): Call {
  return { type: "unanswerable", id, code, message };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
