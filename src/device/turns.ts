/** Steps for one thing at a time, by its name: each begins when those before it have ended, however they did. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Does a step after those that are under way under the same name. */
  after<T>(name: string, step: () => Promise<T>): Promise<T> {
    const done = this.settled(name).then(step);
    this.#last.set(name, done);
    const leave = (): void => {
      if (this.#last.get(name) === done) this.#last.delete(name);
    };
    done.then(leave, leave);
    return done;
  }

  /** Resolves when the steps that are under way under a name have ended; at once where there are none. */
  async settled(name: string): Promise<void> {
    await this.#last.get(name)?.catch(() => undefined);
  }

  /** Whether a step is under way under a name. */
  has(name: string): boolean {
    return this.#last.has(name);
  }
}
