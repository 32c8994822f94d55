import { createExecutionContext } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { app } from "../../src/http/app.ts";
import {
  BATCH_BYTES_MAX,
  BATCH_MESSAGES_MAX,
  FRAME_LENGTH_MAX,
  MESSAGES_BURST_MAX,
  MESSAGES_PER_SECOND_MAX,
} from "../../src/limits.ts";
import { Newcomer, newAddress, REGISTRATION } from "../pairing/stage.ts";
import { PATIENTLY } from "../patience.ts";
import { APP_SERVICE, Api, answerOf, Device, type Json, LAUNCH_URI, ORIGIN, signToken } from "../stage.ts";

/** Too much of everything: it is refused, and another's command is carried out meanwhile. */

const KIB = 1_024;
const encoder = new TextEncoder();
const eve = new Api();

/** Another account, whose command is sent, carried out and answered: at any time, whatever else goes on. */
async function otherwiseUnharmed(): Promise<void> {
  const ada = new Api();
  const device = await Device.connected(ada);
  const command = await ada.send(device, APP_SERVICE);
  const { id } = await device.receives();
  device.acknowledges(id);
  device.answers(id, { unharmed: true });
  expect(await ada.reaches(command, "completed")).toMatchObject({ responsePayload: { unharmed: true } });
}

describe("a device that says too much", () => {
  test("in too many messages is closed with 1008, and the next connection is good", async () => {
    const device = await Device.connected(eve);
    const noise = Array(BATCH_MESSAGES_MAX).fill({ jsonrpc: "2.0", method: "noise" });
    const unharmed = otherwiseUnharmed();
    // Again, where a busy machine took so long that it was no flood.
    await vi.waitFor(
      async () => {
        for (
          let sent = 0;
          sent < MESSAGES_BURST_MAX + 2 * MESSAGES_PER_SECOND_MAX;
          sent += BATCH_MESSAGES_MAX
        )
          device.sends(noise);
        await vi.waitFor(() => expect(device.closed?.code).toBe(1008), { timeout: 1_000 });
      },
      { timeout: 25_000 },
    );
    await unharmed;
    await vi.waitFor(
      async () => expect((await eve.get(`/v1.0/me/devices/${device.id}`)).body.status).toBe("Offline"),
      PATIENTLY,
    );
    await device.connects();
    const command = await eve.send(device, APP_SERVICE);
    device.answers((await device.receives()).id, 1);
    await eve.reaches(command, "completed");
  });

  test.each<[what: string, frame: () => string, code: number]>([
    ["a frame over the limit", () => `"${"x".repeat(FRAME_LENGTH_MAX)}"`, -32600],
    ["a frame far over it", () => " ".repeat(8 * FRAME_LENGTH_MAX), -32600],
    ["brackets without end", () => "[".repeat(FRAME_LENGTH_MAX), -32700],
    [
      "a list half a million deep",
      () => "[".repeat(FRAME_LENGTH_MAX / 2) + "]".repeat(FRAME_LENGTH_MAX / 2),
      -32600,
    ],
    ["an id half a million deep", () => deep('{"jsonrpc":"2.0","method":"executing","id":', "}"), -32602],
    ["params half a million deep", () => deep('{"jsonrpc":"2.0","method":"progress","params":', "}"), -32602],
    ["a batch of too many", () => `[${"0,".repeat(FRAME_LENGTH_MAX / 2 - 8)}0]`, -32600],
    [
      "a name of a megabyte",
      () => `{"jsonrpc":"2.0","method":"executing","params":{"id":"${"x".repeat(FRAME_LENGTH_MAX - KIB)}"}}`,
      -32602,
    ],
    [
      "keys by the ten thousand",
      () => `{${Array.from({ length: 60_000 }, (_, key) => `"k${key}":0`)}}`,
      -32600,
    ],
  ])("%s, is told so, and goes on", async (_, frame, code) => {
    const device = await Device.connected(eve);
    const command = await eve.send(device, APP_SERVICE);
    const { id } = await device.receives();
    device.sends(frame());
    // A list is a batch, and so is what it is answered.
    const [answer] = [await device.receives()].flat();
    expect([answer.error.code, answer.error.message.length < 200]).toEqual([code, true]);
    device.answers(id, 1);
    await eve.reaches(command, "completed");
  });

  test("in a result that is too deep or too large has failed, and nothing of it is kept", async () => {
    const device = await Device.connected(eve);
    for (const result of ["[".repeat(400_000) + "]".repeat(400_000), `"${"x".repeat(512 * KIB)}"`]) {
      const command = await eve.send(device, APP_SERVICE);
      const { id } = await device.receives();
      device.sends(`{"jsonrpc":"2.0","id":"${id}","result":${result}}`);
      const ended = await eve.reaches(command, "executionFailed");
      expect(ended).toMatchObject({ error: "MessageSizeTooLarge", responsePayload: null });
      expect(JSON.stringify(ended).length).toBeLessThan(2 * KIB);
    }
  });
});

