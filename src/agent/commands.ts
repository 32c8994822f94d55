import { errorFrame, RPC_ERROR } from "../device/protocol.ts";
import { utf8Length } from "../json.ts";
import { DEVICE_WORDS_LENGTH_MAX, PAYLOAD_BYTES_MAX } from "../limits.ts";
import { Answers } from "./answers.ts";
import type { Clock } from "./clock.ts";
import { type CommandDropped, CommandError } from "./command-error.ts";
import type { DeviceEvent, Outcome } from "./device-event.ts";
import type { Handlers, Task, TaskContext } from "./task.ts";

/** Milliseconds after a command's expiry until this device aborts it: the service's clock decides, and tells it first. */
export const EXPIRY_GRACE_MS = 2_000;
/** Milliseconds a stopping device waits for its handlers to heed the abort, so that their last word still goes out. */
const STOP_GRACE_MS = 1_000;

/** What the commands need of their device. */
export interface Surroundings {
  handlers: Handlers;
  clock: Clock;
  /** Says a frame over the live connection, if there is one; see `Connection`. */
  send(frame: string, arrived?: () => void): Promise<void>;
  emit(event: DeviceEvent): void;
}

interface Run {
  abort: AbortController;
  forgetExpiry: () => void;
  done: Promise<void>;
}

interface Ending {
  outcome: Outcome;
  message: string | null;
  frame: string;
}

/** The commands of one device: each is run once, however often it is delivered, and answered until that has arrived. */
export class Commands {
  readonly #around: Surroundings;
  readonly #running = new Map<string, Run>();
  readonly #answers = new Answers();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  deliver(task: Task): void {
    const { id } = task;
    const run = this.#running.get(id);
    const repeated = run !== undefined || this.#answers.frame(id) !== undefined;
    this.#around.emit({ type: "delivered", task, repeated });
    if (this.#answerAgain(id)) return;
    if (run !== undefined) {
      void this.#acknowledge(id);
      // The service counts its time from this acknowledgement.
      this.#expire(run, task);
      return;
    }
    const work = this.#workOf(task);
    if (work === null) {
      this.refuse(id, RPC_ERROR.methodNotFound, `This device has no handler for ${task.type}.`);
    } else if (this.#msLeft(task) <= 0) {
      // A computer that slept reads what was sent before: nobody wants a page to open a night too late.
      const message = `By this device's clock the command expired at ${task.expirationDateTime}; it was not run.`;
      this.refuse(id, RPC_ERROR.internal, message);
    } else {
      this.#begin(task, work);
    }
  }

  /** Asks a running command to end. One never seen is answered and remembered, so that it will never begin. */
  cancel(commandId: string): void {
    this.#around.emit({ type: "cancelRequested", id: commandId });
    const run = this.#running.get(commandId);
    if (run !== undefined) run.abort.abort(cancelled());
    else if (!this.#answerAgain(commandId)) this.#finish(commandId, endingOf(commandId, cancelled()));
  }

  /** Answers a message with an error without running anything. */
  refuse(id: string | number | null, code: number, message: string): void {
    this.#around.emit({ type: "refused", id, code, message });
    void this.#around.send(errorFrame(id, code, clip(message)));
  }

  /** A connection is new: what may not have arrived on the last is said again; the service absorbs repeats. */
  resume(): void {
    for (const id of this.#answers.owed()) this.#answerAgain(id);
  }

  /** Aborts all that runs; settles when it has ended, or has not heeded the abort in time. */
  async stop(): Promise<void> {
    if (this.#running.size === 0) return;
    const runs = [...this.#running.values()];
    for (const { abort } of runs) abort.abort(new CommandError("AppUnavailable", "The device is stopping."));
    const grace = Promise.withResolvers<void>();
    const forget = this.#around.clock.after(STOP_GRACE_MS, grace.resolve);
    await Promise.race([Promise.all(runs.map(({ done }) => done)), grace.promise]);
    forget();
  }

  #workOf(task: Task): ((context: TaskContext) => unknown) | null {
    const { launchUri, appService } = this.#around.handlers;
    if (task.type === "LaunchUri") {
      return launchUri === undefined ? null : (context) => launchUri(task, context);
    }
    return appService === undefined ? null : (context) => appService(task, context);
  }

  #acknowledge(id: string): Promise<void> {
    return this.#around.send(notification("executing", { id }));
  }

  #answerAgain(id: string): boolean {
    const frame = this.#answers.frame(id);
    if (frame === undefined) return false;
    void this.#around.send(frame, () => this.#answers.arrived(id));
    return true;
  }

  /** Milliseconds until the command is aborted here; NaN where the service set no time. */
  #msLeft({ expirationDateTime }: Task): number {
    return Date.parse(expirationDateTime) + EXPIRY_GRACE_MS - this.#around.clock.now();
  }

