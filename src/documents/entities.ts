import { ENDED, LIVE, ROME_ERRORS } from "../command/command.ts";
import { DEVICE_STATUSES, KINDS, PLATFORMS } from "../device/device.ts";
import { DEVICE_TEXT_LENGTH_MAX, DEVICES_PER_PAGE, POST_BACK_ATTEMPTS_LISTED_MAX } from "../limits.ts";
import { dateTime, type JsonSchema, list, nullable, object, ref, text } from "./json-schema.ts";

/** What the service answers under `/v1.0`, member by member. */

export const ID_EXAMPLE = "e8fdd14b3c1f4a6db7a1e0c95a7d2f00b1c43e6f8d90a2574bb6c1d2e3f4a5b6";
export const COMMAND_ID_EXAMPLE = "07c1f5d2a9e84b31c6d07e5f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d";

export function id(description: string, example = ID_EXAMPLE): JsonSchema {
  return text(description, { pattern: "^[0-9a-f]{64}$", examples: [example] });
}

const context = text("Where the metadata describes this (OData).", { format: "uri" });

const STATUS = text("Where the command stands. The lifecycle says what each status means.", {
  enum: [...LIVE, ...ENDED],
});

/** What `error` may read: Project Rome's names, and what only this service knows. */
const ERROR_NAMES = [
  ...ROME_ERRORS,
  "DeviceRemoved",
  "CancelUnconfirmed",
  "DeliveryTimedOut",
  "ExecutionTimedOut",
  "AttemptsExhausted",
];

/** A device's own line, as it was registered. */
function line(description: string, more: JsonSchema = {}): JsonSchema {
  return text(description, { minLength: 1, maxLength: DEVICE_TEXT_LENGTH_MAX, ...more });
}

export const DEVICE_WORDS = {
  name: line("What its owner calls it.", { examples: ["My computer"] }),
  kind: text("What kind of device it is.", { enum: KINDS, examples: ["Laptop"] }),
  platform: text("What it runs on.", { enum: PLATFORMS, examples: ["Linux"] }),
  manufacturer: nullable(line("Who made it.")),
  model: nullable(line("Which model it is.")),
} as const;

const { name, kind, platform, manufacturer, model } = DEVICE_WORDS;

export const PRESENCE = text(
  "`Online` while it is connected or keeps asking, `Standby` where it says so itself, `Offline` once it has gone, `Unknown` before it first came.",
  { enum: DEVICE_STATUSES, examples: ["Online"] },
);

const Device = object(
  {
    id: id("The device's id, which is its address."),
    name,
    manufacturer,
    model,
    kind,
    status: PRESENCE,
    platform,
  },
  {
    description:
      "A device of the account. Under `/beta` its members but `id` begin with a capital: `Name`, `Manufacturer`, `Model`, `Kind`, `Status`, `Platform`.",
  },
);

const StatusDetail = object(
  {
    message: nullable(text("Words of the device or of the service.")),
    percent: nullable({ type: "number", minimum: 0, maximum: 100, description: "How far the device is." }),
  },
  { description: "Words on the present status." },
);

/** Members of a command, in the order in which they are answered. */
const command = {
  id: id("The command's id, which is its address.", COMMAND_ID_EXAMPLE),
  status: STATUS,
  type: text("What is asked of the device: to open a URI, or to answer as an app service.", {
    enum: ["LaunchUri", "AppService"],
  }),
  appServiceName: nullable(text("The app service that is called; null for a LaunchUri.")),
  packageFamilyName: nullable(text("The app that has the service; null for a LaunchUri.")),
  error: nullable(
    text(
      "Why it ended as it did, by a name of Project Rome's or of this service; null where nothing went wrong.",
      {
        enum: ERROR_NAMES,
      },
    ),
  ),
  permissionTicket: nullable(text("As it was sent; the service makes no use of it.")),
  postBackUri: nullable(text("Where each change of status is sent.", { format: "uri" })),
  payload: { description: "As it was sent: any JSON value; for a LaunchUri an object with `uri`." },
  responsePayload: { description: "What the device returned: any JSON value; null while there is nothing." },
  createdDateTime: dateTime("When it was accepted."),
  lastModifiedDateTime: dateTime("When it last changed."),
  expirationDateTime: dateTime("When it expires unless something happens first."),
  statusDetail: nullable(ref("statusDetail")),
};

