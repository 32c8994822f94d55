import type { EndedStatus, Intent, Order, Report } from "../command/command.ts";
import type { CommandObject } from "../command/command-object.ts";
import {
  type Claim,
  type Delivery,
  deliveryOf,
  type Handover,
  type Receipt,
  type Refusal,
} from "../command/handover.ts";
import type { Happening, Introduction } from "../command/introduction.ts";
import type { Event } from "../command/transition.ts";
import { OFFER_TIMEOUT_MS, OPEN_COMMANDS_PER_DEVICE_MAX } from "../limits.ts";
import { objectId, reach } from "../reach.ts";
import type { Channel } from "./connection.ts";
import type { DeviceStore, Newcomer } from "./device-store.ts";
import { introductionOf, Newcomers } from "./newcomers.ts";
import { cancelFrame, deliveryFrame } from "./protocol.ts";

/** Calls under way at once when many commands are asked or told: hides the hop to each without a stampede. */
const WINDOW = 16;

/** What the dispatch needs of the device's object. */
export interface Surroundings {
  /** The device's id. */
  id: string;
  commands: DurableObjectNamespace<CommandObject>;
  store: DeviceStore;
  /** The device's open connection, if it has one: a socket, or a poll. */
  current(): Channel | undefined;
  /** Has the object's alarm ring at this time at the latest. */
  wakeBy(time: number): Promise<void>;
}

/**
 * Hands a device its commands in the order they were accepted, and carries what it says to them.
 * It decides nothing about a command: each has an object of its own, which is asked and told.
 */
export class Dispatch {
  readonly #around: Surroundings;
  /** What the current connection has taken, as far as memory reaches: nothing is sent twice on one connection. */
  #taken = new Set<string>();
  readonly #newcomers = new Newcomers((introduction) => this.#introduceOrKeep(introduction));
  /** Callers that wait for a command's end. */
  readonly #waits = new Map<string, (() => void)[]>();
  /** Words under way, by command: each hears them in the order they were said. */
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /**
   * Takes a command into the list, and hands it over if the device is there and nothing waits before it. Repeating
   * it is harmless.
   */
  accept(
    order: Order,
    intent: Intent | null,
    now: number,
  ): { ok: true; acceptedAt: number } | ({ ok: false } & Refusal) {
    const { store } = this.#around;
    const acceptedAt = store.acceptedLately(order.id);
    if (acceptedAt !== undefined) return { ok: true, acceptedAt };
    const earlier = intent && store.findIntent(intent.key);
    if (intent && earlier && !intent.first) {
      const same = earlier.fingerprint === intent.fingerprint;
      return { ok: false, reason: "repeated", command: earlier.id, same };
    }
    if (store.open.size >= OPEN_COMMANDS_PER_DEVICE_MAX) return { ok: false, reason: "queueFull" };
    // The newest of several first requests under one id is the one that its repeats are of.
    if (intent && earlier) store.release(intent.key);
    const connection = this.#around.current();
    const waits = connection === undefined ? order.whenOffline === "queue" : connection.drainedTo !== null;
    const stage = !waits ? "leaving" : connection === undefined ? "offline" : "queued";
    const place = store.add(order, now, stage, intent, connection?.drainedTo ?? 0);
    if (stage === "leaving") void this.#handOver({ order, acceptedAt: now, place, stage }, connection, now);
    return { ok: true, acceptedAt: now };
  }

  /** Hands a command over again. */
  offer(delivery: Delivery): Handover | null {
    const place = this.#around.store.open.get(delivery.commandId);
    if (place === undefined) return null;
    const connection = this.#around.current();
    if (connection === undefined) return { type: "offline" };
    if (connection.drainedTo !== null && place > connection.drainedTo) return { type: "queued" };
    return this.#give(connection, delivery)
      ? { type: "sent", connection: connection.id }
      : { type: "offline" };
  }

  /** A command that only this object knows, if it is one; one that is being handed over is introduced instead. */
  async newcomer(id: string): Promise<Introduction | null> {
    await this.#newcomers.flush(id);
    const newcomer = this.#around.store.newcomer(id);
    if (newcomer === undefined) return null;
    if (newcomer.stage !== "leaving") return introductionOf(newcomer);
    await this.introduce(newcomer);
    return null;
  }

  /** Introduces a command to its own object, with what has happened to it. Throws where that cannot be reached. */
  async introduce(newcomer: Newcomer, ...happened: Happening[]): Promise<void> {
    await this.#inOrder(newcomer.order.id, () => this.#begin(introductionOf(newcomer, happened)));
  }

