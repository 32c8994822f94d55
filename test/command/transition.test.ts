import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { backoff, wakeAt } from "../../src/command/clocks.ts";
import { type Command, ENDED, hasEnded, LIVE, type Status } from "../../src/command/command.ts";
import { accept, transition } from "../../src/command/transition.ts";
import { ATTEMPTS_MAX, BACKOFF_MS_MAX, DAY, HISTORY_ENTRIES_MAX, MINUTE, SECOND } from "../../src/limits.ts";
import { always } from "../always.ts";
import { anyEvent, anyStory, commandIn, EVENTS, type EventName, ORDER, START } from "./commands.ts";

/** Soon enough that no clock has run out. */
const SOON = START + MINUTE + SECOND;

/**
 * What each event makes of a live command, in the order of the statuses below. A dot: nothing changes at all;
 * the status itself: it stays, and something else about the command changes.
 */
const STATUSES = [
  "requesting",
  "sentToTarget",
  "executing",
  "custom",
  "retry",
  "cancel",
  "cancelling",
] as const;
// biome-ignore format: a table is read by its columns.
const TABLE: Record<EventName, readonly string[]> = {
  "woke":                                [".", ".", ".", ".", ".", ".", "."],
  "deviceOffline":                       ["requesting", ".", ".", ".", "retry", ".", "."],
  "queued":                              ["requesting", ".", ".", ".", "retry", ".", "."],
  "offerFailed":                         ["retry", ".", ".", ".", "retry", ".", "."],
  "handoverLost":                        ["retry", ".", ".", ".", "retry", ".", "."],
  "deviceOnline on the same connection": [".", ".", ".", ".", ".", ".", "."],
  "deviceOnline on another connection":  [".", "retry", ".", ".", ".", ".", "."],
  "handedOver":                          ["sentToTarget", ".", ".", ".", "sentToTarget", "cancel", "cancelling"],
  "connectionLost, its own":             [".", "retry", ".", ".", ".", ".", "."],
  "connectionLost, another":             [".", ".", ".", ".", ".", ".", "."],
  "pinged":                              [".", "sentToTarget", ".", ".", ".", ".", "."],
  "answeredPing":                        [".", "sentToTarget", ".", ".", ".", ".", "."],
  "reported: acknowledged":              ["executing", "executing", "executing", "custom", "executing", "cancel", "cancelling"],
  "reported: progressed":                ["custom", "custom", "custom", "custom", "custom", "cancel", "cancelling"],
  "reported: succeeded":                 ["completed", "completed", "completed", "completed", "completed", "completed", "completed"],
  "reported: failed":                    ["executionFailed", "executionFailed", "executionFailed", "executionFailed", "executionFailed", "executionFailed", "executionFailed"],
  "reported: cancelled":                 ["executionFailed", "executionFailed", "executionFailed", "executionFailed", "executionFailed", "canceled", "canceled"],
  "reported: dropped":                   ["commandDropped", "commandDropped", "commandDropped", "commandDropped", "commandDropped", "commandDropped", "commandDropped"],
  "reported: oversized":                 ["executionFailed", "executionFailed", "executionFailed", "executionFailed", "executionFailed", "executionFailed", "executionFailed"],
  "cancelRequested":                     ["canceled", "cancel", "cancel", "cancel", "cancel", ".", "."],
  "cancelRequested in flight":           ["cancel", "cancel", "cancel", "cancel", "cancel", ".", "."],
  "cancelSent":                          [".", ".", ".", ".", ".", "cancelling", "."],
  "deviceRemoved":                       ["failedToSend", "failedToSend", "failedToSend", "failedToSend", "failedToSend", "canceled", "canceled"],
  "faulted":                             ["error", "error", "error", "error", "error", "error", "error"],
};

describe("every live status and event", () => {
  expect(STATUSES).toEqual(expect.arrayContaining([...LIVE]));
  const pairs = Object.entries(TABLE).flatMap(([name, row]) =>
    STATUSES.map((status, column) => ({ status, event: name as EventName, expected: row[column] })),
  );
  test.each(pairs)("$status, $event: $expected", ({ status, event, expected }) => {
    const before = commandIn(status);
    const { command } = transition(before, EVENTS[event], SOON);
    if (expected === ".") expect(command).toBe(before);
    else {
      expect(command.state.status).toBe(expected);
      expect(command).not.toEqual(before);
    }
  });
});

describe("every ended status and event", () => {
  const pairs = ENDED.flatMap((status) =>
    Object.keys(EVENTS).map((event) => ({ status, event: event as EventName })),
  );
  test.each(pairs)("$status, $event: only the history may grow", ({ status, event }) => {
    const before = commandIn(status);
    const { command } = transition(before, EVENTS[event], SOON);
    expect({ ...command, history: [] }).toEqual({ ...before, history: [] });
    const added = command.history.slice(before.history.length);
    const isNoted = event.startsWith("reported") || event === "handedOver";
    expect(added.map(({ late }) => late)).toEqual(isNoted ? [true] : []);
  });
});

