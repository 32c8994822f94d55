import { DurableObject } from "cloudflare:workers";
import { DEVICES_PER_ACCOUNT_MAX } from "../limits.ts";

const DEVICES = "devices";

/** One account (a user of one token issuer): which devices are its own, in the order they were registered. */
export class AccountObject extends DurableObject<Env> {
  /** Adds a device; adding it again changes nothing. */
  add(device: string): { ok: true } | { ok: false; reason: "full" } {
    const devices = this.#devices();
    if (devices.includes(device)) return { ok: true };
    if (devices.length >= DEVICES_PER_ACCOUNT_MAX) return { ok: false, reason: "full" };
    this.ctx.storage.kv.put(DEVICES, [...devices, device]);
    return { ok: true };
  }

  /** Takes a device away; taking it twice changes nothing. */
  remove(device: string): void {
    const devices = this.#devices();
    if (devices.includes(device)) {
      this.ctx.storage.kv.put(
        DEVICES,
        devices.filter((id) => id !== device),
      );
    }
  }

  /** A page of device ids; `skip` devices come before it. */
  page(skip: number, top: number): { ids: string[]; more: boolean } {
    const devices = this.#devices();
    return { ids: devices.slice(skip, skip + top), more: devices.length > skip + top };
  }

  /** Nothing but that it is there. Writes nothing. */
  answers(): void {}

  #devices(): string[] {
    return this.ctx.storage.kv.get<string[]>(DEVICES) ?? [];
  }
}
