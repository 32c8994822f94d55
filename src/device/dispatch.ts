import type { Command, EndedStatus, Intent, Order, Report } from "../command/command.ts";
import type { CommandObject } from "../command/command-object.ts";
import type { Claim, Delivery, Handover, Receipt, Refusal } from "../command/handover.ts";
import {
  COMMAND_TIMEOUT_MS,
  LANDING_PATIENCE_MS,
  OFFER_TIMEOUT_MS,
  OPEN_COMMANDS_PER_DEVICE_MAX,
} from "../limits.ts";
import { logFault } from "../operations/log.ts";
import { atMost, inTime, objectId, reach } from "../reach.ts";
import type { Channel } from "./connection.ts";
import type { DeviceStore, Placed } from "./device-store.ts";
import { cancelFrame, deliveryFrame } from "./protocol.ts";
import { Residents } from "./residents.ts";
import { Turns } from "./turns.ts";
import { Waits } from "./waits.ts";

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
  /** The device was given a command. */
  given(): void;
  /** Tells the operator what a step has changed of a command. */
  observe(before: Command | null, after: Command): void;
  /** Has the object's alarm ring at this time at the latest. */
  wakeBy(time: number): Promise<void>;
}

/**
 * Hands a device its commands in the order they were accepted, and carries what it says to them. It decides nothing
 * about a command: each has an object of its own, which is asked and told, or is one of the residents.
 */
export class Dispatch {
  readonly #around: Surroundings;
  /** What a connection has taken, as far as memory reaches: nothing is sent twice on one connection. */
  #taken = { by: "", ids: new Set<string>() };
  readonly #residents: Residents;
  readonly #waits = new Waits<Command>();
  /** What each command is asked and told is done in the order that it came. */
  readonly #turns = new Turns();

