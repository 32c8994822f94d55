import { harmless } from "../harmless.ts";

/** Text as terminals show it. */

/** What terminals show two columns wide (Unicode's East Asian Width, roughly, and pictures). */
const WIDE =
  /[\u{1100}-\u{115F}\u{2E80}-\u{A4CF}\u{AC00}-\u{D7A3}\u{F900}-\u{FAFF}\u{FE30}-\u{FE6F}\u{FF00}-\u{FF60}\u{FFE0}-\u{FFE6}]|\p{Emoji_Presentation}/u;

const graphemes = new Intl.Segmenter();

/** Columns that a text takes. */
export function columnsOf(text: string): number {
  return [...graphemes.segment(text)].reduce((sum, { segment }) => sum + (WIDE.test(segment) ? 2 : 1), 0);
}

export function padded(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - columnsOf(text)));
}

/** Rows in columns that fit their widest cell, made harmless; `paint` may style a cell once it has its width. */
export function table(
  rows: readonly (readonly string[])[],
  paint: (cell: string, row: number, column: number) => string = (cell) => cell,
): string[] {
  const clean = rows.map((row) => row.map(harmless));
  const widths = (clean[0] ?? []).map((_, column) =>
    Math.max(...clean.map((row) => columnsOf(row[column] ?? ""))),
  );
  return clean.map((row, index) =>
    row
      .map((cell, column) => {
        const last = column === row.length - 1;
        return paint(last ? cell : padded(cell, widths[column] ?? 0), index, column);
      })
      .join("  "),
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
