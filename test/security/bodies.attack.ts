import { createExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { app } from "../../src/http/app.ts";
import { BATCH_BYTES_MAX, FRAME_LENGTH_MAX } from "../../src/limits.ts";
import { Newcomer, newAddress, REGISTRATION } from "../pairing/stage.ts";
import { Api, answerOf, Device, type Json, LAUNCH_URI, ORIGIN, signToken } from "../stage.ts";
import { otherwiseUnharmed } from "./unharmed.ts";

/** Bodies without end, and batches that would be more than they look: none is read further than it has to be. */

const KIB = 1_024;
const encoder = new TextEncoder();
const eve = new Api();

test("a batch within a batch is none, however it is spelled, and no address breaks the service", async () => {
  const inner = { requests: [{ id: "1", method: "GET", url: "/healthz" }] };
  const nested = [
    ...[
      "/$batch",
      "$batch",
      "/$BATCH/",
      "/%24batch",
      "/v1.0/$batch",
      "/beta/%24Batch",
      "/./$batch",
      "/x/../$batch",
    ],
    ...["/x/../v1.0/$batch", "/microsoft.graph.$batch", "/$batch?$batch", "/%2e/$batch", "/x/%2e%2e/$batch"],
  ];
  const nowhere = [
    ...[
      "/$b%61tch",
      "/%2524batch",
      "/%",
      "/%ff",
      "/%zz",
      "/..//evil.example/",
      "/.//evil.example/$batch/x",
      "/x/..%2f",
    ],
    ...[
      "/me/devices/%",
      "/me/devices/%ff",
      "/me/devices('%')",
      "/me/devices(''')",
      "/@evil.example",
      "/%00",
      "/a/;b",
    ],
  ];
  const answered = async (urls: string[], more: object): Promise<[url: string, status: number][]> => {
    const requests = urls.map((url, id) => ({ id: `${id}`, url, ...more }));
    const { body } = await eve.post("/v1.0/$batch", { requests });
    return body.responses?.map(({ id, status }: Json) => [urls[id], status]);
  };
  expect(await answered(nested, { method: "POST", body: inner })).toEqual(nested.map((url) => [url, 400]));
  expect(await answered(nowhere, { method: "GET" })).toEqual(nowhere.map((url) => [url, 404]));
});

describe("a body that does not end", () => {
  /** Such a body, how much of it was taken, and whether its sender was told to stop. */
  function endless(chunk: string): { body: ReadableStream; taken: () => number } {
    const bytes = encoder.encode(chunk);
    let pulls = 0;
    const body = new ReadableStream(
      {
        pull: (controller) => {
          // Bounded, should nobody else bound it.
          if (++pulls > 1_000) controller.close();
          else controller.enqueue(bytes);
        },
      },
      { highWaterMark: 0 },
    );
    return { body, taken: () => pulls * bytes.length };
  }

  async function posted(
    method: string,
    path: string,
    token: string,
    body: BodyInit,
    type = "application/json",
  ) {
    const request = new Request(`${ORIGIN}${path}`, {
      method,
      body,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": type, "CF-Connecting-IP": newAddress() },
    });
    return await answerOf(await app.fetch(request, env, createExecutionContext()));
  }

  test("is read as far as the limit, at every door, and not at all where no body is asked for", async () => {
    const device = await Device.registered(eve);
    const caller = await signToken(eve.sub);
    const own = await device.signToken();
    const command = await eve.send(device, LAUNCH_URI);
    const { path: code } = await Newcomer.asks();
    const form = "application/x-www-form-urlencoded";
    const doors: [
      method: string,
      path: string,
      token: string,
      limit: number,
      status: number,
      type?: string,
    ][] = [
      ["POST", "/me/devices", caller, 1_024 * KIB, 413],
      ["PATCH", `/me/devices/${device.id}`, caller, 1_024 * KIB, 413],
      ["POST", `/me/devices/${device.id}/commands`, caller, 1_024 * KIB, 413],
      ["POST", "/$batch", caller, BATCH_BYTES_MAX, 413],
      ["POST", "/pairings", "", 1_024 * KIB, 413],
      ["POST", "/pairings/token", "", 8 * KIB, 400, form],
      ["POST", `/devices/${device.id}/messages`, own, FRAME_LENGTH_MAX, 413],
      // Whoever is not let in is not listened to.
      ["POST", "/me/devices", "x", 0, 401],
      ["POST", `/me/devices/${device.id}/commands`, "x", 0, 401],
      ["POST", `/me/devices/${env.DEVICES.newUniqueId()}/messages`, own, 0, 404],
      ["POST", `${command}/cancel`, caller, 0, 202],
      ["DELETE", command, caller, 0, 204],
      ["POST", `${code}/deny`, caller, 0, 204],
      ["DELETE", `/me/devices/${device.id}`, caller, 0, 204],
      ["POST", "/nowhere", caller, 0, 404],
    ];
    const CHUNK = 64 * KIB;
    for (const [method, path, token, limit, status, type] of doors) {
      const { body, taken } = endless(" ".repeat(CHUNK));
      const answer = await posted(method, path, token, body, type);
      expect([method, path, answer.status]).toEqual([method, path, status]);
      expect(taken(), path).toBeLessThanOrEqual(limit === 0 ? 0 : limit + 2 * CHUNK);
    }
    await otherwiseUnharmed();
  });

  test("is not made of one that is packed small", async () => {
    const packed = new Response(
      new Blob(["[".repeat(4 * KIB * KIB)]).stream().pipeThrough(new CompressionStream("gzip")),
    );
    const bytes = await packed.arrayBuffer();
    expect(bytes.byteLength).toBeLessThan(16 * KIB);
    const response = await exports.default.fetch(`${ORIGIN}/me/devices`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${await signToken(eve.sub)}`,
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
      },
      body: bytes,
    });
    // What is packed is no UTF-8, and nobody unpacks it.
    expect((await answerOf(response)).body.error).toMatchObject({ message: "The body is not UTF-8." });
  });

  test.each([
    ["one long header", { Accept: "a/b;q=0.1,".repeat(4_000) }],
    ["many short ones", Object.fromEntries(Array.from({ length: 8_000 }, (_, index) => [`x${index}`, ""]))],
    ["a long name", { ["x".repeat(33 * KIB)]: "" }],
  ])("nor, in a batch, of headers that no request could have by itself: %s", async (_, headers) => {
    const requests = [{ id: "1", method: "GET", url: "/healthz", headers }];
    const { status, body } = await eve.post("/$batch", { requests });
    expect([status, body.error?.code]).toEqual([400, "invalidRequest"]);
    const longest = { Prefer: "x".repeat(32 * KIB - "Prefer".length) };
    const answer = await eve.post("/$batch", { requests: [{ ...requests[0], headers: longest }] });
    expect(answer.body.responses).toMatchObject([{ status: 200 }]);
  });

  test("nor of many members: the first that nobody knows ends it", async () => {
    const many = Array.from({ length: 60_000 }, (_, index) => `"k${index}":0`).join(",");
    const { status, body } = await eve.post("/me/devices", `{${many}}`);
    expect([status, body.error.message.length < 300]).toEqual([400, true]);
    const notes = Array.from({ length: 40_000 }, (_, index) => `"k${index}@x":0`).join(",");
    const registered = await eve.post("/me/devices", `{${notes},${JSON.stringify(REGISTRATION).slice(1)}`);
    expect(registered.status).toBe(201);
  });
});
