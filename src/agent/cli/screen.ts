import type { WriteStream } from "node:tty";
import { harmlessLines } from "../harmless.ts";
import { Shown, type Style } from "./shown.ts";

/** Milliseconds between the looks of a line that runs. */
const RUNNING_MS = 200;

/** One of the program's two outputs, as a person or another program reads it. */
export class Screen {
  readonly #stream: WriteStream;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(stream: WriteStream) {
    this.#stream = stream;
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Columns of the terminal. */
  get width(): number {
    return this.#stream.columns || 80;
  }

  /** Text in a style, where the stream shows styles and NO_COLOR does not forbid them. */
  style(style: Style, words: Shown | string): Shown {
    return Shown.of(words).in(style, this.#stream);
  }

  /** Prints a line, or lines in plain text; nothing in it is obeyed but styles of ours. */
  print(words: Shown | string): void {
    this.#erase();
    this.#stream.write(`${words instanceof Shown ? words.text : harmlessLines(words)}\n`);
  }

  /** Shows what changes while it lasts on one line, which the next `print` takes; nothing where nobody looks. */
  running(words: () => string): void {
    if (!this.isTerminal) return;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      const line = words().slice(0, this.width - 1);
      this.#stream.write(`\r\u{1B}[K${this.style("dim", line).text}`);
    }, RUNNING_MS);
  }

  #erase(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#stream.write("\r\u{1B}[K");
  }

  /** Ends a line that runs. */
  stops(): void {
    this.#erase();
  }
}

export const out = new Screen(process.stdout);
export const err = new Screen(process.stderr);

/** A reader that has read enough (`appia devices | head -1`) is no failure. */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      process.exit();
    });
  }
}
