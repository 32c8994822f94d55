import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { AccountObject } from "../../src/account/account-object.ts";
import { CommandObject } from "../../src/command/command-object.ts";
import { DeviceObject } from "../../src/device/device-object.ts";

/** What is paid for by the piece. */
export interface Bill {
  /**
   * Rows written. `storage.kv.put` and `delete` are one each (a table without rowid), so is `setAlarm`; of a statement it is
   * what SQLite's own counter says: one for a row of a table with an integer key, and one for each of its indexes
   * that has the row. `deleteAll` is not counted: it lets go of the whole database, and no price is given for it.
   */
  rows: number;
  /** Requests to objects: calls from outside, upgrades, and alarms. */
  requests: number;
  /** Messages that came in on WebSockets; twenty are one request. */
  messages: number;
}

/** What the tests themselves ask, to see how far things are. */
const ASKED_BY_TESTS = ["read", "history", "peek", "describe"];

/** Counts, inside the objects, what they write and what they are asked. `vi.restoreAllMocks` takes it out again. */
export class Meter {
  #written = 0;
  #cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  #asked: string[] = [];

  static async install(): Promise<Meter> {
    const meter = new Meter();
    await runInDurableObject(env.COMMANDS.get(env.COMMANDS.newUniqueId()), (_, { storage }) =>
      meter.#watchStorage(storage),
    );
    for (const { prototype } of [AccountObject, CommandObject, DeviceObject]) meter.#watchCalls(prototype);
    return meter;
  }

  /** Starts from nothing. */
  clear(): void {
    this.#written = 0;
    this.#cursors = [];
    this.#asked = [];
  }

  get bill(): Bill {
    const messages = this.#asked.filter((name) => name === "webSocketMessage").length;
    return {
      rows: this.#cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, this.#written),
      requests: this.#asked.length - messages,
      messages,
    };
  }

  /** The requests, by name, in the order they came. */
  get asked(): readonly string[] {
    return this.#asked;
  }

  /** All objects' storage is of the same classes. */
  #watchStorage(storage: DurableObjectStorage): void {
    const one = () => void this.#written++;
    before(Object.getPrototypeOf(storage.kv), "put", one);
    before(Object.getPrototypeOf(storage.kv), "delete", one);
    before(Object.getPrototypeOf(storage), "setAlarm", one);
    const sql: SqlStorage = Object.getPrototypeOf(storage.sql);
    const exec = sql.exec;
    const cursors = () => this.#cursors;
    vi.spyOn(sql, "exec").mockImplementation(function (this: SqlStorage, ...statement) {
      const cursor = exec.apply(this, statement);
      cursors().push(cursor);
      // biome-ignore lint/suspicious/noExplicitAny: whatever row type the caller has asked for.
      return cursor as any;
    });
  }

  #watchCalls(prototype: object): void {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      if (name === "constructor" || ASKED_BY_TESTS.includes(name)) continue;
      before(prototype, name, () => void this.#asked.push(name));
    }
  }
}

/** Has something done before each call of a method. */
function before(prototype: object, name: string, act: () => void): void {
  const methods = prototype as Record<string, (...values: unknown[]) => unknown>;
  const method = methods[name];
  if (method === undefined) throw new Error(`There is no ${name} to count.`);
  vi.spyOn(methods, name).mockImplementation(function (this: unknown, ...values) {
    act();
    return method.apply(this, values);
  });
}
