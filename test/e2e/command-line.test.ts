import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Program } from "../scripts/program.ts";
import { endAll, hasDevice, Person, runsPc } from "./person.ts";
import { type Json, ownService } from "./stage.ts";

/** The command line `appia`, as processes, against the service as it is started locally. */

/** What a terminal would obey; of it, only the line's end is ours to say. */
const OBEYED = /[^\n\P{Cc}]/u;

const service = ownService();
afterAll(endAll);

/** Ann has a PC with app services of her own, and another device that is never there. */
let ann: Person;
let pc: Program;
beforeAll(async () => {
  ann = await Person.named(service, "ann");
  await hasDevice(ann, service, "Away");
  pc = await runsPc(ann, service.folder);
});
afterAll(async () => {
  pc.process.kill("SIGTERM");
  expect(await pc.ended).toMatchObject({ code: 0, err: "" });
});

// Side by side, as they mostly wait: none of them looks at what another has sent.
describe.concurrent("pairing", () => {
  test("a computer pairs, is called, and is removed", async () => {
    const bob = await Person.named(service, "bob");
    expect(await bob.does("devices")).toMatchObject({
      code: 0,
      out: "",
      err: expect.stringContaining("appia device"),
    });
    const device = bob.withoutToken.starts("device", "--name", "Kitchen");
    const [, code = ""] = await device.says(/enter the code (\S+) at/);
    await device.says(new RegExp(`^  ${service.origin}/pair\n`, "m"));
    // Nobody is there to be asked.
    const unasked = await bob.does("pair", code);
    expect(unasked).toMatchObject({ code: 2, out: "" });
    expect(unasked.err).toMatch(/asked +.* ago, with the code .*\n +from .*\n +kind .*\n +name +"Kitchen"\n/);
    expect(await bob.answer("pair", code.toLowerCase().replace("-", ""), "--yes", "--json")).toMatchObject({
      name: "Kitchen",
      kind: "Desktop",
    });
    expect(await bob.does("pair", code, "--yes")).toMatchObject({
      code: 1,
      err: expect.stringContaining("code"),
    });
    await device.says(/connected; waiting for commands/);
    expect(device.said()).not.toContain("█");

    const [[entity], table, info] = await Promise.all([
      bob.answer("devices", "--json"),
      bob.does("devices"),
      bob.answer("call", "kitchen", "appia.systemInfo"),
    ]);
    expect(entity).toMatchObject({ name: "Kitchen", status: "Online", kind: "Desktop" });
    expect(table.out).toMatch(
      new RegExp(`^NAME .*\\nKitchen +Desktop +\\w+ +Online +${entity.id.slice(0, 8)}\\n$`),
    );
    expect(info).toMatchObject({ hostname: hostname() });
    expect(await bob.does("devices", "remove", entity.id.slice(0, 4), "--yes")).toMatchObject({
      code: 0,
      err: "",
    });
    expect(await device.ended).toMatchObject({ code: 1, err: expect.stringContaining("To go on, delete") });
  });

  test("a device gets another name; removed, it is listed no more", async () => {
    const dan = await Person.named(service, "dan");
    await hasDevice(dan, service, "Kitchen");
    expect(await dan.does("devices", "rename", "kit", "Cellar")).toMatchObject({ code: 0, err: "" });
    expect(await dan.does("devices", "remove", "Cellar")).toMatchObject({ code: 2, out: "" });
    expect(await dan.does("devices", "remove", "cellar", "--yes")).toMatchObject({ code: 0, err: "" });
    expect(await dan.answer("devices", "--json")).toEqual([]);
  });

  test("what is denied is no device", async () => {
    const device = ann.withoutToken.starts(
      "device",
      "--json",
      "--identity",
      join(service.folder, "denied.json"),
    );
    const [line] = await device.says(/.*\n/);
    const { type, userCode } = JSON.parse(line);
    expect(type).toBe("pairing");
    expect(await ann.does("pair", userCode, "--deny")).toMatchObject({ code: 0 });
    const { code, err } = await device.ended;
    expect(code).toBe(1);
    expect(err).toContain("did not make this computer a device");
  });
});

describe.concurrent("the exit code tells how a command ended", () => {
  test.each([
    [0, "completed", ["send", "pc", "https://example.com/"]],
    [3, "executionFailed", ["call", "pc", "fail", "--wait", "50"]],
    [4, "failedToSend", ["send", "away", "https://example.com/", "--fail-offline"]],
    [5, "expired", ["send", "away", "https://example.com/", "--delivery-timeout", "PT1S"]],
    [7, "commandDropped", ["call", "pc", "drop"]],
  ])("%i for %s", async (code, status, args) => {
    const ended = await ann.does(...args);
    const shown = args[0] === "call" ? ended.err : ended.out;
    expect(ended).toMatchObject({ code, [args[0] === "call" ? "out" : "err"]: "" });
    expect(shown.trim().split("\n").at(-1)).toMatch(new RegExp(`^${status}\\b.* after `));
  });

  test("6 for canceled, and 0 for whoever cancelled it", async () => {
    const id = (await ann.does("call", "pc", "wait", "--no-wait")).out.trim();
    const watcher = ann.starts("watch", id.slice(0, 8));
    await watcher.says(/executing/);
    expect(await ann.does("cancel", id, "--device", "PC")).toMatchObject({ code: 0, err: "" });
    expect(await watcher.ended).toMatchObject({
      code: 6,
      err: "",
      out: expect.stringMatching(/\ncanceled after .*\n$/),
    });
    expect(await ann.does("cancel", id)).toMatchObject({ code: 1, out: "" });
  });

  test("9 where the time of --wait is over first", async () => {
    const { code, err } = await ann.does("send", "away", "https://example.com/", "--wait", "0.2");
    expect(code).toBe(9);
    expect(err).toMatch(/goes on\. Follow it: appia watch [\da-f]{8}; cancel it: appia cancel [\da-f]{8}\n$/);
  });

  test("130 where following is interrupted; the command goes on", async () => {
    const program = ann.starts("send", "away", "https://example.com/");
    await program.says(/requesting +The device is offline/);
    program.process.kill("SIGINT");
    const { code, err } = await program.ended;
    expect(code).toBe(130);
    const [, id = ""] = err.match(/^The command goes on\. Follow it: appia watch (\S+);/) ?? [];
    expect(await ann.answer("status", id, "--json")).toMatchObject({ status: "requesting" });
  });
});

