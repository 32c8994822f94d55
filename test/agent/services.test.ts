import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { appServices, ping } from "../../src/agent/services.ts";
import { loadServices, systemInfo } from "../../src/agent/services-folder.ts";
import type { AppServiceTask } from "../../src/agent/task.ts";

const context = { signal: new AbortController().signal, progress: () => {} };

function task(appServiceName: string, packageFamilyName = "p", payload: unknown = null): AppServiceTask {
  const handover = { id: "c1", attempt: 1, expirationDateTime: "2026-11-02T12:10:00Z" };
  return { type: "AppService", ...handover, appServiceName, packageFamilyName, payload };
}

/** A folder with these modules in it. */
async function folder(modules: Record<string, string>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "appia-"));
  onTestFinished(() => rm(path, { recursive: true }));
  for (const [file, source] of Object.entries(modules)) await writeFile(join(path, file), source);
  return path;
}

test("appia.ping answers any package with the time and what it was sent", async () => {
  const answer = await appServices([ping])(task("appia.ping", "anyone", { n: 1 }), context);
  expect(answer).toEqual({ pong: true, at: expect.stringMatching(/^\d{4}-.*Z$/), echo: { n: 1 } });
});

test("appia.systemInfo tells what this computer is", async () => {
  const answer = await appServices([systemInfo])(task("appia.systemInfo"), context);
  expect(answer).toMatchObject({
    platform: process.platform,
    node: process.version,
    cpus: expect.any(Number),
  });
});

test("an unknown service is told which ones there are", () => {
  expect(() => appServices([ping, systemInfo])(task("dance"), context)).toThrow(
    expect.objectContaining({
      status: "AppServiceUnavailable",
      message: expect.stringContaining("appia.ping, appia.systemInfo"),
    }),
  );
});

test("a folder's modules become services, and a broken one takes no other down", async () => {
  const path = await folder({
    "add.mjs": "export default ({ payload }) => payload.a + payload.b;",
    "broken.mjs": "export default (",
    "nothing.mjs": "export const name = 'nothing';",
    "notes.txt": "no module",
    "ours.mjs":
      "export const name = 'org.ours'; export const packageFamilyName = 'ours_1'; export default () => 'ours';",
  });
  const { services, broken } = await loadServices(path);
  expect(services.map(({ name }) => name)).toEqual(["add", "org.ours"]);
  expect(broken.map(({ file }) => file)).toEqual(["broken.mjs", "nothing.mjs"]);
  const answer = appServices(services);
  expect(await answer(task("add", "any", { a: 1, b: 2 }), context)).toBe(3);
  expect(await answer(task("org.ours", "ours_1"), context)).toBe("ours");
  expect(() => answer(task("org.ours", "theirs_1"), context)).toThrow(
    expect.objectContaining({ status: "AppNotInstalled" }),
  );
});

test("a folder that is not there is an error, not an empty list", async () => {
  await expect(loadServices(join(await folder({}), "missing"))).rejects.toThrow("ENOENT");
});
