import { DurableObject } from "cloudflare:workers";
import { OFFER_TIMEOUT_MS } from "../limits.ts";
import { reach, Unreachable } from "../reach.ts";
import { wakeAt } from "./clocks.ts";
import type { Intent } from "./command.ts";
import { type Command, hasEnded, type Order, type Report } from "./command.ts";
import type { Decision, Effect } from "./decision.ts";
import {
  type Asker,
  type Claim,
  type CommandView,
  deliveryOf,
  eventOf,
  type Handover,
  type History,
  isOf,
  type Receipt,
  type Refusal,
  UNKNOWN,
  type Unknown,
  viewOf,
} from "./handover.ts";
import { nextOwed } from "./outbox.ts";
import { sendPostBack } from "./post-back-sender.ts";
import { accept, awaitsOffer, type Event, transition } from "./transition.ts";
import { Watchers } from "./watchers.ts";

const COMMAND = "command";

/**
 * One command: holds its state, advances it by its alarm, serves its status and response payload.
 * Each step loads, decides (`transition`), commits row and alarm together, and only then acts. Steps run one
 * after the other, so a report that overtakes the answer to an offer still finds the offer concluded.
 */
export class CommandObject extends DurableObject<Env> {
  #command: Command | undefined;
  /** When the alarm is set for; undefined before that was looked up. */
  #alarmAt: number | null | undefined;
  #isRinging = false;
  #turn: Promise<unknown> = Promise.resolve();
  /** Until when the connection that came for the command is taken to be handing it over. */
  #claimedUntil = 0;
  /** A post-back is on its way. */
  #posting = false;
  readonly #watchers = new Watchers();

  /**
   * Accepts an order and makes the first attempt; the command is durable before the device hears of it. Answers when
   * it has ended, or after `waitMs` with what it has. Repeating the call is harmless. Throws, and keeps nothing, where
   * the device's object cannot be reached.
   */
  async create(
    order: Order,
    intent: Intent | null,
    waitMs: number,
  ): Promise<{ ok: true; command: CommandView } | ({ ok: false } & Refusal)> {
    const created = await this.#inTurn(() => this.#create(order, intent));
    if (!created.ok || waitMs === 0) return created;
    await this.#end(waitMs);
    return { ok: true, command: viewOf(assertPresent(this.#load())) };
  }

  async #create(
    order: Order,
    intent: Intent | null,
  ): Promise<{ ok: true; command: CommandView } | ({ ok: false } & Refusal)> {
    const standing = this.#load();
    if (standing !== undefined) return { ok: true, command: viewOf(standing) };
    const accepted = accept(order, Date.now(), intent);
    this.#commit(accepted);
    const handover = await this.#offer(accepted).catch(async (error: unknown) => {
      await this.#erase();
      throw error;
    });
    if (handover.type === "refused") {
      await this.#erase();
      return { ok: false, ...handover.refusal };
    }
    await this.#place(handover);
    return { ok: true, command: viewOf(accepted) };
  }

  /** The command as it stands. Writes nothing. */
  read(asker: Asker): { ok: true; command: CommandView } | Unknown {
    const command = this.#load();
    return command !== undefined && isOf(command, asker) ? { ok: true, command: viewOf(command) } : UNKNOWN;
  }

  /** The command when it has ended, or after so many milliseconds as it stands. Writes nothing. */
  async wait(asker: Asker, milliseconds: number): Promise<{ ok: true; command: CommandView } | Unknown> {
    const found = this.read(asker);
    if (!found.ok || hasEnded(found.command.state)) return found;
    await this.#end(milliseconds);
    return this.read(asker);
  }

