import { eraseAt } from "../command/clocks.ts";
import {
  type Command,
  ENDED,
  type EndedStatus,
  hasEnded,
  type Intent,
  type Status,
} from "../command/command.ts";
import { RESIDENT_BYTES_TOTAL_MAX } from "../limits.ts";
import type { DeviceRecord } from "./device.ts";
import { KeptReports } from "./kept-reports.ts";

/** Places that are looked through for those that have ended in one way, for one page: rows read are billed. */
const FILTER_WINDOW = 10_000;
/** Places, from the first, in which commands are looked for that are to be erased: they end about in their order. */
const SWEEP_WINDOW = 1_000;

/** Commands that are kept in memory as they were read, and UTF-16 units of each: 2 MiB at most. */
const REMEMBERED_MAX = 64;
const REMEMBERED_LENGTH_MAX = 16 * 1024;
/** Commands after which it is looked up again whether there is room: the database says so only when it is asked. */
const ROOM_LOOKED_UP_EVERY = 1_000;

const DEVICE = "device";

/**
 * `content`, a command as JSON, is there while the command has no object of its own; `due` is then when it is too late
 * to deliver it, or, of one that has ended, when it is erased. `open_from` is the first place that was open when this one
 * was taken: before that of the last row nothing is open, and need not be walked through again. Only commands that came with an intent have a row in
 * the index of intents, and pay for one.
 */
const SCHEMA = `
  CREATE TABLE commands (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL, ended TEXT, intent TEXT, fingerprint TEXT,
    accepted INTEGER NOT NULL, open_from INTEGER, due INTEGER NOT NULL, stage TEXT, content TEXT
  );
  CREATE UNIQUE INDEX ids ON commands (id);
  CREATE UNIQUE INDEX intents ON commands (intent) WHERE intent IS NOT NULL;`;

/** Where a resident stands: it waits for the device, or behind others; it is being handed over; it has ended. */
export type Stage = "waiting" | "leaving" | "done";

/** A command that has no object of its own: all there is to it stands in its device's list. */
export interface Resident {
  command: Placed;
  stage: Stage;
}

/** A command that has its place in the list. */
export type Placed = Command & { place: number };

