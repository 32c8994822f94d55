/** Words that others wrote, as strings. */

/** Control characters but for line breaks, halves of characters, and marks that turn what follows (Unicode TR 9). */
const OBEYED = /(?!\n)[\p{Cc}\p{Cs}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;

/** The words as they are, with nothing in them that would be obeyed. */
export function neverObeyed(words: string): string {
  return words.replaceAll(OBEYED, "\u{FFFD}");
}

/** A value as JSON for people to read: what would be obeyed is written as JSON's own escapes, and is the same value. */
export function jsonToRead(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(
    OBEYED,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
