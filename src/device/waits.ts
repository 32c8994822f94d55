/** Callers that wait for a thing's end, by its name; in memory, and for no longer than each asked for. */
export class Waits<End> {
  readonly #waits = new Map<string, Set<(end: End | null) => void>>();

  /** The end; null where it does not come within so many milliseconds, or is not known here. */
  async end(name: string, milliseconds: number): Promise<End | null> {
    const { promise, resolve } = Promise.withResolvers<End | null>();
    const waiting = this.#waits.get(name) ?? new Set();
    this.#waits.set(name, waiting.add(resolve));
    // Cleared: a timer that is left over keeps the object in memory, and billed.
    const timer = setTimeout(() => resolve(null), milliseconds);
    const end = await promise;
    clearTimeout(timer);
    if (waiting.delete(resolve) && waiting.size === 0 && this.#waits.get(name) === waiting)
      this.#waits.delete(name);
    return end;
  }

  /** It has ended, so; `null`: nobody here knows how. */
  tell(name: string, end: End | null): void {
    for (const resolve of this.#waits.get(name) ?? []) resolve(end);
  }
}
