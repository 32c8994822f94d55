import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Question } from "./ask.ts";

/** Load in a process of its own, so that it shares no thread with the devices. */

/** A closed loop: so many callers, each asking again as soon as it was answered. */
export interface Job {
  /** Asked in turn, from the first on again after the last. */
  questions: Question[];
  atOnce: number;
  /** How long it goes on: seconds, or a number of requests. */
  lasts: { seconds: number } | { requests: number };
  /** Every answer has this status, and this in its body; else the job fails. */
  expects: { status: number; contains: string };
}

/** How a job went. Times are milliseconds. */
export interface Round {
  requests: number;
  seconds: number;
  /** Requests a second. */
  rate: number;
  p50: number;
  p99: number;
}

export type Reply = { ok: true; round: Round } | { ok: false; message: string };

export class Load {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = fork(fileURLToPath(new URL("load-process.ts", import.meta.url)));
  }

  /** Rejects where something was answered that is not as the job expects. One job at a time. */
  run(job: Job): Promise<Round> {
    return new Promise((resolve, reject) => {
      const gone = (code: number | null) => reject(new Error(`The load's process ended with code ${code}.`));
      this.#process.once("exit", gone);
      this.#process.once("message", (reply: Reply) => {
        this.#process.off("exit", gone);
        if (reply.ok) resolve(reply.round);
        else reject(new Error(reply.message));
      });
      this.#process.send(job);
    });
  }

  stop(): void {
    this.#process.disconnect();
  }
}