  /** Aborts a run when its command's time is over. */
  #expire(run: Run, task: Task): void {
    const msLeft = this.#msLeft(task);
    if (Number.isNaN(msLeft) || run.abort.signal.aborted) return;
    const expired = new CommandError("ExecutionTimedOut", "The command expired before it was done.");
    run.forgetExpiry();
    run.forgetExpiry = this.#around.clock.after(msLeft, () => run.abort.abort(expired));
  }

  #begin(task: Task, work: (context: TaskContext) => unknown): void {
    const { id } = task;
    const run: Run = { abort: new AbortController(), forgetExpiry: () => {}, done: Promise.resolve() };
    const { signal } = run.abort;
    this.#running.set(id, run);
    this.#expire(run, task);
    signal.addEventListener("abort", () => run.forgetExpiry(), { once: true });
    run.done = this.#run(id, work, signal).then((ending) => {
      run.forgetExpiry();
      this.#running.delete(id);
      this.#finish(id, ending);
    });
  }

  async #run(id: string, work: (context: TaskContext) => unknown, signal: AbortSignal): Promise<Ending> {
    const context: TaskContext = {
      signal,
      progress: ({ message, percent }) => {
        if (!this.#running.has(id)) return;
        const params = {
          id,
          ...(message !== undefined && { message: clip(message) }),
          ...(percent !== undefined && { percent: Math.min(100, Math.max(0, percent)) }),
        };
        void this.#around.send(notification("progress", params));
      },
    };
    // Before the handler begins, so that none that throws or dawdles at once is in the acknowledgement's way.
    await this.#acknowledge(id);
    try {
      signal.throwIfAborted();
      const result = await work(context);
      if (result === undefined) signal.throwIfAborted();
      return { outcome: "completed", message: null, frame: resultFrame(id, result) };
    } catch (error) {
      const explained = isNamed(error, "CommandError") || isNamed(error, "CommandDropped");
      // After an abort any other error is how the handler heeded it; the reason is the answer.
      return endingOf(id, signal.aborted && !explained ? signal.reason : error);
    }
  }

  #finish(id: string, { outcome, message, frame }: Ending): void {
    this.#answers.keep(id, frame);
    this.#answerAgain(id);
    this.#around.emit({ type: "finished", id, outcome, message });
  }
}

function cancelled(): CommandError {
  return new CommandError(null, "cancelled", RPC_ERROR.cancelled);
}

function endingOf(id: string, error: unknown): Ending {
  const words = error instanceof Error ? error.message : error;
  const message = clip(typeof words === "string" ? words : "The handler failed without words.");
  if (isNamed<CommandDropped>(error, "CommandDropped")) {
    return { outcome: "dropped", message, frame: notification("dropped", { id, reason: message }) };
  }
  if (!isNamed<CommandError>(error, "CommandError")) {
    return { outcome: "failed", message, frame: errorFrame(id, RPC_ERROR.internal, message) };
  }
  const { code, status } = error;
  const rpcError = {
    code: Number.isInteger(code) ? code : RPC_ERROR.internal,
    message,
    ...(typeof status === "string" && { data: { status } }),
  };
  const frame = JSON.stringify({ jsonrpc: "2.0", id, error: rpcError });
  return { outcome: code === RPC_ERROR.cancelled ? "canceled" : "failed", message, frame };
}

/** By name, not by class: a service module outside this tree has another copy of the class, or none. */
function isNamed<T extends Error>(error: unknown, name: T["name"]): error is T {
  return error instanceof Error && error.name === name;
}

/** Throws where the value has no JSON (a cycle, a bigint), or too much: the platform closes the socket over its largest frame. */
function resultFrame(id: string, result: unknown): string {
  // Functions and symbols have no JSON, whatever the type of `stringify` says.
  const json = (JSON.stringify(result ?? null) as string | undefined) ?? "null";
  if (utf8Length(json) > PAYLOAD_BYTES_MAX) {
    throw new CommandError("MessageSizeTooLarge", `The result is larger than ${PAYLOAD_BYTES_MAX} bytes.`);
  }
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${json}}`;
}

/** A JSON-RPC notification of the device. */
export function notification(
  method: "executing" | "progress" | "dropped" | "presence",
  params: object,
): string {
  return JSON.stringify({ jsonrpc: "2.0", method, params });
}

function clip(words: string): string {
  return words.slice(0, DEVICE_WORDS_LENGTH_MAX);
}
