import * as fc from "fast-check";
import type { DescribedOperation, Description } from "../described.ts";
import { fitting, WILD_TEXT } from "./values.ts";

/** Addresses: the ids in them, the ways in which one is written, and ways in which none is. */

type Ids = Record<string, string>;

/** Most of them one and the same, so that what was done to it is met again. */
const DEVICES = [...Array.from({ length: 5 }, () => "away"), "online", "polling", "latest"].map(
  (name) => `{{device:${name}}}`,
);
const COMMANDS = [
  ...["waiting", "sent", "executing", "custom", "cancelling", "latest"],
  ...["completed", "scalar", "failed", "dropped", "canceled", "failedToSend"],
];
const WRONG_IDS = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "{{device:foreign}}",
      "{{command:foreign}}",
      "{{device:removed}}",
      "{{device:away}}",
      "{{command:waiting}}",
      "{{account:all}}",
      "{{userCode:denied}}",
    ),
  },
  { weight: 1, arbitrary: WILD_TEXT.map(segment).filter((text) => text !== "") },
);

/** What stands for an operation's path parameters. */
export function idsFor(
  description: Description,
  { access, method, parameters }: DescribedOperation,
  isWrong: boolean,
): fc.Arbitrary<Ids> {
  const inPath = parameters.filter((parameter) => parameter.in === "path");
  const names = inPath.map(({ name }) => name);
  const devices = DEVICES.filter((device) =>
    // Only of a device of ours is the key at hand; and the one that is met again is not to go.
    access === "device" ? !device.includes("latest") : method !== "DELETE" || !device.includes("away"),
  );
  const right = rightIds(description, inPath, devices);
  if (!isWrong || names.length === 0) return right;
  return fc
    .tuple(right, fc.constantFrom(...names))
    .chain(([ids, name]) => fc.tuple(fc.constant(ids), fc.constant(name), wrongFor(name)))
    .map(([ids, name, wrong]) => ({ ...ids, [name]: wrong }));
}

/** Another's, or another device's, most of all: whose it is has to be asked of an object. */
function wrongFor(name: string): fc.Arbitrary<string> {
  const others =
    name === "commandId"
      ? ["foreign", "waiting", "completed"].map((one) => `{{command:${one}}}`)
      : ["{{device:foreign}}"];
  return fc.oneof(fc.constantFrom(...others), WRONG_IDS);
}

function rightIds(
  description: Description,
  parameters: DescribedOperation["parameters"],
  devices: readonly string[],
): fc.Arbitrary<Ids> {
  if (parameters.some(({ name }) => name === "commandId")) {
    return fc
      .constantFrom(...COMMANDS)
      .map((name) => ({ deviceId: `{{deviceOf:${name}}}`, commandId: `{{command:${name}}}` }));
  }
  const others = parameters.map(({ name, schema }) => {
    if (name === "deviceId") return fc.constantFrom(...devices);
    if (name === "userCode") return fc.constantFrom("{{userCode:open}}", "{{userCode:open}}", "WDJB-MJHT");
    return fitting(description, schema, name).map((value) => segment(String(value)));
  });
  return fc
    .tuple(...others)
    .map((values) => Object.fromEntries(parameters.map(({ name }, at) => [name, values[at] ?? ""])));
}

/** A text as one segment of a path, which no reader of paths takes for several, or for none. */
function segment(text: string): string {
  if (/^\{\{[\w:]+\}\}$/.test(text)) return text;
  return encodeURIComponent(text.toWellFormed()).replaceAll(".", "%2E%2E%2E").replaceAll("'", "%22");
}

/** A path with its parameters, in one of the ways in which it may be written. */
export function spelled(path: string, ids: Ids): fc.Arbitrary<string> {
  return fc
    .record({
      style: fc.constantFrom("as it is", "as it is", "upper", "lower", "alias", "keyed", "keyed by name"),
      tail: fc.constantFrom("", "", "", "/"),
    })
    .map(({ style, tail }) => {
      const words = path.split("/").map((word) => {
        if (/^\{\w+\}$/.test(word)) return word;
        if (style === "upper") return word.toUpperCase();
        if (style === "lower") return word.toLowerCase();
        return style === "alias" && word === "commands" ? "command" : word;
      });
      const whole = `${words.join("/")}${tail}`;
      const keyed = style.startsWith("keyed")
        ? whole.replaceAll(/\/\{(deviceId|commandId)\}/g, style === "keyed" ? "('{$1}')" : "(id='{$1}')")
        : whole;
      return filled(keyed, ids);
    });
}

function filled(path: string, ids: Ids): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? "");
}

/** Paths near to a described one, and far from any: where they lead is not for the description to say. */
export function wildPath(path: string, ids: Ids): fc.Arbitrary<string> {
  const right = filled(path, ids);
  return fc.oneof(
    fc.constantFrom(
      right.replaceAll("/", "//"),
      `/.${right}`,
      `/x/..${right}`,
      `${right}/..`,
      `${right}/%2e%2e/%2e%2e`,
      `/beta/v1.0${right}`,
      `/v2.0${right}`,
      `${right}/x`,
      `${right}%2f`,
      `${right};jsessionid=1`,
      `${right}%00`,
      right.replace("/", "/%6d"),
      right.replace("e", "%65"),
      right.replace("/", "\\"),
      right.replace(/s\b/, "s()"),
      right.replace(/s\b/, "s(%27%27)"),
      `${right}#x`,
      `${right}?%`,
      `${right}{{big:9000}}`,
      "/",
      "/pair",
      "/docs",
      "/device",
      "/assets/none.js",
      "/favicon.ico",
      "/me",
      "/users/x/devices",
    ),
    fc
      .array(fc.oneof(WILD_TEXT.map(segment), fc.constantFrom("me", "devices", "commands", "$batch", "..")), {
        maxLength: 6,
      })
      .map((segments) => `/${segments.join("/")}`),
  );
}