/** A command in a device's list: `place` is its order of acceptance, counted from 1. */
export interface Listed {
  id: string;
  place: number;
  /** The command itself as JSON, where the list has it and was asked for it. */
  command?: string;
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
  readonly reports: KeptReports;
  readonly #storage: DurableObjectStorage;
  #device: DeviceRecord | undefined;
  #open: Map<string, number> | undefined;
  #hasRoom: boolean | undefined;
  /** The last place that was given. */
  #lastPlace = 0;
  readonly #texts = new Map<string, { stage: Stage; content: string }>();

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.reports = new KeptReports(storage);
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
   * Adds a command at the end of the list, and answers its place; undefined where one of its id is there already. The
   * place is behind `after`, too, and behind any that was given before: the list alone would give that of a command
   * erased from its end once more, and whoever goes through it in order would pass over the newer one.
   */
  add(command: Command, stage: Stage, intent: Intent | null, after: number): number | undefined {
    const open = this.#openCommands();
    const { id } = command.order;
    const ended = endedOf(command, stage);
    const place = this.#storage.sql
      .exec<{ place: number }>(
        `INSERT INTO commands (place, id, ended, intent, fingerprint, accepted, open_from, due, stage, content)
         VALUES (MAX(IFNULL((SELECT MAX(place) FROM commands), 0), ?) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO NOTHING RETURNING place`,
        Math.max(this.#lastPlace, after),
        id,
        ended,
        intent?.key ?? null,
        intent?.fingerprint ?? null,
        command.createdAt,
        this.#openFrom,
        dueOf(command),
        stage,
        JSON.stringify(command),
      )
      .toArray()[0]?.place;
    if (place === undefined) return undefined;
    this.#lastPlace = place;
    if (ended === null) open.set(id, place);
    if (place % ROOM_LOOKED_UP_EVERY === 0) this.#hasRoom = undefined;
    return place;
  }

  /** When a command was accepted; undefined where none of this id was. */
  acceptedAt(id: string): number | undefined {
    if (this.device === undefined) return undefined;
    return this.#storage.sql
      .exec<{ accepted: number }>("SELECT accepted FROM commands WHERE id = ?", id)
      .toArray()[0]?.accepted;
  }

  /** A command that has no object of its own. */
  resident(id: string): Resident | undefined {
    return this.#residents("id = ?", id)[0];
  }

  /** The same as JSON, as it is kept. */
  residentText(id: string): { stage: Stage; content: string } | undefined {
    if (this.device === undefined) return undefined;
    const known = this.#texts.get(id);
    if (known !== undefined) return known;
    const text = this.#storage.sql
      .exec<{ stage: Stage; content: string }>(
        "SELECT stage, content FROM commands WHERE id = ? AND content IS NOT NULL",
        id,
      )
      .toArray()[0];
    if (text !== undefined) this.#remember(id, text);
    return text;
  }

  /** Keeps what was read in memory: who asks for a command asks again. What is written of it is forgotten here. */
  #remember(id: string, text: { stage: Stage; content: string }): void {
    if (text.content.length > REMEMBERED_LENGTH_MAX) return;
    if (this.#texts.size >= REMEMBERED_MAX) this.#texts.clear();
    this.#texts.set(id, text);
  }

  /**
   * One of the open residents that were being handed over when memory was lost, or that nobody can deliver in time
   * any more, behind a place. One at a time: each may be as large as a payload may be.
   */
  overdue(now: number, after: number): Resident | undefined {
    const wanted = "place > ? AND ended IS NULL AND (stage = 'leaving' OR due <= ?) ORDER BY place LIMIT 1";
    return this.#residents(wanted, Math.max((this.#openFrom ?? 0) - 1, after), now)[0];
  }

  /** Writes a resident as it is now. */
  write({ command, stage }: Resident): void {
    const ended = endedOf(command, stage);
    this.#texts.delete(command.order.id);
    this.#storage.sql.exec(
      "UPDATE commands SET ended = ?, due = ?, stage = ?, content = ? WHERE place = ?",
      ended,
      dueOf(command),
      stage,
      JSON.stringify(command),
      command.place,
    );
    if (ended !== null) this.#openCommands().delete(command.order.id);
  }

  /** It is being handed over from now on: whether it was must be asked of its own object. */
  leaves({ order, place }: Placed): void {
    this.#texts.delete(order.id);
    this.#storage.sql.exec("UPDATE commands SET stage = 'leaving' WHERE place = ?", place);
  }

