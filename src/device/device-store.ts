import {
  ENDED,
  type EndedStatus,
  type Intent,
  type Order,
  type Report,
  type Status,
} from "../command/command.ts";
import type { Introduction } from "../command/introduction.ts";
import type { DeviceRecord } from "./device.ts";

/** Places from the end of the list in which a repeated acceptance is looked for: it comes within milliseconds. */
const LATELY = 100;

const DEVICE = "device";
const REPORT = "report:";

/**
 * `orders`, a command's order as JSON, is there until the command has an object of its own. Only commands that came
 * with an intent have a row in the index, and pay for one.
 */
const SCHEMA = `
  CREATE TABLE commands (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL, ended TEXT, intent TEXT, fingerprint TEXT,
    accepted INTEGER NOT NULL, deliver_by INTEGER NOT NULL, stage TEXT, orders TEXT
  );
  CREATE UNIQUE INDEX intents ON commands (intent) WHERE intent IS NOT NULL;`;

/** What a device said of a command. */
export interface KeptReport {
  command: string;
  report: Report;
}

/**
 * Where a command stands that has no object of its own yet: it waits for the device, or behind others, or it is being
 * handed over.
 */
export type Stage = "offline" | "queued" | "leaving";

/** A command that has no object of its own yet. */
export interface Newcomer {
  order: Order;
  acceptedAt: number;
  place: number;
  stage: Stage;
}

/** A command in a device's list: `place` is its order of acceptance, counted from 1. */
export interface Listed {
  id: string;
  place: number;
  /** Where all there is to it stands in the list, and was asked for. */
  introduction?: Introduction;
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
  /** The last place that was given. */
  #lastPlace = 0;

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

  /**
   * Adds a command at the end of the list, and answers its place. That is behind `after`, too, and behind any that was
   * given before: the list alone would give the place of a command that was erased from its end once more, and whoever
   * goes through it in that order would pass over the newer one.
   */
  add(order: Order, acceptedAt: number, stage: Stage, intent: Intent | null, after: number): number {
    const open = this.#openCommands();
    const { place } = this.#storage.sql
      .exec<{ place: number }>(
        `INSERT INTO commands (place, id, intent, fingerprint, accepted, deliver_by, stage, orders)
         VALUES (MAX(COALESCE((SELECT MAX(place) FROM commands), 0), ?) + 1, ?, ?, ?, ?, ?, ?, ?) RETURNING place`,
        Math.max(this.#lastPlace, after),
        order.id,
        intent?.key ?? null,
        intent?.fingerprint ?? null,
        acceptedAt,
        acceptedAt + order.deliveryTimeoutMs,
        stage,
        JSON.stringify(order),
      )
      .one();
    this.#lastPlace = place;
    open.set(order.id, place);
    return place;
  }

  /** When a command was accepted that came lately; undefined where none of this id did. */
  acceptedLately(id: string): number | undefined {
    if (this.device === undefined) return undefined;
    return this.#storage.sql
      .exec<{ accepted: number }>(
        "SELECT accepted FROM commands WHERE place > (SELECT MAX(place) FROM commands) - ? AND id = ?",
        LATELY,
        id,
      )
      .toArray()[0]?.accepted;
  }

  /** An open command that has no object of its own yet. */
  newcomer(id: string): Newcomer | undefined {
    const place = this.open.get(id);
    return place === undefined ? undefined : this.#newcomers("place = ?", place)[0];
  }

  /**
   * One of the newcomers that were being handed over when memory was lost, or that nobody can deliver in time any
   * more. One at a time: each may be as large as a payload may be.
   */
  overdue(now: number): Newcomer | undefined {
    return this.#newcomers("ended IS NULL AND (stage = 'leaving' OR deliver_by <= ?) LIMIT 1", now)[0];
  }

  /** When the first newcomer's time for delivery is over; null where there is none. */
  get deliverBy(): number | null {
    if (this.device === undefined) return null;
    return this.#storage.sql
      .exec<{ first: number | null }>(
        "SELECT MIN(deliver_by) AS first FROM commands WHERE ended IS NULL AND orders IS NOT NULL",
      )
      .one().first;
  }

  /** It is being handed over from now on: whether it was must be asked of its own object. */
  leaves({ place }: Newcomer): void {
    this.#storage.sql.exec("UPDATE commands SET stage = 'leaving' WHERE place = ?", place);
  }

  /** It has an object of its own now. */
  left(id: string): void {
    const place = this.open.get(id);
    if (place !== undefined)
      this.#storage.sql.exec("UPDATE commands SET stage = NULL, orders = NULL WHERE place = ?", place);
  }

  #newcomers(condition: string, value: number): Newcomer[] {
    if (this.device === undefined) return [];
    return this.#storage.sql
      .exec<{ place: number; accepted: number; stage: Stage; orders: string }>(
        `SELECT place, accepted, stage, orders FROM commands WHERE orders IS NOT NULL AND ${condition}`,
        value,
      )
      .toArray()
      .map(({ place, accepted, stage, orders }) => ({
        order: JSON.parse(orders) as Order,
        acceptedAt: accepted,
        place,
        stage,
      }));
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
    this.#storage.sql.exec(
      "UPDATE commands SET ended = ?, stage = NULL, orders = NULL WHERE place = ?",
      status,
      place,
    );
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
