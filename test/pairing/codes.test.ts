import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  digestOf,
  readDeviceCode,
  readUserCode,
  userCodeOf,
  writeDeviceCode,
  writeUserCode,
} from "../../src/pairing/codes.ts";
import { always } from "../always.ts";

const LETTERS = "BCDFGHJKLMNPQRSTVWXZ";
const userCode = fc
  .array(fc.constantFrom(...LETTERS), { minLength: 8, maxLength: 8 })
  .map((letters) => letters.join(""));
const secret = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe("a user code", () => {
  test("is eight consonants, each as likely as any other", () => {
    const codes = Array.from({ length: 1_000 }, () => userCodeOf(crypto.getRandomValues(new Uint32Array(8))));
    for (const code of codes) expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{8}$/);
    const counts = new Map<string, number>();
    for (const letter of codes.join("")) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    // 400 of each are expected; their deviation is 20, and eight times that happens to no one.
    for (const letter of LETTERS) {
      expect(counts.get(letter)).toBeGreaterThan(240);
      expect(counts.get(letter)).toBeLessThan(560);
    }
    expect(userCodeOf(new Uint32Array([0, 1, 2, 3, 19, 20, 4_294_967_295, 7]))).toBe("BCDFZBTK");
  });

  test("is shown in two halves", () => {
    expect(writeUserCode("WDJBMJHT")).toBe("WDJB-MJHT");
  });

  test("is read however it is typed", () => {
    const between = fc.array(fc.constantFrom("", "", "-", " ", "\t", "–", "\u00a0", "‑"), {
      minLength: 9,
      maxLength: 9,
    });
    always(
      fc.property(
        userCode,
        fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
        between,
        (code, small, gaps) => {
          const typed = [...code].map(
            (letter, index) => (small[index] ? letter.toLowerCase() : letter) + gaps[index],
          );
          expect(readUserCode(gaps[8] + typed.join(""))).toBe(code);
        },
      ),
    );
  });

  test.each([
    "",
    "WDJB",
    "WDJB-MJH",
    "WDJB-MJHTT",
    "WDJB-MJHA",
    "WDJB-MJH1",
    "WDJB_MJHT",
    "ÑDJB-MJHT",
    "WDJB-MJHT.",
  ])("is not %j", (typed) => {
    expect(readUserCode(typed)).toBeNull();
  });
});

describe("a device code", () => {
  test("leads to its pairing, and holds its secret", () => {
    const id = fc.stringMatching(/^[\da-f]{64}$/);
    always(
      fc.property(id, secret, (pairing, bytes) => {
        expect(readDeviceCode(writeDeviceCode(pairing, bytes))).toEqual({ pairing, secret: bytes });
      }),
    );
  });

  test("is written in one way only", () => {
    const id = "0123456789abcdef".repeat(4);
    const code = writeDeviceCode(id, new Uint8Array(32));
    expect(code).toBe(`${id}.${"A".repeat(43)}`);
    for (const other of [
      // The last letter's two spare bits are zero.
      `${code.slice(0, -1)}B`,
      `${code}=`,
      code.toUpperCase(),
      code.slice(0, -1),
      `${code}A`,
      code.replace(".", ""),
      `WDJBMJHT.${"A".repeat(43)}`,
      ` ${code}`,
      `${code}\n`,
      "",
    ]) {
      expect(readDeviceCode(other)).toBeNull();
    }
  });

  test("is recognised by a digest that tells nothing of it", async () => {
    const digest = await digestOf(new TextEncoder().encode("abc"));
    // The first example of FIPS 180-2.
    const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
    expect(hex).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });
});
