import { ORDER_DEFAULTS } from "../command/command.ts";
import { Batch, BatchPart, OrderBody, Registration, Renaming } from "../http/schemas.ts";
import {
  BATCH_BYTES_MAX,
  BATCH_PARTS_MAX,
  DAY,
  HOUR,
  MINUTE,
  PAYLOAD_BYTES_MAX,
  PAYLOAD_DEPTH_MAX,
  RSA_MODULUS_BITS_MAX,
  RSA_MODULUS_BITS_MIN,
  SECOND,
  TIMEOUT_MS_MAX,
} from "../limits.ts";
import { DEVICE_WORDS } from "./entities.ts";
import { bodySchema, type JsonSchema, object, ref, text } from "./json-schema.ts";

/** What callers send: schemas made from those that check it, with words for people. Members match in any case. */

/** An ISO 8601 duration, in hours, minutes or seconds. */
function duration(milliseconds: number): string {
  const [unit, letter] =
    milliseconds % HOUR === 0 ? [HOUR, "H"] : milliseconds % MINUTE === 0 ? [MINUTE, "M"] : [SECOND, "S"];
  return `PT${milliseconds / Number(unit)}${letter}`;
}

const DURATIONS = `an ISO 8601 duration from one second to ${TIMEOUT_MS_MAX / DAY} days`;

export const EXAMPLE_KEY = {
  kty: "EC",
  crv: "P-256",
  x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
  y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
};

const PublicKey: JsonSchema = object(
  {
    kty: text("The type of the key.", { enum: ["EC", "OKP", "RSA"] }),
    crv: text("`P-256` for EC, `Ed25519` for OKP.", { enum: ["P-256", "Ed25519"] }),
    x: text("Of EC and OKP."),
    y: text("Of EC."),
    n: text(`Of RSA: a modulus of ${RSA_MODULUS_BITS_MIN} to ${RSA_MODULUS_BITS_MAX} bits.`),
    e: text("Of RSA."),
  },
  {
    optional: ["crv", "x", "y", "n", "e"],
    description:
      "The public half of a key, as a JSON Web Key (RFC 7517). The private half stays on the device.",
  },
);

const registration = bodySchema(Registration, {
  name: {
    description: "What its owner calls it: a line without control characters.",
    examples: ["My computer"],
  },
  kind: { description: "What kind of device it is, in any case.", examples: ["Laptop"] },
  platform: { description: "What it runs on, in any case.", examples: ["Linux"] },
  manufacturer: { description: "Who made it." },
  model: { description: "Which model it is." },
  publicKey: {
    ...ref("publicKey"),
    description: "The device proves itself with the private half of this key.",
  },
});

const renaming = bodySchema(Renaming, {
  name: { description: DEVICE_WORDS.name.description ?? "", examples: ["Our computer"] },
});

const newCommand = bodySchema(OrderBody, {
  type: { description: "In any case; `AppServices` is taken for `AppService`." },
  payload: {
    description: `Any JSON value of at most ${PAYLOAD_BYTES_MAX / 1024} KiB and ${PAYLOAD_DEPTH_MAX} levels, passed on as it is. A LaunchUri has an object with an absolute \`uri\`, whose scheme is none of javascript, data, vbscript, file and about.`,
  },
  appServiceName: {
    description: "The app service to call. Needed by an AppService.",
    examples: ["appia.ping"],
  },
  packageFamilyName: {
    description: "The app that has it. Needed by an AppService.",
    examples: ["Appia.Demo"],
  },
  permissionTicket: { description: "Kept and answered; the service makes no use of it." },
  postBackUri: {
    description: "Where each change of status is to be sent: https, port 443, a public host name.",
    format: "uri",
  },
  deliveryTimeout: {
    description: `How long the command may wait until the device has it: ${DURATIONS}.`,
    format: "duration",
    default: duration(ORDER_DEFAULTS.deliveryTimeoutMs),
  },
  executionTimeout: {
    description: `How long the device may work on it: ${DURATIONS}.`,
    format: "duration",
    default: duration(ORDER_DEFAULTS.executionTimeoutMs),
  },
  whenOffline: {
    description: "Whether it waits for a device that is offline, or fails.",
    default: ORDER_DEFAULTS.whenOffline,
  },
});

const batchPart = bodySchema(BatchPart, {
  id: { description: "What its response is known by; each has its own." },
  method: { description: "Its method." },
  url: {
    description: "Relative to the service. Without a version in front it has the batch's.",
    examples: ["/me/devices"],
  },
  headers: {
    description:
      "Its headers, of printable ASCII characters. Without its own `Authorization` it has the batch's.",
  },
  body: { description: "Its body: JSON as it is, of another `Content-Type` as text in base64." },
  dependsOn: { description: "Ids of requests that have to succeed first." },
});

const batch = bodySchema(Batch, {
  requests: {
    description: `At most ${BATCH_PARTS_MAX} requests, in at most ${BATCH_BYTES_MAX / 1024 / 1024} MiB.`,
    items: ref("batchPart"),
  },
});

const tokenQuestion = object(
  {
    device_code: text("From the answer to the request for a pairing."),
    grant_type: text("As RFC 8628 has it.", { const: "urn:ietf:params:oauth:grant-type:device_code" }),
    client_id: text("Ignored."),
  },
  { optional: ["grant_type", "client_id"] },
);

/** The schemas of request bodies, by their names. */
export const ASKED: Record<string, JsonSchema> = {
  publicKey: PublicKey,
  registration,
  renaming,
  newCommand,
  tokenQuestion,
  batch,
  batchPart,
};
