import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Program, run } from "../scripts/program.ts";
import { APP_SERVICE, areGone, Caller, descendants, LAUNCH_URI, nameOf, temporaryFolder } from "./stage.ts";

/** The programs that a person starts, as processes: `npm run dev`, `token`, `device` and `npm start`. */

const DEV_VARS = new URL("../../.dev.vars", import.meta.url);
const SCOPE = "Device.ReadWrite Device.Command";
/** Milliseconds until the list of devices shows that one has gone. */
const PRESENCE_MS = 1_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let dev: Program;
let origin: string;
/** The local keys as they were found, or else as the first start made them. */
let vars: string;
beforeAll(async () => {
  const found = await readFile(DEV_VARS, "utf8").catch(() => null);
  folder = await temporaryFolder();
  dev = run("scripts/dev.ts", [], { PORT: "0", PERSIST_TO: join(folder.path, "state") });
  origin = (await dev.says(/http:\/\/127\.0\.0\.1:\d+(?=\s)/))[0];
  vars = found ?? (await readFile(DEV_VARS, "utf8"));
});
afterAll(async () => {
  dev.process.kill("SIGTERM");
  await dev.ended;
  await folder[Symbol.asyncDispose]();
});

/** A token as `npm run token` prints it. */
async function token(...args: string[]): Promise<string> {
  const { code, out, err } = await run("scripts/token.ts", args).ended;
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  return out.trim();
}

test("npm run token prints one token, good for its account and its scope", async () => {
  const alice = crypto.randomUUID();
  const owner = new Caller(origin, await token("--sub", alice, "--scope", SCOPE));
  const reader = new Caller(origin, await token("--sub", alice, "--scope", "Device.Read"));
  const stranger = new Caller(origin, await token());
  const expired = new Caller(origin, await token("--minutes=-5"));
  const publicKey = { kty: "EC", crv: "P-256", ...POINT };
  const device = { name: "Alice's", kind: "Phone", platform: "Ios", publicKey };
  expect(await owner.request("POST", "/me/devices", device)).toMatchObject({ status: 201 });
  expect(await reader.request("POST", "/me/devices", device)).toMatchObject({ status: 403 });
  expect((await reader.get("/me/devices")).value).toMatchObject([{ name: "Alice's" }]);
  expect((await stranger.get("/me/devices")).value).not.toContainEqual(
    expect.objectContaining({ name: "Alice's" }),
  );
  expect(await expired.request("GET", "/me/devices")).toMatchObject({ status: 401 });
});

/** The public key of RFC 7515's appendix A.3: any point of the curve will do. */
const POINT = {
  x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
  y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
};

