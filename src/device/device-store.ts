import type { Intent } from "../command/command.ts";
import { ENDED, type EndedStatus, type Report, type Status } from "../command/command.ts";
import type { DeviceRecord } from "./device.ts";

const DEVICE = "device";
const REPORT = "report:";

/** Only commands that came with an intent have a row in the index, and pay for one. */
const SCHEMA = `
  CREATE TABLE commands (place INTEGER PRIMARY KEY, id TEXT NOT NULL, ended TEXT, intent TEXT, fingerprint TEXT);
  CREATE UNIQUE INDEX intents ON commands (intent) WHERE intent IS NOT NULL;`;

/** What a device said of a command. */
export interface KeptReport {
  command: string;
  report: Report;
}

/** A command in a device's list: `place` is its order of acceptance, counted from 1. */
export interface Listed {
  id: string;
  place: number;
}

/** A page of a device's list; `next` is the place that the next one is to be before, null after the last. */
export interface Page {
  commands: Listed[];
  next: number | null;
}

/**
 * What a device's object keeps: the device, and its commands in the order they were accepted. Which of them are
 * still open is also held in memory, read once: finding them is a walk through the whole list, and an index would
 * cost two more rows a command.
 */
export class DeviceStore {
  readonly #storage: DurableObjectStorage;
  #device: DeviceRecord | undefined;
  #open: Map<string, number> | undefined;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** The device; undefined where none was registered, or it is no more. Writes nothing. */
  get device(): DeviceRecord | undefined {
    this.#device ??= this.#storage.kv.get<DeviceRecord>(DEVICE);
    return this.#device;
  }

  /** Writes the device. The table is made with the first writing: a constructor must leave an unused id empty. */
  put(device: DeviceRecord): void {
    if (this.device === undefined) {
      this.#storage.sql.exec(SCHEMA);
    }
    this.#storage.kv.put(DEVICE, device);
    this.#device = device;
  }

  /** The commands that have not ended, by id, in the order of their places. */
  get open(): ReadonlyMap<string, number> {
    return this.#openCommands();
  }

  /** Adds a command at the end, and answers its place. */
  add(id: string, intent: Intent | null): number {
    const { place } = this.#storage.sql
      .exec<{ place: number }>(
        "INSERT INTO commands (id, intent, fingerprint) VALUES (?, ?, ?) RETURNING place",
        id,
        intent?.key ?? null,
        intent?.fingerprint ?? null,
      )
      .one();
    this.#openCommands().set(id, place);
    return place;
  }

  /** The command that an intent has already, if it has one. */
  findIntent(key: string): { id: string; fingerprint: string } | undefined {
    return this.#storage.sql
      .exec<{ id: string; fingerprint: string }>("SELECT id, fingerprint FROM commands WHERE intent = ?", key)
      .toArray()[0];
  }

  /** Takes an intent from the command that has it. */
  release(key: string): void {
    this.#storage.sql.exec("UPDATE commands SET intent = NULL WHERE intent = ?", key);
  }

  /** Marks a command as ended; one that is not open is left as it is. */
  end(id: string, status: EndedStatus): void {
    const open = this.#openCommands();
    const place = open.get(id);
    if (place === undefined) return;
    this.#storage.sql.exec("UPDATE commands SET ended = ? WHERE place = ?", status, place);
    open.delete(id);
  }

  /** Takes a command off the list; without its place the whole list is searched. */
  forget(id: string, place: number | null): void {
    if (place === null) this.#storage.sql.exec("DELETE FROM commands WHERE id = ?", id);
    else this.#storage.sql.exec("DELETE FROM commands WHERE place = ? AND id = ?", place, id);
    this.#openCommands().delete(id);
  }

  /** At most `top` open commands behind a place, in order. */
  openAfter(place: number, top: number): Listed[] {
    const page: Listed[] = [];
    for (const [id, at] of this.#openCommands()) {
      if (at <= place) continue;
      page.push({ id, place: at });
      if (page.length === top) break;
    }
    return page;
  }

  /** At most `top` commands before a place, the newest first; of a live status all that have not ended. */
  page(before: number, top: number, status: Status | null): Page {
    const ended = ENDED.find((name) => name === status);
    const wanted = status === null ? "TRUE" : ended === undefined ? "ended IS NULL" : "ended = ?";
    const found = this.#storage.sql
      .exec<{ id: string; place: number }>(
        `SELECT id, place FROM commands WHERE place < ? AND ${wanted} ORDER BY place DESC LIMIT ?`,
        ...[before, ...(ended === undefined ? [] : [ended]), top + 1],
      )
      .toArray();
    // One more than the page tells whether there is another.
    const commands = found.slice(0, top);
    return { commands, next: found.length > top ? (commands.at(-1)?.place ?? null) : null };
  }

  /** Keeps a report that its command's object could not be told, behind those kept before. */
  keep(kept: KeptReport): void {
    const last = [...this.#storage.kv.list({ prefix: REPORT, reverse: true, limit: 1 })][0]?.[0];
    const next = last === undefined ? 1 : Number(last.slice(REPORT.length)) + 1;
    this.#storage.kv.put(`${REPORT}${String(next).padStart(12, "0")}`, kept);
  }

  /** The reports that are kept, the oldest first, by their keys. */
  kept(): [key: string, report: KeptReport][] {
    return [...this.#storage.kv.list<KeptReport>({ prefix: REPORT })];
  }

  /** Lets go of a report that was told. */
  told(key: string): void {
    this.#storage.kv.delete(key);
  }

  async erase(): Promise<void> {
    await this.#storage.deleteAll();
    this.#device = undefined;
    this.#open = undefined;
  }

  #openCommands(): Map<string, number> {
    // Without a device there is no table: it was never made, or went with the device.
    if (this.device === undefined) return new Map();
    this.#open ??= new Map(
      this.#storage.sql
        .exec<{ id: string; place: number }>(
          "SELECT id, place FROM commands WHERE ended IS NULL ORDER BY place",
        )
        .toArray()
        .map(({ id, place }) => [id, place]),
    );
    return this.#open;
  }
}
