import * as fc from "fast-check";
import type { Description } from "../described.ts";
import type { Json } from "../stage.ts";

/**
 * Values for parameters and bodies, from the description's schemas. A text may hold names in double braces, such as
 * `{{device:away}}`, which stand for what is there when the request is sent.
 */

/** Texts that have broken somebody's service before. */
export const WILD_TEXT = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    "null",
    "undefined",
    "-1",
    "0",
    "1e999",
    "NaN",
    "true",
    "%00",
    "%",
    "../..",
    "__proto__",
    "constructor",
    "'; DROP TABLE command; --",
    "\u0000",
    "a\r\nSet-Cookie: planted=1",
    "\ud800",
    "\udfff\ud800",
    "\u202egnp.exe",
    "e\u0301\u200d\u{1f468}\u200d\u{1f469}",
    "{{big:300}}",
    "0".repeat(64),
    "F".repeat(64),
    "{{device:foreign}}",
    "{{command:foreign}}",
    "javascript:alert(1)",
    "http://127.0.0.1/",
    "https://localhost:8443/",
    "https://user@receiver.example.com/",
  ),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({ maxLength: 20 }),
);

/** Any JSON, of numbers that no double holds, and of names that JavaScript has uses for. */
export const ANY_JSON: fc.Arbitrary<Json> = fc.oneof(
  { weight: 4, arbitrary: fc.jsonValue({ maxDepth: 2, stringUnit: "binary" }) },
  { weight: 2, arbitrary: WILD_TEXT },
  fc.constantFrom(0, -0, 1.5, -1, 1e308, Number.MAX_SAFE_INTEGER, 2 ** 64, null, true, false, [], {}),
  fc.constantFrom(
    JSON.parse('{"__proto__":{"planted":1},"constructor":{"prototype":{"planted":1}}}'),
    { toString: null, valueOf: 1, hasOwnProperty: 0, toJSON: "x" },
    // One level more than a payload may have, and as many as would overflow what recurses.
    nested(65),
    nested(200),
  ),
);

function nested(levels: number): Json {
  let value: Json = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

/** What fits a member of this name better than any text would. */
const BY_NAME: Record<string, readonly Json[]> = {
  device_code: ["{{deviceCode:open}}", "{{deviceCode:approved}}", "{{deviceCode:denied}}"],
  uri: ["https://example.com/", "ms-settings:", "javascript:alert(1)", "file:///etc/passwd", "no uri"],
  postBackUri: [null, null, "https://receiver.example.com/hook", "https://127.0.0.1/", "https://appia.test/"],
  payload: [
    { uri: "https://example.com/" },
    { uri: "https://example.com/", more: [1, "two", null] },
    { uri: "https://example.com/", URI: "javascript:alert(1)" },
    0,
  ],
  publicKey: [
    {
      kty: "EC",
      crv: "P-256",
      x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
      y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    },
  ],
  deliveryTimeout: [null, "PT1S", "P30D", "PT24H", "P2W", "PT0S", "P31D", "P1Y"],
  executionTimeout: [null, "PT1S", "P1DT12H", "PT1,5S", "-PT1S"],
};

/** Values that fit a schema, more or less: what no schema can say is left to chance. */
export function fitting(description: Description, schema: Json, name = ""): fc.Arbitrary<Json> {
  const named = BY_NAME[name];
  const own = ofSchema(description, schema);
  return named === undefined
    ? own
    : fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...named) }, { weight: 1, arbitrary: own });
}

function ofSchema(description: Description, { $ref, ...schema }: Json): fc.Arbitrary<Json> {
  if ($ref !== undefined) return ofSchema(description, description.resolved({ $ref }));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined)
    return fc.oneof(...schema.anyOf.map((one: Json) => ofSchema(description, one)));
  const types: string[] = [schema.type ?? []].flat();
  if (types.length === 0) return ANY_JSON;
  return fc.oneof(...types.map((type) => ofType(description, type, schema)));
}

