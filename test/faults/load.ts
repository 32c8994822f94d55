import { hasEnded } from "../../src/client/client.ts";
import type { CommandEntity, HistoryEntity, NewCommand } from "../../src/client/entities.ts";
import { ServiceError } from "../../src/client/service-error.ts";
import { type Chance, pause } from "./chance.ts";
import { type LoadedDevice, PlainDevice } from "./devices.ts";
import type { Findings } from "./findings.ts";
import { ACTS, type Act, type Errand } from "./ledger.ts";
import type { Receiver } from "./receiver.ts";
import type { Caller } from "./service.ts";

/** Seconds of the two clocks: short, so that a run ends. */
export const DELIVERY_SECONDS = 20;
export const EXECUTION_SECONDS = 6;
/** Milliseconds that a call may take before it counts as hung. */
const CALL_MS_MAX = 60_000;
/** Senders at once. */
const SENDERS = 16;

/** One thing that a caller wants done, and all that it has heard of it. */
export interface Order {
  label: string;
  device: LoadedDevice;
  act: Act;
  key: string | null;
  isTold: boolean;
  /** The commands that it was answered: one, if all is well. */
  ids: Set<string>;
  /** Whether cancelling was tried, whatever was answered. */
  cancelled: boolean;
  /** Whether its erasure was confirmed. */
  erased: boolean;
  /** The end as it was first read, as JSON. */
  end: string | null;
  /** The statuses that a watcher was told, by number. */
  watched: Map<number, string> | null;
}

/** Callers that send, repeat, wait, watch, cancel and erase, until they are told to stop. */
export class Load {
  readonly orders: Order[] = [];
  readonly #caller: Caller;
  readonly #devices: readonly LoadedDevice[];
  readonly #receiver: Receiver;
  readonly #chance: Chance;
  readonly #findings: Findings;
  readonly #underWay = new Set<Promise<void>>();
  #isSending = true;
  /** Calls that were answered so far. */
  answered = 0;
  /** Plain devices are cancelled only at first: one that lost its answer to a kill is waited for a minute. */
  cancelsPlain = true;

  constructor(
    caller: Caller,
    devices: readonly LoadedDevice[],
    receiver: Receiver,
    chance: Chance,
    findings: Findings,
  ) {
    this.#caller = caller;
    this.#devices = devices;
    this.#receiver = receiver;
    this.#chance = chance;
    this.#findings = findings;
  }

  start(): void {
    for (let sender = 0; sender < SENDERS; sender++) this.#follow(this.#send(this.#chance.fork()));
  }

