import { describe, expect, test, vi } from "vitest";
import { POLL_SECONDS } from "../../src/agent/poll-connection.ts";
import { BATCH_MESSAGES_MAX, FRAME_LENGTH_MAX, PAYLOAD_BYTES_MAX } from "../../src/limits.ts";
import { delivery, type Wire } from "./acting-service.ts";
import { held, POLL, polling, returns } from "./poll-stage.ts";
import { stage } from "./stage.ts";

/** A device that asks for its messages instead of holding a socket. */

const executing = (id: string): Wire => ({ jsonrpc: "2.0", method: "executing", params: { id } });
const result = (id: string, value: unknown): Wire => ({ jsonrpc: "2.0", id, result: value });

describe("connecting", () => {
  test("is a first request that is answered at once; those after it wait", async () => {
    const { service, device, told, clock } = await stage(POLL);
    device.start();
    expect((await service.greets()).wait).toBe(0);
    expect(await told("connected")).toEqual({ type: "connected", renewed: false });
    const asked = await service.asks.next();
    expect(asked.wait).toBe(POLL_SECONDS);
    clock.advance(POLL_SECONDS * 1_000);
    asked.isAnswered();
    expect((await service.asks.next()).wait).toBe(POLL_SECONDS);
  });

  test("takes one token for many requests, and a new one in time", async () => {
    let { service, clock, asked } = await polling({ tokenSeconds: 120 });
    const tokens = [asked.claims.jti];
    for (const _ of [1, 2, 3]) {
      clock.advance(POLL_SECONDS * 1_000);
      asked.isAnswered();
      asked = await service.asks.next();
      tokens.push(asked.claims.jti);
    }
    expect([tokens[1], tokens[2]]).toEqual([tokens[0], tokens[0]]);
    expect(tokens[3]).not.toBe(tokens[0]);
  });

  test("says standby again each time", async () => {
    const set = await polling();
    set.device.presence("standby");
    const standby = { jsonrpc: "2.0", method: "presence", params: { state: "standby" } };
    expect((await set.service.posts.next()).messages).toEqual([standby]);
    set.asked.drops();
    await returns(set);
    expect((await set.service.posts.next()).messages).toEqual([standby]);
  });
});

describe("commands", () => {
  test("are acknowledged together, before they begin and before the device asks again", async () => {
    const handler = held();
    const { service, asked, told } = await polling({ handlers: handler });
    service.answersPosts = false;
    asked.isAnswered(delivery("c1"), delivery("c2"));
    const acknowledgement = await service.posts.next();
    expect(acknowledgement).toMatchObject({ isBatch: true, messages: [executing("c1"), executing("c2")] });
    expect([handler.runs.left, service.asks.left]).toEqual([[], []]);
    acknowledgement.isAnsweredWith(204);
    const first = await handler.runs.next();
    await service.asks.next();
    first.resolve("one");
    const answer = await service.posts.next();
    expect(answer).toMatchObject({ isBatch: false, messages: [result("c1", "one")] });
    answer.isAnsweredWith(204);
    expect(await told("finished")).toMatchObject({ id: "c1", outcome: "completed" });
  });

  test("tell their progress while the device asks, and what piles up goes in one request", async () => {
    const handler = held();
    const { service, asked } = await polling({ handlers: handler });
    asked.isAnswered(delivery("c1"));
    await service.posts.next();
    const run = await handler.runs.next();
    await service.asks.next();
    service.answersPosts = false;
    run.context.progress({ percent: 1 });
    const first = await service.posts.next();
    for (const percent of [2, 3]) run.context.progress({ percent });
    run.resolve("done");
    await run.promise;
    first.isAnsweredWith(204);
    const second = await service.posts.next();
    expect(second.messages).toMatchObject([
      { method: "progress", params: { percent: 2 } },
      { method: "progress", params: { percent: 3 } },
      result("c1", "done"),
    ]);
    second.isAnsweredWith(204);
  });

  test("that come again run once, and are acknowledged or answered again", async () => {
    const handler = held();
    const { service, asked } = await polling({ handlers: handler });
    asked.isAnswered(delivery("c1"));
    await service.posts.next();
    (await service.asks.next()).isAnswered(delivery("c1", { attempt: 2 }));
    expect((await service.posts.next()).messages).toEqual([executing("c1")]);
    (await handler.runs.next()).resolve("done");
    expect((await service.posts.next()).messages).toEqual([result("c1", "done")]);
    (await service.asks.next()).isAnswered(delivery("c1", { attempt: 3 }));
    expect((await service.posts.next()).messages).toEqual([result("c1", "done")]);
    expect(handler.runs.left).toEqual([]);
  });

  test("are cancelled by a message among the others", async () => {
    const handler = held();
    const { service, asked } = await polling({ handlers: handler });
    asked.isAnswered(delivery("c1"));
    await service.posts.next();
    (await service.asks.next()).isAnswered({ jsonrpc: "2.0", method: "cancel", params: { id: "c1" } });
    expect((await service.posts.next()).messages).toMatchObject([{ id: "c1", error: { code: -32800 } }]);
  });

  test("more than a request may hold are acknowledged in several", async () => {
    const { service, asked } = await polling({ handlers: held() });
    const ids = Array.from({ length: BATCH_MESSAGES_MAX + 1 }, (_, index) => `c${index}`);
    asked.isAnswered(...ids.map((id) => delivery(id)));
    const posts = [await service.posts.next(), await service.posts.next()];
    expect(posts.map(({ messages }) => messages.length)).toEqual([BATCH_MESSAGES_MAX, 1]);
  });

  test("with large answers go in requests that the service takes", async () => {
    const large = "x".repeat(PAYLOAD_BYTES_MAX - 2);
    const { service, asked } = await polling({ handlers: { appService: () => large } });
    asked.isAnswered(...["c1", "c2", "c3", "c4", "c5"].map((id) => delivery(id)));
    expect((await service.posts.next()).messages).toHaveLength(5);
    for (let answers = 0; answers < 5; ) {
      const { messages } = await service.posts.next();
      expect(JSON.stringify(messages).length).toBeLessThan(FRAME_LENGTH_MAX);
      answers += messages.length;
    }
  });

  test("that the service complains of are told to the owner", async () => {
    const { service, asked, told } = await polling({ handlers: held() });
    service.answersPosts = false;
    asked.isAnswered(delivery("c1"));
    const complaint = { jsonrpc: "2.0", id: null, error: { code: -32602, message: "what?" } };
    (await service.posts.next()).isAnsweredWith(200, {}, JSON.stringify(complaint));
    expect(await told("complaint")).toMatchObject({ code: -32602, message: "what?" });
  });
});

