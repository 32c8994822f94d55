import type { Context } from "hono";
import * as v from "valibot";
import { ORDER_DEFAULTS, type Order, type Task } from "../command/command.ts";
import { refusePostBackUri } from "../command/post-back.ts";
import { masterSecrets } from "../command/post-back-sender.ts";
import { utf8Length } from "../json.ts";
import {
  DAY,
  HOUR,
  MINUTE,
  PAYLOAD_BYTES_MAX,
  RETENTION_DAYS_MAX,
  SECOND,
  SERVICE_NAME_LENGTH_MAX,
  TIMEOUT_MS_MAX,
  TIMEOUT_MS_MIN,
  URI_LENGTH_MAX,
} from "../limits.ts";
import { readBody } from "./body.ts";
import type { Edge } from "./edge.ts";
import { ApiError } from "./errors.ts";

/** What a caller asks for when sending a command, read from the request's body. */

/** Both spellings that the original's documents and clients use, without regard to case. */
const TYPES = new Map<string, Task["type"]>([
  ["launchuri", "LaunchUri"],
  ["appservice", "AppService"],
  ["appservices", "AppService"],
]);

/** Schemes that would run or read something on the device instead of opening it. */
const REFUSED_SCHEMES = ["javascript:", "data:", "vbscript:", "file:", "about:"];

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

function optional<Schema extends v.GenericSchema>(schema: Schema): v.NullishSchema<Schema, undefined> {
  return v.nullish(schema);
}

function text(name: string, most: number): v.GenericSchema<string> {
  const message = `"${name}" is a text of 1 to ${most} characters.`;
  const isWellFormed = v.check((words: string) => words.isWellFormed(), message);
  return v.pipe(v.string(message), v.minLength(1, message), v.maxLength(most, message), isWellFormed);
}

function timeout(name: string): v.GenericSchema<string, number> {
  const message = `"${name}" is an ISO 8601 duration from one second to ${TIMEOUT_MS_MAX / DAY} days, such as "PT10M" or "P1DT12H"; years and months have no fixed length.`;
  return v.pipe(
    v.string(message),
    v.transform(durationMs),
    v.number(message),
    v.minValue(TIMEOUT_MS_MIN, message),
    v.maxValue(TIMEOUT_MS_MAX, message),
  );
}

const OrderBody = v.object({
  type: v.pipe(
    v.string('"type" is "LaunchUri" or "AppService".'),
    v.transform((name) => TYPES.get(name.toLowerCase())),
    v.picklist(["LaunchUri", "AppService"], '"type" is "LaunchUri" or "AppService".'),
  ),
  payload: v.unknown(),
  appServiceName: optional(text("appServiceName", SERVICE_NAME_LENGTH_MAX)),
  packageFamilyName: optional(text("packageFamilyName", SERVICE_NAME_LENGTH_MAX)),
  permissionTicket: optional(text("permissionTicket", URI_LENGTH_MAX)),
  postBackUri: optional(text("postBackUri", URI_LENGTH_MAX)),
  deliveryTimeout: optional(timeout("deliveryTimeout")),
  executionTimeout: optional(timeout("executionTimeout")),
  whenOffline: optional(v.picklist(["queue", "fail"], '"whenOffline" is "queue" or "fail".')),
});

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
    console.error({ event: "postBacksNotConfigured", message: "Set the secret POST_BACK_SECRETS." });
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
  // No scheme has one letter only: that is a drive, and a path on it is opened like a "file:".
  if (protocol === undefined || /^.:$/.test(protocol)) throw invalid(message);
  if (REFUSED_SCHEMES.includes(protocol)) {
    throw invalid(
      `"payload.uri" has the scheme "${protocol}", which is refused: it would run or read something on the device.`,
    );
  }
  return uri;
}

/** A short number: the text comes from a caller, and is bounded before anything backtracks over it. */
const NUMBER = String.raw`(\d{1,9}(?:[.,]\d{1,9})?)`;
/** ISO 8601 durations in units of a fixed length: `P2W`, `P1DT12H`, `PT1.5S`. */
const DURATION = new RegExp(
  `^P(?!$)(?:${NUMBER}W)?(?:${NUMBER}D)?(?:T(?!$)(?:${NUMBER}H)?(?:${NUMBER}M)?(?:${NUMBER}S)?)?$`,
);
const UNITS_MS = [7 * DAY, DAY, HOUR, MINUTE, SECOND];

/** Milliseconds of an ISO 8601 duration; NaN where it is none, is negative, or has years or months. */
function durationMs(text: string): number {
  const numbers = DURATION.exec(text)?.slice(1);
  if (numbers === undefined) return Number.NaN;
  const parts = UNITS_MS.map((unit, index) => Number(numbers[index]?.replace(",", ".") ?? 0) * unit);
  return Math.round(parts.reduce((sum, part) => sum + part));
}

function invalid(message: string): ApiError {
  return new ApiError("invalidRequest", message);
}
