import {
  awaitsOffer,
  type Command,
  hasEnded,
  type Intent,
  type Order,
  payloadLength,
  type Report,
} from "../command/command.ts";
import { decide } from "../command/decide.ts";
import { type Delivery, deliveryOf, isLate, type Receipt } from "../command/handover.ts";
import { accept, type Event } from "../command/transition.ts";
import {
  DRAINED_AHEAD_MAX,
  IN_FLIGHT_LENGTH_MAX,
  IN_FLIGHT_MAX,
  OFFER_TIMEOUT_MS,
  RESIDENT_ENTRIES_MAX,
  RESIDENT_LENGTH_MAX,
  STAY_BRIEFLY_MS,
  STAY_MS,
} from "../limits.ts";
import type { Channel } from "./connection.ts";
import { type DeviceStore, dueOf, type Placed, type Resident, type Stage } from "./device-store.ts";
import type { Turns } from "./turns.ts";

/** What residents need of what is around them. */
export interface House {
  store: DeviceStore;
  turns: Turns;
  /** Gives a command an object of its own. Throws where that cannot be reached. */
  moveOut(command: Placed): Promise<void>;
  /** Writes a command to a connection; false where that did not take it. */
  give(connection: Channel, delivery: Delivery): boolean;
  /** Tells the operator what a step has changed of a command. */
  observe(before: Command | null, after: Command): void;
  /** A command has ended. */
  ended(command: Command): void;
  /** Has the object's alarm ring at this time at the latest. */
  wakeBy(time: number): Promise<void>;
  log(event: string, error: unknown): void;
}

/** A command that was handed over, while what the device says to it is gathered. */
interface Flight {
  command: Placed;
  /** As it was when it left. */
  before: Placed;
  /** The wait is over: what is said from now on finds it where it lands. */
  isLanding: boolean;
  /** Ends the wait for more. */
  close: () => void;
  /** Resolves when the wait is over. */
  closed: Promise<void>;
  /** Resolves when it has ended here, or has moved out, or could not. */
  done: Promise<void>;
}

/**
 * The commands that have no object of their own: they wait, or were handed over a moment ago, or have ended without
 * more ado. One that is in flight is in memory as it stands, and in the list as it was when it left.
 */
export class Residents {
  readonly #house: House;
  readonly #flights = new Map<string, Flight>();
  #lengthInFlight = 0;

  constructor(house: House) {
    this.#house = house;
  }

  /**
   * Takes an order into the list, and answers when it was accepted: now, or before where it is there already.
   * `connection` is what it is handed over to, null where it is to wait behind others. `after`:
   * the place up to which others have been gone through.
   */
  take(
    order: Order,
    intent: Intent | null,
    connection: Channel | undefined | null,
    after: number,
    now: number,
  ): number {
    const { store } = this.#house;
    const accepted = accept(order, now);
    const command = connection
      ? accepted
      : settled(decide(accepted, { type: connection === null ? "queued" : "deviceOffline" }).command);
    const isOver = hasEnded(command.state);
    const stays = isOver && this.#mayStay(command);
    const stage = stays ? "done" : isOver || connection ? "leaving" : "waiting";
    const place = store.add(command, stage, intent, after);
    if (place === undefined) return store.acceptedAt(order.id) ?? now;
    this.#house.observe(null, command);
    if (stays) void this.#house.wakeBy(dueOf(command));
    if (connection) void this.#handOver({ ...command, place }, connection);
    else if (stage === "leaving") void this.#land({ ...command, place });
    return now;
  }

  /** Hands over one that waits. */
  meet({ command }: Resident, connection: Channel): void {
    this.#house.store.leaves(command);
    void this.#handOver(command, connection);
  }

  /** Resolves when few enough are in flight: a device that is slow is not given all that waits at once. */
  async room(): Promise<void> {
    for (const flight of this.#flights.values()) {
      if (this.#flying < DRAINED_AHEAD_MAX && !this.#isFull) return;
      // How long its own object then takes to make holds up nobody.
      if (!flight.isLanding) await flight.closed;
    }
  }

  /** How many wait for what their device says. */
  get #flying(): number {
    return [...this.#flights.values()].filter(({ isLanding }) => !isLanding).length;
  }

  get #isFull(): boolean {
    return this.#flights.size >= IN_FLIGHT_MAX || this.#lengthInFlight > IN_FLIGHT_LENGTH_MAX;
  }

  /**
   * A command as it stands, for whoever asks; undefined where it has an object of its own, or never was. One that is
   * in flight has landed by then. Throws where its own object could not be reached.
   */
  async find(id: string): Promise<Resident | undefined> {
    await this.#landed(id);
    const resident = this.#house.store.resident(id);
    if (resident?.stage !== "leaving") return resident;
    await this.moveOut(id, "leaving");
    return undefined;
  }

  /** As `find`, for passing on: as JSON, which is not read here. */
  async tell(id: string): Promise<string | undefined> {
    if (this.#flights.has(id)) await this.#landed(id);
    const resident = this.#house.store.residentText(id);
    if (resident?.stage !== "leaving") return resident?.content;
    await this.moveOut(id, "leaving");
    return undefined;
  }

  async #landed(id: string): Promise<void> {
    const flight = this.#flights.get(id);
    flight?.close();
    await flight?.done;
  }

