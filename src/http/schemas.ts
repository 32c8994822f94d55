import * as v from "valibot";
import type { Task } from "../command/command.ts";
import { KINDS, PLATFORMS } from "../device/device.ts";
import {
  BATCH_ID_LENGTH_MAX,
  BATCH_PARTS_MAX,
  DAY,
  DEVICE_TEXT_LENGTH_MAX,
  HOUR,
  MINUTE,
  SECOND,
  SERVICE_NAME_LENGTH_MAX,
  TIMEOUT_MS_MAX,
  TIMEOUT_MS_MIN,
  URI_LENGTH_MAX,
} from "../limits.ts";

/** Request bodies as they are checked, and from which the API's documents are made. */

/** Characters that end a line, or turn what stands after them around (Unicode TR 9: embeddings, overrides, isolates). */
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]/u;
/** Something that is seen: not only blanks, joiners, and letters that are drawn as nothing. */
const VISIBLE = /(?![\u115F\u1160\u2800\u3164\uFFA0])[\p{L}\p{N}\p{P}\p{S}]/u;

/** A line on a screen. Blanks of any kind and number are one, so that it cannot pass for several lines. */
function line(name: string): v.GenericSchema<string> {
  const message = `"${name}" is a text of 1 to ${DEVICE_TEXT_LENGTH_MAX} characters, without control characters.`;
  return v.pipe(
    v.string(message),
    v.trim(),
    v.minLength(1, message),
    v.maxLength(DEVICE_TEXT_LENGTH_MAX, message),
    v.check((text) => text.isWellFormed() && !CONTROLS.test(text) && VISIBLE.test(text), message),
    v.transform((text) => text.replaceAll(/\p{Zs}+/gu, " ")),
  );
}

/** One of some words, written in any case. */
function word<const Words extends readonly [string, ...string[]]>(
  name: string,
  words: Words,
): v.GenericSchema<string, Words[number]> {
  const message = `"${name}" is one of ${words.join(", ")}.`;
  return v.pipe(
    v.string(message),
    v.transform((text) => words.find((candidate) => candidate.toLowerCase() === text.toLowerCase())),
    v.picklist(words, message),
  );
}

/** What a device is registered with. Whether `publicKey` is one is for `readPublicKey` to say. */
export const Registration = v.object({
  name: line("name"),
  kind: word("kind", KINDS),
  platform: word("platform", PLATFORMS),
  manufacturer: v.nullish(line("manufacturer"), null),
  model: v.nullish(line("model"), null),
  publicKey: v.unknown(),
});
/** What can be changed of a device. */
export const Renaming = v.object({ name: line("name") });

/** Both spellings that the original's documents and clients use, without regard to case. */
const TYPES = new Map<string, Task["type"]>([
  ["launchuri", "LaunchUri"],
  ["appservice", "AppService"],
  ["appservices", "AppService"],
]);

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

/** A command as a caller sends it. Which members belong to which type is for `readWish` to say. */
export const OrderBody = v.object({
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

/** The methods of a part of a batch (Graph's). */
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

const PART_ID = `Each of "requests" has an "id", a text of 1 to ${BATCH_ID_LENGTH_MAX} characters.`;
const DEPENDS_ON = `"dependsOn" is an array of at most ${BATCH_PARTS_MAX} ids of other requests.`;

/** One request in a batch. */
export const BatchPart = v.object(
  {
    id: v.pipe(
      v.string(PART_ID),
      v.minLength(1, PART_ID),
      v.maxLength(BATCH_ID_LENGTH_MAX, PART_ID),
      v.check((id) => id.isWellFormed(), PART_ID),
    ),
    method: word("method", METHODS),
    url: v.pipe(
      v.string('Each of "requests" has a "url", a text.'),
      v.check(isRelative, '"url" is relative to the service, such as "/me/devices".'),
    ),
    headers: optional(
      v.record(
        v.string(),
        v.string('"headers" are texts by their names.'),
        '"headers" is an object: texts by their names.',
      ),
    ),
    body: optional(v.unknown()),
    dependsOn: optional(
      v.pipe(v.array(v.string(DEPENDS_ON), DEPENDS_ON), v.maxLength(BATCH_PARTS_MAX, DEPENDS_ON)),
    ),
  },
  'Each of "requests" is an object with "id", "method" and "url".',
);

const REQUESTS = `"requests" is an array of 1 to ${BATCH_PARTS_MAX} requests.`;

/** Graph's JSON batch. How its parts depend on each other is for `readBatch` to say. */
export const Batch = v.object({
  requests: v.pipe(
    v.array(BatchPart, REQUESTS),
    v.minLength(1, REQUESTS),
    v.maxLength(BATCH_PARTS_MAX, REQUESTS),
  ),
});

/** A path, and perhaps a query, in which people leave blanks. Nothing else that a URL parser would forgive. */
const RELATIVE = /^\/?[^\s\p{Cc}\\/?#:]+(?:\/[^\s\p{Cc}\\?#]*)?(?:\?[^\p{Cc}#]*)?$/u;

/** Whether this is an address at the service, without scheme and host. */
function isRelative(url: string): boolean {
  return url.length <= URI_LENGTH_MAX && RELATIVE.test(url);
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