/** A member with half a million levels, between what comes before it and after. */
function deep(before: string, after: string): string {
  const levels = FRAME_LENGTH_MAX / 2 - 100;
  return `${before}${"[".repeat(levels)}${"]".repeat(levels)}${after}`;
}

test("of many connections of one device at once one is left, and each command comes once to it", async () => {
  const device = await Device.registered(eve);
  const token = await device.signToken();
  const frames: Json[][] = [];
  const closed: (number | undefined)[] = [];
  const open = async (index: number): Promise<void> => {
    const response = await Device.handshake(device.id, { Authorization: `Bearer ${token}` });
    const socket = response.webSocket;
    if (socket === null) throw new Error(`Connecting answered ${response.status}.`);
    frames[index] = [];
    socket.addEventListener("message", ({ data }) => {
      frames[index]?.push(JSON.parse(data as string));
    });
    socket.addEventListener("close", ({ code }) => {
      closed[index] = code;
    });
    socket.accept();
  };
  const COUNT = 40;
  await Promise.all([...Array.from({ length: COUNT }, (_, index) => open(index)), otherwiseUnharmed()]);
  await vi.waitFor(() => expect(closed.filter((code) => code === 4001)).toHaveLength(COUNT - 1), PATIENTLY);
  const command = await eve.send(device, APP_SERVICE);
  await eve.reaches(command, "sentToTarget");
  await vi.waitFor(() => expect(frames.flat()).toHaveLength(1), PATIENTLY);
  const last = frames.findIndex((taken) => taken.length > 0);
  expect(closed[last]).toBeUndefined();
  // Asking over HTTP instead, as often, leaves one that is answered with what waits; the others have nothing.
  const polls = await Promise.all(Array.from({ length: COUNT }, () => device.polls(1)));
  expect(polls.map(({ status }) => status)).toEqual(polls.map(() => 200));
  const taken = polls.flatMap(({ body }) => body).map(({ params }: Json) => params.attempt);
  expect(taken.length).toBeGreaterThan(0);
  expect(new Set(taken).size).toBe(taken.length);
});

test("many that watch one command are told its end, and nobody else waits for them", async () => {
  const device = await Device.connected(eve);
  const command = await eve.send(device, APP_SERVICE);
  const { id } = await device.receives();
  const WATCHERS = 150;
  const watchers = Array.from({ length: WATCHERS }, (_, index) =>
    eve.get(`/v1.0${command}`, index % 2 === 0 ? { Accept: "text/event-stream" } : { Prefer: "wait=30" }),
  );
  await otherwiseUnharmed();
  // The device itself is not held up either.
  const behind = await eve.send(device, APP_SERVICE);
  device.answers((await device.receives()).id, 2);
  await eve.reaches(behind, "completed");
  device.answers(id, { watched: true });
  for (const { status, body } of await Promise.all(watchers))
    expect([status, JSON.stringify(body)]).toEqual([200, expect.stringContaining("watched")]);
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