  /** The entries after a sequence as they come, as lines of JSON (`Sighting`); null where none will. Writes nothing. */
  watch(asker: Asker, after: number): { ok: true; sightings: ReadableStream<Uint8Array> | null } | Unknown {
    const command = this.#load();
    if (command === undefined || !isOf(command, asker)) return UNKNOWN;
    const isOver = hasEnded(command.state) && command.history.length <= after;
    return { ok: true, sightings: isOver ? null : this.#watchers.stream(() => this.#load(), after) };
  }

  /** Every entry of its history, the oldest first. Writes nothing. */
  history(asker: Asker): ({ ok: true } & History) | Unknown {
    const command = this.#load();
    if (command === undefined || !isOf(command, asker)) return UNKNOWN;
    const { history: entries, postBacks } = command;
    // Telling the device's object once more is nobody's business but theirs.
    return {
      ok: true,
      command: viewOf(command),
      entries,
      postBacks,
      wakeAt: wakeAt({ ...command, settleAt: null }),
    };
  }

  /** Asks to cancel; `conflict` where it has ended. */
  cancel(
    asker: Asker,
  ): Promise<{ ok: true; command: CommandView } | Unknown | { ok: false; reason: "ended" }> {
    return this.#inTurn(async () => {
      const command = this.#load();
      if (command === undefined || !isOf(command, asker)) return UNKNOWN;
      if (hasEnded(command.state)) return { ok: false, reason: "ended" };
      await this.#apply({ type: "cancelRequested", inFlight: Date.now() < this.#claimedUntil });
      return { ok: true, command: viewOf(assertPresent(this.#load())) };
    });
  }

  /** Erases a command that has ended, with its payload, response and history. */
  erase(asker: Asker): Promise<{ ok: true } | Unknown | { ok: false; reason: "live" }> {
    return this.#inTurn(async () => {
      const command = this.#load();
      if (command === undefined || !isOf(command, asker)) return UNKNOWN;
      if (!hasEnded(command.state)) return { ok: false, reason: "live" };
      await this.#forget(command);
      return { ok: true };
    });
  }

