/**
 * Answers kept at least: a redelivery comes within minutes, and a thousand commands in that time are far more
 * than a device runs, while a thousand typical answers are a few megabytes.
 */
export const ANSWERS_KEPT = 1_000;

interface Answer {
  frame: string;
  /** Milliseconds since the epoch; null: never written to a socket. */
  sentAt: number | null;
  /** The service is known to have it. */
  arrived: boolean;
}

/**
 * The answers of finished commands, oldest first: what makes a redelivery harmless, and what is said again
 * after a connection was lost. JSON-RPC responses are not acknowledged, so an answer counts as arrived only
 * when the service has answered a later `ping` on the same connection.
 */
export class Answers {
  readonly #byCommand = new Map<string, Answer>();

  /** The frame that answers a command; undefined while there is none. */
  frame(commandId: string): string | undefined {
    return this.#byCommand.get(commandId)?.frame;
  }

  keep(commandId: string, frame: string): void {
    this.#byCommand.set(commandId, { frame, sentAt: null, arrived: false });
    if (this.#byCommand.size > ANSWERS_KEPT) this.#evict();
  }

  sent(commandId: string, now: number): void {
    const answer = this.#byCommand.get(commandId);
    if (answer !== undefined) answer.sentAt = now;
  }

  /** Everything that was sent before this time has arrived. */
  arrivedBefore(time: number): void {
    for (const answer of this.#byCommand.values()) {
      if (answer.sentAt !== null && answer.sentAt < time) answer.arrived = true;
    }
  }

  /** Command ids and frames that a new connection has to carry, in the order in which the commands finished. */
  owed(): [commandId: string, frame: string][] {
    return [...this.#byCommand].filter(([, { arrived }]) => !arrived).map(([id, { frame }]) => [id, frame]);
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
