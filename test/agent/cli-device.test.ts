import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/agent/clock.ts";
import { createKeyPair } from "../../src/agent/identity.ts";
import { ActingService } from "./acting-service.ts";

const APPIA = join(import.meta.dirname, "../../src/agent/appia.js");

/** `appia device`, running; what it came to once it has ended. */
function run(
  args: string[],
  input = "",
  more: NodeJS.ProcessEnv = {},
): { process: ChildProcess; ended: Promise<{ code: number | null; out: string; err: string }> } {
  const { APPIA_TOKEN: _, ...env } = process.env;
  const child = spawn(process.execPath, [APPIA, "device", ...args], {
    env: { ...env, ...more },
    stdio: "pipe",
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  child.stdin.end(input);
  const exit = new Promise<number | null>((resolve) => child.once("close", resolve));
  const ended = Promise.all([exit, text(child.stdout), text(child.stderr)]).then(([code, out, err]) => ({
    code,
    out,
    err,
  }));
  return { process: child, ended };
}

async function scene(): Promise<{ service: ActingService; folder: string; args: string[] }> {
  const service = new ActingService(systemClock);
  await service.opens();
  const folder = await mkdtemp(join(tmpdir(), "appia-"));
  onTestFinished(async () => {
    await service.shuts();
    await rm(folder, { recursive: true });
  });
  return { service, folder, args: ["--service", service.origin, "--identity", join(folder, "me.json")] };
}

describe("appia device", () => {
  test("--help explains itself", async () => {
    const { code, out } = await run(["--help"]).ended;
    expect(code).toBe(0);
    expect(out).toContain("--services <folder>");
    expect(out).toContain("--service <url>");
  });

  test.each([
    [["--dance"], "--dance"],
    [["--service", "example"], "--service takes"],
    [["stray"], "stray"],
    [["--open-schemes", "tel,file"], '"file" URIs are never opened'],
    [["--open-schemes", "tel,c"], '"c" is no scheme'],
    [["--open-schemes", ""], '"" is no scheme'],
    [["--service", "ftp://example.com"], "--service takes"],
  ])("%j is bad usage", async (args, words) => {
    const { code, out, err } = await run(args).ended;
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(words);
    expect(err).not.toContain("    at ");
  });

  test("an identity of another service is left as it is", async () => {
    const { args } = await scene();
    const first = run([...args, "--token", "caller"]);
    first.process.stdout?.once("data", () => first.process.kill("SIGTERM"));
    await first.ended;
    const { code, err } = await run([...args, "--service", "https://other.example"]).ended;
    expect(code).toBe(2);
    expect(err).toContain("name another file with --identity");
  });

  test("a refused token is told in the service's words", async () => {
    const { args } = await scene();
    const { code, err } = await run([...args, "--token", "stranger"]).ended;
    expect(code).toBe(1);
    expect(err).toMatch(/did not register this computer: The token is not accepted\.\n$/);
  });

  test("a service that is not there is one sentence, too", async () => {
    const { args, service } = await scene();
    await service.shuts();
    const { code, err } = await run([...args, "--token", "caller"]).ended;
    expect(code).toBe(1);
    expect(err.trim().split("\n")).toHaveLength(1);
  });
});

// The system's opener is a program of this name on Linux only.
test.runIf(process.platform === "linux")("only web pages and the schemes named are opened", async () => {
  const { service, args, folder } = await scene();
  const opened = join(folder, "opened");
  await writeFile(join(folder, "xdg-open"), `#!/bin/sh\necho "$1" >> "${opened}"\n`, { mode: 0o700 });
  const env = { PATH: `${folder}:${process.env.PATH}` };
  const device = run([...args, "--token", "-", "--open-schemes", "tel,SIP:"], "caller\n", env);
  const line = await service.connections.next();
  const expirationDateTime = new Date(Date.now() + 60_000).toISOString();
  const answers: unknown[] = [];
  for (const uri of ["https://example.org/", "ssh://example.org", "mailto:a@example.org", "tel:1", "sip:2"]) {
    line.delivers(uri, { uri, expirationDateTime }, "launchUri");
    answers.push(await line.heard.next(({ id }) => id === uri));
  }
  expect(answers).toMatchObject(
    [true, false, false, true, true].map((isOpened) => ({ result: { opened: isOpened } })),
  );
  expect(await readFile(opened, "utf8")).toBe("https://example.org/\ntel:1\nsip:2\n");
  device.process.kill("SIGTERM");
  expect((await device.ended).out).toContain("open: ssh://example.org");
});

test("a computer becomes a device, carries out a command, stops, and is the same device again", async () => {
  const { service, args } = await scene();
  const first = run([...args, "--name", "my PC", "--token", "-"], "caller\n");
  expect(await service.registrations.next()).toMatchObject({ name: "my PC", kind: "Desktop" });
  const line = await service.connections.next();
  const expirationDateTime = new Date(Date.now() + 60_000).toISOString();
  line.delivers("c1", { expirationDateTime }, "launchUri");
  line.delivers("c2", { appServiceName: "appia.ping", payload: 7, expirationDateTime });
  expect(await line.heard.next(({ id }) => id === "c1")).toMatchObject({ result: { opened: false } });
  expect(await line.heard.next(({ id }) => id === "c2")).toMatchObject({ result: { pong: true, echo: 7 } });
  first.process.kill("SIGTERM");
  expect(await line.closes.next()).toEqual({ code: 1000 });
  const { code, out, err } = await first.ended;
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("open: https://example.org/");
  expect(out).not.toContain("\u{1B}");

  const second = run(args);
  await service.connections.next();
  second.process.kill("SIGINT");
  expect(await second.ended).toMatchObject({ code: 0 });
  expect(service.registrations.left).toEqual([]);

  service.refusesWith = 404;
  const third = await run(args).ended;
  expect(third.code).toBe(1);
  expect(third.err).toMatch(/does not know this device\..*register anew/);

  service.refusesWith = null;
  service.publicKey = (await createKeyPair(false)).publicKey;
  const fourth = await run(args).ended;
  expect(fourth.code).toBe(1);
  expect(fourth.err).toMatch(/Another key\. If this computer's clock is right.*register anew/);
});
