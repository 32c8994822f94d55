import { describe, expect, test, vi } from "vitest";
import {
  BATCH_MESSAGES_MAX,
  FRAME_LENGTH_MAX,
  MESSAGES_BURST_MAX,
  MESSAGES_PER_SECOND_MAX,
} from "../../src/limits.ts";
import { PATIENTLY } from "../patience.ts";
import { APP_SERVICE, Api, Device, type Json } from "../stage.ts";
import { otherwiseUnharmed } from "./unharmed.ts";

/** Too much of everything: it is refused, and another's command is carried out meanwhile. */

const KIB = 1_024;
const eve = new Api();

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
