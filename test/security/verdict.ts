import { env } from "cloudflare:workers";
import type { DescribedAnswer, Description } from "../described.ts";
import type { Json } from "../stage.ts";
import type { Answer, Shot } from "./shots.ts";
import type { Speaker, World } from "./world.ts";

/** What may be wrong with an answer, whatever was asked. */

export class Wrong extends Error {
  override readonly name = "Wrong";
}

function demand(holds: boolean, words: string): asserts holds {
  if (!holds) throw new Wrong(words);
}

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/;
/** Headers of any answer. Those of the pages for people are not described. */
const COMMON = ["content-type", "content-length", "cache-control", "vary"];
const CORS = ["access-control-allow-origin", "access-control-expose-headers"];
/** Headers that an answer has wherever they are described for it. */
const ALWAYS = new Set(["Location", "WWW-Authenticate", "Allow", "Upgrade"]);
/** What a caller is answered before it is known what is whose. */
const BEFORE_OWNERSHIP = new Set([400, 401, 403, 404, 405, 406, 413, 415, 424, 426, 429]);
const TRACES =
  /\bat .*[./]\w+\.[jt]s\b|node_modules|\bTypeError\b|\bRangeError\b|\bSyntaxError\b|SQLITE|\bsrc\//;

/** Examines an answer. Throws what is wrong with it, in words. */
export function examine(description: Description, world: World, shot: Shot, answer: Answer): void {
  const { operation } = shot.plan;
  const { status, headers } = answer;
  demand(status < 500, "The service failed.");
  if (status === 101) {
    demand(operation === null || operation.answers[101] !== undefined, "This is no connection.");
    examineRight(shot, answer, world);
    return;
  }
  examineHeaders(shot, answer, headers.has("access-control-allow-origin"));
  examineSecrets(shot, answer, world);
  if (shot.plan.method === "OPTIONS" && !shot.headers.some(([name]) => name === "Upgrade")) {
    demand(
      status === 204 && headers.has("Access-Control-Allow-Methods"),
      "Any origin may ask what it may do.",
    );
    return;
  }
  const asked = new Map(shot.headers.map(([name, value]) => [name.toLowerCase(), value]));
  demand(
    asked.has("upgrade") || headers.get("Access-Control-Allow-Origin") === "*",
    "Not any origin may read it.",
  );
  if (operation === null) {
    examineUnknown(description, answer);
    return;
  }
  examineKnown(description, world, shot, answer, CORS);
  if (shot.parts.length > 0 && status === 200) examineParts(description, world, shot, answer);
}

/** Whether an answer is one that is described for its operation. */
function examineKnown(
  description: Description,
  world: World,
  shot: Shot,
  answer: Answer,
  more: readonly string[],
): void {
  const { operation, method } = shot.plan;
  if (operation === null) return;
  const methods = description.operations.flatMap((one) => (one.path === operation.path ? [one.method] : []));
  if (methods.includes("GET")) methods.push("HEAD");
  if (!methods.includes(method)) {
    demand(answer.status === 405, "The resource does not have this method.");
    const allowed = (answer.headers.get("Allow") ?? "").split(", ");
    demand(
      allowed.sort().join() === methods.sort().join(),
      `"Allow" is ${allowed}, and ${methods} are described.`,
    );
    if (method !== "HEAD") fits(description, answer, description.schema("error"));
    return;
  }
  const told = operation.answers[answer.status];
  demand(told !== undefined, `The status ${answer.status} is not described for ${operation.id}.`);
  examineTold(description, shot, answer, told, more);
  examineRight(shot, answer, world);
  if (!shot.plan.isPlain) return;
  const isRefused = [401, 403, 404, 406, 413, 415].includes(answer.status);
  const mayBe = Object.values(shot.ids).includes("WDJB-MJHT") ? [404] : [];
  demand(!isRefused || mayBe.includes(answer.status), "There is nothing wrong with this request.");
}

