import { DurableObject } from "cloudflare:workers";
import {
  DELETION_AT_ONCE,
  DELETION_PATIENCE_MS,
  DELETION_RETRY_MS,
  DELETION_SLICE_MS,
  DEVICES_PER_ACCOUNT_MAX,
} from "../limits.ts";
import { located } from "../operations/jurisdiction.ts";
import { logFault, logInfo } from "../operations/log.ts";
import { reach } from "../reach.ts";

const DEVICES = "devices";
/** Devices that were unregistered, and still keep commands; by their ids, since their number has no bound. */
const FORMER = "former:";
/** Pairings that the account has decided, by their ids, and until when they are kept. */
const PAIRING = "pairing:";
/** All that there is of the account is being deleted. */
const DELETING = "deleting";

/** Why the account takes no device: it has as many as it may have, or is being deleted. */
export type Refused = { ok: false; reason: "full" | "deleting" };

/** One account (a user of one token issuer): which devices are its own, in the order they were registered. */
export class AccountObject extends DurableObject<Env> {
  /** The deletion under way in this object's memory. */
  #deletion: Promise<void> | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, located(env));
  }

  /** Adds a device; adding it again changes nothing. */
  add(device: string): { ok: true } | Refused {
    if (this.#isBeingDeleted) return { ok: false, reason: "deleting" };
    const devices = this.#devices();
    if (devices.includes(device)) return { ok: true };
    if (devices.length >= DEVICES_PER_ACCOUNT_MAX) return { ok: false, reason: "full" };
    this.ctx.storage.kv.put(DEVICES, [...devices, device]);
    return { ok: true };
  }

  /** Takes a device away that is no more; it is remembered for as long as it keeps commands. Doing so twice is harmless. */
  remove(device: string): void {
    const devices = this.#devices();
    if (!devices.includes(device)) return;
    this.ctx.storage.kv.put(`${FORMER}${device}`, true);
    this.ctx.storage.kv.put(
      DEVICES,
      devices.filter((id) => id !== device),
    );
  }

  /** A device that is no more keeps nothing any more. */
  forget(device: string): void {
    this.ctx.storage.kv.delete(`${FORMER}${device}`);
  }

  /** A page of device ids; `skip` devices come before it. */
  page(skip: number, top: number): { ids: string[]; more: boolean } {
    const devices = this.#devices();
    return { ids: devices.slice(skip, skip + top), more: devices.length > skip + top };
  }

  /** The account is about to decide a pairing, which is kept until then; false where it is being deleted. */
  decides(pairing: string, until: number): boolean {
    if (this.#isBeingDeleted) return false;
    for (const [key, time] of this.ctx.storage.kv.list<number>({ prefix: PAIRING }))
      if (time < Date.now()) this.ctx.storage.kv.delete(key);
    this.ctx.storage.kv.put(`${PAIRING}${pairing}`, until);
    return true;
  }

  /**
   * Deletes all that there is of the account, in every object, and answers how many devices still have something when
   * its patience is at an end. The alarm goes on with it. Repeating the call is harmless, and tells how far it is.
   */
  async delete(): Promise<{ done: boolean; devices: number }> {
    if (this.#isEmpty) return { done: true, devices: 0 };
    if (!this.#isBeingDeleted) {
      this.ctx.storage.kv.put(DELETING, true);
      logInfo({ event: "accountDeletionBegan", account: this.#id });
    }
    await this.ctx.storage.setAlarm(Date.now() + DELETION_RETRY_MS);
    await this.#goOn(DELETION_PATIENCE_MS);
    return { done: this.#isEmpty, devices: this.#holders().length };
  }

  /** Nothing but that it is there. Writes nothing. */
  answers(): void {}

  override async alarm(): Promise<void> {
    if (!this.#isBeingDeleted) return;
    await this.#goOn(DELETION_SLICE_MS);
    if (this.#isBeingDeleted) await this.ctx.storage.setAlarm(Date.now() + DELETION_RETRY_MS);
  }

  /** Goes on with the deletion for so many milliseconds at most. Never rejects. */
  #goOn(milliseconds: number): Promise<void> {
    this.#deletion ??= this.#deleteUntil(Date.now() + milliseconds)
      .catch((error) => logFault({ event: "accountDeletionBroke", account: this.#id, error: String(error) }))
      .finally(() => {
        this.#deletion = null;
      });
    return this.#deletion;
  }

  async #deleteUntil(end: number): Promise<void> {
    const { DEVICES: devices, PAIRINGS: pairings } = this.env;
    const account = this.#id;
    for (const key of this.#keys(PAIRING)) {
      const id = pairings.idFromString(key.slice(PAIRING.length));
      await reach(pairings, id, (stub) => stub.vanish(account));
      this.ctx.storage.kv.delete(key);
    }
    while (this.#holders().length > 0) {
      const some = this.#holders().slice(0, DELETION_AT_ONCE);
      const gone = await Promise.all(
        some.map((id) => reach(devices, devices.idFromString(id), (stub) => stub.vanish(account))),
      );
      for (const [index, id] of some.entries()) if (gone[index]) this.#drop(id);
      if (Date.now() >= end) return;
    }
    // Nothing has come meanwhile: what would come is refused.
    await this.ctx.storage.deleteAll();
    logInfo({ event: "accountDeleted", account });
  }

  /** Devices that may still keep something. */
  #holders(): string[] {
    return [...this.#devices(), ...this.#keys(FORMER).map((key) => key.slice(FORMER.length))];
  }

  #drop(device: string): void {
    this.remove(device);
    this.forget(device);
  }

  #keys(prefix: string): string[] {
    return [...this.ctx.storage.kv.list({ prefix })].map(([key]) => key);
  }

  get #id(): string {
    return this.ctx.id.toString();
  }

  get #isBeingDeleted(): boolean {
    return this.ctx.storage.kv.get(DELETING) === true;
  }

  get #isEmpty(): boolean {
    return [...this.ctx.storage.kv.list({ limit: 1 })].length === 0;
  }

  #devices(): string[] {
    return this.ctx.storage.kv.get<string[]>(DEVICES) ?? [];
  }
}
