/**
 * Answers kept at least: a redelivery comes within minutes, and a thousand commands in that time are far more
 * than a device runs, while a thousand typical answers are a few megabytes.
 */
export const ANSWERS_KEPT = 1_000;

interface Answer {
  frame: string;
  /** The service is known to have it. */
  arrived: boolean;
}

/**
 * The answers of finished commands, oldest first: what makes a redelivery harmless, and what is said again
 * after a connection was lost, unless that had proven that they arrived.
 */
export class Answers {
  readonly #byCommand = new Map<string, Answer>();

  /** The frame that answers a command; undefined while there is none. */
  frame(commandId: string): string | undefined {
    return this.#byCommand.get(commandId)?.frame;
  }

  keep(commandId: string, frame: string): void {
    this.#byCommand.set(commandId, { frame, arrived: false });
    if (this.#byCommand.size > ANSWERS_KEPT) this.#evict();
  }

  /** The service has the answer. */
  arrived(commandId: string): void {
    const answer = this.#byCommand.get(commandId);
    if (answer !== undefined) answer.arrived = true;
  }

  /** The commands whose answers a new connection has to carry, in the order in which they finished. */
  owed(): string[] {
    return [...this.#byCommand].filter(([, { arrived }]) => !arrived).map(([id]) => id);
  }

  /** Forgets the oldest that has arrived; one that has not is the only copy, and stays. */
  #evict(): void {
    for (const [commandId, { arrived }] of this.#byCommand) {
      if (arrived) {
        this.#byCommand.delete(commandId);
        return;
      }
    }
  }
}