describe("npm run device", () => {
  function device(identity: string, ...args: string[]): Program {
    const options = ["--service", origin, "--identity", identity, ...args];
    const program = run("src/agent/appia.js", ["device", ...options], { APPIA_TOKEN: "" });
    onTestFinished(() => void program.process.kill("SIGKILL"));
    return program;
  }

  test("makes this computer a device that answers, shows URIs, and goes when asked to", async () => {
    const caller = new Caller(origin, await token("--sub", crypto.randomUUID()));
    const identity = join(folder.path, "asked.json");
    const first = device(identity, "--name", "This one", "--token", caller.token);
    await first.says(/connected; waiting for commands/);
    const { value } = await caller.get("/me/devices");
    expect(value).toMatchObject([{ name: "This one", kind: "Desktop", status: "Online" }]);
    const [{ id }] = value;
    const ping = { ...APP_SERVICE, appServiceName: "appia.ping", payload: { n: 7 } };
    expect(await caller.reaches(await caller.send(id, ping), "completed")).toMatchObject({
      responsePayload: { pong: true, echo: { n: 7 } },
    });
    const launch = await caller.send(id, LAUNCH_URI);
    await first.says(/open: https:\/\/example\.com\/\n/);
    expect(await caller.reaches(launch, "completed")).toMatchObject({ responsePayload: { opened: false } });
    expect(await caller.reaches(await caller.send(id, APP_SERVICE), "executionFailed")).toMatchObject({
      error: "AppServiceUnavailable",
    });
    first.process.kill("SIGTERM");
    expect(await first.ended).toMatchObject({ code: 0, err: "" });
    await caller.showsDevice(id, "Offline", performance.now());

    // The same device, which needs no token any more and finds what was sent meanwhile.
    const waiting = await caller.send(id, ping);
    const second = device(identity);
    await caller.reaches(waiting, "completed");
    second.process.kill("SIGINT");
    expect(await second.ended).toMatchObject({ code: 0, err: "" });
    expect((await caller.get("/me/devices")).value).toHaveLength(1);
  });

  test("--poll needs no WebSocket", async () => {
    const caller = new Caller(origin, await token("--sub", crypto.randomUUID()));
    const program = device(join(folder.path, "polls.json"), "--poll", "--token", caller.token);
    await program.says(/connected; waiting for commands/);
    const [{ id, status }] = (await caller.get("/me/devices")).value;
    expect(status).toBe("Online");
    const ping = await caller.send(id, { ...APP_SERVICE, appServiceName: "appia.ping" });
    const launch = await caller.send(id, { ...LAUNCH_URI, whenOffline: "fail" });
    expect(await caller.reaches(ping, "completed")).toMatchObject({ responsePayload: { pong: true } });
    expect(await caller.reaches(launch, "completed")).toMatchObject({ responsePayload: { opened: false } });
    program.process.kill("SIGTERM");
    expect(await program.ended).toMatchObject({ code: 0, err: "" });
  });

  test("is Offline within a second of being killed", async () => {
    const caller = new Caller(origin, await token("--sub", crypto.randomUUID()));
    const program = device(join(folder.path, "killed.json"), "--token", caller.token);
    await program.says(/connected; waiting for commands/);
    const [{ id }] = (await caller.get("/me/devices")).value;
    const killed = performance.now();
    program.process.kill("SIGKILL");
    expect(await caller.showsDevice(id, "Offline", killed)).toBeLessThan(PRESENCE_MS);
  });

  test("says why where the service does not know it any more", async () => {
    const caller = new Caller(origin, await token("--sub", crypto.randomUUID()));
    const identity = join(folder.path, "removed.json");
    const first = device(identity, "--token", caller.token);
    await first.says(/connected; waiting for commands/);
    const [{ id }] = (await caller.get("/me/devices")).value;
    first.process.kill("SIGTERM");
    await first.ended;
    await caller.request("DELETE", `/me/devices/${id}`);
    const { code, err } = await device(identity).ended;
    expect(code).toBe(1);
    expect(err).toMatch(/^The service does not know this device\. To go on, delete .*removed\.json .*\n$/);
  });
});

test("npm start shows both commands' way, and prints what can be pasted", async () => {
  const start = run("scripts/start.ts", [], {
    PORT: "0",
    PERSIST_TO: join(folder.path, "start"),
    NO_COLOR: "1",
  });
  onTestFinished(() => void start.process.kill("SIGTERM"));
  await start.says(/npm run -s token prints/);
  const said = start.said();
  expect(said.match(/\bcompleted\b/g)).toHaveLength(2);
  expect(said).toContain('"hostname"');
  const [, pasted = ""] = said.match(/^TOKEN=(\S+)$/m) ?? [];
  const [, device = ""] = said.match(/^DEVICE=(\S+)$/m) ?? [];
  const [address = ""] = said.match(/http:\/\/127\.0\.0\.1:[1-9]\d*/) ?? [];
  const caller = new Caller(address, pasted);
  expect((await caller.get("/me/devices")).value).toMatchObject([{ id: device, status: "Online" }]);
  const processes = await descendants(start.process.pid ?? Number.NaN);
  start.process.kill("SIGTERM");
  expect(await start.ended).toMatchObject({ code: 0, err: "" });
  await areGone(processes);
});

test("npm run dev ends when asked to, and leaves no process behind", async () => {
  const processes = await descendants(dev.process.pid ?? Number.NaN);
  if (process.platform === "linux") {
    expect(await Promise.all(processes.map(nameOf))).toContain("workerd");
  }
  dev.process.kill("SIGTERM");
  const { code, out, err } = await dev.ended;
  expect(code).toBe(0);
  expect((out + err).match(/^.*Uncaught.*$/gm)).toBeNull();
  await areGone(processes);
});

test.runIf(process.platform === "linux")(
  "npm run dev leaves no process behind where it is killed",
  async () => {
    const killed = run("scripts/dev.ts", [], { PORT: "0", PERSIST_TO: join(folder.path, "killed") });
    await killed.says(/http:\/\/127\.0\.0\.1:\d+/);
    const processes = await descendants(killed.process.pid ?? Number.NaN);
    killed.process.kill("SIGKILL");
    await areGone(processes);
  },
);

test("none of these has changed the local keys", async () => {
  expect(await readFile(DEV_VARS, "utf8")).toBe(vars);
});
