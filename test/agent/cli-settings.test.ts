import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { LOCAL_SERVICE, serviceOf } from "../../src/agent/cli/address.ts";
import { credentialsFor } from "../../src/agent/cli/credentials.ts";
import { changeSettings, readSettings, settingsPath } from "../../src/agent/cli/settings.ts";

/** What the command line remembers, and what it makes of it. */

const NONE = { service: null, tokens: {} };
const ELSEWHERE = "https://appia.example";

afterEach(() => void vi.unstubAllEnvs());

/** A folder for the user's configuration, empty. */
async function home(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "appia-"));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

describe("the settings", () => {
  test.each([
    ["linux", { XDG_CONFIG_HOME: "/xdg" }, "/xdg/appia/settings.json"],
    ["linux", {}, "/home/me/.config/appia/settings.json"],
    ["darwin", {}, "/home/me/Library/Application Support/appia/settings.json"],
    ["win32", { APPDATA: "/roaming" }, "/roaming/appia/settings.json"],
  ] as const)("on %s with %j are in the system's folder for them", (platform, env, path) => {
    expect(settingsPath({ platform, env, home: "/home/me" })).toBe(normalize(path));
  });

  test("are kept, for their owner's eyes only", async () => {
    const folder = await home();
    const path = join(folder, "appia", "settings.json");
    expect(await readSettings(path)).toEqual(NONE);
    await changeSettings((settings) => ({ ...settings, service: ELSEWHERE }), path);
    await changeSettings((settings) => ({ ...settings, tokens: { [ELSEWHERE]: "t" } }), path);
    expect(await readSettings(path)).toEqual({ service: ELSEWHERE, tokens: { [ELSEWHERE]: "t" } });
    expect(await readdir(join(folder, "appia"))).toEqual(["settings.json"]);
    // Windows knows no modes; there the user's folder is the fence.
    if (process.platform !== "win32") expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test.each(["", "[", "7", '{"service":7}', '{"tokens":{"a":null}}', '{"tokens":7}'])(
    "%j is none, and is left alone",
    async (text) => {
      const path = join(await home(), "settings.json");
      await writeFile(path, text);
      await expect(readSettings(path)).rejects.toThrow("mend it or delete it");
      await expect(changeSettings((settings) => settings, path)).rejects.toThrow("mend it or delete it");
    },
  );
});

describe("the service that is meant", () => {
  test("is the one named, else the environment's, the settings', and this machine's", () => {
    const settings = { ...NONE, service: ELSEWHERE };
    vi.stubEnv("APPIA_SERVICE", "http://127.0.0.1:9000/path");
    expect(serviceOf({ service: "https://named.example/x" }, settings)).toBe("https://named.example");
    expect(serviceOf({}, settings)).toBe("http://127.0.0.1:9000");
    vi.stubEnv("APPIA_SERVICE", "");
    expect(serviceOf({}, settings)).toBe(ELSEWHERE);
    expect(serviceOf({}, NONE)).toBe(LOCAL_SERVICE);
  });

  test("is an http or https URL, and the words say what was taken for one", () => {
    expect(() => serviceOf({ service: "ftp://x" }, NONE)).toThrow("--service takes an http or https URL");
    vi.stubEnv("APPIA_SERVICE", "example");
    expect(() => serviceOf({}, NONE)).toThrow('APPIA_SERVICE takes an http or https URL, not "example".');
  });
});

describe("the token that is used", () => {
  const saved = { ...NONE, tokens: { [ELSEWHERE]: "saved" } };

  test("is the one named, else the environment's, and the service's saved one", async () => {
    vi.stubEnv("APPIA_TOKEN", "environment");
    const token = async (options: { token?: string }) =>
      await (await credentialsFor(ELSEWHERE, options, saved)).token();
    expect(await token({ token: "named" })).toBe("named");
    expect(await token({})).toBe("environment");
    vi.stubEnv("APPIA_TOKEN", "");
    expect(await token({})).toBe("saved");
  });

  test("of another service is never used: it says how to get one", async () => {
    vi.stubEnv("APPIA_TOKEN", "");
    await expect(credentialsFor("https://other.example", {}, saved)).rejects.toThrow(
      "appia token --save --service https://other.example",
    );
    // What has no loopback address is not this machine, whatever its name is.
    await expect(credentialsFor("https://127.0.0.1.example", {}, NONE)).rejects.toThrow("There is no token");
  });
});
