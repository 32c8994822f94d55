import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launch } from "../scripts/program.ts";
import { APPIA, endAll, hasDevice, Person, runsPc, untilEndAll } from "./person.ts";
import { type Json, ownService } from "./stage.ts";

/** The command line `appia` and what is around it: bad usage, tokens, terminals, pipes, and older Nodes. */

const service = ownService();
afterAll(endAll);

/** Ann has a PC with app services of her own, and another device that is never there. */
let ann: Person;
beforeAll(async () => {
  ann = await Person.named(service, "ann");
  await hasDevice(ann, service, "Away");
  await runsPc(ann, service.folder);
});

// Side by side, as they mostly wait: none of them looks at what another has done.
describe.concurrent("what is wrong is said in a sentence", () => {
  test.each([
    [["sned", "pc", "x:y"], 2, "Did you mean send?"],
    [["send", "pc", "example.com"], 2, "absolute"],
    [["send", "pc"], 2, "missing required argument"],
    [["send", "pc", "x:y", "--wait", "soon"], 2, "number of seconds"],
    [["send", "pc", "x:y", "--wiat", "5"], 2, "Did you mean --wait?"],
    [["send", "pcc", "x:y"], 1, 'Did you mean "PC"?'],
    [["send", "pc", "x:y", "--execution-timeout", "5"], 1, "ISO 8601"],
    [["status", "zz"], 2, "an id"],
    [["commands", "pc", "--top", "101"], 2, "from 1 to 100"],
    [["commands", "pc", "--status", "done"], 2, "Allowed choices"],
    [["status", "0".repeat(64)], 1, "None of the devices"],
    [["pair", "BBBB-BBBB", "--yes"], 1, "wrong"],
    [["pair", "BBBB-BBBB", "--yes", "--deny"], 2, "cannot be used with"],
    [["devices", "--service", "example"], 2, "--service takes"],
    [["devices", "--token", "a b"], 2, "no token after --token"],
    [["devices", "--token", "abc"], 1, "The token was the one of --token."],
    [["token", "--service", "https://appia.example"], 1, "appia token --save"],
  ])("%j", async (args, expected, words) => {
    const { code, out, err } = await ann.does(...args);
    expect({ code, out }).toEqual({ code: expected, out: "" });
    expect(err).toContain(words);
    expect(err).not.toContain("    at ");
  });

  test("a service that is not there", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    await new Promise((resolve) => server.close(resolve));
    const { code, err } = await ann.does("devices", "--service", `http://127.0.0.1:${port}`);
    expect(code).toBe(1);
    expect(err).toMatch(/does not answer: .*ECONNREFUSED.*npm start/);
  });

  test("a token that does not allow it", async () => {
    const { out: narrow } = await ann.does("token", "--scope", "Device.Read");
    const { code, err } = await ann.does("devices", "rename", "x", "y", "--token", narrow.trim());
    expect(code).toBe(1);
    expect(err).toMatch(/No device|There are no devices/);
    const refused = await ann.does("pair", "BBBB-BBBB", "--token", narrow.trim());
    expect(refused.err).toMatch(
      /Device\.ReadWrite.*The token was the one of --token\. .*appia token --scope/,
    );
  });
});

