import type { Context } from "hono";
import type * as v from "valibot";
import { ORDER_DEFAULTS, type Order, type Task } from "../command/command.ts";
import { refusePostBackUri } from "../command/post-back.ts";
import { masterSecrets } from "../command/post-back-sender.ts";
import { utf8Length } from "../json.ts";
import { DAY, PAYLOAD_BYTES_MAX, RETENTION_DAYS_MAX, URI_LENGTH_MAX } from "../limits.ts";
import { logFault } from "../operations/log.ts";
import { schemeFault } from "../uri-schemes.ts";
import { readBody } from "./body.ts";
import type { Edge } from "./edge.ts";
import { ApiError } from "./errors.ts";
import { OrderBody } from "./schemas.ts";

/** What a caller asks for when sending a command, read from the request's body. */

/** Members that the service writes; a client that sends back what it read is not refused. */
const READ_ONLY_MEMBERS = [
  "id",
  "status",
  "error",
  "responsePayload",
  "createdDateTime",
  "lastModifiedDateTime",
  "expirationDateTime",
  "statusDetail",
  "value",
];

/** An order but for its addresses. */
export type Wish = Omit<Order, "id" | "account" | "device">;

/** Reads a command from the request's body. Throws 400, 413 or 415. */
export async function readWish(c: Context<Edge>): Promise<Wish> {
  const body = await readBody(c, OrderBody, READ_ONLY_MEMBERS);
  return {
    task: readTask(body),
    permissionTicket: body.permissionTicket ?? ORDER_DEFAULTS.permissionTicket,
    postBackUri: readPostBackUri(c, body.postBackUri),
    deliveryTimeoutMs: body.deliveryTimeout ?? ORDER_DEFAULTS.deliveryTimeoutMs,
    executionTimeoutMs: body.executionTimeout ?? ORDER_DEFAULTS.executionTimeoutMs,
    whenOffline: body.whenOffline ?? ORDER_DEFAULTS.whenOffline,
    retentionMs: retentionMs(c.env),
  };
}

/** How long commands are kept after their end, from the var RETENTION_DAYS. */
function retentionMs({ RETENTION_DAYS: text }: Partial<Env>): number {
  const days = Number(text);
  return Number.isFinite(days) && days > 0
    ? Math.min(days, RETENTION_DAYS_MAX) * DAY
    : ORDER_DEFAULTS.retentionMs;
}

/** Where post-backs may go is the service's choice: its own secrets travel there, and its own network is near. */
function readPostBackUri(c: Context<Edge>, uri: string | null | undefined): string | null {
  if (uri === null || uri === undefined) return null;
  if (masterSecrets(c.env).length === 0) {
    logFault({ event: "postBacksNotConfigured", message: "Set the secret POST_BACK_SECRETS." });
    throw invalid('"postBackUri" cannot be used: this service has not set up post-backs. Leave it out.');
  }
  const ownHost = new URL(c.req.url).hostname;
  const refusal = refusePostBackUri(uri, {
    ownHost,
    allowLoopback: c.env.POST_BACK_ALLOW_LOOPBACK === "true",
  });
  if (refusal !== null) throw invalid(refusal);
  return uri;
}

function readTask({
  type,
  payload,
  appServiceName,
  packageFamilyName,
}: v.InferOutput<typeof OrderBody>): Task {
  if (payload === undefined) throw invalid('"payload" is missing.');
  const json = JSON.stringify(payload);
  if (utf8Length(json) > PAYLOAD_BYTES_MAX) {
    throw new ApiError("requestTooLarge", `"payload" is larger than ${PAYLOAD_BYTES_MAX} bytes as JSON.`);
  }
  if (type === "LaunchUri") return { type, uri: readUri(payload), payload: json };
  if (!appServiceName)
    throw invalid('"appServiceName" is missing; an AppService command names the service to call.');
  if (!packageFamilyName)
    throw invalid(
      '"packageFamilyName" is missing; an AppService command names the app that has the service.',
    );
  return { type, appServiceName, packageFamilyName, payload: json };
}

/** The URI to open: absolute, as written, and of a scheme that opens something. */
function readUri(payload: unknown): string {
  const members = Object.entries(payload ?? {}).filter(([key]) => key.toLowerCase() === "uri");
  // The payload travels whole: a second spelling would hand the device a URI that nobody checked.
  if (members.length > 1) throw invalid('The member "payload.uri" is given twice.');
  const uri: unknown = members[0]?.[1];
  const message = `"payload.uri" is an absolute URI of at most ${URI_LENGTH_MAX} characters, without white space, such as "https://example.com/".`;
  // `new URL` forgives white space and control characters; a device's opener need not read them the same way.
  if (typeof uri !== "string" || uri.length > URI_LENGTH_MAX || /[\s\p{Cc}]/u.test(uri))
    throw invalid(message);
  const protocol = URL.parse(uri)?.protocol;
  const fault = schemeFault(protocol);
  if (fault === "missing") throw invalid(message);
  if (fault === "refused") {
    throw invalid(
      `"payload.uri" has the scheme "${protocol}", which is refused: it would run or read something on the device.`,
    );
  }
  return uri;
}

function invalid(message: string): ApiError {
  return new ApiError("invalidRequest", message);
}