  /** It has an object of its own now; `ended`: in which it has ended already. */
  left(id: string, ended: EndedStatus | null): void {
    this.#texts.delete(id);
    this.#storage.sql.exec(
      "UPDATE commands SET ended = ?, stage = NULL, content = NULL WHERE id = ?",
      ended,
      id,
    );
    if (ended !== null) this.#openCommands().delete(id);
  }

  /** Erases the residents that have been kept for as long as they were to be. */
  sweep(now: number): void {
    this.#texts.clear();
    this.#storage.sql.exec(
      `DELETE FROM commands WHERE place <= ${SWEEP_END} AND stage = 'done' AND due <= ?`,
      SWEEP_WINDOW - 1,
      now,
    );
  }

  /** When something in the list is next due: too late to deliver, or to be erased; null where nothing is. */
  get due(): number | null {
    if (this.device === undefined) return null;
    const { first } = this.#storage.sql
      .exec<{ first: number | null }>(
        `SELECT MIN(due) AS first FROM commands WHERE content IS NOT NULL
         AND (place >= ? AND ended IS NULL OR place <= ${SWEEP_END} AND stage = 'done')`,
        this.#openFrom ?? Number.MAX_SAFE_INTEGER,
        SWEEP_WINDOW - 1,
      )
      .one();
    return first;
  }

  /** Whether there is no command in the list. */
  get isEmpty(): boolean {
    return this.device === undefined || this.#before(Number.MAX_SAFE_INTEGER, 1).length === 0;
  }

  /** Whether there is room for commands that stay. */
  get hasRoom(): boolean {
    this.#hasRoom ??= this.#storage.sql.databaseSize < RESIDENT_BYTES_TOTAL_MAX;
    return this.#hasRoom;
  }

  #residents(condition: string, ...values: (string | number)[]): Resident[] {
    if (this.device === undefined) return [];
    return this.#storage.sql
      .exec<{ place: number; stage: Stage; content: string }>(
        `SELECT place, stage, content FROM commands WHERE content IS NOT NULL AND ${condition}`,
        ...values,
      )
      .toArray()
      .map(({ place, stage, content }) => ({
        command: { ...(JSON.parse(content) as Command), place },
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
    this.#storage.sql.exec("UPDATE commands SET ended = ? WHERE place = ?", status, place);
    open.delete(id);
  }

  /** Takes a command off the list. */
  forget(id: string): void {
    this.#texts.delete(id);
    this.#storage.sql.exec("DELETE FROM commands WHERE id = ?", id);
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

  /**
   * At most `top` commands before a place, the newest first; of a live status all that have not ended. One that is
   * looked for by its end is looked for in so many places only: a page may be empty, and be followed by another.
   */
  page(before: number, top: number, status: Status | null): Page {
    const ended = ENDED.find((name) => name === status);
    // One more than the page tells whether there is another.
    const found =
      status === null
        ? this.#before(before, top + 1)
        : ended === undefined
          ? this.#openBefore(before, top + 1)
          : null;
    if (found !== null) return pageOf(found, top);
    const looked = this.#before(before, FILTER_WINDOW);
    const page = pageOf(
      looked.filter((listed) => listed.ended === ended),
      top,
    );
    return {
      ...page,
      next: page.next ?? (looked.length < FILTER_WINDOW ? null : (looked.at(-1)?.place ?? null)),
    };
  }

  #before(before: number, top: number): (Listed & { ended: EndedStatus | null })[] {
    return this.#storage.sql
      .exec<{ id: string; place: number; ended: EndedStatus | null }>(
        "SELECT id, place, ended FROM commands WHERE place < ? ORDER BY place DESC LIMIT ?",
        before,
        top,
      )
      .toArray();
  }

  #openBefore(before: number, top: number): Listed[] {
    const open = [...this.#openCommands()].map(([id, place]) => ({ id, place }));
    return open
      .filter(({ place }) => place < before)
      .slice(-top)
      .reverse();
  }

  async erase(): Promise<void> {
    await this.#storage.deleteAll();
    this.#device = undefined;
    this.#open = undefined;
    this.#texts.clear();
  }

  #openCommands(): Map<string, number> {
    // Without a device there is no table: it was never made, or went with the device.
    if (this.device === undefined) return new Map();
    this.#open ??= this.#findOpen();
    return this.#open;
  }

  /** The first place that is open; null where none is. */
  get #openFrom(): number | null {
    const [first] = this.#openCommands().values();
    return first ?? null;
  }

  #findOpen(): Map<string, number> {
    // Where nothing was open then, the last row is the first that may be.
    const found = this.#storage.sql
      .exec<{ id: string; place: number }>(
        `SELECT id, place FROM commands WHERE ended IS NULL AND place >= IFNULL(
           (SELECT IFNULL(open_from, place) FROM commands ORDER BY place DESC LIMIT 1), 0) ORDER BY place`,
      )
      .toArray();
    return new Map(found.map(({ id, place }) => [id, place]));
  }
}

/** The place up to which a sweep goes. */
const SWEEP_END = "IFNULL((SELECT place FROM commands ORDER BY place LIMIT 1 OFFSET ?), 9e18)";

/** When it is too late to deliver a command, or, where it has ended, when it is erased. */
export function dueOf(command: Command): number {
  const { state, createdAt, order } = command;
  return hasEnded(state) ? eraseAt(command, state.endedAt) : createdAt + order.deliveryTimeoutMs;
}

/** How a command has ended, as far as the list is concerned: one that is to move out is open until it has. */
function endedOf({ state }: Command, stage: Stage): EndedStatus | null {
  return stage === "done" && hasEnded(state) ? state.status : null;
}

function pageOf(found: readonly Listed[], top: number): Page {
  const commands = found.slice(0, top).map(({ id, place }) => ({ id, place }));
  return { commands, next: found.length > top ? (commands.at(-1)?.place ?? null) : null };
}
