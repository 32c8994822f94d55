import type { Clock } from "../../src/agent/clock.ts";

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #now = Date.parse("2026-11-02T12:00:00Z");
  readonly #timers = new Set<{ due: number; action: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, action: () => void): () => void {
    const timer = { due: this.#now + ms, action };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Lets `ms` milliseconds pass and fires what falls due, earliest first. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ due }) => due <= until).sort((a, b) => a.due - b.due);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.due);
      next.action();
    }
    this.#now = until;
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#timers.size;
  }
}
