import { describe, expect, test } from "vitest";
import { PAIRING_LINGER_MS, PAIRING_MS } from "../../src/limits.ts";
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
  pairingOf,
  type Verdict,
} from "../../src/pairing/pairing.ts";

const T0 = Date.parse("2026-11-02T12:00:00Z");
const PENDING = pairingOf(
  {
    properties: {
      name: "Kitchen",
      kind: "Hub",
      platform: "Linux",
      manufacturer: null,
      model: null,
      publicKey: { kty: "OKP", crv: "Ed25519", x: "" },
    },
    digest: new Uint8Array(32),
    place: null,
    network: null,
  },
  T0,
);
const DENIED: Verdict = { type: "denied", account: "ada" };
const APPROVED: Verdict = { type: "approved", account: "ada", device: "d1", registered: false };
const REGISTERED: Verdict = { ...APPROVED, registered: true };
const EXPIRY = T0 + PAIRING_MS;
const ERASURE = EXPIRY + PAIRING_LINGER_MS;

function as(verdict: Verdict): Pairing {
  return { ...PENDING, verdict };
}

test("a pairing can be decided about for ten minutes, and what was decided is known for one more", () => {
  expect(expiryOf(PENDING)).toBe(EXPIRY);
  expect(erasureOf(PENDING)).toBe(ERASURE);
  expect([T0, EXPIRY - 1, EXPIRY].map((now) => isOpen(PENDING, now))).toEqual([true, true, false]);
  expect([EXPIRY - 1, EXPIRY].map((now) => isOver(PENDING, now))).toEqual([false, true]);
  for (const verdict of [DENIED, APPROVED, REGISTERED]) {
    expect(isOpen(as(verdict), T0)).toBe(false);
    expect([EXPIRY, ERASURE - 1, ERASURE].map((now) => isOver(as(verdict), now))).toEqual([
      false,
      false,
      true,
    ]);
  }
});

/** What each decision makes of each state: the verdict that follows, or null where it comes to nothing. */
const DECISIONS: [state: Verdict, by: string, approved: Verdict | null, denied: Verdict | null][] = [
  [{ type: "pending" }, "ada", { ...APPROVED, device: "d2" }, DENIED],
  [APPROVED, "ada", APPROVED, null],
  [REGISTERED, "ada", REGISTERED, null],
  [DENIED, "ada", null, DENIED],
  [APPROVED, "bob", null, null],
  [REGISTERED, "bob", null, null],
  [DENIED, "bob", null, null],
];

describe("the first to decide decides, and hears the same again", () => {
  test.each(DECISIONS)("%j, then %s", (state, account, approved, denied) => {
    const now = EXPIRY - 1;
    expect(approve(as(state), account, "d2", now)).toEqual(
      approved === null ? { ok: false, reason: "unknown" } : { ok: true, pairing: as(approved) },
    );
    expect(deny(as(state), account, now)).toEqual(
      denied === null ? { ok: false, reason: "unknown" } : { ok: true, pairing: as(denied) },
    );
  });

  test("and nobody does when it is too late", () => {
    for (const [state, account] of DECISIONS) {
      expect(approve(as(state), account, "d2", ERASURE).ok).toBe(false);
      expect(deny(as(state), account, ERASURE).ok).toBe(false);
    }
    expect(approve(PENDING, "ada", "d2", EXPIRY).ok).toBe(false);
    expect(deny(PENDING, "ada", EXPIRY).ok).toBe(false);
  });
});

test("each question that comes too soon makes them five seconds rarer, for good", () => {
  const told: [soon: boolean, seconds: number][] = [];
  let pace: Pace | null = null;
  for (const second of [0, 5, 10, 14.999, 24.998, 34.998, 49.998, 64.998]) {
    const kept: ReturnType<typeof keepPace> = keepPace(pace, T0 + second * 1_000);
    ({ pace } = kept);
    told.push([kept.tooSoon, pace.intervalSeconds]);
  }
  expect(told).toEqual([
    [false, 5],
    [false, 5],
    [false, 5],
    [true, 10],
    [true, 15],
    [true, 20],
    [true, 25],
    [true, 30],
  ]);
  expect(keepPace(pace, T0 + 94_998)).toMatchObject({ tooSoon: false, pace: { intervalSeconds: 30 } });
});
