import { harmless } from "../harmless.ts";
import { Shown } from "./shown.ts";

/** Text as terminals show it. */

/** What terminals show two columns wide (Unicode's East Asian Width, roughly, and pictures). */
const WIDE =
  /[\u{1100}-\u{115F}\u{2329}\u{232A}\u{2E80}-\u{A4CF}\u{A960}-\u{A97F}\u{AC00}-\u{D7A3}\u{F900}-\u{FAFF}\u{FE30}-\u{FE6F}\u{FF00}-\u{FF60}\u{FFE0}-\u{FFE6}\u{16FE0}-\u{1B2FF}\u{1F200}-\u{1F2FF}\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}/u;
/** What may take two columns somewhere: no terminal knows all letters, and pictures are drawn wide or not. */
const PERHAPS_WIDE = /\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{So}/u;
/** What takes none: marks on other letters, and joiners. */
const WITHOUT_WIDTH = /[\p{Mn}\p{Me}\u{200C}\u{200D}]/u;
/** Blanks of all kinds, and letters that look like one. */
const BLANKS = /[\s\u{115F}\u{1160}\u{2800}\u{3164}\u{FFA0}]+/gu;
/** Columns of a name in a sentence or a table. */
const NAME_COLUMNS = 40;

const graphemes = new Intl.Segmenter();

/** Columns that a text takes. */
export function columnsOf(text: string): number {
  return [...graphemes.segment(text)].reduce((sum, { segment }) => sum + (WIDE.test(segment) ? 2 : 1), 0);
}

export function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - columnsOf(text)));
}

/** Columns that a text may take at most, on a terminal that draws each of its characters by itself. */
function columnsAtMost(text: string): number {
  return [...text].reduce((sum, character) => {
    // It makes the picture before it a wide one.
    if (character === "\u{FE0F}") return sum + 1;
    if (WITHOUT_WIDTH.test(character)) return sum;
    return sum + (WIDE.test(character) || PERHAPS_WIDE.test(character) ? 2 : 1);
  }, 0);
}

/** Others' words on one row: harmless, each run of blanks one blank, and cut so that no terminal wraps them. */
export function cut(text: string, columns: number): string {
  const words = harmless(text.replaceAll(BLANKS, " ").trim());
  if (columnsAtMost(words) <= columns) return words;
  let kept = "";
  for (const { segment } of graphemes.segment(words)) {
    if (columnsAtMost(kept + segment) > columns - 1) break;
    kept += segment;
  }
  return `${kept.trimEnd()}…`;
}

/** The same in quotation marks, which it does not end. */
export function quoted(text: string, columns: number = NAME_COLUMNS): string {
  return `"${cut(text, columns - 2).replaceAll('"', "'")}"`;
}

/** A device's name in a sentence or a table. */
export function nameOf({ name }: { name: string }): string {
  return cut(name, NAME_COLUMNS);
}

/** Rows in columns that fit their widest cell, made harmless. */
export function table(rows: readonly (readonly string[])[]): string[] {
  return aligned(rows).map((row) => row.join("  "));
}

/** The same, with each cell as `paint` shows it once it has its width. */
export function paintedTable(
  rows: readonly (readonly string[])[],
  paint: (cell: string, row: number, column: number) => Shown | string,
): Shown[] {
  return aligned(rows).map((row, index) =>
    Shown.joined(
      row.map((cell, column) => paint(cell, index, column)),
      "  ",
    ),
  );
}

function aligned(rows: readonly (readonly string[])[]): string[][] {
  const clean = rows.map((row) => row.map(harmless));
  const widths = (clean[0] ?? []).map((_, column) =>
    Math.max(...clean.map((row) => columnsOf(row[column] ?? ""))),
  );
  return clean.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : padded(cell, widths[column] ?? 0))),
  );
}

/** JSON that a terminal shows and does not obey: what it might obey is escaped, and the value is the same. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value ?? null, null, indent).replaceAll(/[^\n\P{C}]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** Milliseconds in words of two units at most: "6 ms", "1.2 s", "2 min 5 s", "3 h 20 min", "2 d 4 h". */
export function lengthOf(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  const units: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = units.findIndex(([count]) => count > 0);
  return units
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

/** Digits of an id that are enough to tell it from others, in nearly every case. */
const ID_DIGITS = 8;

/** How each id is written short: as many of its first digits as tell it from the others, and at least eight. */
export function shortIds(ids: readonly string[]): string[] {
  const distinct = [...new Set(ids)];
  return ids.map((id) => {
    let digits = ID_DIGITS;
    while (distinct.some((other) => other !== id && other.startsWith(id.slice(0, digits)))) digits++;
    return id.slice(0, digits);
  });
}

/** An id by itself. */
export function shortId(id: string): string {
  return id.slice(0, ID_DIGITS);
}
