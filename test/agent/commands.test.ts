import { describe, expect, test } from "vitest";
import { EXPIRY_GRACE_MS } from "../../src/agent/commands.ts";
import { CommandDropped, CommandError } from "../../src/agent/device.ts";
import type { AppServiceTask, TaskContext } from "../../src/agent/task.ts";
import { DEVICE_WORDS_LENGTH_MAX, PAYLOAD_BYTES_MAX } from "../../src/limits.ts";
import type { Wire } from "./acting-service.ts";
import { Queue } from "./queue.ts";
import { connected } from "./stage.ts";

/** An app service whose runs a test holds in its hands. */
function held() {
  const runs = new Queue<PromiseWithResolvers<unknown> & { task: AppServiceTask; context: TaskContext }>();
  let count = 0;
  return {
    runs,
    get count() {
      return count;
    },
    appService: (task: AppServiceTask, context: TaskContext) => {
      const run = { ...Promise.withResolvers<unknown>(), task, context };
      count++;
      runs.push(run);
      return run.promise;
    },
  };
}

const executing = (id: string): Wire => ({ jsonrpc: "2.0", method: "executing", params: { id } });
const result = (id: string, value: unknown): Wire => ({ jsonrpc: "2.0", id, result: value });
const failure = (id: string | null, code: number, message: unknown = expect.any(String)): Wire => ({
  jsonrpc: "2.0",
  id,
  error: { code, message },
});

describe("a command", () => {
  test("is acknowledged before its handler has anything to say, and answered after", async () => {
    const handler = held();
    const { line, told } = await connected({ handlers: handler });
    line.delivers("c1", { payload: { question: 6 }, attempt: 2 });
    expect(await line.hears()).toEqual(executing("c1"));
    const run = await handler.runs.next();
    expect(run.task).toEqual({
      type: "AppService",
      id: "c1",
      appServiceName: "a",
      packageFamilyName: "p",
      payload: { question: 6 },
      attempt: 2,
      expirationDateTime: "2026-11-02T12:10:00Z",
    });
    run.context.progress({ message: "thinking", percent: 150 });
    expect(await line.hears()).toEqual({
      jsonrpc: "2.0",
      method: "progress",
      params: { id: "c1", message: "thinking", percent: 100 },
    });
    run.resolve({ answer: 42 });
    expect(await line.hears()).toEqual(result("c1", { answer: 42 }));
    expect(await told("finished")).toMatchObject({ id: "c1", outcome: "completed" });
  });

  test("whose handler returns nothing is answered null", async () => {
    const uris: string[] = [];
    const { line } = await connected({ handlers: { launchUri: ({ uri }) => void uris.push(uri) } });
    line.delivers("c1", {}, "launchUri");
    expect([await line.hears(), await line.hears()]).toEqual([executing("c1"), result("c1", null)]);
    expect(uris).toEqual(["https://example.org/"]);
  });

  test("without a handler is answered that there is none, and never acknowledged", async () => {
    const { line, told } = await connected();
    line.delivers("c1");
    expect(await line.hears()).toEqual(failure("c1", -32601));
    expect(await told("refused")).toMatchObject({ id: "c1", code: -32601 });
  });

  test("that had expired before it was read is not run", async () => {
    const handler = held();
    const { line } = await connected({ handlers: handler });
    line.delivers("c1", { expirationDateTime: "2026-11-02T11:59:57Z" });
    expect(await line.hears()).toEqual(failure("c1", -32603));
    expect(handler.count).toBe(0);
  });

  test("that is slow holds up none behind it", async () => {
    const handler = held();
    const { line } = await connected({ handlers: handler });
    line.delivers("slow");
    line.delivers("quick");
    const [slow, quick] = [await handler.runs.next(), await handler.runs.next()];
    quick.resolve(2);
    slow.resolve(1);
    const heard = [await line.hears(), await line.hears(), await line.hears(), await line.hears()];
    expect(heard).toEqual([executing("slow"), executing("quick"), result("quick", 2), result("slow", 1)]);
  });
});

describe("a handler that throws", () => {
  test.each([
    [
      "an unexpected error",
      new Error("the disk is full"),
      failure("c1", -32603, "the disk is full"),
      "failed",
    ],
    ["mere words", "no", failure("c1", -32603, "no"), "failed"],
    ["a thing without words", Object.create(null), failure("c1", -32603), "failed"],
    [
      "another copy's named failure",
      Object.assign(new Error("shut"), { name: "CommandError", status: "AppUnavailable" }),
      {
        jsonrpc: "2.0",
        id: "c1",
        error: { code: -32603, message: "shut", data: { status: "AppUnavailable" } },
      },
      "failed",
    ],
    [
      "words without end",
      new Error("x".repeat(5_000)),
      failure("c1", -32603, "x".repeat(DEVICE_WORDS_LENGTH_MAX)),
      "failed",
    ],
    [
      "a named failure",
      new CommandError("NotAuthorized", "not for you"),
      {
        jsonrpc: "2.0",
        id: "c1",
        error: { code: -32000, message: "not for you", data: { status: "NotAuthorized" } },
      },
      "failed",
    ],
    [
      "a refusal in standby",
      new CommandDropped("asleep"),
      { jsonrpc: "2.0", method: "dropped", params: { id: "c1", reason: "asleep" } },
      "dropped",
    ],
  ])("%s", async (_, thrown, answer, outcome) => {
    const { line, told } = await connected({
      handlers: {
        appService() {
          throw thrown;
        },
      },
    });
    line.delivers("c1");
    await line.hears();
    expect(await line.hears()).toEqual(answer);
    expect(await told("finished")).toMatchObject({ outcome });
  });

  test.each([
    ["has no JSON", 1n, -32603],
    ["is over the limit", "x".repeat(PAYLOAD_BYTES_MAX), -32000],
  ])("a result that %s fails as one", async (_, value, code) => {
    const { line } = await connected({ handlers: { appService: () => value } });
    line.delivers("c1");
    await line.hears();
    expect(await line.hears()).toMatchObject({ id: "c1", error: { code } });
  });
});