  /** Resolves when a command has ended, or after so many milliseconds. */
  async ended(id: string, milliseconds: number): Promise<void> {
    if (!this.#around.store.open.has(id)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waits.set(id, [...(this.#waits.get(id) ?? []), resolve]);
    // Cleared: a timer that is left over keeps the object in memory, and billed.
    const timer = setTimeout(resolve, milliseconds);
    await promise;
    clearTimeout(timer);
  }

  /** A command has ended. */
  end(id: string, status: EndedStatus): void {
    this.#around.store.end(id, status);
    this.#forgetMemory(id);
  }

  /** A command is erased, or never was. */
  forget(id: string, place: number | null): void {
    this.#around.store.forget(id, place);
    this.#forgetMemory(id);
  }

  #forgetMemory(id: string): void {
    this.#taken.delete(id);
    for (const resolve of this.#waits.get(id) ?? []) resolve();
    this.#waits.delete(id);
  }

  /** Gives a newcomer to the connection, if there is one, and gathers what the device says to it. */
  async #handOver(newcomer: Newcomer, connection: Channel | undefined, now: number): Promise<void> {
    const { order } = newcomer;
    const sent = connection !== undefined && this.#give(connection, deliveryOf({ order, attempts: 0 }, now));
    const event: Event = sent ? { type: "handedOver", connection: connection.id } : { type: "deviceOffline" };
    await this.#newcomers.gather(introductionOf(newcomer, [{ event, at: now }]));
  }

