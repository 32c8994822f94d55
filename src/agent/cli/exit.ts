import type { EndedStatus } from "../../command/command.ts";

/** What the program's exit code says. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  /** The time given with --wait was over first. */
  notEnded: 9,
  /** As the shells count: 128 and SIGINT. */
  interrupted: 130,
} as const;

/** The exit code that tells how a command ended. */
export const OUTCOME_CODES: Record<EndedStatus, number> = {
  completed: EXIT.done,
  executionFailed: 3,
  failedToSend: 4,
  expired: 5,
  canceled: 6,
  commandDropped: 7,
  error: 8,
};

export const EXIT_CODES_HELP = `Exit codes:
  0    the command completed, or what was asked for is done
  1    something went wrong here or at the service
  2    bad usage
  3-8  the command ended otherwise: 3 executionFailed, 4 failedToSend, 5 expired,
       6 canceled, 7 commandDropped, 8 error
  9    the command had not ended in the time given with --wait
  130  interrupted with Ctrl+C`;

/** Ends the program with a helpful sentence. */
export class Exit extends Error {
  readonly code: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** An error in a sentence; what a failed `fetch` means is in its cause. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== ""
    ? `${error.message} (${error.cause.message})`
    : error.message;
}
