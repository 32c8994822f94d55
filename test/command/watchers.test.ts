import { describe, expect, test } from "vitest";
import { accept, transition } from "../../src/command/transition.ts";
import { Watchers } from "../../src/command/watchers.ts";
import { EVENTS, ORDER, START } from "./commands.ts";

/** Those who wait for a command, and that nothing of them stays when they leave. */

describe("waiting for a change", () => {
  test("ends with the change, for all who wait", async () => {
    const watchers = new Watchers();
    const waiting = [watchers.change(60_000), watchers.change(60_000)];
    expect(watchers.count).toBe(2);
    watchers.notify();
    expect(await Promise.all(waiting)).toEqual([true, true]);
    expect(watchers.count).toBe(0);
  });

  test("ends when its time is up, and when the watcher leaves", async () => {
    const watchers = new Watchers();
    const left = new AbortController();
    const waiting = [watchers.change(1), watchers.change(60_000, left.signal)];
    left.abort();
    expect(await Promise.all(waiting)).toEqual([false, false]);
    expect(watchers.count).toBe(0);
  });
});

describe("a stream of a command's history", () => {
  test("waits for what is to come, and leaves nothing behind when it is cancelled", async () => {
    const watchers = new Watchers();
    const command = accept(ORDER, START);
    const reader = present(watchers.stream(() => command, 0)).getReader();
    const { value } = await reader.read();
    expect(JSON.parse(new TextDecoder().decode(value))).toMatchObject({
      sequence: 1,
      command: { state: { status: "requesting" } },
    });
    const next = reader.read();
    expect(watchers.count).toBe(1);
    await reader.cancel();
    expect((await next).done).toBe(true);
    expect(watchers.count).toBe(0);
  });

  test("ends when the command is erased while it is watched", async () => {
    const watchers = new Watchers();
    let command: ReturnType<typeof accept> | undefined = accept(ORDER, START);
    const reader = present(watchers.stream(() => command, 1)).getReader();
    const next = reader.read();
    command = undefined;
    watchers.notify();
    expect((await next).done).toBe(true);
  });

  test("tells a burst of entries to a slow reader at once, and in order", async () => {
    const watchers = new Watchers();
    let command = accept(ORDER, START);
    for (const event of [
      "deviceOffline",
      "handedOver",
      "reported: acknowledged",
      "reported: succeeded",
    ] as const) {
      command = transition(command, EVENTS[event], START).command;
    }
    let text = "";
    for await (const chunk of present(watchers.stream(() => command, 0)))
      text += new TextDecoder().decode(chunk);
    const sightings = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(sightings.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
    expect(sightings.map(({ command: { state } }) => state.status)).toEqual([
      "requesting",
      "requesting",
      "sentToTarget",
      "executing",
      "completed",
    ]);
  });
});

function present<T>(value: T | null): T {
  if (value === null) throw new Error("Nothing will follow.");
  return value;
}
