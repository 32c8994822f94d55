import { OFFER_TIMEOUT_MS } from "../limits.ts";
import { logFault } from "../operations/log.ts";
import { observe } from "../operations/observe.ts";
import { reach, Unreachable } from "../reach.ts";
import { wakeAt } from "./clocks.ts";
import { type Command, hasEnded } from "./command.ts";
import { decide } from "./decide.ts";
import type { Effect } from "./decision.ts";
import { deliveryOf, eventOf } from "./handover.ts";
import { nextOwed } from "./outbox.ts";
import { sendPostBack } from "./post-back-sender.ts";
import type { Event } from "./transition.ts";
import { Watchers } from "./watchers.ts";

const COMMAND = "command";

/**
 * The steps of a command's object. Each loads, decides (`transition`), commits row and alarm together, and only then
 * acts. They run one after the other, so a report that overtakes the answer to an offer still finds it concluded.
 */
export class Lifecycle {
  readonly watchers = new Watchers();
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  #command: Command | undefined;
  /** When the alarm is set for; undefined before that was looked up. */
  #alarmAt: number | null | undefined;
  #isRinging = false;
  #turn: Promise<unknown> = Promise.resolve();
  /** It was erased lately: a command that was moving in meanwhile must not bring it back. */
  #isErased = false;
  /** A post-back is on its way. */
  #posting = false;

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx;
    this.#env = env;
  }

  /** The command moves in from its device's list. One that is known already stays as it is; null where it is erased. */
  begin(command: Command): Command | null {
    const standing = this.load();
    if (standing !== undefined) return standing;
    if (this.#isErased) return null;
    // What it was before, its device's object has told already.
    this.#commit(command, command);
    this.#postIf(nextOwed(command) !== undefined);
    return command;
  }

  /** What the alarm does: whatever is due, and setting itself for what comes next. */
  async ring(): Promise<void> {
    await this.inTurn(async () => {
      const before = this.load();
      this.#alarmAt = null;
      this.#isRinging = true;
      try {
        await this.apply({ type: "woke" });
      } catch (error) {
        // Throwing would cost the alarm after six tries; what is due stays due, and is tried again below.
        logFault({ event: "alarmFailed", command: this.#ctx.id.toString(), error: String(error) });
      }
      this.#isRinging = false;
      const command = this.load();
      if (command === undefined) return;
      const next = wakeAt(command);
      // What was due and could not be done is tried again later, and not at once.
      this.#setAlarm(command === before && next <= Date.now() ? Date.now() + OFFER_TIMEOUT_MS : next);
    });
  }

  load(): Command | undefined {
    this.#command ??= this.#ctx.storage.kv.get<Command>(COMMAND);
    return this.#command;
  }

  /**
   * Decides on an event and commits; what remains to be done is the caller's, but for the post-backs. `isSettled`:
   * the device's object learns of an end from the answer to its own call.
   */
  decide(event: Event, isSettled = false): Effect[] {
    const before = this.load();
    if (before === undefined) return [];
    const { command, effects } = decide(before, event);
    if (command !== before) this.#commit(isSettled ? { ...command, settleAt: null } : command);
    this.#postIf(effects.some(({ type }) => type === "postBack"));
    return effects;
  }

  #postIf(isOwed: boolean): void {
    // Not awaited: a receiver that is slow, or hangs, holds up neither this step nor the next.
    if (isOwed) this.#ctx.waitUntil(this.#post());
  }

  async apply(event: Event): Promise<void> {
    for (const effect of this.decide(event)) await this.act(effect);
  }

  /** Row and alarm are written without a pause between them, and so become durable together. */
  #commit(command: Command, before = this.#command): void {
    this.#ctx.storage.kv.put(COMMAND, command);
    observe(this.#env, before ?? null, command);
    this.#command = command;
    this.#arm(command);
    this.watchers.notify();
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
    void this.#ctx.storage.setAlarm(time);
  }

  async act(effect: Effect): Promise<void> {
    const command = assertPresent(this.load());
    const device = this.#env.DEVICES.idFromString(command.order.device);
    const id = command.order.id;
    try {
      switch (effect.type) {
        case "offer":
          return await this.#offer(command);
        case "check": {
          const { connection, asked } = effect;
          const answer = await reach(this.#env.DEVICES, device, (stub) => stub.check(connection, asked));
          if (answer === "lost")
            return await this.apply({ type: "connectionLost", connection, chance: Math.random() });
          return await this.apply({ type: answer === "asked" ? "pinged" : "answeredPing" });
        }
        case "cancel": {
          const sent = await reach(this.#env.DEVICES, device, (stub) => stub.cancel(id));
          return sent ? await this.apply({ type: "cancelSent" }) : undefined;
        }
        case "settle": {
          const { state } = command;
          if (!hasEnded(state)) return;
          await reach(this.#env.DEVICES, device, (stub) => stub.settle(id, state.status));
          // Not written: should this be forgotten, the device's object is only told once more.
          this.#command = { ...command, settleAt: null };
          return this.#arm(this.#command);
        }
        case "postBack":
          return;
        case "erase":
          return await this.forget(command);
      }
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      // The other effects are asked for again: a check and an end by the alarm, a cancellation when the device connects.
      if (effect.type === "offer") await this.apply({ type: "offerFailed", chance: Math.random() });
    }
  }

  /** The next attempt. */
  async #offer(command: Command): Promise<void> {
    const { account, device } = command.order;
    const delivery = deliveryOf(command, Date.now());
    const handover = await reach(this.#env.DEVICES, this.#env.DEVICES.idFromString(device), (stub) =>
      stub.offer(account, delivery),
    );
    await this.apply(handover === null ? { type: "deviceRemoved" } : eventOf(handover));
  }

  /** Sends the post-backs that are owed, one after the other, until none is or one has failed. */
  async #post(): Promise<void> {
    if (this.#posting) return;
    this.#posting = true;
    try {
      for (;;) {
        const command = this.load();
        const entry = command && nextOwed(command);
        if (command === undefined || entry === undefined) return;
        const outcome = await sendPostBack(command, entry, this.#env);
        await this.inTurn(async () =>
          this.decide({ type: "postBackTried", sequence: entry.sequence, outcome }),
        );
        if (outcome.type !== "accepted") return;
      }
    } finally {
      this.#posting = false;
    }
  }

  /** Resolves when the command has ended, or after so many milliseconds. */
  async end(milliseconds: number): Promise<void> {
    const until = Date.now() + milliseconds;
    for (let left = milliseconds; left > 0; left = until - Date.now()) {
      const command = this.load();
      if (command === undefined || hasEnded(command.state)) return;
      // The time was waited for, whatever a clock that was put back says is left of it.
      if (!(await this.watchers.change(Math.min(left, milliseconds)))) return;
    }
  }

  /** Takes the command off its device's list, then erases it. */
  async forget({ order }: Command): Promise<void> {
    await reach(this.#env.DEVICES, this.#env.DEVICES.idFromString(order.device), (stub) =>
      stub.forget(order.id),
    );
    await this.erase();
  }

  async erase(): Promise<void> {
    observe(this.#env, this.#command ?? null, null);
    await this.#ctx.storage.deleteAll();
    this.#command = undefined;
    this.#isErased = true;
    this.#alarmAt = null;
    this.watchers.notify();
  }

  inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(async () => {
      // Reading it spares setting it: what is set already need not be paid for again.
      if (this.#alarmAt === undefined) this.#alarmAt = await this.#ctx.storage.getAlarm();
      return await step();
    });
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

/** What has to be there; its absence is a bug. */
export function assertPresent<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("The command vanished in the middle of a step.");
  return value;
}