  /** Ends the sending; resolves when all that was begun is done. */
  async stop(): Promise<void> {
    this.#isSending = false;
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** The order's command as it stands, noted. */
  async read(order: Order, id: string): Promise<CommandEntity> {
    const command = await this.insists(() => this.#caller.command(order.device.id, id));
    this.#note(order, command);
    return command;
  }

  async history(device: string, id: string): Promise<HistoryEntity> {
    return await this.insists(() => this.#caller.history(device, id));
  }

  /** Calls until the service answers; it is killed all the time. Throws what it refuses. */
  async insists<T>(call: () => Promise<T>): Promise<T> {
    const begun = performance.now();
    for (;;) {
      try {
        const value = await within(call());
        this.answered++;
        this.#findings.check("answers", null);
        return value;
      } catch (error) {
        if (error instanceof Hung) this.#findings.check("answers", error.message);
        if (error instanceof ServiceError) {
          const isBug = error.status >= 500 && error.status !== 503;
          this.#findings.check(
            "answers",
            isBug ? `A call was answered ${error.status}: ${error.message}` : null,
          );
          if (!error.isPassing) throw error;
        }
        if (performance.now() - begun > 2 * CALL_MS_MAX) throw error;
        await pause(20 + this.#chance.next() * 80);
      }
    }
  }

  async #send(chance: Chance): Promise<void> {
    while (this.#isSending) {
      const device = this.#devices[chance.between(0, this.#devices.length - 1)];
      if (device === undefined) return;
      const order: Order = {
        label: `order-${this.orders.length}`,
        device,
        act: chance.oneOf(ACTS),
        key: chance.is(0.7) ? crypto.randomUUID() : null,
        isTold: chance.is(0.25),
        ids: new Set(),
        cancelled: false,
        erased: false,
        end: null,
        watched: null,
      };
      this.orders.push(order);
      await this.#place(order, chance);
      await pause(chance.next() * 60);
    }
  }

  /** Sends an order, and leaves what comes after it to go on by itself. */
  async #place(order: Order, chance: Chance): Promise<void> {
    const { device, key } = order;
    const command = this.#commandOf(order, chance);
    const wait = chance.is(0.08) ? chance.between(1, 2) : 0;
    const call = () => this.#caller.send(device.id, command, { wait, ...(key !== null && { key }) });
    const answered = key === null ? await within(call()).catch(() => null) : await this.insists(call);
    // Nobody knows whether one without a key, and without an answer, was accepted.
    if (answered === null) return;
    this.#note(order, answered);
    if (key !== null && chance.is(0.3)) this.#note(order, await this.insists(call));
    const erases = chance.is(0.05);
    if (key !== null && !erases && chance.is(0.15))
      this.#follow(
        pause(chance.between(500, 4_000)).then(async () => this.#note(order, await this.insists(call))),
      );
    const mayCancel = this.cancelsPlain || !(device instanceof PlainDevice);
    if (mayCancel && chance.is(order.act === "patient" ? 0.8 : 0.08))
      this.#follow(this.#cancel(order, answered.id, chance.next() ** 2 * 1_500));
    if (erases) this.#follow(this.#erase(order, answered.id));
    else if (chance.is(0.15)) this.#follow(this.#watch(order, answered.id));
  }

  #commandOf({ label, act, isTold }: Order, chance: Chance): NewCommand {
    const errand: Errand = { label, act, ms: chance.between(10, 1_500) };
    const subject: Pick<NewCommand, "type" | "payload"> = chance.is(0.5)
      ? { type: "LaunchUri", payload: { uri: "https://example.com/", ...errand } }
      : { type: "AppService", payload: errand };
    return {
      ...subject,
      ...(subject.type === "AppService" && { appServiceName: "faults", packageFamilyName: "Faults_test" }),
      ...(isTold && { postBackUri: this.#receiver.uri(`/${label}`) }),
      deliveryTimeout: `PT${DELIVERY_SECONDS}S`,
      executionTimeout: `PT${EXECUTION_SECONDS}S`,
    };
  }

  async #cancel(order: Order, id: string, delay: number): Promise<void> {
    await pause(delay);
    order.cancelled = true;
    try {
      this.#note(order, await this.insists(() => this.#caller.cancel(order.device.id, id)));
    } catch (error) {
      // It had ended, or was erased.
      if (!(error instanceof ServiceError) || (error.status !== 409 && error.status !== 404)) throw error;
    }
  }

  async #erase(order: Order, id: string): Promise<void> {
    while (!hasEnded(await this.read(order, id))) await pause(300);
    try {
      await this.insists(() => this.#caller.erase(order.device.id, id));
    } catch (error) {
      // A try before has done it, and its answer was lost.
      if (!(error instanceof ServiceError) || error.status !== 404) throw error;
    }
    order.erased = true;
  }

  async #watch(order: Order, id: string): Promise<void> {
    const watched = new Map<number, string>();
    order.watched = watched;
    let last = 0;
    for await (const { sequence, command } of this.#caller.watch(order.device.id, id)) {
      const isNext = sequence === last + 1;
      this.#findings.check("watched", isNext ? null : `${id}: ${sequence} came after ${last}.`);
      last = sequence;
      watched.set(sequence, command.status);
      // What came before the end is told again to those who watch later.
      if (hasEnded(command)) this.#note(order, command);
    }
  }

  /** Whatever is read of a command that has ended reads the same for ever. */
  #note(order: Order, command: CommandEntity): void {
    order.ids.add(command.id);
    if (!hasEnded(command)) {
      const isBack = order.end !== null && command.status !== "requesting";
      this.#findings.check(
        "unchanged",
        isBack ? `${command.id} is ${command.status} after ${order.end}` : null,
      );
      return;
    }
    const end = JSON.stringify(command);
    order.end ??= end;
    const isSame = order.end === end;
    this.#findings.check("unchanged", isSame ? null : `${command.id} read ${order.end}, then ${end}.`);
  }

  #follow(task: Promise<void>): void {
    const followed = task
      .catch((error: unknown) =>
        this.#findings.check("answers", `A caller could not go on: ${String(error)}`),
      )
      .finally(() => this.#underWay.delete(followed));
    this.#underWay.add(followed);
  }
}

class Hung extends Error {
  override readonly name = "Hung";
}

/** The call's value, unless it takes for ever. */
function within<T>(call: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Hung(`A call got no answer in ${CALL_MS_MAX / 1_000} s.`)),
      CALL_MS_MAX,
    );
    call.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
