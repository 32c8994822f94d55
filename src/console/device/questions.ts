import { CommandError } from "../../agent/command-error.ts";
import type { TaskContext } from "../../agent/task.ts";

/** What commands ask of the person at the device, until it is answered or nobody waits for it any more. */

/** The browser did not let it open by itself; or it is a page of this service. */
export type NotAtOnce = "blocked" | "ownPage";

export type Subject =
  /** `notAtOnce` is why it waits though pages are to open at once; null where they are not. */
  | { type: "open"; uri: string; notAtOnce: NotAtOnce | null }
  | { type: "copy"; text: string }
  | { type: "notify"; title: string; body: string };

export interface Question {
  /** The command's id. */
  id: string;
  subject: Subject;
  /** The person did it. */
  done: () => void;
  /** The person, or their browser, did not want it. */
  refuse: (error: CommandError) => void;
}

export class Questions {
  #open: readonly Question[] = [];
  readonly #onChange: (open: readonly Question[]) => void;

  /** `onChange` is given all that is open, the oldest first. */
  constructor(onChange: (open: readonly Question[]) => void) {
    this.#onChange = onChange;
  }

  /** Resolves when the person has done it; rejects when they refuse, or with the reason of the command's end. */
  async ask(id: string, subject: Subject, { signal, progress }: TaskContext): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const gone = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", gone, { once: true });
    this.#change([...this.#open, { id, subject, done: resolve, refuse: reject }]);
    progress({ message: "The person at the device is asked." });
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", gone);
      this.#change(this.#open.filter((question) => question.id !== id));
    }
  }

  #change(open: readonly Question[]): void {
    this.#open = open;
    this.#onChange(open);
  }
}

/** The person's no to opening a page, or to anything else that a device may decline while somebody is at it. */
export function declined(): CommandError {
  return new CommandError("DeniedByRemoteSystem", "The person at the device declined.");
}

/** The person's, or their browser's, no to something that takes a permission. */
export function notAuthorized(message: string): CommandError {
  return new CommandError("NotAuthorized", message);
}
