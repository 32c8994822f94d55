/**
 * Others' words on one line of a terminal: control and format characters, which it would obey, are replaced. The
 * two joiners stay, as Persian and pictures of several parts are written with them.
 */
export function harmless(text: string): string {
  return text.replaceAll(/[^\P{C}\u{200C}\u{200D}]/gu, "\u{FFFD}");
}

/** The same for words of several lines. */
export function harmlessLines(text: string): string {
  return text.split("\n").map(harmless).join("\n");
}