// Skipped where this computer has no such program.
describe.runIf(existsSync("/usr/bin/script") && process.platform === "linux")(
  "at a terminal",
  { concurrent: true },
  () => {
    test("a device shows a QR picture, and a person is asked before it is theirs", async () => {
      const eve = await Person.named(service, "eve");
      const device = eve.withoutToken.atTerminal("", "device", "--name", "Tablet");
      const [, code = ""] = await device.says(/enter the code \p{Cc}\[1m(\S+?)\p{Cc}/u);
      expect(device.said()).toMatch(/█ ▄▄▄▄▄ █/);
      const no = await eve.atTerminal("n\n", "pair", code).ended;
      expect(no).toMatchObject({ code: 1, out: expect.stringContaining("Nothing was changed.") });
      const yes = await eve.atTerminal("y\n", "pair", code).ended;
      expect(yes).toMatchObject({
        code: 0,
        out: expect.stringContaining('"Tablet" is one of your devices now'),
      });
      await device.says(/connected; waiting for commands/);
    });

    test("what lasts is shown while it lasts, and colours where NO_COLOR does not forbid them", async () => {
      const args = ["send", "away", "https://example.com/", "--wait", "1"];
      const coloured = await ann.atTerminal("", ...args).ended;
      expect(coloured.out).toMatch(/\r\p{Cc}\[K.*requesting for \d s/u);
      expect(coloured.out).toContain("\u{1B}[36mrequesting");
      const plain = await ann.with({ NO_COLOR: "1" }).atTerminal("", ...args).ended;
      expect(plain.code).toBe(9);
      expect(plain.out).not.toMatch(/\p{Cc}\[\d*m/u);
    });
  },
);

describe.concurrent("tokens", () => {
  test("of the service on this machine are made, and need not be named", async () => {
    const { out } = await ann.withoutToken.does("token", "--sub", "cleo", "--minutes", "5");
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(await ann.answer("devices", "--json", "--token", out.trim())).toEqual([]);
    expect(await ann.withoutToken.answer("devices", "--json")).toEqual(expect.any(Array));
  });

  test("are kept for a service, and forgotten", async () => {
    const dora = (await Person.named(service, "dora")).withoutToken;
    const kept = await dora.reads(`${ann.token}\n`, "token", "--save");
    expect(kept).toMatchObject({ code: 0, err: "", out: expect.stringContaining("valid until") });
    expect((await dora.answer("devices", "--json")).map(({ name }: Json) => name)).toContain("PC");
    const file = join(service.folder, "dora", "appia", "settings.json");
    if (process.platform === "linux") expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await dora.does("token", "--forget")).toMatchObject({ code: 0 });
    expect((await dora.answer("devices", "--json")).map(({ name }: Json) => name)).not.toContain("PC");
    expect(await dora.does("token", "--forget")).toMatchObject({ code: 1 });
    expect(await dora.reads("two words\n", "token", "--save")).toMatchObject({ code: 2, out: "" });
  });
});

test.concurrent("a reader that has read enough is no failure", async () => {
  const { out: id } = await ann.does("send", "away", "https://example.com/", "--no-wait");
  const program = ann.starts("watch", id.trim(), "--json");
  program.process.stdout?.destroy();
  expect(await program.ended).toMatchObject({ code: 0, err: "" });
});

/** A Node of this computer that runs no TypeScript, beside the one that the project brings; null where there is none. */
const olderNode = [...(process.env.PATH ?? "").split(":"), "/usr/local/bin", "/usr/bin"]
  .filter((folder) => folder.startsWith("/") && !folder.includes("node_modules"))
  .map((folder) => join(folder, "node"))
  .find((node) => {
    try {
      return (
        String(execFileSync(node, ["-p", "!process.features.typescript"], { stdio: "pipe" })) === "true\n"
      );
    } catch {
      return false;
    }
  });

describe.concurrent("under a Node that runs no TypeScript", () => {
  // Skipped where this computer has none.
  const withOlderNode = test.skipIf(olderNode === undefined);
  const node = olderNode ?? "";

  withOlderNode("arguments, input and exit code are passed on", async () => {
    const { code, out, err } = await launch(node, [APPIA, "call", "pc", "fail", "-"], ann.env, '"a b"').ended;
    expect({ code, out }).toEqual({ code: 3, out: "" });
    expect(err).toContain("The printer is on fire.");
    expect(await launch(node, [APPIA, "--dance"], ann.env).ended).toMatchObject({ code: 2 });
  });

  withOlderNode.each(["SIGTERM", "SIGINT"] as const)("%s is passed on", async (signal) => {
    const identity = join(service.folder, `${signal}.json`);
    const fay = await Person.named(service, signal);
    const device = untilEndAll(launch(node, [APPIA, "device", "--identity", identity], fay.env));
    await device.says(/connected; waiting for commands/);
    device.process.kill(signal);
    expect(await device.ended).toMatchObject({ code: 0, err: "" });
  });
});
