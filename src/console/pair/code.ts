/** The letters of a code (RFC 8628, 6.1), and where its hyphen stands. */
export const CODE_LETTERS = 8;
const HALF = CODE_LETTERS / 2;

/** What is typed, as codes are written: WDJB-MJHT. Letters and digits are kept, so that a wrong one can be told. */
export function writtenAsCode(typed: string): string {
  const letters = lettersOf(typed);
  return letters.length > HALF ? `${letters.slice(0, HALF)}-${letters.slice(HALF)}` : letters;
}

/** What is wrong with a code before anybody is asked; null where nothing is. */
export function problemWithCode(typed: string): string | null {
  const letters = lettersOf(typed);
  if (letters.length < CODE_LETTERS) return `A code has ${CODE_LETTERS} letters.`;
  const [wrong] = /[^BCDFGHJKLMNPQRSTVWXZ]/.exec(letters) ?? [];
  return wrong === undefined ? null : `No code has the character “${wrong}”. Look at the other screen again.`;
}

/** Where the caret stands after `typed` was rewritten, if it stood at `caret` before. */
export function caretAfter(typed: string, caret: number): number {
  return writtenAsCode(typed.slice(0, caret)).length;
}

function lettersOf(typed: string): string {
  return typed
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, "")
    .slice(0, CODE_LETTERS);
}
