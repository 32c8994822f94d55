import { runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Clock, deviceOf, objectOf } from "../clock.ts";
import { APP_SERVICE, Api, Device, type Json, LAUNCH_URI } from "../stage.ts";

/** What a command's history tells people: every entry, why it stands where it does, what happens next and when. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

let clock: Clock;
beforeEach(() => {
  clock = new Clock();
});
afterEach(() => void vi.useRealTimers());

async function historyOf(api: Api, command: string): Promise<Json> {
  const { status, body } = await clock.as(api).get(`/v1.0${command}/history`);
  expect(status).toBe(200);
  return body;
}

interface Live {
  api: Api;
  device: Device;
  command: string;
  id: string;
}

/** A command that its device has taken. */
async function taken(): Promise<Live> {
  const api = new Api();
  const device = await Device.connected(api);
  const command = await api.send(device, APP_SERVICE);
  const { id } = await device.receives();
  await api.reaches(command, "sentToTarget");
  return { api, device, command, id };
}

async function begun(): Promise<Live> {
  const live = await taken();
  live.device.acknowledges(live.id);
  await live.api.reaches(live.command, "executing");
  return live;
}

async function waiting(): Promise<Pick<Live, "api" | "command">> {
  const api = new Api();
  const command = await api.send(await Device.registered(api), { ...LAUNCH_URI, deliveryTimeout: "PT1H" });
  return { api, command };
}

async function cancels({ api, command }: Pick<Live, "api" | "command">): Promise<void> {
  expect((await api.request("POST", `/v1.0${command}/cancel`)).status).toBe(202);
}

/** How a command comes into each live status, and what its history says then; `after`: how far off the next thing is. */
const LIVES: Record<
  string,
  {
    story: () => Promise<Pick<Live, "api" | "command">>;
    explanation: RegExp;
    nextAction: RegExp;
    after: number | null;
  }
> = {
  requesting: {
    story: waiting,
    explanation: /the device is offline/i,
    nextAction: /as soon as the device connects; otherwise it expires/,
    after: 60 * MINUTE,
  },
  sentToTarget: {
    story: taken,
    explanation: /written to the device's connection/,
    nextAction: /asked whether it is alive/,
    after: 10 * SECOND,
  },
  executing: {
    story: begun,
    explanation: /has begun/,
    nextAction: /expires unless the device answers/,
    after: 10 * MINUTE,
  },
  custom: {
    story: async () => {
      const live = await begun();
      live.device.notifies("progress", { id: live.id, message: "Half way", percent: 50 });
      await live.api.reaches(live.command, "custom");
      return live;
    },
    explanation: /Half way \(50 %\)/,
    nextAction: /expires unless the device answers/,
    after: 10 * MINUTE,
  },
  retry: {
    story: async () => {
      const live = await taken();
      await live.device.disconnects(live.api);
      await live.api.reaches(live.command, "retry");
      return live;
    },
    explanation: /connection was lost before the device acknowledged/,
    nextAction: /handed over again/,
    // Full jitter.
    after: null,
  },
  cancel: {
    story: async () => {
      const live = await begun();
      await live.device.disconnects(live.api);
      await cancels(live);
      await live.api.reaches(live.command, "cancel");
      return live;
    },
    explanation: /asked for/,
    nextAction: /counts as cancelled unless the device answers/,
    after: MINUTE,
  },
  cancelling: {
    story: async () => {
      const live = await begun();
      await cancels(live);
      await live.api.reaches(live.command, "cancelling");
      return live;
    },
    explanation: /told to cancel/,
    nextAction: /counts as cancelled unless the device answers/,
    after: MINUTE,
  },
};

describe("the history of a live command", () => {
  test.each(Object.entries(LIVES))("in %s says why, what is next, and when", async (status, expected) => {
    const { api, command } = await expected.story();
    const history = await historyOf(api, command);
    expect(history).toMatchObject({ status, postBacks: null });
    expect(history.explanation).toMatch(expected.explanation);
    expect(history.explanation).toBe(history.value.at(-1).cause);
    expect(history.nextAction).toMatch(expected.nextAction);
    const after = Date.parse(history.nextActionDateTime) - Date.now();
    if (expected.after !== null) expect(after).toBe(expected.after);
    else expect(after >= 0 && after <= 2 * SECOND, `${after} ms`).toBe(true);
  });

  test("tells a retry that waits for its device from one that is tried again", async () => {
    const live = await taken();
    await live.device.disconnects(live.api);
    await live.api.reaches(live.command, "retry");
    clock.moves(2 * SECOND);
    await runDurableObjectAlarm(objectOf(live.command));
    const history = await historyOf(live.api, live.command);
    expect(history.status).toBe("retry");
    expect(history.explanation).toMatch(/device is offline/);
    expect(history.nextAction).toMatch(/as soon as the device connects; otherwise it expires/);
    const { createdDateTime } = (await live.api.get(`/v1.0${live.command}`)).body;
    expect(Date.parse(history.nextActionDateTime)).toBe(Date.parse(createdDateTime) + DAY);
  });
});

describe("the history of a command that has ended", () => {
  test("says how, and when it will be erased; a late report stands in it and changes nothing", async () => {
    const { api, device, command, id } = await begun();
    clock.moves(SECOND);
    device.fails(id, { code: 7, message: "Out of paper" });
    await api.reaches(command, "executionFailed");
    clock.moves(MINUTE);
    device.answers(id, { after: "all" });
    expect(await device.receives()).toMatchObject({ method: "late" });

    const history = await historyOf(api, command);
    expect(history).toMatchObject({
      status: "executionFailed",
      explanation: "Out of paper",
      nextAction: "The command is erased.",
      nextActionDateTime: new Date(Date.now() - MINUTE + 30 * DAY).toISOString(),
    });
    const start = Date.now() - MINUTE - SECOND;
    expect(history.value.map(({ cause: _, ...entry }: Json) => entry)).toEqual(
      [
        { sequence: 1, at: 0, status: "requesting", attempt: null, late: false },
        { sequence: 2, at: 0, status: "sentToTarget", attempt: 1, late: false },
        { sequence: 3, at: 0, status: "executing", attempt: 1, late: false },
        { sequence: 4, at: SECOND, status: "executionFailed", attempt: 1, late: false },
        { sequence: 5, at: SECOND + MINUTE, status: "executionFailed", attempt: 1, late: true },
      ].map(({ at, ...entry }) => ({ ...entry, dateTime: new Date(start + at).toISOString() })),
    );
    for (const { cause } of history.value) expect(cause).toMatch(/^\S.+$/);
  });

  test("of a waiting command that nobody fetched tells the whole way", async () => {
    const { api, command } = await waiting();
    clock.moves(60 * MINUTE);
    await runDurableObjectAlarm(deviceOf(command));
    const history = await historyOf(api, command);
    expect(history.value.map(({ status }: Json) => status)).toEqual(["requesting", "requesting", "expired"]);
    expect(history.explanation).toMatch(/could not be delivered/);
  });
});

test("the history is the caller's own, and takes no query options", async () => {
  const { api, command } = await waiting();
  expect((await new Api().get(`/v1.0${command}/history`)).status).toBe(404);
  expect((await api.get(`/v1.0${command}/history?$top=1`)).status).toBe(400);
  for (const profile of ["", "/beta", "/v1.0"])
    expect((await api.get(`${profile}${command}/HISTORY/`)).body.value).toHaveLength(2);
});