describe("the end", () => {
  test.each([true, false])("comes where the service knows no such device (connected: %s)", async (was) => {
    const { service, device, asked, told, clock } = was
      ? await polling()
      : { ...(await stage(POLL)), asked: null };
    service.refusesWith = 404;
    asked?.isAnsweredWith(404, {}, JSON.stringify({ error: { message: "No such device." } }));
    device.start();
    expect(await told("rejected")).toMatchObject({ reason: "deviceUnknown", message: "No such device." });
    expect(await told("stopped")).toMatchObject({ cause: "unregistered" });
    expect(clock.pending).toBe(0);
  });

  test("comes where another process is this device: its request is answered before its time", async () => {
    const { device, asked, told, clock } = await polling();
    asked.isAnswered();
    expect(await told("disconnected")).toMatchObject({ code: 4001, retryInMs: null });
    expect(await told("stopped")).toMatchObject({ cause: "replaced" });
    await expect(device.connected()).rejects.toThrow("Another process");
    expect(clock.pending).toBe(0);
  });

  test("breaks off the request that waits, and lets handlers have their last word", async () => {
    const { service, device, asked, clock, told } = await polling({
      handlers: held(),
    });
    asked.isAnswered(delivery("c1"));
    await service.posts.next();
    const pending = await service.asks.next();
    await device.stop();
    await pending.over;
    expect((await service.posts.next()).messages).toMatchObject([
      { id: "c1", error: { data: { status: "AppUnavailable" } } },
    ]);
    expect(await told("stopped")).toMatchObject({ cause: "asked" });
    expect(clock.pending).toBe(0);
    device.start();
    await service.greets();
    await device.connected();
  });

  test("does not wait for ever for a service that does not answer", async () => {
    const { service, device, asked, clock } = await polling({ handlers: { appService: () => 1 } });
    service.answersPosts = false;
    asked.isAnswered(delivery("c1"));
    await service.posts.next();
    const stopping = clock.now();
    let isStopped = false;
    void device.stop().then(() => {
      isStopped = true;
    });
    await vi.waitFor(() => {
      clock.advance(1_000);
      expect(isStopped).toBe(true);
    });
    expect(clock.now() - stopping).toBeLessThan(15_000);
    expect(clock.pending).toBe(0);
  });
});
