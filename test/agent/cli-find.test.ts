import { describe, expect, test } from "vitest";
import { Exit } from "../../src/agent/cli/exit.ts";
import { deviceCalled } from "../../src/agent/cli/find.ts";
import type { DeviceEntity } from "../../src/client/entities.ts";

/** What words mean which device. */

function device(name: string, id: string): DeviceEntity {
  return {
    ...{ id: id.padEnd(64, "0"), name, manufacturer: null, model: null },
    ...{ kind: "Desktop", platform: "Linux", status: "Online" },
  };
}

const PC = device("PC", "abcd1");
const PHONE = device("Ann's phone", "abcd2");
const TABLET = device("Ann's Tablet", "12345");
const ABCD = device("abcd", "ffff");
const ALL = [PC, PHONE, TABLET, ABCD];

test.each([
  ["its id", PC.id, PC],
  ["its name in any case", "pc", PC],
  ["the beginning of its name", "ann's p", PHONE],
  ["one letter of its name that no other begins with", "p", PC],
  ["four digits of its id", "1234", TABLET],
  ["its id's digits in any case", "FFFF", ABCD],
  ["its whole name, though other ids begin so", "ABCD", ABCD],
])("%s", (_, words, meant) => {
  expect(deviceCalled(words, ALL)).toBe(meant);
});

describe("words that mean no one device", () => {
  function refusal(words: string, devices = ALL): Exit {
    try {
      deviceCalled(words, devices);
    } catch (error) {
      if (error instanceof Exit) return error;
      throw error;
    }
    throw new Error("A device was found.");
  }

  test("more than one: each is listed with what tells it apart", () => {
    const { code, message } = refusal("ann");
    expect(code).toBe(1);
    expect(message.split("\n")).toEqual([
      expect.stringContaining('"ann" may be each of these'),
      expect.stringMatching(/^ {2}Ann's phone +abcd2000 /),
      expect.stringMatching(/^ {2}Ann's Tablet +12345000 /),
    ]);
    const twins = [device("TV", "aaaaaaaaa1"), device("tv", "aaaaaaaaa2")];
    expect(refusal("tv", twins).message).toMatch(/TV {2}aaaaaaaaa1 .*\n {2}tv {2}aaaaaaaaa2 /);
  });

  test("three digits of an id are too few", () => {
    expect(refusal("123").message).toContain('No device is called "123"');
  });

  test("nothing", () => {
    expect(refusal("").message).toContain("No device is called");
  });

  test("none: what there is, and what may be meant", () => {
    expect(refusal("pcc").message).toContain('Did you mean "PC"?');
    expect(refusal("ann's fone").message).toContain('Did you mean "Ann\'s phone"?');
    const { message } = refusal("fridge");
    expect(message).not.toContain("Did you mean");
    for (const { name } of ALL) expect(message).toContain(name);
  });

  test("none, where there is none at all: how to get one", () => {
    expect(refusal("pc", []).message).toContain('"appia device" makes this computer one');
  });

  test("a name that would steer the terminal is told, and does not", () => {
    expect(refusal("x", [device("\u{1B}[2Jevil", "abcd")]).message).toContain("  \u{FFFD}[2Jevil  ");
  });
});