describe("a command that is delivered again", () => {
  test("while it runs is acknowledged again; after it finished it is answered again; it runs once", async () => {
    const handler = held();
    const { line, told } = await connected({ handlers: handler });
    line.delivers("c1");
    await line.hears();
    line.delivers("c1", { attempt: 2 });
    expect(await line.hears()).toEqual(executing("c1"));
    expect(await told("delivered")).toMatchObject({ repeated: false });
    expect(await told("delivered")).toMatchObject({ repeated: true });
    (await handler.runs.next()).resolve("done");
    expect(await line.hears()).toEqual(result("c1", "done"));
    line.delivers("c1", { attempt: 3 });
    expect(await line.hears()).toEqual(result("c1", "done"));
    expect(handler.count).toBe(1);
  });
});

describe("cancelling", () => {
  test("a running command whose handler heeds it is answered cancelled", async () => {
    const { line, told } = await connected({
      handlers: {
        appService: (_, { signal }) =>
          new Promise((_resolve, reject) =>
            signal.addEventListener("abort", () => reject(new Error("stopped"))),
          ),
      },
    });
    line.delivers("c1");
    await line.hears();
    line.cancels("c1");
    expect(await line.hears()).toEqual(failure("c1", -32800, "cancelled"));
    expect(await told("finished")).toMatchObject({ outcome: "canceled" });
  });

  test("a command that was faster is answered with its result", async () => {
    const handler = held();
    const { line } = await connected({ handlers: handler });
    line.delivers("c1");
    const run = await handler.runs.next();
    line.cancels("c1");
    await line.isHeardOut();
    expect(run.context.signal.aborted).toBe(true);
    run.resolve("done all the same");
    await line.heard.next((message: Wire) => message.method === "executing");
    expect(await line.hears()).toEqual(result("c1", "done all the same"));
    line.cancels("c1");
    expect(await line.hears()).toEqual(result("c1", "done all the same"));
  });

  test("a command that is cancelled in the same breath never begins", async () => {
    const handler = held();
    const { line } = await connected({ handlers: handler });
    const params = { appServiceName: "a", packageFamilyName: "p" };
    const batch = [
      { jsonrpc: "2.0", id: "c1", method: "appService", params },
      { jsonrpc: "2.0", method: "cancel", params: { id: "c1" } },
    ];
    line.says(JSON.stringify(batch));
    expect([await line.hears(), await line.hears()]).toEqual([executing("c1"), failure("c1", -32800)]);
    expect(handler.count).toBe(0);
  });

  test("a command that was never seen is answered, and never runs", async () => {
    const handler = held();
    const { line } = await connected({ handlers: handler });
    line.cancels("c1");
    expect(await line.hears()).toEqual(failure("c1", -32800, "cancelled"));
    line.delivers("c1");
    expect(await line.hears()).toEqual(failure("c1", -32800, "cancelled"));
    expect(handler.count).toBe(0);
  });
});

describe("a command that expires while it runs", () => {
  const heedful = {
    appService: (_: AppServiceTask, { signal }: TaskContext) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  };

  test("is left to the service at first, then aborted, and says so", async () => {
    const { line, clock } = await connected({ handlers: heedful });
    line.delivers("c1", { expirationDateTime: "2026-11-02T12:00:20Z" });
    await line.hears();
    clock.advance(20_000 + EXPIRY_GRACE_MS - 1);
    await line.isHeardOut();
    expect(line.heard.left).toEqual([]);
    clock.advance(1);
    expect(await line.hears()).toMatchObject({ id: "c1", error: { data: { status: "ExecutionTimedOut" } } });
  });

  test("and was delivered again in between has its new time", async () => {
    const { line, clock } = await connected({ handlers: heedful });
    line.delivers("c1", { expirationDateTime: "2026-11-02T12:00:01Z" });
    line.delivers("c1", { expirationDateTime: "2026-11-02T12:00:20Z", attempt: 2 });
    expect([await line.hears(), await line.hears()]).toEqual([executing("c1"), executing("c1")]);
    clock.advance(20_000);
    await line.isHeardOut();
    expect(line.heard.left).toEqual([]);
  });
});
