/** What the bench is doing, on standard error: one line that is redrawn on a terminal, a line for each step elsewhere. */
export class Progress {
  readonly #stream = process.stderr;
  readonly #colours = process.stderr.isTTY && !process.env.NO_COLOR;
  readonly #since = performance.now();
  #drawn = false;

  /** What is done now. */
  step(text: string): void {
    const line = `${this.#dim(this.#clock())} ${text}`;
    if (this.#stream.isTTY) {
      this.#clear();
      this.#stream.write(line.slice(0, this.#stream.columns * 2));
      this.#drawn = true;
    } else this.#stream.write(`${line}\n`);
  }

  /** Something that stays. */
  note(text: string): void {
    this.#clear();
    this.#stream.write(`${this.#dim(this.#clock())} ${text}\n`);
  }

  #clear(): void {
    if (this.#drawn) this.#stream.write("\r\u001b[K");
    this.#drawn = false;
  }

  #clock(): string {
    return `${String(Math.round((performance.now() - this.#since) / 1_000)).padStart(4)} s`;
  }

  #dim(text: string): string {
    return this.#colours ? `\u001b[2m${text}\u001b[0m` : text;
  }
}