describe.concurrent("following a command", () => {
  test("shows each status with its time and why", async () => {
    const { out, err } = await ann.does("send", "pc", "https://example.com/?a");
    expect(err).toBe("");
    const lines = out.split("\n").filter((line) => !line.includes("sentToTarget"));
    expect(lines).toEqual([
      expect.stringMatching(/^https:\/\/example\.com\/\?a on PC \(command [\da-f]{8}\)$/),
      expect.stringMatching(/^ +\+0 ms {2}requesting +The command was accepted\.$/),
      expect.stringMatching(/^ +\+.*s {2}executing +\S.*\.$/),
      expect.stringMatching(/^ +\+.*s {2}completed +\S.*\.$/),
      expect.stringMatching(/^completed after .*s: \{"opened":false\}$/),
      "",
    ]);
  });

  test("is a JSON line an entry with --json, then and later", async () => {
    const linesOf = (out: string): Json[] =>
      out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    const { out } = await ann.does("--json", "send", "pc", "https://example.com/?b");
    const sent = linesOf(out);
    expect(sent.map(({ sequence }) => sequence)).toEqual(sent.map((_, index) => index + 1));
    expect(sent.at(-1)).toMatchObject({
      status: "completed",
      cause: expect.any(String),
      command: { error: null },
    });
    const { id } = sent[0].command;
    const watched = await ann.does("watch", id, "--json");
    expect(linesOf(watched.out)).toEqual(sent);
    expect(await ann.answer("status", id, "--json")).toEqual(sent.at(-1).command);
    expect((await ann.answer("history", id.slice(0, 6), "--json")).value).toHaveLength(sent.length);
    const completed = await ann.answer("commands", "pc", "--status", "completed", "--json");
    expect(completed.map((command: Json) => command.id)).toContain(id);
  });
});

describe.concurrent("calling an app service", () => {
  test("prints the answer alone on standard output, the statuses beside it", async () => {
    const { code, out, err } = await ann.does("call", "pc", "appia.ping", '{"n":[7]}');
    expect(code).toBe(0);
    expect(out.split("\n")).toHaveLength(2);
    expect(JSON.parse(out)).toMatchObject({ pong: true, echo: { n: [7] } });
    expect(err).toMatch(/requesting[\s\S]*completed/);
  });

  test("takes the payload from standard input, or none", async () => {
    const { out } = await ann.reads('\n{"n":\n8}\n', "call", "pc", "appia.ping", "-");
    expect(JSON.parse(out)).toMatchObject({ echo: { n: 8 } });
    expect(await ann.answer("call", "pc", "appia.ping")).toMatchObject({ echo: null });
    const command = await ann.answer("call", "pc", "appia.ping", "7", "--json", "--package", "Own.Name");
    expect(command).toMatchObject({ packageFamilyName: "Own.Name", responsePayload: { echo: 7 } });
  });

  test("says where the payload is no JSON, and sends nothing", async () => {
    const cara = await Person.named(service, "cara");
    await hasDevice(cara, service, "Away");
    const sent = await cara.answer("send", "away", "https://example.com/", "--no-wait", "--json");
    const { code, out, err } = await cara.reads('{"n": 7,\n "m": oops}', "call", "away", "appia.ping", "-");
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("line 2, column 7");
    // Without an id, the newest is meant.
    expect((await cara.answer("status", "--json")).id).toBe(sent.id);
  });

  test("the device's words never steer the terminal", async () => {
    const { code, out, err } = await ann.does("call", "pc", "boast");
    expect(code).toBe(0);
    expect(JSON.parse(out).boast).toBe("\u{1B}]0;pwned\u{07}\u{9B}2J");
    expect(err).toContain("[2Jdone");
    const [, id = ""] = err.match(/\(command ([\da-f]+)\)/) ?? [];
    const { out: state } = await ann.does("status", id);
    expect(state).toContain("pwned");
    expect(out + err + state).not.toMatch(OBEYED);
  });

  test("the same key is the same command", async () => {
    const args = ["send", "away", "https://example.com/", "--no-wait", "--key", "k"];
    const first = await ann.does(...args);
    expect(first).toMatchObject({ code: 0, err: "", out: expect.stringMatching(/^[\da-f]{64}\n$/) });
    expect(await ann.does(...args)).toEqual(first);
  });
});

// By itself, as all the others need the service.
test("following a command outlasts the service's restart", async () => {
  const watcher = ann.starts("send", "away", "https://example.com/?c");
  await watcher.says(/requesting +The device is offline/);
  await service.ends();
  await service.starts(Number(new URL(service.origin).port));
  expect(await ann.does("cancel")).toMatchObject({ code: 0 });
  const { code, err } = await watcher.ended;
  expect(code).toBe(6);
  expect(err).toMatch(/went away; trying to go on \.\.\.\n.* is back\.\n$/);
});
