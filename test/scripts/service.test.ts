import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { optionsFromEnvironment, startService } from "../../scripts/service.ts";
import { run } from "./program.ts";

afterEach(() => void vi.unstubAllEnvs());

describe("the environment", () => {
  test.each([
    ["", 8787],
    ["0", 0],
    ["65535", 65_535],
  ])("PORT=%j is port %i", (value, port) => {
    vi.stubEnv("PORT", value);
    expect(optionsFromEnvironment("kept").port).toBe(port);
  });

  test.each(["web", " ", "-1", "1.5", "0x50", "65536"])("PORT=%j is none", (value) => {
    vi.stubEnv("PORT", value);
    expect(() => optionsFromEnvironment("kept")).toThrow(`PORT is a port number, not "${value}".`);
  });

  test.each([
    ["", undefined],
    ["/somewhere", "/somewhere"],
  ])("PERSIST_TO=%j is the folder %j", (value, persistTo) => {
    vi.stubEnv("PERSIST_TO", value);
    expect(optionsFromEnvironment("kept").persistTo).toBe(persistTo);
  });
});

describe("npm run dev", () => {
  test("refuses a PORT that is none, in one sentence", async () => {
    const { code, out, err } = await run("scripts/dev.ts", [], { PORT: "web" }).ended;
    expect({ code, out, err }).toEqual({ code: 1, out: "", err: 'PORT is a port number, not "web".\n' });
  });

  test("says which port is taken, and starts nothing", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { code, out, err } = await run("scripts/dev.ts", [], { PORT: String(port) }).ended;
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(new RegExp(`^Port ${port} is taken\\. .*\\n$`));
  });
});

test("a service that cannot start has ended, and says why", async () => {
  const folder = await mkdtemp(join(tmpdir(), "appia-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "no-folder");
  await writeFile(file, "");
  const service = await startService({ port: 0, persistTo: join(file, "state"), output: "kept" });
  expect(() => service.origin).toThrow("not known before it is ready");
  await expect(service.ready).rejects.toThrow(/did not start.*(ENOTDIR|EEXIST|not a directory)/is);
  expect(service.process.exitCode).not.toBeNull();
});