function examineTold(
  description: Description,
  { plan, isBeta }: Shot,
  answer: Answer,
  { headers: toldHeaders = {}, content = {} }: DescribedAnswer,
  more: readonly string[],
): void {
  const { status, headers, text } = answer;
  const known = new Set([...Object.keys(toldHeaders).map((name) => name.toLowerCase()), ...COMMON, ...more]);
  // HTTP asks for it beside Upgrade (RFC 9110, 7.8).
  if (status === 426) known.add("connection");
  for (const [name] of headers) demand(known.has(name), `The header "${name}" is not described.`);
  for (const [name, header] of Object.entries(toldHeaders)) {
    const value = headers.get(name);
    demand(value !== null || !ALWAYS.has(name), `The header "${name}" is missing.`);
    if (value === null) continue;
    const fault = description.faultOf(value, description.resolved(header).schema);
    demand(fault === null, `The header "${name}" is not as described: ${fault}`);
  }
  demand(status !== 429 || headers.has("Retry-After"), "There is no telling when to ask again.");
  const wait = headers.get("Preference-Applied");
  demand(wait === null || /^wait=([1-5]?\d|60)$/.test(wait), `This was not granted: ${wait}`);
  if (plan.method === "HEAD") {
    demand(text === "", "HEAD has a body.");
    return;
  }
  const types = Object.keys(content);
  if (types.length === 0) {
    demand(text === "", "There is a body that is not described.");
    return;
  }
  const type = headers.get("Content-Type") ?? "";
  const body = content[type];
  demand(body !== undefined, `The type "${type}" is not described; it is one of ${types.join(", ")}.`);
  if (type === "application/json") fits(description, answer, body.schema, isBeta);
  else if (type === "text/event-stream") examineEvents(description, text, isBeta);
}

function fits(description: Description, { text }: Answer, schema: Json, isBeta = false): void {
  let body: Json;
  try {
    body = JSON.parse(text);
  } catch {
    throw new Wrong("It is not JSON.");
  }
  const fault = description.faultOf(isBeta ? clean(body, schema) : body, schema);
  demand(fault === null, `It is not as described: ${fault}`);
}

/** What `/beta` answers, without what sets it apart: members of devices with capitals, a command's copy of itself. */
function clean(body: Json, { $ref = "" }: Json): Json {
  switch ($ref.slice($ref.lastIndexOf("/") + 1)) {
    case "device":
      return inLowerCase(body);
    case "devicePage":
      return { ...body, value: body.value?.map(inLowerCase) };
    case "command": {
      const { value, ...command } = body;
      demand(JSON.stringify(value) === JSON.stringify(command), "A command's copy of itself is another.");
      return command;
    }
    case "PayloadResponse":
      demand("MsIgnoredParameter" in body, "The response payload lacks MsIgnoredParameter.");
      return body;
    default:
      return body;
  }
}

function inLowerCase(device: Json): Json {
  return Object.fromEntries(
    Object.entries(device).map(([name, value]) => {
      demand(name === "id" || /^[A-Z]/.test(name), `A device's "${name}" has no capital.`);
      return [`${name.charAt(0).toLowerCase()}${name.slice(1)}`, value];
    }),
  );
}

function examineEvents(description: Description, text: string, isBeta: boolean): void {
  for (const event of text.split("\n\n").slice(0, -1)) {
    if (event === ":") continue;
    const [, data = ""] = /^id: \d+\ndata: (.*)$/.exec(event) ?? [];
    demand(data !== "", `This is no event: ${event}`);
    fits(description, { text: data } as Answer, description.schema("command"), isBeta);
  }
}

/** Whatever is answered to what is not described: an error, or a page. */
function examineUnknown(description: Description, answer: Answer): void {
  if (answer.status < 400 || answer.text === "") return;
  const { error: kind } = JSON.parse(answer.text);
  fits(description, answer, description.schema(typeof kind === "string" ? "oauthError" : "error"));
}