describe("the two clocks", () => {
  test("a command that is never delivered expires by the clock of delivery, and not before", () => {
    const waiting = transition(accept(ORDER, START), { type: "deviceOffline" }, START).command;
    expect(wakeAt(waiting)).toBe(START + DAY);
    expect(transition(waiting, { type: "woke" }, START + DAY - 1).command).toBe(waiting);
    const { state } = transition(waiting, { type: "woke" }, START + DAY).command;
    expect(state).toMatchObject({ status: "expired", error: "DeliveryTimedOut", endedAt: START + DAY });
  });

  test.each(["executing", "custom"] as const)("%s expires by the clock of execution", (status) => {
    const command = commandIn(status);
    const due = START + MINUTE + ORDER.executionTimeoutMs;
    expect(wakeAt(command)).toBe(due);
    expect(transition(command, { type: "woke" }, due - 1).command).toBe(command);
    expect(transition(command, { type: "woke" }, due).command.state).toMatchObject({
      status: "expired",
      error: "ExecutionTimedOut",
    });
  });

  test("until the device gives a sign of life, a hand-over is no delivery: that clock goes on", () => {
    const sent = commandIn("sentToTarget", { deliveryTimeoutMs: 2 * MINUTE });
    const { state } = transition(sent, { type: "woke" }, START + 2 * MINUTE).command;
    expect(state).toMatchObject({ status: "expired", error: "DeliveryTimedOut" });
  });

  test("after it answered ping, only the clock of execution runs, though it never acknowledges", () => {
    const sent = commandIn("sentToTarget", { deliveryTimeoutMs: 2 * MINUTE });
    const { command } = transition(sent, { type: "answeredPing" }, SOON);
    expect(transition(command, { type: "woke" }, START + 2 * MINUTE).command.state.status).toBe(
      "sentToTarget",
    );
    const due = START + MINUTE + ORDER.executionTimeoutMs;
    expect(command.expiresAt).toBe(due);
    expect(transition(command, { type: "woke" }, due).command.state).toMatchObject({
      error: "ExecutionTimedOut",
    });
  });
});

describe("attempts", () => {
  test("ten attempts that are all lost end in failedToSend", () => {
    let command = accept(ORDER, START);
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      command = transition(command, { type: "handedOver", connection: `${attempt}` }, SOON).command;
      expect(command).toMatchObject({ attempts: attempt, state: { status: "sentToTarget" } });
      command = transition(
        command,
        { type: "connectionLost", connection: `${attempt}`, chance: 0.5 },
        SOON,
      ).command;
    }
    expect(command.state).toMatchObject({ status: "failedToSend", error: "AttemptsExhausted" });
  });

  test("waiting for a device that is offline uses up none", () => {
    let command = commandIn("retry");
    for (let waits = 0; waits < 2 * ATTEMPTS_MAX; waits++) {
      command = transition(command, { type: "woke" }, SOON + waits * MINUTE).command;
      command = transition(command, { type: "deviceOffline" }, SOON + waits * MINUTE).command;
    }
    expect(command).toMatchObject({ attempts: 1, state: { status: "retry", offerAt: null } });
  });

  test("a command that was not to wait fails where the device is offline", () => {
    const { command } = transition(
      accept({ ...ORDER, whenOffline: "fail" }, START),
      { type: "deviceOffline" },
      START,
    );
    expect(command.state).toMatchObject({ status: "failedToSend", error: "RemoteSystemUnavailable" });
  });

  test("an offer whose answer was lost is made again", () => {
    const accepted = accept(ORDER, START);
    const { effects } = transition(accepted, { type: "woke" }, wakeAt(accepted));
    expect(effects).toEqual([{ type: "offer" }]);
  });

  test("the backoff doubles from 2 s to 5 min, and jitter is full", () => {
    always(
      fc.property(
        fc.integer({ min: 1, max: ATTEMPTS_MAX }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempts, chance) => {
          const ceiling = Math.min(BACKOFF_MS_MAX, 2 * SECOND * 2 ** (attempts - 1));
          expect(backoff(attempts, chance)).toBe(Math.round(chance * ceiling));
          expect(backoff(attempts, 0)).toBe(0);
        },
      ),
    );
  });
});