  /**
   * Gives one an object of its own; false where it is not at this stage any more. Of one that was being handed over
   * when memory was lost nobody knows whether the device has it: that attempt counts as lost.
   */
  moveOut(id: string, stage: "waiting" | "leaving"): Promise<boolean> {
    return this.#house.turns.after(id, async () => {
      const resident = this.#house.store.resident(id);
      if (resident?.stage !== stage) return false;
      const { command } = resident;
      const event: Event = { type: "handoverLost", chance: Math.random() };
      const next =
        stage === "leaving" ? settled({ ...decide(command, event).command, place: command.place }) : command;
      this.#house.observe(command, next);
      await this.#house.moveOut(next);
      return true;
    });
  }

  /**
   * Has something happen to one that waits, or has ended: it stays, or moves out with it. Undefined where it is not at
   * this stage any more.
   */
  apply(id: string, stage: Exclude<Stage, "leaving">, event: Event): Promise<Command | undefined> {
    const { store, moveOut, observe, ended } = this.#house;
    return this.#house.turns.after(id, async () => {
      const resident = store.resident(id);
      if (resident?.stage !== stage) return undefined;
      const { place } = resident.command;
      const command = settled({ ...decide(resident.command, event).command, place });
      const isOver = hasEnded(command.state);
      if (isOver && !this.#mayStay(command)) await moveOut(command);
      else this.#write({ command, stage: isOver ? "done" : stage });
      observe(resident.command, command);
      if (isOver) ended(command);
      return command;
    });
  }

  #write(resident: Resident): void {
    const { store, wakeBy } = this.#house;
    store.write(resident);
    // Kept for a shorter time than it might have waited, it is due before the alarm that looked after that.
    if (resident.stage === "done") void wakeBy(dueOf(resident.command));
  }

  /** Hears what the device says of one; null where it is none of these, or nothing is known of its hand-over. */
  async hear(id: string, report: Report): Promise<Receipt | null> {
    const flight = this.#flights.get(id);
    if (flight?.isLanding === false) {
      const before = flight.command;
      const { command } = decide(before, { type: "reported", report });
      flight.command = { ...command, place: before.place };
      // The device will not say its last word again: it is told of it when that is written.
      if (hasEnded(command.state)) {
        flight.close();
        await flight.done;
      }
      return receiptOf(before, command);
    }
    await flight?.done;
    const before = this.#house.store.resident(id)?.command;
    const command = await this.apply(id, "done", { type: "reported", report });
    return command === undefined || before === undefined ? null : receiptOf(before, command);
  }

  /** Whether a command that has not ended is one of these. */
  isOpen(id: string): boolean {
    return this.#flights.has(id) || this.#house.store.resident(id)?.stage === "waiting";
  }

  /** Whether one was given to the connection in use a moment ago. */
  isFlying(id: string): boolean {
    return this.#flights.get(id)?.isLanding === false;
  }

  /** Ends every wait for more; resolves when none is in flight. */
  async land(): Promise<void> {
    const flights = [...this.#flights.values()];
    for (const { close } of flights) close();
    await Promise.all(flights.map(({ done }) => done));
  }

  async #handOver(command: Placed, connection: Channel): Promise<void> {
    const now = Date.now();
    const sent = this.#house.give(connection, deliveryOf(command, now));
    // One that did not take it is full, or closing, of which its end tells.
    const event: Event = sent ? { type: "handedOver", connection: connection.id } : { type: "queued" };
    const next = { ...decide(command, event).command, place: command.place };
    if (!sent) return await this.#land(next);
    this.#fly(next, command, this.#isFull || next.postBacks !== null ? STAY_BRIEFLY_MS : STAY_MS);
  }

  /** Gathers what the device says for so many milliseconds. */
  #fly(command: Placed, before: Placed, milliseconds: number): void {
    const { id, task } = command.order;
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    // Cleared: a timer that is left over keeps the object in memory, and billed.
    const close = (): void => {
      flight.isLanding = true;
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(close, milliseconds);
    this.#lengthInFlight += task.payload.length;
    const flight: Flight = { command, before, isLanding: false, close, closed, done: Promise.resolve() };
    flight.done = closed.then(async () => {
      await this.#land(flight.command);
      this.#house.observe(flight.before, flight.command);
      this.#flights.delete(id);
      this.#lengthInFlight -= task.payload.length;
    });
    this.#flights.set(id, flight);
  }

  /** It has ended, and stays; or it moves out. Where it cannot, it is written down, and the alarm sees to it. */
  async #land(command: Placed): Promise<void> {
    const { store, ended, turns, log, moveOut, wakeBy } = this.#house;
    if (hasEnded(command.state) && this.#mayStay(command)) {
      const over = settled(command);
      this.#write({ command: over, stage: "done" });
      return ended(over);
    }
    // Its connection did not take it after all.
    if (awaitsOffer(command.state)) return store.write({ command, stage: "waiting" });
    try {
      await turns.after(command.order.id, () => moveOut(settled(command)));
    } catch (error) {
      log("moveFailed", error);
      store.write({ command, stage: "leaving" });
      await wakeBy(Date.now() + OFFER_TIMEOUT_MS);
    }
  }

  /** Whether one that has ended needs no object of its own: nobody else is to be told, and it takes little room. */
  #mayStay(command: Command): boolean {
    if (command.postBacks !== null || !this.#house.store.hasRoom) return false;
    return command.history.length <= RESIDENT_ENTRIES_MAX && payloadLength(command) <= RESIDENT_LENGTH_MAX;
  }
}

/** Whoever ends a command here need not be told of it. */
function settled<C extends Command>(command: C): C {
  return command.settleAt === null || !hasEnded(command.state) ? command : { ...command, settleAt: null };
}

function receiptOf(before: Command, { state, history }: Command): Receipt {
  const ended = hasEnded(state) ? state.status : null;
  return { status: state.status, ended, late: isLate(before, history) };
}