  constructor(around: Surroundings) {
    this.#around = around;
    const { store } = around;
    this.#residents = new Residents({
      store,
      turns: this.#turns,
      moveOut: (command) => this.#moveOut(command),
      give: (connection, delivery) => this.#give(connection, delivery),
      observe: (before, after) => around.observe(before, after),
      ended: (command) => this.#forgetMemory(command.order.id, command),
      wakeBy: (time) => around.wakeBy(time),
      log: (event, error) => this.#log(event, error),
    });
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
    const earlier = intent && store.findIntent(intent.key);
    if (intent && earlier && earlier.id !== order.id) {
      const same = earlier.fingerprint === intent.fingerprint;
      if (!intent.first) return { ok: false, reason: "repeated", command: earlier.id, same };
      // The newest of several first requests under one id is the one that its repeats are of.
      store.release(intent.key);
    }
    if (store.open.size >= OPEN_COMMANDS_PER_DEVICE_MAX && store.acceptedAt(order.id) === undefined)
      return { ok: false, reason: "queueFull" };
    const connection = this.#around.current();
    const drainedTo = connection?.drainedTo ?? null;
    const taker = drainedTo === null ? connection : null;
    return { ok: true, acceptedAt: this.#residents.take(order, intent, taker, drainedTo ?? 0, now) };
  }

  /** Hands a command over again. */
  offer(delivery: Delivery): Handover | null {
    const place = this.#around.store.open.get(delivery.commandId);
    if (place === undefined) return null;
    const connection = this.#around.current();
    if (connection === undefined) return { type: "offline" };
    if (connection.drainedTo !== null && place > connection.drainedTo) return { type: "queued" };
    // One that did not take it is full, or closing, of which its end tells.
    return this.#give(connection, delivery)
      ? { type: "sent", connection: connection.id }
      : { type: "queued" };
  }

  /**
   * A command as it stands where it has no object of its own, as JSON, at its end if that comes within so many
   * milliseconds; null where it has one, or never was. Throws where its own object could not be reached.
   */
  async tell(id: string, milliseconds = 0): Promise<string | null> {
    if (milliseconds > 0 && this.#residents.isOpen(id)) {
      const ended = await this.#waits.end(id, milliseconds);
      if (ended !== null) return JSON.stringify(ended);
    }
    return (await this.#residents.tell(id)) ?? null;
  }

  /** Has what is in flight land; resolves when nothing is. */
  land(): Promise<void> {
    return this.#residents.land();
  }

  /** A command that has ended here; one that has not moves out: there will be more to it. */
  async release(id: string): Promise<Command | null> {
    for (;;) {
      const resident = await this.#residents.find(id);
      if (resident === undefined || resident.stage === "done") return resident?.command ?? null;
      if (await this.#residents.moveOut(id, "waiting")) return null;
    }
  }

  /** Erases a command that has ended; null where its own object is to be asked. */
  async erase(id: string): Promise<"erased" | "live" | null> {
    await this.#residents.tell(id);
    return await this.#turns.after(id, async () => {
      const resident = this.#around.store.resident(id);
      if (resident === undefined) return null;
      if (resident.stage !== "done") return "live";
      this.forget(id);
      return "erased";
    });
  }

  /** Asks to cancel: the command, if it could be done here; null where its own object is to be asked. */
  async cancel(id: string): Promise<{ command: Command; wasLive: boolean } | null> {
    for (;;) {
      const resident = await this.#residents.find(id);
      if (resident === undefined) return null;
      if (resident.stage === "done") return { command: resident.command, wasLive: false };
      const asked = { type: "cancelRequested", inFlight: false } as const;
      const command = await this.#residents.apply(id, "waiting", asked);
      if (command !== undefined) return { command, wasLive: true };
    }
  }

  /** A command has ended. */
  end(id: string, status: EndedStatus): void {
    this.#around.store.end(id, status);
    this.#forgetMemory(id);
  }

  /** A command is erased, or never was. */
  forget(id: string): void {
    this.#around.store.forget(id);
    this.#forgetMemory(id);
  }

  /** Nothing more is to come; `command`, where it is known here. */
  #forgetMemory(id: string, command: Command | null = null): void {
    this.#taken.ids.delete(id);
    this.#waits.tell(id, command);
  }

  /** Gives a command an object of its own. */
  async #moveOut(command: Placed): Promise<void> {
    const { id } = command.order;
    // It has vanished with its account, while this was waiting for its turn.
    if (this.#around.store.acceptedAt(id) === undefined) return;
    const ended = await this.#command(id, (stub) => stub.begin(command));
    if (ended === "erased") return this.forget(id);
    // It was erased meanwhile: it must not come back.
    if (this.#around.store.acceptedAt(id) === undefined)
      return await this.#command(id, (stub) => stub.vanish(this.#around.id));
    this.#around.store.left(id, ended);
    if (ended !== null) this.#forgetMemory(id);
  }

  /** Moves out what was being handed over when memory was lost, and ends what nobody can deliver in time any more. */
  async lookAfterOverdue(now: number): Promise<void> {
    await this.#residents.land();
    for (let place = 0; ; ) {
      const resident = this.#around.store.overdue(now, place);
      if (resident === undefined) return;
      const { command, stage } = resident;
      place = command.place;
      try {
        // Asked for, one that is leaving lands, or moves out.
        if (stage === "leaving") await this.#residents.find(command.order.id);
        else await this.#residents.apply(command.order.id, "waiting", { type: "woke" });
      } catch (error) {
        // Those behind it are looked after all the same.
        this.#log("moveFailed", error);
        await this.#around.wakeBy(now + OFFER_TIMEOUT_MS);
      }
    }
  }

  /** A newer connection is there. */
  async begin(connection: Channel): Promise<void> {
    await atMost(LANDING_PATIENCE_MS, this.#residents.land());
    await this.drain(connection);
  }

  /**
   * Gives a connection what waits, in the order of acceptance; what is offered meanwhile queues behind it. Once it has
   * been given all, only what could not be asked for is asked for again.
   */
  async drain(connection: Channel): Promise<void> {
    const { drainedTo, missedFrom } = connection;
    const from = drainedTo ?? missedFrom;
    if (from === null) return;
    const missed = await this.#drainFrom(connection, from, (place) => {
      if (drainedTo !== null) connection.drainedTo = place;
    });
    connection.missedFrom = missed;
    if (missed !== null) await this.#around.wakeBy(Date.now() + OFFER_TIMEOUT_MS);
  }

  /** Answers the place before the first that could not be asked for; null where all were. */
  async #drainFrom(
    connection: Channel,
    from: number,
    reached: (place: number | null) => void,
  ): Promise<number | null> {
    let missed: number | null = null;
    for (let place = from; connection.isOpen; ) {
      await this.#residents.room();
      const window = this.#around.store.openAfter(place, WINDOW);
      if (window.length === 0) {
        reached(null);
        break;
      }
      const claims = await Promise.all(window.map(({ id }) => this.#claim(id, connection)));
      const done: Promise<boolean>[] = [];
      for (const [index, listed] of window.entries()) {
        const claim = claims[index];
        done.push(claim === undefined ? Promise.resolve(false) : this.#follow(claim, listed.id, connection));
        place = listed.place;
        reached(place);
      }
      const failed = (await Promise.all(done)).indexOf(false);
      if (failed >= 0) missed ??= (window[failed]?.place ?? 0) - 1;
    }
    return missed;
  }

  /**
   * Tells the commands that a connection is gone. A newer connection has asked them itself; where the device is no more
   * nothing will be tried again, and the removal tells them so.
   */
  async tellLoss(connection: Channel): Promise<void> {
    if (this.#around.current() !== undefined || this.#around.store.device?.removed === true) return;
    await atMost(LANDING_PATIENCE_MS, this.#residents.land());
    await this.#forEachOpen(async (id) => {
      const resident = this.#around.store.resident(id);
      if (resident?.stage !== "waiting") await this.#tell(id, (stub) => stub.connectionLost(connection.id));
      // Another that only waits has lost nothing.
      else if (resident.command.order.whenOffline === "fail")
        await this.#residents.apply(id, "waiting", { type: "deviceOffline" });
    });
  }

  /** Tells every open command that the device is no more. Throws where one could not be told. */
  async tellRemoval(): Promise<void> {
    await this.#residents.land();
    await this.#forEachOpen((id) => this.#removed(id));
  }

  async #removed(id: string): Promise<void> {
    for (;;) {
      if ((await this.#residents.find(id)) === undefined) {
        const ended = await this.#command(id, (stub) => stub.deviceRemoved());
        if (ended !== null) this.end(id, ended);
        return;
      }
      if ((await this.#residents.apply(id, "waiting", { type: "deviceRemoved" })) !== undefined) return;
      // It may have ended meanwhile.
      if (!this.#around.store.open.has(id)) return;
    }
  }

  /** Leaves nothing of at most so many commands; false where there are more. Throws where one could not be reached. */
  async vanish(top: number): Promise<boolean> {
    await this.#residents.land();
    const { id: device, store } = this.#around;
    for (let gone = 0; gone < top && !store.isEmpty; gone += WINDOW) {
      const { commands } = store.page(Number.MAX_SAFE_INTEGER, WINDOW, null);
      await Promise.all(
        commands.map(({ id }) =>
          this.#turns.after(id, async () => {
            const stage = store.resident(id)?.stage;
            // Others are nowhere else.
            if (stage === undefined || stage === "leaving")
              await this.#command(id, (stub) => stub.vanish(device));
            this.forget(id);
          }),
        ),
      );
    }
    return store.isEmpty;
  }

  /**
   * Takes a report in; null where the device has no such command. The device will not say it again, so a report that
   * cannot be told now is kept until it can be.
   */
  async hear(command: string, report: Report): Promise<Receipt | "kept" | null> {
    const receipt = await this.#residents.hear(command, report);
    if (receipt !== null) return receipt;
    try {
      return await this.#turns.after(command, () => this.#relay(command, report));
    } catch (error) {
      this.#log("reportKept", error);
      this.#around.store.reports.keep({ command, report });
      await this.#around.wakeBy(Date.now() + OFFER_TIMEOUT_MS);
      return "kept";
    }
  }

  /** Tells the reports that were kept. Throws where one still cannot be told. */
  async tellKept(): Promise<void> {
    const { store } = this.#around;
    for (const [key, { command, report }] of store.reports.all()) {
      await this.#relay(command, report);
      store.reports.told(key);
    }
  }

  /** What a command wants of a connection; undefined where its object could not be reached. */
  async #claim(id: string, connection: Channel): Promise<Claim | undefined> {
    try {
      // It may be moving out: then its own object is asked. One that takes its time is asked later, and holds up nobody.
      if (this.#turns.has(id)) await atMost(LANDING_PATIENCE_MS, this.#turns.settled(id));
      if (this.#turns.has(id)) return undefined;
      if (this.#residents.isFlying(id)) return { type: "nothing" };
      // Where it was leaving when memory was lost, its own object knows what to do.
      if ((await this.#residents.find(id)) !== undefined) return { type: "resident" };
      return await this.#command(id, (stub) => stub.claim(connection.id));
    } catch (error) {
      this.#log("claimFailed", error);
      return undefined;
    }
  }

  /** Does at once what a claim says, then tells the command; false where it could not be told. */
  #follow(claim: Claim, id: string, connection: Channel): Promise<boolean> {
    switch (claim.type) {
      case "resident":
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
        this.forget(id);
        break;
      case "nothing":
    }
    return Promise.resolve(true);
  }

  /** Hands a resident over; where it has moved out meanwhile, or is about to, it is asked again. */
  async #meet(id: string, connection: Channel): Promise<boolean> {
    const { store } = this.#around;
    if (!connection.isOpen || !store.open.has(id)) return true;
    const resident = store.resident(id);
    if (resident?.stage !== "waiting" || this.#turns.has(id)) {
      const claim = await this.#claim(id, connection);
      return claim !== undefined && (await this.#follow(claim, id, connection));
    }
    this.#residents.meet(resident, connection);
    return true;
  }

  /** Writes a command to a connection, unless that has taken it already. */
  #give(connection: Channel, delivery: Delivery): boolean {
    // A newer one may have taken it meanwhile: that says nothing of this one.
    if (!connection.isOpen) return false;
    if (this.#taken.by !== connection.id) this.#taken = { by: connection.id, ids: new Set() };
    if (this.#taken.ids.has(delivery.commandId)) return true;
    if (!connection.send(deliveryFrame(delivery))) return false;
    this.#taken.ids.add(delivery.commandId);
    this.#around.given();
    return true;
  }

  /** Tells a command what the device said of it; null where it is not the device's. */
  async #relay(command: string, report: Report): Promise<Receipt | null> {
    const { commands, id: device, store } = this.#around;
    const id = objectId(commands, command);
    if (id === null) return null;
    const resident = store.resident(command);
    // What it says of one proves that it was handed over, even where memory of that was lost.
    if (resident !== undefined) await this.#moveOut(resident.command);
    const receipt = await this.#command(command, (stub) => stub.report(device, report));
    if (!receipt.ok) return null;
    if (receipt.ended !== null) this.end(command, receipt.ended);
    return receipt;
  }

  /** Tells a command something, after what it is being told already; false where it could not be told. */
  async #tell(id: string, call: (stub: DurableObjectStub<CommandObject>) => Promise<void>): Promise<boolean> {
    try {
      await this.#turns.after(id, () => this.#command(id, call));
      return true;
    } catch (error) {
      this.#log("commandNotTold", error);
      return false;
    }
  }

  /** Calls a command's object. One that does not answer in time counts as out of reach: it must hold up no others. */
  #command<R>(id: string, call: (stub: DurableObjectStub<CommandObject>) => R): Promise<Awaited<R>> {
    const { commands } = this.#around;
    return inTime(COMMAND_TIMEOUT_MS, reach(commands, commands.idFromString(id), call));
  }

  async #forEachOpen(step: (id: string) => Promise<unknown>): Promise<void> {
    for (let place = 0; ; ) {
      const window = this.#around.store.openAfter(place, WINDOW);
      const last = window.at(-1);
      if (last === undefined) return;
      await Promise.all(window.map(({ id }) => step(id)));
      place = last.place;
    }
  }

  #log(event: string, error: unknown): void {
    logFault({ event, device: this.#around.id, error: String(error) });
  }
}