describe("errors", () => {
  const failed = (status: string | null): Command["state"] => {
    const report = { type: "failed", kind: "other", message: "No", status } as const;
    return transition(commandIn("executing"), { type: "reported", report }, SOON).command.state;
  };
  test("a documented name that the device gives is kept", () => {
    expect(failed("AppUnavailable")).toMatchObject({ error: "AppUnavailable" });
  });
  test("any other name, and none, read Unknown", () => {
    expect(failed("Whatever")).toMatchObject({ error: "Unknown" });
    expect(failed(null)).toMatchObject({ error: "Unknown" });
  });
  test("a device cannot give the names that only the service knows", () => {
    expect(failed("DeviceRemoved")).toMatchObject({ error: "Unknown" });
  });
  test("method not found means that the device has no such protocol, or service", () => {
    const report = { type: "failed", kind: "unknownMethod", message: "?", status: null } as const;
    const uri = transition(commandIn("executing"), { type: "reported", report }, SOON).command;
    expect(uri.state).toMatchObject({ error: "ProtocolUnavailable" });
    const service = {
      type: "AppService",
      appServiceName: "s",
      packageFamilyName: "p",
      payload: "1",
    } as const;
    const { command } = transition(
      commandIn("executing", { task: service }),
      { type: "reported", report },
      SOON,
    );
    expect(command.state).toMatchObject({ error: "AppServiceUnavailable" });
  });
});

describe("any story", () => {
  /** Tells a story, and looks at every command on the way. */
  function follow(look: (command: Command, before: Command, now: number) => void): void {
    always(
      fc.property(anyStory, ({ whenOffline, attempts, steps }) => {
        let now = START;
        let command: Command = { ...accept({ ...ORDER, whenOffline }, START), attempts };
        for (const { event, pause } of steps) {
          now += pause;
          const before = command;
          command = transition(command, event, now).command;
          look(command, before, now);
        }
      }),
      { numRuns: 500 },
    );
  }

  test("a finished command never changes", () => {
    follow((command, before) => {
      // Only its history grows, and when the device's object is told of its end again moves.
      const apart = { history: [], settleAt: null };
      if (hasEnded(before.state)) expect({ ...command, ...apart }).toEqual({ ...before, ...apart });
    });
  });

  test("every command has a next wake: a live one its deadlines, an ended one its erasing", () => {
    follow((command) => {
      expect(wakeAt(command)).toBeLessThan(Number.POSITIVE_INFINITY);
      const { state, settleAt } = command;
      if (hasEnded(state))
        expect(wakeAt(command)).toBe(Math.min(state.endedAt + ORDER.retentionMs, settleAt ?? Infinity));
    });
  });

  test("waking when it is due moves it on: no wake leads to another at the same time, but for the erasing", () => {
    follow((command) => {
      const due = wakeAt(command);
      const { command: next, effects } = transition(command, { type: "woke" }, due);
      if (hasEnded(command.state) && due === command.state.endedAt + ORDER.retentionMs)
        expect(effects).toEqual([{ type: "erase" }]);
      else expect(wakeAt(next)).toBeGreaterThan(due);
    });
  });

  test("the history is gapless from 1, ends with the status, and never goes back in time", () => {
    follow((command) => {
      expect(command.history.map(({ sequence }) => sequence)).toEqual(
        command.history.map((_, index) => index + 1),
      );
      expect(command.history.at(-1)?.status).toBe(command.state.status);
      for (const [index, entry] of command.history.entries())
        expect(entry.at).toBeGreaterThanOrEqual(command.history[index - 1]?.at ?? 0);
    });
  });

  test("each change of status is an entry of the history", () => {
    follow((command, before) => {
      if (command.state.status !== before.state.status)
        expect(command.history.length).toBe(before.history.length + 1);
    });
  });

  test("sentToTarget comes only from a socket, executing and custom only from the device", () => {
    always(
      fc.property(anyStory, anyEvent, ({ steps }, last) => {
        let command = accept(ORDER, START);
        for (const { event } of [...steps, { event: last }]) {
          const before: Status = command.state.status;
          command = transition(command, event, SOON).command;
          const after: Status = command.state.status;
          if (after === before) continue;
          if (after === "sentToTarget") expect(event.type).toBe("handedOver");
          if (after === "executing" || after === "custom") expect(event.type).toBe("reported");
        }
      }),
    );
  });

  test("the history of a device that never stops talking stays bounded, and still tells the end", () => {
    let command = commandIn("executing");
    for (let words = 0; words < 2 * HISTORY_ENTRIES_MAX; words++) {
      command = transition(command, EVENTS["reported: progressed"], SOON).command;
    }
    expect(command.history.length).toBe(HISTORY_ENTRIES_MAX);
    const { command: completed } = transition(command, EVENTS["reported: succeeded"], SOON);
    expect(completed.history.at(-1)).toMatchObject({
      sequence: HISTORY_ENTRIES_MAX + 1,
      status: "completed",
    });
    // A device that goes on talking writes nothing any more.
    expect(transition(completed, EVENTS["reported: succeeded"], SOON).command).toBe(completed);
  });
});
