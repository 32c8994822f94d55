import type { CommandEntity, NewCommand } from "../../client/entities.ts";
import { depthOf, utf8Length } from "../../json.ts";
import { parseJson } from "../../json-fault.ts";
import {
  DELIVERY_TIMEOUT_MS,
  EXECUTION_TIMEOUT_MS,
  PAYLOAD_BYTES_MAX,
  PAYLOAD_DEPTH_MAX,
  SECOND,
  SERVICE_NAME_LENGTH_MAX,
  URI_LENGTH_MAX,
} from "../../limits.ts";
import { schemeFault } from "../../uri-schemes.ts";
import { jsonToRead } from "../foreign-words.ts";

/** A command as it is being written. All of it is text, as the fields hold it. */
export interface Draft {
  type: NewCommand["type"];
  uri: string;
  /** JSON of what a LaunchUri's payload holds beside the URI; empty: nothing. */
  beside: string;
  appServiceName: string;
  packageFamilyName: string;
  /** JSON of an AppService's payload. */
  payload: string;
  /** ISO 8601; empty: the service's own. */
  deliveryTimeout: string;
  executionTimeout: string;
  whenOffline: "queue" | "fail";
  postBackUri: string;
}

export const EMPTY: Draft = {
  type: "LaunchUri",
  uri: "",
  beside: "",
  appServiceName: "",
  packageFamilyName: "Appia",
  payload: "{}",
  deliveryTimeout: "",
  executionTimeout: "",
  whenOffline: "queue",
  postBackUri: "",
};

/** What is wrong with a draft, by its fields. What only the service knows, it says itself. */
export type Problems = Partial<Record<keyof Draft, string>>;

export function problemsOf(draft: Draft): Problems {
  const problems =
    draft.type === "LaunchUri"
      ? { uri: uriProblem(draft.uri), beside: besideProblem(draft.beside) }
      : {
          appServiceName: nameProblem(draft.appServiceName, "Name the service to call."),
          packageFamilyName: nameProblem(draft.packageFamilyName, "Name the app that has the service."),
          payload: payloadProblem(draft.payload),
        };
  return Object.fromEntries(Object.entries(problems).filter(([, problem]) => problem !== null));
}

/** The field that the service speaks of in a refusal, which begins with the member's name; null where with none. */
export function fieldOf(refusal: string): keyof Draft | null {
  const [, name = ""] = /^"(?:payload\.)?(\w+)"/.exec(refusal) ?? [];
  return name in EMPTY ? (name as keyof Draft) : null;
}

/** The command that a draft without problems describes. */
export function commandOf(draft: Draft): NewCommand {
  const { type, whenOffline } = draft;
  const texts = {
    ...(type === "AppService" && {
      appServiceName: draft.appServiceName.trim(),
      packageFamilyName: draft.packageFamilyName.trim(),
    }),
    deliveryTimeout: draft.deliveryTimeout.trim(),
    executionTimeout: draft.executionTimeout.trim(),
    postBackUri: draft.postBackUri.trim(),
  };
  return {
    type,
    payload:
      type === "LaunchUri"
        ? { uri: draft.uri.trim(), ...(JSON.parse(draft.beside.trim() || "{}") as object) }
        : JSON.parse(draft.payload),
    ...Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== "")),
    ...(whenOffline === "fail" && { whenOffline }),
  };
}

/** The draft of a command that was sent before, with the clocks that are known of it, in milliseconds. */
export function draftOf(command: CommandEntity, clocks: Clocks): Draft {
  const { type, payload, appServiceName, packageFamilyName, postBackUri, error } = command;
  const common = {
    ...EMPTY,
    type,
    postBackUri: postBackUri ?? "",
    deliveryTimeout: durationOf(clocks.deliveryMs, DELIVERY_TIMEOUT_MS),
    executionTimeout: durationOf(clocks.executionMs, EXECUTION_TIMEOUT_MS),
    // No command but one that was not to wait ends so.
    whenOffline: error === "RemoteSystemUnavailable" && command.status === "failedToSend" ? "fail" : "queue",
  } as const;
  if (type === "AppService") {
    return {
      ...common,
      appServiceName: appServiceName ?? "",
      packageFamilyName: packageFamilyName ?? "",
      payload: jsonToRead(payload),
    };
  }
  const beside = Object.entries(payload ?? {}).filter(([key]) => !isUri(key));
  return {
    ...common,
    uri: uriOf(payload),
    beside: beside.length === 0 ? "" : jsonToRead(Object.fromEntries(beside)),
  };
}

/** A command's two clocks, in milliseconds; null where one is not known. */
export interface Clocks {
  deliveryMs: number | null;
  executionMs: number | null;
}

/** The address that a LaunchUri's payload holds; its key is read in any case. */
export function uriOf(payload: unknown): string {
  const [, uri = ""] = Object.entries(payload ?? {}).find(([key]) => isUri(key)) ?? [];
  return String(uri);
}

function isUri(key: string): boolean {
  return key.toLowerCase() === "uri";
}

function durationOf(ms: number | null, usual: number): string {
  return ms === null || ms === usual ? "" : `PT${ms / SECOND}S`;
}

function uriProblem(text: string): string | null {
  const uri = text.trim();
  if (uri === "") return "Say what to open, such as https://example.com/.";
  if (uri.length > URI_LENGTH_MAX) return `A URI has at most ${URI_LENGTH_MAX} characters.`;
  if (/[\s\p{Cc}]/u.test(uri)) return "A URI holds no white space; write %20 for a blank.";
  const protocol = URL.parse(uri)?.protocol;
  switch (schemeFault(protocol)) {
    case "missing":
      return "Write the whole address, with its scheme, such as https://example.com/.";
    case "refused":
      return `"${protocol}" is refused: it would run or read something on the device.`;
    case null:
      return null;
  }
}

function nameProblem(text: string, missing: string): string | null {
  if (text.trim() === "") return missing;
  return text.trim().length > SERVICE_NAME_LENGTH_MAX
    ? `A name has at most ${SERVICE_NAME_LENGTH_MAX} characters.`
    : null;
}

function payloadProblem(text: string): string | null {
  try {
    const payload = parseJson(text);
    if (depthOf(payload, PAYLOAD_DEPTH_MAX) > PAYLOAD_DEPTH_MAX)
      return `A payload is nested at most ${PAYLOAD_DEPTH_MAX} levels deep.`;
    return utf8Length(JSON.stringify(payload)) > PAYLOAD_BYTES_MAX
      ? `A payload has at most ${PAYLOAD_BYTES_MAX} bytes.`
      : null;
  } catch (error) {
    return (error as SyntaxError).message;
  }
}

function besideProblem(text: string): string | null {
  if (text.trim() === "") return null;
  const problem = payloadProblem(text);
  if (problem !== null) return problem;
  const beside: unknown = JSON.parse(text);
  if (typeof beside !== "object" || beside === null || Array.isArray(beside))
    return 'This is an object in braces, such as {"title": "Recipe"}.';
  return Object.keys(beside).some(isUri) ? "The URI has a field of its own." : null;
}
