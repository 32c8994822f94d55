import type { DeviceProperties } from "../device/device.ts";
import { PAIRING_INTERVAL_SECONDS, PAIRING_LINGER_MS, PAIRING_MS, SECOND } from "../limits.ts";

/** A pairing, and what becomes of it (after RFC 8628). Nothing here reads a clock, writes, or calls. */

/** What a device asks with. */
export interface PairingRequest {
  /** What it would be registered as. */
  properties: DeviceProperties;
  /** The SHA-256 of its secret. */
  digest: Uint8Array;
  /** Roughly where it asks from, in words; null where that is not known. */
  place: string | null;
  /** The network that it asks from; null where that is not known. */
  network: string | null;
}

export type Verdict =
  | { type: "pending" }
  | { type: "denied"; account: string }
  /** `device` is the id that the device is registered under; `registered` says whether it has been. */
  | { type: "approved"; account: string; device: string; registered: boolean };

/** Times are in milliseconds since the epoch. */
export interface Pairing extends PairingRequest {
  createdAt: number;
  verdict: Verdict;
}

/** Why a person cannot decide: there is no such code, or it has expired, or another was faster. */
export type Undecidable = { ok: false; reason: "unknown" };
const UNDECIDABLE: Undecidable = { ok: false, reason: "unknown" };

export function pairingOf(request: PairingRequest, now: number): Pairing {
  return { ...request, createdAt: now, verdict: { type: "pending" } };
}

/** From when on nobody can decide about it. */
export function expiryOf({ createdAt }: Pairing): number {
  return createdAt + PAIRING_MS;
}

/** From when on nothing of it is kept: what was decided at the last moment is still there for the device's next question. */
export function erasureOf(pairing: Pairing): number {
  return expiryOf(pairing) + PAIRING_LINGER_MS;
}

/** Whether a decision is awaited. */
export function isOpen(pairing: Pairing, now: number): boolean {
  return pairing.verdict.type === "pending" && now < expiryOf(pairing);
}

/** Whether its code can be given to another. */
export function isOver(pairing: Pairing, now: number): boolean {
  return now >= (pairing.verdict.type === "pending" ? expiryOf(pairing) : erasureOf(pairing));
}

/** The account lets the device in, under this id unless one was chosen before. The first to decide decides. */
export function approve(
  pairing: Pairing,
  account: string,
  device: string,
  now: number,
): { ok: true; pairing: Pairing & { verdict: Approved } } | Undecidable {
  const { verdict } = pairing;
  if (isOpen(pairing, now)) {
    return {
      ok: true,
      pairing: { ...pairing, verdict: { type: "approved", account, device, registered: false } },
    };
  }
  // The same person again, who may not have heard the first answer.
  return verdict.type === "approved" && verdict.account === account && !isOver(pairing, now)
    ? { ok: true, pairing: { ...pairing, verdict } }
    : UNDECIDABLE;
}

type Approved = Extract<Verdict, { type: "approved" }>;

/** The account refuses the device. The first to decide decides. */
export function deny(
  pairing: Pairing,
  account: string,
  now: number,
): { ok: true; pairing: Pairing } | Undecidable {
  const { verdict } = pairing;
  if (isOpen(pairing, now))
    return { ok: true, pairing: { ...pairing, verdict: { type: "denied", account } } };
  return verdict.type === "denied" && verdict.account === account && !isOver(pairing, now)
    ? { ok: true, pairing }
    : UNDECIDABLE;
}

/** How often the device may ask, and when it last did. */
export interface Pace {
  intervalSeconds: number;
  askedAt: number;
}

/** A device asks: whether it does so too soon, and how often it may from now on (RFC 8628, 3.5: 5 seconds more, for good). */
export function keepPace(pace: Pace | null, now: number): { tooSoon: boolean; pace: Pace } {
  const intervalSeconds = pace?.intervalSeconds ?? PAIRING_INTERVAL_SECONDS;
  const tooSoon = pace !== null && now - pace.askedAt < intervalSeconds * SECOND;
  return {
    tooSoon,
    pace: { intervalSeconds: intervalSeconds + (tooSoon ? PAIRING_INTERVAL_SECONDS : 0), askedAt: now },
  };
}
