import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OUTCOME_CODES } from "../../src/agent/cli/exit.ts";
import { columnsOf, cut, jsonText, lengthOf, quoted, shortIds, table } from "../../src/agent/cli/text.ts";
import { faultIn, parseJson } from "../../src/json-fault.ts";

/** How the command line writes what it shows, and reads what it is given. */

test.each([
  [0, "0 ms"],
  [999.4, "999 ms"],
  [1_290, "1.2 s"],
  [59_999, "59.9 s"],
  [60_000, "1 min"],
  [125_000, "2 min 5 s"],
  [3_600_000, "1 h"],
  [90_061_000, "1 d 1 h"],
])("%i milliseconds are %s", (ms, words) => {
  expect(lengthOf(ms)).toBe(words);
});

test("a table's columns fit their widest cell, as terminals count", () => {
  const rows = [
    ["NAME", "ID"],
    ["電話", "1"],
    ["👩‍💻", "2"],
    ["\u{1B}[J", "3"],
  ];
  expect(table(rows)).toEqual(["NAME  ID", "電話  1", "👩‍💻    2", "\u{FFFD}[J   3"]);
  expect(columnsOf("電話")).toBe(4);
  expect(columnsOf("e\u{301}")).toBe(1);
});

describe("others' words on one row", () => {
  test.each([
    ["Kitchen", "Kitchen"],
    ["1234567890", "1234567890"],
    ["12345678901", "123456789…"],
    [" a\u{A0}\u{3000}\n b\u{2800}\u{3164} ", "a b"],
    // Nine columns are left beside the sign that there is more.
    ["\u{20000}".repeat(6), `${"\u{20000}".repeat(4)}…`],
    ["👩‍💻👩‍💻👩‍💻", "👩‍💻👩‍💻…"],
    ["❤\u{FE0F}❤\u{FE0F}❤\u{FE0F}❤\u{FE0F}", "❤\u{FE0F}❤\u{FE0F}❤\u{FE0F}…"],
    [`e${"\u{301}".repeat(30)}`, `e${"\u{301}".repeat(30)}`],
    // One letter to readers, and many columns to a terminal.
    [`\u{915}${"\u{903}".repeat(30)}`, "…"],
    ["\u{1B}[2J", "\u{FFFD}[2J"],
  ])("%j", (text, row) => {
    expect(cut(text, 10)).toBe(row);
  });

  test("end no quotation", () => {
    expect(quoted('TV" in "x')).toBe(`"TV' in 'x"`);
    expect(quoted("x".repeat(50))).toBe(`"${"x".repeat(37)}…"`);
  });
});

test("JSON is the same value, and nothing in it steers a terminal", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "binary" }), (value) => {
      const written = jsonText(value, 2);
      expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify(value)));
      expect(written).not.toMatch(/[^\n\P{C}]/u);
    }),
  );
  expect(jsonText({ a: "\u{9B}2J\u{202E}\u{E0001}" })).toBe('{"a":"\\u009b2J\\u202e\\udb40\\udc01"}');
});

test("ids are written as short as tells them apart, with eight digits at least", () => {
  const hex = fc.stringMatching(/^[01]{64}$/);
  fc.assert(
    fc.property(fc.uniqueArray(hex, { maxLength: 20 }), (ids) => {
      const short = shortIds(ids);
      for (const [index, begin] of short.entries()) {
        expect(ids.filter((id) => id.startsWith(begin))).toEqual([ids[index]]);
        expect(begin.length).toBeGreaterThanOrEqual(8);
      }
    }),
  );
  expect(shortIds(["0".repeat(64), "0".repeat(64)])).toEqual(["00000000", "00000000"]);
});

describe("a payload that is no JSON", () => {
  test.each([
    ["", 1, 1, "a value", "its end"],
    ['{"a" 1}', 1, 6, '":"', '"1"'],
    ["[1,]", 1, 4, "a value", '"]"'],
    ['{\n  "a": 1,\n  b: 2\n}', 3, 3, "a name in double quotes", '"b"'],
    ['{"a":1', 1, 7, '","', "its end"],
    ["{'a':1}", 1, 2, "a name", '"\'"'],
    ['"a', 1, 1, "a value", '"\\""'],
    ["[1 2]", 1, 4, '","', '"2"'],
    ["{} {}", 1, 4, "nothing more", '"{"'],
    ["01", 1, 1, "a value", '"0"'],
    ["[}", 1, 2, 'a value or "]"', '"}"'],
  ])("%j is wrong at line %i, column %i", (text, line, column, expected, found) => {
    expect(() => parseJson(text)).toThrow(`at line ${line}, column ${column}, ${expected}`);
    expect(() => parseJson(text)).toThrow(`not ${found}.`);
  });

  test("is what JavaScript says is none, for any text", () => {
    const pieces = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ":",
      ",",
      '"',
      "a",
      "\\u00e9",
      "\\",
      "-",
      "0",
      "1",
      ".5",
      "e+3",
    );
    const near = fc.array(
      fc.oneof(pieces, fc.constantFrom("true", "null", '"a"', " ", "\n", "\t", "\u{1}", "\u{A0}")),
      {
        maxLength: 8,
      },
    );
    const whole = fc
      .json()
      .chain((text) =>
        fc.nat(text.length).map((at) => [text, text.slice(0, at), `${text.slice(0, at)}]${text.slice(at)}`]),
      );
    const check = (text: string): void => {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        expect(faultIn(text), JSON.stringify(text)).not.toBeNull();
        return;
      }
      expect(faultIn(text), JSON.stringify(text)).toBeNull();
      expect(parseJson(text)).toEqual(value);
    };
    fc.assert(
      fc.property(near, (parts) => check(parts.join(""))),
      { numRuns: 2_000 },
    );
    fc.assert(fc.property(whole, (texts) => texts.forEach(check)));
  });
});

test("every end of a command has an exit code of its own, apart from those for what goes wrong here", () => {
  const codes = Object.values(OUTCOME_CODES);
  expect(new Set(codes).size).toBe(codes.length);
  expect(codes.toSorted((a, b) => a - b)).toEqual([0, 3, 4, 5, 6, 7, 8]);
});