  /** Begins a command's own object. */
  async #begin(introduction: Introduction): Promise<void> {
    const { id } = introduction.order;
    const ended = await this.#command(id, (stub) => stub.begin(introduction));
    if (ended === null) this.#around.store.left(id);
    else this.end(id, ended);
  }

  /** As `introduce`; what the device has said is kept where the command cannot be told now. */
  async #introduceOrKeep(introduction: Introduction): Promise<void> {
    const { id: command } = introduction.order;
    try {
      await this.#inOrder(command, () => this.#begin(introduction));
    } catch (error) {
      this.#log("introductionKept", error);
      for (const { event } of introduction.happened)
        if (event.type === "reported") this.#around.store.keep({ command, report: event.report });
      await this.#around.wakeBy(Date.now() + OFFER_TIMEOUT_MS);
    }
  }

  /** Introduces what was being handed over when memory was lost, and what nobody can deliver in time any more. */
  async introduceOverdue(now: number): Promise<void> {
    await this.#newcomers.flushAll();
    for (;;) {
      const newcomer = this.#around.store.overdue(now);
      if (newcomer === undefined) return;
      await this.introduce(newcomer, { event: { type: "woke" }, at: now });
    }
  }

  /** A newer connection is there: it has taken nothing yet. */
  async begin(connection: Channel): Promise<void> {
    this.#taken = new Set();
    await this.#newcomers.flushAll();
    await this.drain(connection);
  }

  /**
   * Gives a connection what waits, in the order of acceptance; what is offered meanwhile queues behind it.
   * What could not be asked for is asked for again by the alarm.
   */
  async drain(connection: Channel): Promise<void> {
    let failed = false;
    for (let place = connection.drainedTo ?? 0; connection.isOpen; ) {
      const window = this.#around.store.openAfter(place, WINDOW);
      if (window.length === 0) {
        connection.drainedTo = null;
        break;
      }
      const claims = await Promise.all(window.map(({ id }) => this.#claim(id, connection)));
      const done: Promise<boolean>[] = [];
      for (const [index, listed] of window.entries()) {
        const claim = claims[index];
        done.push(claim === undefined ? Promise.resolve(false) : this.#follow(claim, listed.id, connection));
        place = listed.place;
        connection.drainedTo = place;
      }
      failed = (await Promise.all(done)).includes(false) || failed;
    }
    if (failed) await this.#around.wakeBy(Date.now() + OFFER_TIMEOUT_MS);
  }

  /**
   * Tells the commands that a connection has taken that it is gone. A newer connection has asked them itself; where
   * the device is no more nothing will be tried again, and the removal tells them so.
   */
  async tellLoss(connection: Channel): Promise<void> {
    if (this.#around.current() !== undefined || this.#around.store.device?.removed === true) return;
    await this.#newcomers.flushAll();
    const upTo = connection.drainedTo ?? Number.POSITIVE_INFINITY;
    await this.#forEachOpen(upTo, async (id) => {
      // One that only waits has lost nothing.
      if (this.#around.store.newcomer(id) === undefined)
        await this.#tell(id, (stub) => stub.connectionLost(connection.id));
    });
  }

  /** Tells every open command that the device is no more. Throws where one could not be told. */
  async tellRemoval(): Promise<void> {
    await this.#newcomers.flushAll();
    await this.#forEachOpen(Number.POSITIVE_INFINITY, (id) => {
      const newcomer = this.#around.store.newcomer(id);
      return newcomer === undefined
        ? this.#command(id, (stub) => stub.deviceRemoved())
        : this.introduce(newcomer, { event: { type: "deviceRemoved" }, at: Date.now() });
    });
  }

  /**
   * Takes a report in; null where the device has no such command. The device will not say it again, so a report that
   * cannot be told now is kept until it can be.
   */
  async hear(command: string, report: Report): Promise<Receipt | "kept" | null> {
    if (this.#newcomers.note(command, report, Date.now())) return "kept";
    try {
      return await this.#inOrder(command, () => this.#relay(command, report));
    } catch (error) {
      this.#log("reportKept", error);
      this.#around.store.keep({ command, report });
      await this.#around.wakeBy(Date.now() + OFFER_TIMEOUT_MS);
      return "kept";
    }
  }

  /** Tells the reports that were kept. Throws where one still cannot be told. */
  async tellKept(): Promise<void> {
    const { store } = this.#around;
    for (const [key, { command, report }] of store.kept()) {
      await this.#relay(command, report);
      store.told(key);
    }
  }

  /** What a command wants of a connection; undefined where its object could not be reached. */
  async #claim(id: string, connection: Channel): Promise<Claim | undefined> {
    try {
      const newcomer = this.#around.store.newcomer(id);
      if (newcomer !== undefined && newcomer.stage !== "leaving") return { type: "newcomer" };
      // What became of its last hand-over is not known any more.
      if (newcomer !== undefined) await this.introduce(newcomer);
      return await this.#command(id, (stub) => stub.claim(connection.id));
    } catch (error) {
      this.#log("claimFailed", error);
      return undefined;
    }
  }

  /** Does at once what a claim says, then tells the command; false where it could not be told. */
  #follow(claim: Claim, id: string, connection: Channel): Promise<boolean> {
    const { store } = this.#around;
    switch (claim.type) {
      case "newcomer":
        return this.#meet(id, connection);
      case "deliver":
        return this.#give(connection, claim.delivery)
          ? this.#tell(id, (stub) => stub.handedOver(connection.id))
          : this.#tell(id, (stub) => stub.released());
      case "cancel":
        if (connection.send(cancelFrame(id))) return this.#tell(id, (stub) => stub.cancelSent());
        break;
      case "ended":
        this.end(id, claim.status);
        break;
      case "unknown":
        this.forget(id, store.open.get(id) ?? null);
        break;
      case "nothing":
    }
    return Promise.resolve(true);
  }

  /** Hands a command over that has no object of its own yet; false where it has one by now, and must be asked. */
  async #meet(id: string, connection: Channel): Promise<boolean> {
    const { store } = this.#around;
    const newcomer = store.newcomer(id);
    if (newcomer === undefined || newcomer.stage === "leaving") return !store.open.has(id);
    if (!connection.isOpen) return true;
    store.leaves(newcomer);
    await this.#handOver(newcomer, connection, Date.now());
    return true;
  }

  /** Writes a command to a connection, unless that has taken it already. */
  #give(connection: Channel, delivery: Delivery): boolean {
    // A newer one may have taken it meanwhile: that says nothing of this one.
    if (!connection.isOpen) return false;
    if (this.#taken.has(delivery.commandId)) return true;
    if (!connection.send(deliveryFrame(delivery))) return false;
    this.#taken.add(delivery.commandId);
    return true;
  }

  /** Tells a command what the device said of it; null where it is not the device's. */
  async #relay(command: string, report: Report): Promise<Receipt | null> {
    const { commands, id: device, store } = this.#around;
    const id = objectId(commands, command);
    if (id === null) return null;
    const newcomer = store.newcomer(command);
    // What it says of one proves that it was handed over, even where memory of that was lost.
    if (newcomer !== undefined) await this.#begin(introductionOf(newcomer));
    const receipt = await reach(commands, id, (stub) => stub.report(device, report));
    if (!receipt.ok) return null;
    if (receipt.ended !== null) this.end(command, receipt.ended);
    return receipt;
  }

  /** Tells a command something, after what it is being told already; false where it could not be told. */
  async #tell(id: string, call: (stub: DurableObjectStub<CommandObject>) => Promise<void>): Promise<boolean> {
    try {
      await this.#inOrder(id, () => this.#command(id, call));
      return true;
    } catch (error) {
      this.#log("commandNotTold", error);
      return false;
    }
  }

  #command<R>(id: string, call: (stub: DurableObjectStub<CommandObject>) => R): Promise<Awaited<R>> {
    const { commands } = this.#around;
    return reach(commands, commands.idFromString(id), call);
  }

  async #forEachOpen(upTo: number, step: (id: string) => Promise<unknown>): Promise<void> {
    for (let place = 0; ; ) {
      const window = this.#around.store.openAfter(place, WINDOW).filter((listed) => listed.place <= upTo);
      const last = window.at(-1);
      if (last === undefined) return;
      await Promise.all(window.map(({ id }) => step(id)));
      place = last.place;
    }
  }

  #inOrder<T>(command: string, step: () => Promise<T>): Promise<T> {
    const before = this.#underWay.get(command) ?? Promise.resolve();
    const done = before.catch(() => undefined).then(step);
    this.#underWay.set(command, done);
    const leave = (): void => {
      if (this.#underWay.get(command) === done) this.#underWay.delete(command);
    };
    done.then(leave, leave);
    return done;
  }

  #log(event: string, error: unknown): void {
    console.error({ event, device: this.#around.id, error: String(error) });
  }
}