const Command = object(command, {
  description:
    "A command. Absent values are null. Under `/beta` a single command has one more member, `value`: the same once more.",
});

/** With `$select` a list shows only some of the members. */
const ListedCommand: JsonSchema = {
  ...object(command, { optional: Object.keys(command) as (keyof typeof command)[] }),
  description: "A command, or those of its members that `$select` asks for.",
};

const HistoryEntry = object(
  {
    sequence: { type: "integer", minimum: 1, description: "Counted from 1, without gaps." },
    dateTime: dateTime("When it happened."),
    status: { ...STATUS, description: "The status from here on." },
    attempt: nullable({
      type: "integer",
      minimum: 1,
      description: "The attempt at delivery that this speaks of; null before the first.",
    }),
    cause: text("Why, in words."),
    late: {
      type: "boolean",
      description: "It came after the command had ended, or twice, and changed nothing.",
    },
  },
  { description: "One line of a command's history." },
);

const PostBackAttempt = object(
  {
    sequence: { type: "integer", minimum: 1, description: "The entry that it told of." },
    dateTime: dateTime("When it was made."),
    status: nullable({ type: "integer", description: "The receiver's HTTP status; null where none came." }),
    outcome: text("What became of it. After `gone` (410) no more are sent.", {
      enum: ["accepted", "failed", "gone"],
    }),
    reason: nullable(text("Why it failed, in words.")),
  },
  { description: "One attempt at a post-back." },
);

const History = object(
  {
    status: STATUS,
    explanation: nullable(text("Why it is in this status, in words.")),
    nextAction: text("What the service does at the latest at `nextActionDateTime`, in words."),
    nextActionDateTime: dateTime("When the service acts, unless something happens first."),
    value: list(ref("historyEntry"), "Every entry, the first one first."),
    postBacks: {
      type: ["array", "null"],
      description: `The latest attempts at post-backs, at most ${POST_BACK_ATTEMPTS_LISTED_MAX}; null where the command has no \`postBackUri\`.`,
      items: ref("postBackAttempt"),
    },
  },
  { description: "How a command came to stand where it does, and what happens next." },
);

/** A page of a collection. */
function page(items: string, what: string): JsonSchema {
  return object(
    {
      "@odata.context": context,
      value: list(ref(items), what),
      "@odata.nextLink": text("Where the next page is; absent on the last.", { format: "uri" }),
    },
    { optional: ["@odata.nextLink"] },
  );
}

const ResponsePayload: JsonSchema = {
  ...object({ "@odata.context": context }),
  description:
    "The device's own object and its context; another value than an object is under `value`. Under `/beta` with `MsIgnoredParameter: 0` unless the device sent one.",
  additionalProperties: true,
};

const PostBackSecret = object(
  {
    "@odata.context": context,
    value: text("The secret, where OData has it.", { pattern: "^whsec_" }),
    secret: text("The secret that post-backs are signed with.", { pattern: "^whsec_" }),
    previous: list(
      text("An older secret.", { pattern: "^whsec_" }),
      "Secrets that are being replaced; post-backs are signed with them, too.",
    ),
  },
  { description: "The account's secret for post-backs, as Standard Webhooks writes it." },
);

const PostBack = object(
  {
    sequence: {
      type: "integer",
      minimum: 1,
      description: "The number of the entry in the command's history.",
    },
    command: { ...ref("command"), description: "The command as it was then." },
  },
  { description: "What a receiver of post-backs is sent." },
);

/** Schemas by their names. Those that are OData types are called as in the metadata. */
export const ENTITIES: Record<string, JsonSchema> = {
  device: Device,
  devicePage: page("device", `Devices, at most ${DEVICES_PER_PAGE}.`),
  command: Command,
  statusDetail: StatusDetail,
  listedCommand: ListedCommand,
  commandPage: page("listedCommand", "Commands, the newest first."),
  commandHistory: History,
  historyEntry: HistoryEntry,
  postBackAttempt: PostBackAttempt,
  PayloadResponse: ResponsePayload,
  postBackSecret: PostBackSecret,
  postBack: PostBack,
};
