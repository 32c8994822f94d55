import { WATCH_HEARTBEAT_MS } from "../limits.ts";
import { type Command, type Entry, hasEnded } from "./command.ts";
import { commandAt } from "./entity.ts";
import type { CommandView } from "./handover.ts";

/** What a watcher is sent for each entry of the history: the entry's number, and the command as it was then. */
export interface Sighting {
  sequence: number;
  command: CommandView;
}

/**
 * Those who wait for a command, in memory. A watcher holds the object in memory for as long as it watches and no
 * longer: its timer and its place here go when it has what it waited for, when its time is up, and when it leaves.
 */
export class Watchers {
  readonly #waiting = new Set<() => void>();

  /** How many wait now. */
  get count(): number {
    return this.#waiting.size;
  }

  /** The command has changed. */
  notify(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves true at the next change, false after so many milliseconds or when the signal aborts. */
  change(milliseconds: number, signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (changed: boolean) => () => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        signal?.removeEventListener("abort", leave);
        resolve(changed);
      };
      const wake = settle(true);
      const leave = settle(false);
      const timer = setTimeout(leave, milliseconds);
      this.#waiting.add(wake);
      signal?.addEventListener("abort", leave);
    });
  }

  /**
   * Every entry of the history after `after`, as it comes, as lines of JSON (`Sighting`); empty lines are signs of
   * life. Ends when the command has ended, or is no more; null where that is so already, and all is told. Reading
   * drives it: a slow reader piles nothing up.
   */
  stream(load: () => Command | undefined, after: number): ReadableStream<Uint8Array> | null {
    const standing = load();
    if (standing === undefined || (hasEnded(standing.state) && standing.history.length <= after)) return null;
    const encoder = new TextEncoder();
    const left = new AbortController();
    let told = after;
    return new ReadableStream({
      type: "bytes",
      pull: async (controller) => {
        for (;;) {
          const command = load();
          const news = command?.history.slice(told) ?? [];
          if (command !== undefined && news.length > 0) {
            told += news.length;
            controller.enqueue(encoder.encode(linesOf(command, news)));
            return;
          }
          if (command === undefined || hasEnded(command.state)) return controller.close();
          if (await this.change(WATCH_HEARTBEAT_MS, left.signal)) continue;
          if (!left.signal.aborted) controller.enqueue(encoder.encode("\n"));
          return;
        }
      },
      cancel: () => left.abort(),
    });
  }
}

function linesOf(command: Command, entries: readonly Entry[]): string {
  return entries
    .map((entry) => {
      const sighting: Sighting = { sequence: entry.sequence, command: commandAt(command, entry) };
      return `${JSON.stringify(sighting)}\n`;
    })
    .join("");
}