  /** The device has connected and comes for what waits for it. */
  claim(connection: string): Promise<Claim> {
    return this.#inTurn(async () => {
      const effects = this.#decide({ type: "deviceOnline", connection, chance: Math.random() });
      const command = this.#load();
      if (command === undefined) return { type: "unknown" };
      if (hasEnded(command.state)) return { type: "ended", status: command.state.status };
      if (!awaitsOffer(command.state))
        return { type: effects.some(({ type }) => type === "cancel") ? "cancel" : "nothing" };
      this.#claimedUntil = Date.now() + OFFER_TIMEOUT_MS;
      return { type: "deliver", delivery: deliveryOf(command, Date.now()) };
    });
  }

  /** The connection that had claimed the command has taken it. */
  handedOver(connection: string): Promise<void> {
    return this.#inTurn(() => {
      this.#claimedUntil = 0;
      return this.#apply({ type: "handedOver", connection });
    });
  }

  /** The connection that had claimed the command did not take it. */
  released(): Promise<void> {
    return this.#inTurn(async () => {
      this.#claimedUntil = 0;
    });
  }

  /** The connection has taken the cancellation. */
  cancelSent(): Promise<void> {
    return this.#inTurn(() => this.#apply({ type: "cancelSent" }));
  }

  connectionLost(connection: string): Promise<void> {
    return this.#inTurn(() => this.#apply({ type: "connectionLost", connection, chance: Math.random() }));
  }

  /** The device was unregistered; its object, which tells so, needs no word back. */
  deviceRemoved(): Promise<void> {
    return this.#inTurn(async () => void this.#decide({ type: "deviceRemoved" }, true));
  }

  /** What a device says of the command; unknown where it is another device's. */
  report(device: string, report: Report): Promise<({ ok: true } & Receipt) | Unknown> {
    return this.#inTurn(async () => {
      if (this.#load()?.order.device !== device) return UNKNOWN;
      const effects = this.#decide({ type: "reported", report }, true);
      // The receipt tells the device's object of the end: no call of its own is needed.
      for (const effect of effects) if (effect.type !== "settle") await this.#act(effect);
      const { state, history } = assertPresent(this.#load());
      return {
        ok: true,
        status: state.status,
        ended: hasEnded(state) ? state.status : null,
        late: history.at(-1)?.late ?? false,
      };
    });
  }

  override async alarm(): Promise<void> {
    await this.#inTurn(async () => {
      const before = this.#load();
      this.#alarmAt = null;
      this.#isRinging = true;
      try {
        await this.#apply({ type: "woke" });
      } catch (error) {
        // Throwing would cost the alarm after six tries; what is due stays due, and is tried again below.
        console.error({ event: "alarmFailed", command: this.ctx.id.toString(), error: String(error) });
      }
      this.#isRinging = false;
      const command = this.#load();
      if (command === undefined) return;
      const next = wakeAt(command);
      // What was due and could not be done is tried again later, and not at once.
      this.#setAlarm(command === before && next <= Date.now() ? Date.now() + OFFER_TIMEOUT_MS : next);
    });
  }

  // ---- Load, decide, commit, act ----

  #load(): Command | undefined {
    this.#command ??= this.ctx.storage.kv.get<Command>(COMMAND);
    return this.#command;
  }

  /**
   * Decides on an event and commits; what remains to be done is the caller's, but for the post-backs. `isSettled`:
   * the device's object learns of an end from the answer to its own call.
   */
  #decide(event: Event, isSettled = false): Effect[] {
    const before = this.#load();
    if (before === undefined) return [];
    const { command, effects } = this.#transition(before, event);
    if (command !== before) this.#commit(isSettled ? { ...command, settleAt: null } : command);
    // Not awaited: a receiver that is slow, or hangs, holds up neither this step nor the next.
    if (effects.some(({ type }) => type === "postBack")) this.ctx.waitUntil(this.#post());
    return effects;
  }

  /** What becomes of the command; a fault of the service itself ends it as `error`, and nothing else does. */
  #transition(before: Command, event: Event): Decision {
    try {
      return transition(before, event, Date.now());
    } catch (error) {
      console.error({
        event: "transitionFailed",
        command: before.order.id,
        on: event.type,
        error: String(error),
      });
      return transition(
        before,
        { type: "faulted", message: "The service failed; its log says why." },
        Date.now(),
      );
    }
  }

  async #apply(event: Event): Promise<void> {
    for (const effect of this.#decide(event)) await this.#act(effect);
  }

  /** Row and alarm are written without a pause between them, and so become durable together. */
  #commit(command: Command): void {
    this.ctx.storage.kv.put(COMMAND, command);
    this.#command = command;
    this.#arm(command);
    this.#watchers.notify();
  }

  /**
   * Sets the alarm where it has to ring earlier: ringing early is harmless, and each setting costs a row. Of a command
   * that only waits to be erased it is set to that time at once: ringing in between would cost more.
   */
  #arm(command: Command): void {
    // The alarm that is ringing arms the next one itself, or is repeated by the platform.
    if (this.#isRinging) return;
    const next = wakeAt(command);
    const set = this.#alarmAt ?? null;
    const isAtRest = hasEnded(command.state) && command.settleAt === null;
    if (set !== null && (isAtRest ? set === next : set <= next)) return;
    this.#setAlarm(next);
  }

  #setAlarm(time: number): void {
    this.#alarmAt = time;
    // Held by the output gate like any write; a failure resets the object.
    void this.ctx.storage.setAlarm(time);
  }

  async #act(effect: Effect): Promise<void> {
    const command = assertPresent(this.#load());
    const device = this.env.DEVICES.idFromString(command.order.device);
    const id = command.order.id;
    try {
      switch (effect.type) {
        case "offer":
          return await this.#offerAgain(command);
        case "check": {
          const { connection, asked } = effect;
          const answer = await reach(this.env.DEVICES, device, (stub) => stub.check(connection, asked));
          if (answer === "lost")
            return await this.#apply({ type: "connectionLost", connection, chance: Math.random() });
          return await this.#apply({ type: answer === "asked" ? "pinged" : "answeredPing" });
        }
        case "cancel": {
          const sent = await reach(this.env.DEVICES, device, (stub) => stub.cancel(id));
          return sent ? await this.#apply({ type: "cancelSent" }) : undefined;
        }
        case "settle": {
          const { state } = command;
          if (!hasEnded(state)) return;
          await reach(this.env.DEVICES, device, (stub) => stub.settle(id, state.status));
          // Not written: should this be forgotten, the device's object is only told once more.
          this.#command = { ...command, settleAt: null };
          return this.#arm(this.#command);
        }
        case "postBack":
          return;
        case "erase":
          return await this.#forget(command);
      }
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      // The other effects are asked for again: a check and an end by the alarm, a cancellation when the device connects.
      if (effect.type === "offer") await this.#apply({ type: "offerFailed", chance: Math.random() });
    }
  }

  async #offer(command: Command): Promise<Handover> {
    const { account, device } = command.order;
    const delivery = deliveryOf(command, Date.now());
    return await reach(this.env.DEVICES, this.env.DEVICES.idFromString(device), (stub) =>
      stub.offer(account, delivery, command.intent),
    );
  }

  /** The next attempt; or the first, where a crash came before its outcome. */
  async #offerAgain(command: Command): Promise<void> {
    const handover = await this.#offer(command);
    if (handover.type !== "refused") return await this.#place(handover);
    switch (handover.refusal.reason) {
      case "deviceUnknown":
        return await this.#apply({ type: "deviceRemoved" });
      case "queueFull":
        return await this.#apply({ type: "offerFailed", chance: Math.random() });
      case "repeated":
        // A repeat has taken its place after a crash; nobody was ever told of this one.
        return await this.#erase();
    }
  }

  /** The device's object has the command; its place becomes durable with the event. */
  async #place(handover: Exclude<Handover, { type: "refused" }>): Promise<void> {
    this.#command = { ...assertPresent(this.#load()), place: handover.place, intent: null };
    await this.#apply(eventOf(handover));
  }

  /** Sends the post-backs that are owed, one after the other, until none is or one has failed. */
  async #post(): Promise<void> {
    if (this.#posting) return;
    this.#posting = true;
    try {
      for (;;) {
        const command = this.#load();
        const entry = command && nextOwed(command);
        if (command === undefined || entry === undefined) return;
        const outcome = await sendPostBack(command, entry, this.env);
        await this.#inTurn(async () =>
          this.#decide({ type: "postBackTried", sequence: entry.sequence, outcome }),
        );
        if (outcome.type !== "accepted") return;
      }
    } finally {
      this.#posting = false;
    }
  }

  /** Resolves when the command has ended, or after so many milliseconds. */
  async #end(milliseconds: number): Promise<void> {
    const until = Date.now() + milliseconds;
    for (let left = milliseconds; left > 0; left = until - Date.now()) {
      const command = this.#load();
      if (command === undefined || hasEnded(command.state)) return;
      await this.#watchers.change(left);
    }
  }

  /** Takes the command off its device's list, then erases it. */
  async #forget({ order, place }: Command): Promise<void> {
    await reach(this.env.DEVICES, this.env.DEVICES.idFromString(order.device), (stub) =>
      stub.forget(order.id, place),
    );
    await this.#erase();
  }

  async #erase(): Promise<void> {
    await this.ctx.storage.deleteAll();
    this.#command = undefined;
    this.#alarmAt = null;
    this.#watchers.notify();
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => {
      // Reading it spares setting it: what is set already need not be paid for again.
      if (this.#alarmAt === undefined) this.#alarmAt = await this.ctx.storage.getAlarm();
      return await step();
    });
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function assertPresent<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("The command vanished in the middle of a step.");
  return value;
}
