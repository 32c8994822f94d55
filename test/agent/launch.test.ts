import type { SpawnOptions } from "node:child_process";
import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { launcher, type Spawn, WEB_SCHEMES } from "../../src/agent/launch.ts";
import { safeUri } from "../../src/agent/safe-uri.ts";

/** An opener that ends as told, and everything it was started with. */
function opener(end: (process: EventEmitter) => void) {
  const started: { command: string; args: readonly string[]; options: SpawnOptions }[] = [];
  const spawn = ((command: string, args: readonly string[], options: SpawnOptions) => {
    const process = Object.assign(new EventEmitter(), { unref: () => {} });
    started.push({ command, args, options });
    queueMicrotask(() => end(process));
    return process;
  }) as unknown as Spawn;
  return { spawn, started };
}

async function launch(uri: string, options: Partial<Parameters<typeof launcher>[0]> = {}) {
  const shown: string[] = [];
  const handle = launcher({ open: [], show: (line) => shown.push(line), ...options });
  const task = {
    type: "LaunchUri" as const,
    id: "c1",
    uri,
    payload: null,
    attempt: 1,
    expirationDateTime: "",
  };
  const context = { signal: new AbortController().signal, progress: () => {} };
  return { answer: await handle(task, context), shown };
}

describe("a URI", () => {
  test("is shown, and not opened unless the owner asked for it", async () => {
    expect(await launch("https://example.org/a b")).toEqual({
      answer: { opened: false },
      shown: ["https://example.org/a%20b"],
    });
  });

  test.each([
    ["linux", "xdg-open", []],
    ["darwin", "open", []],
    ["win32", "rundll32", ["url.dll,FileProtocolHandler"]],
  ] as const)(
    "is opened on %s by %s, as one argument and without a shell",
    async (platform, command, args) => {
      const { spawn, started } = opener((process) => process.emit("exit", 0));
      const { answer } = await launch("https://example.org/?a=$(id)&b=`id`;c", {
        open: WEB_SCHEMES,
        platform,
        spawn,
      });
      expect(answer).toEqual({ opened: true });
      expect(started).toMatchObject([{ command, options: { shell: false } }]);
      expect(started[0]?.args).toEqual([...args, "https://example.org/?a=$(id)&b=`id`;c"]);
    },
  );

  test.each([
    "ssh://example.org",
    "smb://example.org/x",
    "vscode://file/x",
    "mailto:?attach=/etc/passwd",
    "tel:+15550100",
    "httpx://example.org",
  ])("%j is shown, as only web pages are opened unless the owner says more", async (uri) => {
    const { spawn, started } = opener((process) => process.emit("exit", 0));
    expect(await launch(uri, { open: WEB_SCHEMES, spawn })).toEqual({
      answer: { opened: false },
      shown: [uri],
    });
    expect(started).toEqual([]);
  });

  test("of a scheme that the owner named is opened", async () => {
    const { spawn, started } = opener((process) => process.emit("exit", 0));
    const options = { open: [...WEB_SCHEMES, "tel"], spawn };
    expect((await launch("TEL:+15550100", options)).answer).toEqual({ opened: true });
    expect((await launch("sip:x@example.org", options)).answer).toEqual({ opened: false });
    expect(started.map(({ args }) => args)).toEqual([["tel:+15550100"]]);
  });

  test.each([
    ["javascript:alert(1)"],
    [" JavaScript:alert(1)"],
    ["java\nscript:alert(1)"],
    ["data:text/html,x"],
    ["vbscript:x"],
    ["file:///etc/passwd"],
    ["about:blank"],
    ["view-source:file:///etc/passwd"],
    ["jar:file:///x!/y"],
    ["feed:file:///etc/passwd"],
    ["ms-msdt:/id"],
    ["search-ms:x"],
  ])("%j is refused", async (uri) => {
    const { spawn, started } = opener(() => {});
    await expect(launch(uri, { open: ["file", "view-source", ...WEB_SCHEMES], spawn })).rejects.toMatchObject(
      {
        status: "DeniedByRemoteSystem",
      },
    );
    expect(started).toEqual([]);
  });

  test.each(["--version", "/etc/passwd", "example.org", "", "c:/windows/calc.exe", "C:\\x"])(
    "%j, which is none, is refused",
    (uri) => {
      expect(() => safeUri(uri)).toThrow(expect.objectContaining({ status: "ProtocolUnavailable" }));
    },
  );

  test("of any scheme reaches the opener without blanks and quotes", () => {
    expect(safeUri('app:a" \u0007--b')).toBe("app:a%22%20%07--b");
  });
});

describe("an opener", () => {
  test("that is not there fails the command by name", async () => {
    const { spawn } = opener((process) =>
      process.emit("error", Object.assign(new Error(), { code: "ENOENT" })),
    );
    await expect(launch("https://example.org", { open: WEB_SCHEMES, spawn })).rejects.toMatchObject({
      status: "AppUnavailable",
    });
  });

  test("that fails fails the command", async () => {
    const { spawn } = opener((process) => process.emit("exit", 4));
    await expect(launch("https://example.org", { open: WEB_SCHEMES, spawn })).rejects.toThrow("exit code 4");
  });
});