/** Whether nobody got what is not theirs, and everybody was told so in the right way. */
function examineRight({ plan, ids, speaker }: Shot, { status }: Answer, world: World): void {
  const access = plan.operation?.access ?? "anyone";
  if (access === "anyone") return;
  const isDevice = access === "device";
  const isKnown = speaker !== null && "device" in speaker === isDevice;
  if (!isKnown && !isDevice) {
    demand(status === 401, "A caller without a good token was let in.");
    return;
  }
  if (isKnown && !("device" in speaker) && !hasScope(speaker, access)) {
    demand(status === 403 || status === 429, `A caller without the scope ${access} was let in.`);
    return;
  }
  const isTheirs = isKnown && world.owns(speaker, ids);
  demand(isTheirs || BEFORE_OWNERSHIP.has(status), "This is not the caller's own.");
}

function hasScope(speaker: Exclude<Speaker, null>, scope: string): boolean {
  if ("device" in speaker) return false;
  return scope
    .split(" ")
    .every((needed) =>
      [needed, ...(needed === "Device.Read" ? ["Device.ReadWrite"] : [])].some((one) =>
        speaker.scopes.includes(one),
      ),
    );
}

function examineHeaders(shot: Shot, { headers }: Answer, isAlone: boolean): void {
  demand(UUID.test(headers.get("request-id") ?? ""), 'There is no "request-id".');
  demand(headers.get("OData-Version") === "4.0", 'There is no "OData-Version".');
  demand(headers.get("Cache-Control") === "no-store", "It could be kept.");
  demand(!headers.has("Set-Cookie") && !headers.has("Access-Control-Allow-Credentials"), "It sets a cookie.");
  const echo = headers.get("client-request-id");
  if (echo === null || !isAlone) return;
  const sent = shot.headers.filter(([name]) => name.toLowerCase() === "client-request-id");
  const ids = sent.map(([, id]) => id.trim()).join(", ");
  demand(echo === ids.trim(), "The caller's own id is another's.");
}

function examineSecrets(shot: Shot, { status, headers, text }: Answer, world: World): void {
  const whole = `${[...headers].flat().join("\n")}\n${text}`;
  const { d } = JSON.parse(env.TEST_SIGNING_KEY);
  for (const secret of [d, ...env.POST_BACK_SECRETS.split(" ")])
    demand(!whole.includes(secret), "It tells a secret.");
  const isTheirs = [shot, ...shot.parts].some(({ speaker }) => world.isStranger(speaker));
  demand(isTheirs || !whole.includes(world.planted), "It tells what is another account's.");
  demand(
    status < 400 || !TRACES.test(text) || TRACES.test(decodeURIComponent(shotText(shot))),
    "It tells of its own insides.",
  );
}

function shotText({ url, body, headers }: Shot): string {
  const text = `${url}${String(body)}${headers.flat().join()}`;
  return text.replaceAll(/%(?![\da-f]{2})/gi, "%25");
}

/** Each part of a batch, as if it had been sent alone. */
function examineParts(description: Description, world: World, batch: Shot, { text }: Answer): void {
  const { responses } = JSON.parse(text);
  demand(responses.length === batch.parts.length, "Some parts were not answered.");
  for (const [at, part] of batch.parts.entries()) {
    const { id, status, headers, body } = responses[at];
    demand(id === `part ${at}`, "The answers are not in the order of the requests.");
    const isJson = headers["Content-Type"] === "application/json";
    const own = body === undefined ? "" : isJson ? JSON.stringify(body) : atob(body);
    const answer = { status, headers: new Headers(headers), text: own };
    const isNamed = part.headers.some(([name]) => name === "Authorization");
    const heard = { ...part, speaker: isNamed ? part.speaker : batch.speaker };
    try {
      demand(status < 500, "The service failed.");
      examineHeaders(heard, answer, false);
      examineSecrets(heard, answer, world);
      // What a batch itself refuses of its parts is told in its own description.
      const isOwn = status === 424 || ([400, 406].includes(status) && /batch/.test(own));
      if (isOwn || part.plan.operation === null) examineUnknown(description, answer);
      else examineKnown(description, world, heard, answer, []);
    } catch (failure) {
      if (!(failure instanceof Wrong)) throw failure;
      throw new Wrong(`Part ${at}: ${failure.message}\n${part.plan.method} ${part.url}\n${status} ${own}`);
    }
  }
}
