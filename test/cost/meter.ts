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
const ASKED_BY_TESTS = ["read", "history", "describe"];

/** From when to when something kept an object in memory, in milliseconds of `performance.now`. */
type Span = [from: number, to: number];

/** Counts, inside the objects, what they write and what they are asked. `vi.restoreAllMocks` takes it out again. */
export class Meter {
  #written = 0;
  #cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
  #asked: string[] = [];
  /** Calls, by the class that they were made to. */
  #calls = new Map<string, Span[]>();
  /** Timers: they are the device's object's, which waits for what its device says. */
  #timers: Span[] = [];

  static async install(): Promise<Meter> {
    const meter = new Meter();
    await runInDurableObject(env.COMMANDS.get(env.COMMANDS.newUniqueId()), (_, { storage }) =>
      meter.#watchStorage(storage),
    );
    for (const { name, prototype } of [AccountObject, CommandObject, DeviceObject])
      meter.#watchCalls(name, prototype);
    meter.#watchTimers();
    return meter;
  }

  /** Starts from nothing. */
  clear(): void {
    this.#written = 0;
    this.#cursors = [];
    this.#asked = [];
    this.#calls = new Map();
    this.#timers = [];
  }

  /** Milliseconds for which objects were busy or waited, measured: only worth something where nothing else runs. */
  get wallMs(): number {
    const calls = [...this.#calls].map(([name, spans]) =>
      covered(name === "DeviceObject" ? [...spans, ...this.#timers] : spans),
    );
    return calls.reduce((sum, milliseconds) => sum + milliseconds, 0);
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
    const one = (): undefined => void this.#written++;
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

  #watchCalls(className: string, prototype: object): void {
    for (const name of Object.getOwnPropertyNames(prototype)) {
      if (name === "constructor" || ASKED_BY_TESTS.includes(name)) continue;
      before(prototype, name, () => {
        this.#asked.push(name);
        const from = performance.now();
        const spans = this.#calls.get(className) ?? [];
        this.#calls.set(className, spans);
        return () => void spans.push([from, performance.now()]);
      });
    }
  }

  #watchTimers(): void {
    const spans = new Map<unknown, Span>();
    const { setTimeout, clearTimeout } = globalThis;
    vi.spyOn(globalThis, "setTimeout").mockImplementation(((act: () => void, milliseconds?: number) => {
      const timer = setTimeout(() => {
        ends(timer);
        act();
      }, milliseconds);
      spans.set(timer, [performance.now(), Number.NaN]);
      return timer;
    }) as typeof setTimeout);
    vi.spyOn(globalThis, "clearTimeout").mockImplementation((timer) => {
      ends(timer);
      clearTimeout(timer as number);
    });
    const ends = (timer: unknown): void => {
      const span = spans.get(timer);
      if (span === undefined) return;
      spans.delete(timer);
      this.#timers.push([span[0], performance.now()]);
    };
  }
}

/** Milliseconds that spans cover together. */
function covered(spans: Span[]): number {
  let until = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (const [from, to] of spans.sort(([one], [other]) => one - other)) {
    sum += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return sum;
}

/** Has something done before each call of a method, and what that returns when the call is over. */
function before(prototype: object, name: string, act: () => undefined | (() => void)): void {
  const methods = prototype as Record<string, (...values: unknown[]) => unknown>;
  const method = methods[name];
  if (method === undefined) throw new Error(`There is no ${name} to count.`);
  vi.spyOn(methods, name).mockImplementation(function (this: unknown, ...values) {
    const over = act();
    const result = method.apply(this, values);
    if (over !== undefined) void Promise.resolve(result).then(over, over);
    return result;
  });
}