function ofType(description: Description, type: string, schema: Json): fc.Arbitrary<Json> {
  switch (type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer": {
      const { minimum: min = 0, maximum: max = 1_000 } = schema;
      return fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max));
    }
    case "number":
      return fc.double({ min: schema.minimum ?? -1e9, max: schema.maximum ?? 1e9, noNaN: true });
    case "array":
      return fc.array(ofSchema(description, schema.items ?? {}), { maxLength: 3 });
    case "object":
      return objects(description, schema);
    default:
      return texts(schema);
  }
}

function texts({ examples, example, pattern, minLength = 0, maxLength = 40 }: Json): fc.Arbitrary<string> {
  const known = [...(examples ?? []), ...(example === undefined ? [] : [example])].filter(
    (one) => typeof one === "string",
  );
  const made =
    pattern === undefined
      ? fc.string({ unit: "grapheme", minLength, maxLength: Math.min(maxLength, minLength + 40) })
      : fc.stringMatching(new RegExp(pattern, "u"));
  return known.length === 0 ? made : fc.oneof(fc.constantFrom(...known), made);
}

function objects(description: Description, { properties = {}, required, ...more }: Json): fc.Arbitrary<Json> {
  const members = Object.fromEntries(
    Object.entries<Json>(properties).map(([name, schema]) => [name, fitting(description, schema, name)]),
  );
  if (more.additionalProperties !== undefined && more.additionalProperties !== false)
    return fc.dictionary(fc.string({ maxLength: 10 }), fc.string({ maxLength: 20 }), { maxKeys: 3 });
  return fc.record(members, { requiredKeys: (required ?? []).filter((name: string) => name in members) });
}

/** An object with one thing done to it that its schema does not have. */
export function mutated(object: Json): fc.Arbitrary<Json> {
  if (typeof object !== "object" || object === null || Array.isArray(object)) return ANY_JSON;
  const names = Object.keys(object);
  const added = fc.tuple(
    fc.constantFrom("id", "status", "owner", "account", "__proto__", "constructor", "@odata.type", "planted"),
    ANY_JSON,
  );
  const more = added.map(([name, value]) => Object.fromEntries([...Object.entries(object), [name, value]]));
  if (names.length === 0) return more;
  const changed = fc
    .tuple(fc.constantFrom(...names), ANY_JSON)
    .map(([name, value]) => ({ ...object, [name]: value }));
  const inOtherCase = fc
    .tuple(fc.constantFrom(...names), fc.boolean(), fc.boolean())
    .map(([name, upper, twice]) => {
      const other = upper ? name.toUpperCase() : name.toLowerCase();
      const rest = Object.entries(object).filter(([one]) => twice || one !== name);
      return Object.fromEntries([...rest, [other, object[name]]]);
    });
  const without = fc
    .constantFrom(...names)
    .map((name) => Object.fromEntries(Object.entries(object).filter(([one]) => one !== name)));
  return fc.oneof(changed, changed, without, more, inOtherCase);
}

/** JSON text with one thing done to it that JSON does not have, or that few expect. `bytes` writes it as Latin-1. */
export function damaged(text: string): fc.Arbitrary<{ text: string; bytes?: true }> {
  return fc.oneof(
    fc.nat({ max: Math.max(0, text.length - 1) }).map((length) => ({ text: text.slice(0, length) })),
    fc.constantFrom(
      { text: `\ufeff${text}` },
      { text: ` \n\t${text}\r\n ` },
      { text: `${text}${text}` },
      { text: `${text}\u0000` },
      { text: `// ${text}` },
      { text: text.replace("{", '{"type":1,"name":2,') },
      { text: text.replace(/:"/, ':1e400,"x":"') },
      { text: `${"[".repeat(100)}${text}${"]".repeat(100)}` },
      { text: "[".repeat(5_000) },
      { text: text.replace(/"(\w)/, '"\xff$1'), bytes: true as const },
      { text: `${text.slice(0, -1)}\xed\xa0\x80`, bytes: true as const },
      { text: "" },
      { text: "null" },
      { text: "{}" },
      { text: "[]" },
    ),
  );
}
