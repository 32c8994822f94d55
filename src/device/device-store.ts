import type { EndedStatus, Report } from "../command/command.ts";
import type { DeviceRecord } from "./device.ts";

const DEVICE = "device";
const REPORT = "report:";

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
      this.#storage.sql.exec(
        "CREATE TABLE commands (place INTEGER PRIMARY KEY, id TEXT NOT NULL, ended TEXT)",
      );
    }
    this.#storage.kv.put(DEVICE, device);
    this.#device = device;
  }

  /** The commands that have not ended, by id, in the order of their places. */
  get open(): ReadonlyMap<string, number> {
    return this.#openCommands();
  }

  /** Adds a command at the end; adding it again changes nothing. */
  add(id: string): number {
    const open = this.#openCommands();
    const known = open.get(id);
    if (known !== undefined) return known;
    const { place } = this.#storage.sql
      .exec<{ place: number }>("INSERT INTO commands (id) VALUES (?) RETURNING place", id)
      .one();
    open.set(id, place);
    return place;
  }

  /** Marks a command as ended; one that is not open is left as it is. */
  end(id: string, status: EndedStatus): void {
    const open = this.#openCommands();
    const place = open.get(id);
    if (place === undefined) return;
    this.#storage.sql.exec("UPDATE commands SET ended = ? WHERE place = ?", status, place);
    open.delete(id);
  }

  /** Takes a command off the list: its own object does not know it. */
  forget(id: string): void {
    const open = this.#openCommands();
    const place = open.get(id);
    if (place === undefined) return;
    this.#storage.sql.exec("DELETE FROM commands WHERE place = ?", place);
    open.delete(id);
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

  /** At most `top` commands before a place, the newest first. */
  before(place: number, top: number): Listed[] {
    return this.#storage.sql
      .exec<{ id: string; place: number }>(
        "SELECT id, place FROM commands WHERE place < ? ORDER BY place DESC LIMIT ?",
        place,
        top,
      )
      .toArray();
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
