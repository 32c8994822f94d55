import { PassThrough } from "node:stream";
import type { WriteStream } from "node:tty";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Screen } from "../../src/agent/cli/screen.ts";
import { shown } from "../../src/agent/cli/shown.ts";

/** What the command line's screens let through. */

const EVIL = "\u{1B}[31m\u{9B}2J\u{7}\r\u{202E}evil";
const CLEAN = "\u{FFFD}[31m\u{FFFD}2J\u{FFFD}\u{FFFD}\u{FFFD}evil";

// As a terminal's shell has them.
beforeEach(() => {
  for (const name of ["NO_COLOR", "FORCE_COLOR", "NODE_DISABLE_COLORS", "CI"]) vi.stubEnv(name, undefined);
});
afterEach(() => void vi.unstubAllEnvs());

function screen(isTTY: boolean): { screen: Screen; said: () => string } {
  const stream = Object.assign(new PassThrough(), { isTTY });
  return { screen: new Screen(stream as unknown as WriteStream), said: () => String(stream.read()) };
}

test("words are harmless however they come to a terminal, and styles are ours", () => {
  const { screen: terminal, said } = screen(true);
  terminal.print(`${EVIL}\n${EVIL}`);
  terminal.print(terminal.style("bold", EVIL));
  terminal.print(shown`${EVIL} ${terminal.style("green", shown`${EVIL}, ${terminal.style("bold", "b")}`)}`);
  expect(said().split("\n")).toEqual([
    CLEAN,
    CLEAN,
    `\u{1B}[1m${CLEAN}\u{1B}[22m`,
    `${CLEAN} \u{1B}[32m${CLEAN}, \u{1B}[1mb\u{1B}[22m\u{1B}[39m`,
    "",
  ]);
});

test("what lasts is harmless, too", async () => {
  const { screen: terminal, said } = screen(true);
  terminal.running(() => EVIL);
  const words = await vi.waitUntil(() => said().replace(/^null$/, ""));
  terminal.stops();
  expect(words).toBe(`\r\u{1B}[K\u{1B}[2m${CLEAN}\u{1B}[22m`);
});

test("where nobody looks there are no styles", () => {
  const { screen: file, said } = screen(false);
  file.print(shown`${file.style("green", "done")} ${EVIL}`);
  expect(said()).toBe(`done ${CLEAN}\n`);
});
