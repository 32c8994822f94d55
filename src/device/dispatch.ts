import type { Intent, Report } from "../command/command.ts";
import type { CommandObject } from "../command/command-object.ts";
import type { Claim, Delivery, Handover, Receipt } from "../command/handover.ts";
import { OFFER_TIMEOUT_MS, OPEN_COMMANDS_PER_DEVICE_MAX } from "../limits.ts";
import { objectId, reach } from "../reach.ts";
import type { Channel } from "./connection.ts";
import type { DeviceStore } from "./device-store.ts";
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
  /** Words under way, by command: each hears them in the order they were said. */
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** Takes a command into the list, and hands it over if the device is there and nothing waits before it. */
  offer(delivery: Delivery, intent: Intent | null): Handover {
    const { store } = this.#around;
    const { commandId } = delivery;
    let known = store.open.get(commandId);
    if (known === undefined) {
      const earlier = intent && store.findIntent(intent.key);
      if (intent && earlier && !intent.first) {
        const same = earlier.fingerprint === intent.fingerprint;
        return { type: "refused", refusal: { reason: "repeated", command: earlier.id, same } };
      }
      if (store.open.size >= OPEN_COMMANDS_PER_DEVICE_MAX)
        return { type: "refused", refusal: { reason: "queueFull" } };
      // The newest of several first requests under one id is the one that its repeats are of.
      if (intent && earlier) store.release(intent.key);
      known = store.add(commandId, intent);
    }
    const place = known;
    const connection = this.#around.current();
    if (connection === undefined) return { type: "offline", place };
    if (connection.drainedTo !== null && place > connection.drainedTo) return { type: "queued", place };
    return this.#give(connection, delivery)
      ? { type: "sent", place, connection: connection.id }
      : { type: "offline", place };
  }

  /** A newer connection is there: it has taken nothing yet. */
  async begin(connection: Channel): Promise<void> {
    this.#taken = new Set();
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
    const upTo = connection.drainedTo ?? Number.POSITIVE_INFINITY;
    await this.#forEachOpen(upTo, (id) => this.#tell(id, (stub) => stub.connectionLost(connection.id)));
  }

  /** Tells every open command that the device is no more. Throws where one could not be told. */
  async tellRemoval(): Promise<void> {
    await this.#forEachOpen(Number.POSITIVE_INFINITY, (id) =>
      this.#command(id, (stub) => stub.deviceRemoved()),
    );
  }

  /**
   * Takes a report in; null where the device has no such command. The device will not say it again, so a report that
   * cannot be told now is kept until it can be.
   */
  async hear(command: string, report: Report): Promise<Receipt | "kept" | null> {
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
      case "deliver":
        return this.#give(connection, claim.delivery)
          ? this.#tell(id, (stub) => stub.handedOver(connection.id))
          : this.#tell(id, (stub) => stub.released());
      case "cancel":
        if (connection.send(cancelFrame(id))) return this.#tell(id, (stub) => stub.cancelSent());
        break;
      case "ended":
        store.end(id, claim.status);
        break;
      case "unknown":
        store.forget(id, store.open.get(id) ?? null);
        break;
      case "nothing":
    }
    return Promise.resolve(true);
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
    const receipt = id && (await reach(commands, id, (stub) => stub.report(device, report)));
    if (!receipt?.ok) return null;
    if (receipt.ended !== null) {
      store.end(command, receipt.ended);
      this.#taken.delete(command);
    }
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
