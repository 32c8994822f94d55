import { DurableObject } from "cloudflare:workers";
import { located } from "../operations/jurisdiction.ts";
import { awaitsOffer, type Command, type EndedStatus, hasEnded, type Report } from "./command.ts";
import {
  type Asker,
  type Claim,
  type CommandView,
  deliveryOf,
  type History,
  historyOf,
  isLate,
  isOf,
  type Receipt,
  UNKNOWN,
  type Unknown,
  viewOf,
} from "./handover.ts";
import { assertPresent, Lifecycle } from "./lifecycle.ts";

/** The connection that has come for the command, while nobody knows whether it took it: then the device may have it. */
const CLAIMED = "claimed";

/**
 * One command: holds its state, advances it by its alarm, serves its status and response payload.
 * Its steps are in `Lifecycle`; here is what it answers to the edge and to its device's object.
 */
export class CommandObject extends DurableObject<Env> {
  readonly #life: Lifecycle;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, located(env));
    this.#life = new Lifecycle(ctx, this.env);
  }

  /** The command as it stands. Writes nothing. */
  read(asker: Asker): { ok: true; command: CommandView } | Unknown {
    const command = this.#of(asker);
    return command === undefined ? UNKNOWN : { ok: true, command: viewOf(command) };
  }

  /** The command when it has ended, or after so many milliseconds as it stands. */
  async wait(asker: Asker, milliseconds: number): Promise<{ ok: true; command: CommandView } | Unknown> {
    if (this.#of(asker) === undefined) return UNKNOWN;
    await this.#life.end(milliseconds);
    return this.read(asker);
  }

  /** The entries after a sequence as they come, as lines of JSON (`Sighting`); null where none will. */
  watch(asker: Asker, after: number): { ok: true; sightings: ReadableStream<Uint8Array> | null } | Unknown {
    if (this.#of(asker) === undefined) return UNKNOWN;
    return { ok: true, sightings: this.#life.watchers.stream(() => this.#life.load(), after) };
  }

  /** Every entry of its history, the oldest first. Writes nothing. */
  history(asker: Asker): ({ ok: true } & History) | Unknown {
    const command = this.#of(asker);
    return command === undefined ? UNKNOWN : { ok: true, ...historyOf(command) };
  }

  /** Asks to cancel; `conflict` where it has ended. */
  async cancel(
    asker: Asker,
  ): Promise<{ ok: true; command: CommandView } | Unknown | { ok: false; reason: "ended" }> {
    return await this.#life.inTurn(async () => {
      const command = this.#of(asker);
      if (command === undefined) return UNKNOWN;
      if (hasEnded(command.state)) return { ok: false, reason: "ended" };
      await this.#life.apply({ type: "cancelRequested", inFlight: this.#claimedBy !== undefined });
      return { ok: true, command: viewOf(assertPresent(this.#life.load())) };
    });
  }

  /** Erases a command that has ended, with its payload, response and history. */
  async erase(asker: Asker): Promise<{ ok: true } | Unknown | { ok: false; reason: "live" }> {
    return await this.#life.inTurn(async () => {
      const command = this.#of(asker);
      if (command === undefined) return UNKNOWN;
      if (!hasEnded(command.state)) return { ok: false, reason: "live" };
      await this.#life.forget(command);
      return { ok: true };
    });
  }

  // ---- For its device's object ----

  /** The command moves in; its device's object learns whether it has ended, or is no more. Repeating it is harmless. */
  begin(command: Command): Promise<EndedStatus | "erased" | null> {
    return this.#life.inTurn(async () => {
      const standing = this.#life.begin(command);
      if (standing === null) return "erased";
      return hasEnded(standing.state) ? standing.state.status : null;
    });
  }

  /** The device has connected and comes for what waits for it. */
  claim(connection: string): Promise<Claim> {
    return this.#life.inTurn(async () => {
      // Of an older connection's claim nothing more was heard, since the device's object crashed.
      const chance = Math.random();
      if ((this.#claimedBy ?? connection) !== connection) this.#life.decide({ type: "handoverLost", chance });
      const effects = this.#life.decide({ type: "deviceOnline", connection, chance });
      const command = this.#life.load();
      if (command === undefined) return { type: "unknown" };
      if (hasEnded(command.state)) return { type: "ended", status: command.state.status };
      if (!awaitsOffer(command.state))
        return { type: effects.some(({ type }) => type === "cancel") ? "cancel" : "nothing" };
      // One that is tried again may have been seen anyway.
      if (command.state.status === "requesting") this.ctx.storage.kv.put(CLAIMED, connection);
      return { type: "deliver", delivery: deliveryOf(command, Date.now()) };
    });
  }

  /** The connection that had claimed the command has taken it. */
  handedOver(connection: string): Promise<void> {
    return this.#life.inTurn(() => {
      this.#unclaim();
      return this.#life.apply({ type: "handedOver", connection });
    });
  }

  /** The connection that had claimed the command did not take it. */
  released(): Promise<void> {
    return this.#life.inTurn(async () => {
      this.#unclaim();
    });
  }

  /** The connection has taken the cancellation. */
  cancelSent(): Promise<void> {
    return this.#life.inTurn(() => this.#life.apply({ type: "cancelSent" }));
  }

  connectionLost(connection: string): Promise<void> {
    return this.#life.inTurn(() =>
      this.#life.apply({ type: "connectionLost", connection, chance: Math.random() }),
    );
  }

  /** The device was unregistered; its object learns how the command has ended. */
  deviceRemoved(): Promise<EndedStatus | null> {
    return this.#life.inTurn(async () => {
      this.#life.decide({ type: "deviceRemoved" }, true);
      const state = this.#life.load()?.state;
      return state !== undefined && hasEnded(state) ? state.status : null;
    });
  }

  /** Leaves nothing of the command, whatever it was doing: its account is being deleted. */
  vanish(device: string): Promise<void> {
    return this.#life.inTurn(async () => {
      if (this.#life.load()?.order.device === device) await this.#life.erase();
    });
  }

  /** What a device says of the command; unknown where it is another device's. */
  report(device: string, report: Report): Promise<({ ok: true } & Receipt) | Unknown> {
    return this.#life.inTurn(async () => {
      const before = this.#life.load();
      if (before?.order.device !== device) return UNKNOWN;
      const effects = this.#life.decide({ type: "reported", report }, true);
      // The receipt tells the device's object of the end: no call of its own is needed.
      for (const effect of effects) if (effect.type !== "settle") await this.#life.act(effect);
      const { state, history } = assertPresent(this.#life.load());
      return {
        ok: true,
        status: state.status,
        ended: hasEnded(state) ? state.status : null,
        late: isLate(before, history),
      };
    });
  }

  /** Nothing but that it is there. Writes nothing. */
  answers(): void {}

  override alarm(): Promise<void> {
    return this.#life.ring();
  }

  get #claimedBy(): string | undefined {
    return this.ctx.storage.kv.get<string>(CLAIMED);
  }

  #unclaim(): void {
    if (this.#claimedBy !== undefined) this.ctx.storage.kv.delete(CLAIMED);
  }

  /** The asker's command. */
  #of(asker: Asker): Command | undefined {
    const command = this.#life.load();
    return command !== undefined && isOf(command, asker) ? command : undefined;
  }
}
