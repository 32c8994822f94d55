import { DurableObject } from "cloudflare:workers";
import type { Refused } from "../account/account-object.ts";
import type { DeviceView } from "../device/device.ts";
import { located } from "../operations/jurisdiction.ts";
import { reach } from "../reach.ts";
import {
  approve,
  deny,
  erasureOf,
  expiryOf,
  isOpen,
  isOver,
  keepPace,
  type Pace,
  type Pairing,
  type PairingRequest,
  pairingOf,
  type Undecidable,
} from "./pairing.ts";

const PAIRING = "pairing";
const UNKNOWN: Undecidable = { ok: false, reason: "unknown" };

/** A pairing as the person who decides is told of it. Times are in milliseconds since the epoch. */
export interface PairingView extends Pick<Pairing, "properties" | "place" | "network" | "createdAt"> {
  expiresAt: number;
}

/** What a device is answered that asks what has become of its pairing. */
export type Outcome =
  | { type: "pending" | "askedTooSoon" | "denied" | "expired" }
  | { type: "approved"; device: string; name: string };

/** What one user code stands for: a device that asks to be let in, from its asking until its code is over. */
export class PairingObject extends DurableObject<Env> {
  /** The registration under way. */
  #registering: Promise<{ ok: true; device: DeviceView } | Refused> | null = null;
  /** Not kept: writing it would cost a row for each question, and an object that was evicted has not been asked for long. */
  #pace: Pace | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, located(env));
  }

  /** Begins a pairing under this code, unless it is taken. Repeating the call is harmless. */
  async begin(request: PairingRequest): Promise<{ ok: true } | { ok: false; reason: "taken" }> {
    const now = Date.now();
    const older = this.#load();
    if (older !== undefined && !isOver(older, now)) {
      return isSame(older.digest, request.digest) ? { ok: true } : { ok: false, reason: "taken" };
    }
    const pairing = pairingOf(request, now);
    this.#pace = null;
    this.#put(pairing);
    await this.ctx.storage.setAlarm(erasureOf(pairing));
    return { ok: true };
  }

  // ---- For the person ----

  /** What asks under this code, as long as nobody has decided. Writes nothing. */
  describe(): { ok: true; pairing: PairingView } | Undecidable {
    const pairing = this.#load();
    if (pairing === undefined || !isOpen(pairing, Date.now())) return UNKNOWN;
    const { properties, place, network, createdAt } = pairing;
    return { ok: true, pairing: { properties, place, network, createdAt, expiresAt: expiryOf(pairing) } };
  }

  /**
   * Lets the device in: it is registered with the account. Throws `Unreachable` where that broke off; the device's next
   * question, or repeating the call, goes on with it. Where the account takes no device, nothing is decided.
   */
  async approve(account: string): Promise<{ ok: true; device: DeviceView } | Refused | Undecidable> {
    if (!(await this.#isTold(account))) return { ok: false, reason: "deleting" };
    const pairing = this.#load();
    if (pairing === undefined) return UNKNOWN;
    const id = this.env.DEVICES.newUniqueId().toString();
    const approved = approve(pairing, account, id, Date.now());
    if (!approved.ok) return UNKNOWN;
    const { verdict } = approved.pairing;
    if (verdict.registered) {
      return await reach(this.env.DEVICES, this.env.DEVICES.idFromString(verdict.device), (stub) =>
        stub.describe(account),
      );
    }
    if (pairing.verdict.type === "pending") this.#put(approved.pairing);
    return await this.#register();
  }

  /** Refuses the device. Repeating the call is harmless. */
  async deny(account: string): Promise<{ ok: true } | Refused | Undecidable> {
    if (!(await this.#isTold(account))) return { ok: false, reason: "deleting" };
    const pairing = this.#load();
    if (pairing === undefined) return UNKNOWN;
    const denied = deny(pairing, account, Date.now());
    if (!denied.ok) return UNKNOWN;
    if (pairing.verdict.type === "pending") this.#put(denied.pairing);
    return { ok: true };
  }

  /**
   * Lets the account know of a pairing that it may decide: a verdict names it, and is to go with it. False where the
   * account is being deleted.
   */
  async #isTold(account: string): Promise<boolean> {
    const pairing = this.#load();
    if (pairing === undefined || !isOpen(pairing, Date.now())) return true;
    const { ACCOUNTS: accounts } = this.env;
    return await reach(accounts, accounts.idFromString(account), (stub) =>
      stub.decides(this.ctx.id.toString(), erasureOf(pairing)),
    );
  }

  /** Leaves nothing of a pairing that this account has decided: the account is being deleted. */
  async vanish(account: string): Promise<void> {
    const verdict = this.#load()?.verdict;
    if (verdict !== undefined && verdict.type !== "pending" && verdict.account === account)
      await this.ctx.storage.deleteAll();
  }

  // ---- For the device ----

  /**
   * What has become of the pairing of the device whose secret has this digest. Throws `Unreachable` where its
   * registration breaks off. One who does not know the secret is answered as if there were no pairing: who guesses
   * codes must not learn here, uncounted, which of them are live.
   */
  async ask(digest: Uint8Array): Promise<Outcome> {
    const now = Date.now();
    const pairing = this.#load();
    if (pairing === undefined || isOver(pairing, now) || !isSame(pairing.digest, digest))
      return { type: "expired" };
    switch (pairing.verdict.type) {
      case "pending": {
        const { tooSoon, pace } = keepPace(this.#pace, now);
        this.#pace = pace;
        return { type: tooSoon ? "askedTooSoon" : "pending" };
      }
      case "denied":
        return { type: "denied" };
      case "approved": {
        const { device, registered } = pairing.verdict;
        if (!registered && !(await this.#register()).ok) return { type: "pending" };
        return { type: "approved", device, name: pairing.properties.name };
      }
    }
  }

  /** Nothing but that it is there. Writes nothing. */
  answers(): void {}

  override async alarm(): Promise<void> {
    const pairing = this.#load();
    // A code that was over and given to another has set its own alarm.
    if (pairing === undefined) return;
    if (Date.now() < erasureOf(pairing)) await this.ctx.storage.setAlarm(erasureOf(pairing));
    else await this.ctx.storage.deleteAll();
  }

  /** Registers the device of an approved pairing, once however many ask for it meanwhile. */
  #register(): Promise<{ ok: true; device: DeviceView } | Refused> {
    this.#registering ??= this.#registerOnce().finally(() => {
      this.#registering = null;
    });
    return this.#registering;
  }

  async #registerOnce(): Promise<{ ok: true; device: DeviceView } | Refused> {
    const pairing = this.#load();
    if (pairing?.verdict.type !== "approved") throw new Error("Only what was approved is registered.");
    const { verdict, properties } = pairing;
    const id = this.env.DEVICES.idFromString(verdict.device);
    const registered = await reach(this.env.DEVICES, id, (stub) =>
      stub.register(verdict.account, properties),
    );
    // Nobody decides otherwise meanwhile, but its end may have come, and another's beginning.
    const now = this.#load();
    if (now !== undefined && isSame(now.digest, pairing.digest)) {
      this.#put({
        ...pairing,
        verdict: registered.ok ? { ...verdict, registered: true } : { type: "pending" },
      });
    }
    return registered;
  }

  #load(): Pairing | undefined {
    return this.ctx.storage.kv.get<Pairing>(PAIRING);
  }

  #put(pairing: Pairing): void {
    this.ctx.storage.kv.put(PAIRING, pairing);
  }
}

/** Compares in a time that says nothing about the digests. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && crypto.subtle.timingSafeEqual(a, b);
}
