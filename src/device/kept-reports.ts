import type { Report } from "../command/command.ts";

const REPORT = "report:";

/** What a device said of a command. */
export interface KeptReport {
  command: string;
  report: Report;
}

/** What a device said, and its commands could not be told: it will not say it again. */
export class KeptReports {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Keeps a report behind those kept before. */
  keep(kept: KeptReport): void {
    const last = [...this.#storage.kv.list({ prefix: REPORT, reverse: true, limit: 1 })][0]?.[0];
    const next = last === undefined ? 1 : Number(last.slice(REPORT.length)) + 1;
    this.#storage.kv.put(`${REPORT}${String(next).padStart(12, "0")}`, kept);
  }

  /** The reports that are kept, the oldest first, by their keys. */
  all(): [key: string, report: KeptReport][] {
    return [...this.#storage.kv.list<KeptReport>({ prefix: REPORT })];
  }

  /** Lets go of a report that was told. */
  told(key: string): void {
    this.#storage.kv.delete(key);
  }
}
