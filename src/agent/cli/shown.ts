import { styleText } from "node:util";
import { harmless } from "../harmless.ts";

export type Style = Parameters<typeof styleText>[0];

/**
 * Text for a terminal: styles are its own, and all words are harmless. Only `Screen.print` sees what it is made of,
 * so that others' words come to a terminal cleaned, wherever they came from.
 */
export class Shown {
  readonly text: string;

  private constructor(text: string) {
    this.text = text;
  }

  static of(words: Shown | string): Shown {
    return words instanceof Shown ? words : new Shown(harmless(words));
  }

  /** In a style, where the stream shows styles and NO_COLOR does not forbid them. */
  in(style: Style, stream: NodeJS.WritableStream): Shown {
    return new Shown(styleText(style, this.text, { stream }));
  }

  static joined(parts: readonly (Shown | string)[], between: string): Shown {
    return new Shown(parts.map((part) => Shown.of(part).text).join(between));
  }
}

/** A line: what is put into it is made harmless, unless it is already. */
export function shown(strings: TemplateStringsArray, ...values: (Shown | string)[]): Shown {
  return Shown.joined(
    strings.flatMap((words, index) => [words, values[index] ?? ""]),
    "",
  );
}
