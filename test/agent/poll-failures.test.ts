import { describe, expect, test } from "vitest";
import { createKeyPair } from "../../src/agent/identity.ts";
import { POLL_SECONDS } from "../../src/agent/poll-connection.ts";
import { delivery, type Wire } from "./acting-service.ts";
import { held, POLL, polling, returns } from "./poll-stage.ts";
import { stage } from "./stage.ts";

const result = (id: string, value: unknown): Wire => ({ jsonrpc: "2.0", id, result: value });

describe("answers", () => {
  test("that the service could not take are posted again, those that it took are not", async () => {
    const handler = held();
    const set = await polling({ handlers: handler });
    const { service } = set;
    set.asked.isAnswered(delivery("c1"), delivery("c2"));
    await service.posts.next();
    const [first, second] = [await handler.runs.next(), await handler.runs.next()];
    const pending = await service.asks.next();
    first.resolve("one");
    expect((await service.posts.next()).messages).toEqual([result("c1", "one")]);
    service.answersPosts = false;
    second.resolve("two");
    (await service.posts.next()).isAnsweredWith(503);
    // The failure of one request is the end of both.
    await pending.over;
    service.answersPosts = true;
    expect(await returns(set)).toMatchObject({ wait: POLL_SECONDS });
    expect((await service.posts.next()).messages).toEqual([result("c2", "two")]);
    expect(service.posts.left).toEqual([]);
  });

  test("given while the service is not there are kept", async () => {
    const handler = held();
    const set = await polling({ handlers: handler });
    set.asked.isAnswered(delivery("c1"));
    await set.service.posts.next();
    const run = await handler.runs.next();
    (await set.service.asks.next()).drops();
    expect(await set.told("disconnected")).toMatchObject({ code: 1006, retryInMs: 250 });
    run.resolve("done");
    await set.told("finished");
    set.clock.advance(250);
    await set.service.greets();
    expect((await set.service.posts.next()).messages).toEqual([result("c1", "done")]);
  });
});

describe("a failure", () => {
  test("is tried again with backoff, which begins anew once a request has waited in peace", async () => {
    const { service, device, told, clock } = await stage(POLL);
    service.refusesWith = 503;
    device.start();
    for (const retryInMs of [250, 500, 1_000]) {
      expect(await told("disconnected")).toMatchObject({ code: 503, reason: "No such device.", retryInMs });
      if (retryInMs === 1_000) service.refusesWith = null;
      clock.advance(retryInMs);
    }
    await service.greets();
    (await service.asks.next()).drops();
    expect(await told("disconnected")).toMatchObject({ retryInMs: 2_000 });
    clock.advance(2_000);
    await service.greets();
    const asked = await service.asks.next();
    clock.advance(POLL_SECONDS * 1_000);
    asked.isAnswered();
    (await service.asks.next()).drops();
    expect(await told("disconnected")).toMatchObject({ retryInMs: 250 });
  });

  test("that names a time leaves the service alone for that long", async () => {
    const { asked, told } = await polling();
    asked.isAnsweredWith(429, { "Retry-After": "7" });
    expect(await told("disconnected")).toMatchObject({ code: 429, retryInMs: 7_250 });
  });

  test("is an answer that does not come", async () => {
    const { clock, asked, told } = await polling();
    clock.advance((POLL_SECONDS + 15) * 1_000);
    await asked.over;
    expect(await told("disconnected")).toMatchObject({ code: 1006, reason: "No answer came in time." });
  });

  test("is a service that does not wait: it is not asked without pause", async () => {
    const { asked, told } = await polling();
    asked.isAnsweredWith(200, {}, "[]");
    expect(await told("disconnected")).toMatchObject({ retryInMs: 250 });
  });

  test("is a token that is refused, which is told and tried again", async () => {
    const set = await polling();
    const { publicKey } = set.service;
    set.service.publicKey = (await createKeyPair(false)).publicKey;
    set.clock.advance(POLL_SECONDS * 1_000);
    set.asked.isAnswered();
    expect(await set.told("rejected")).toMatchObject({ reason: "tokenRefused", message: "Another key." });
    set.service.publicKey = publicKey;
    await returns(set);
  });
});
