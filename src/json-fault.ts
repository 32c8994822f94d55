/** Where a text stops being JSON (RFC 8259): JavaScript's own parser says so only of some texts. */

type Place = "value" | "valueOrEnd" | "name" | "nameOrEnd" | "colon" | "commaOrEnd" | "nothing";

const BLANKS = /[\t\n\r ]*/y;
const STRING = /"(?:[ !#-[\]-\u{10FFFF}]|\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4}))*"/uy;
const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[Ee][+-]?\d+)?|true|false|null)(?![\w.+-])/y;

const EXPECTED: Record<Place, string> = {
  value: "a value",
  valueOrEnd: 'a value or "]"',
  name: "a name in double quotes",
  nameOrEnd: 'a name in double quotes or "}"',
  colon: '":"',
  commaOrEnd: '"," or the closing bracket',
  nothing: "nothing more",
};

/** The first offset at which a text is no JSON, and what would be right there; null where it is JSON. */
export function faultIn(text: string): { offset: number; expected: string } | null {
  const open: ("{" | "[")[] = [];
  let place: Place = "value";
  let offset = 0;
  const after = (): Place => (open.length === 0 ? "nothing" : "commaOrEnd");
  const takes = (pattern: RegExp): boolean => {
    pattern.lastIndex = offset;
    if (!pattern.test(text)) return false;
    offset = pattern.lastIndex;
    return true;
  };
  for (;;) {
    takes(BLANKS);
    const next = text[offset];
    if (next === undefined && place === "nothing") return null;
    if ((place === "value" || place === "valueOrEnd") && (next === "{" || next === "[")) {
      open.push(next);
      place = next === "{" ? "nameOrEnd" : "valueOrEnd";
      offset++;
    } else if ((place === "value" || place === "valueOrEnd") && (takes(STRING) || takes(SCALAR))) {
      place = after();
    } else if ((place === "name" || place === "nameOrEnd") && takes(STRING)) {
      place = "colon";
    } else if (place === "colon" && next === ":") {
      place = "value";
      offset++;
    } else if (place === "commaOrEnd" && next === ",") {
      place = open.at(-1) === "{" ? "name" : "value";
      offset++;
    } else if (closes(place, next, open.at(-1))) {
      open.pop();
      place = after();
      offset++;
    } else {
      return { offset, expected: EXPECTED[place] };
    }
  }
}

function closes(place: Place, next: string | undefined, opened: "{" | "[" | undefined): boolean {
  if (next === "}") return opened === "{" && (place === "nameOrEnd" || place === "commaOrEnd");
  return next === "]" && opened === "[" && (place === "valueOrEnd" || place === "commaOrEnd");
}

/** The JSON value of a text. Throws `SyntaxError` that says in which line and column the text is wrong. */
export function parseJson(text: string): unknown {
  const fault = faultIn(text);
  if (fault === null) return JSON.parse(text);
  const { offset, expected } = fault;
  const before = text.slice(0, offset).split("\n");
  const line = before.length;
  const column = (before.at(-1) ?? "").length + 1;
  const found =
    offset < text.length ? JSON.stringify(String.fromCodePoint(text.codePointAt(offset) ?? 0)) : "its end";
  throw new SyntaxError(
    `This is no JSON: at line ${line}, column ${column}, ${expected} is expected, not ${found}.`,
  );
}
