import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterAll, afterEach, beforeEach, expect, test, vi } from "vitest";
import { Clock, objectOf } from "../clock.ts";
import { COSTS } from "../outbound.ts";
import { PATIENTLY } from "../patience.ts";
import { Receiver } from "../post-back/receiver.ts";
import { APP_SERVICE, Api, Device } from "../stage.ts";
import { type Bill, Meter } from "./meter.ts";

/** What a command costs by the piece, road by road: whoever makes one dearer has to say so here. */

const SECOND = 1_000;
const DAY = 86_400 * SECOND;

let clock: Clock;
let meter: Meter;
beforeEach(async () => {
  clock = new Clock();
  meter = await Meter.install();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

type Presence = "registered" | "connected" | "disconnected";

/** Someone with a device, and one command. */
class Stage {
  readonly api: Api;
  readonly device: Device;
  command = "";
  id = "";

  private constructor(api: Api, device: Device) {
    this.api = api;
    this.device = device;
  }

  static async of(presence: Presence): Promise<Stage> {
    const api = new Api();
    const stage = new Stage(api, await Device.registered(api));
    if (presence !== "registered") await stage.device.connects();
    if (presence === "disconnected") await stage.device.disconnects(stage.api);
    return stage;
  }

  async sends(more: object = {}, headers: Record<string, string> = {}): Promise<void> {
    const answer = await this.api.post(
      `/v1.0/me/devices/${this.device.id}/commands`,
      { ...APP_SERVICE, ...more },
      headers,
    );
    expect(answer.status).toBe(201);
    this.id = answer.body.id;
    this.command = `/me/devices/${this.device.id}/commands/${this.id}`;
  }

  async begins(): Promise<void> {
    expect((await this.device.receives()).id).toBe(this.id);
    // By now its own object has it.
    await this.reaches("sentToTarget");
    this.device.acknowledges(this.id);
    await this.reaches("executing");
  }

  async completes(): Promise<void> {
    this.device.answers(this.id, { answer: 42 });
    await this.reaches("completed");
  }

  /** The device acknowledges and answers whatever comes, as soon as it comes. */
  answersAtOnce(): void {
    this.device.socket?.addEventListener("message", ({ data }) => {
      const { id } = JSON.parse(String(data));
      this.device.acknowledges(id);
      this.device.answers(id, { answer: 42 });
    });
  }

  async reaches(status: string): Promise<void> {
    await clock.as(this.api).reaches(this.command, status);
  }

  async cancels(): Promise<void> {
    expect((await this.api.request("POST", `/v1.0${this.command}/cancel`)).status).toBe(202);
  }

  /** Lets time pass, and the command's alarm ring. */
  async later(milliseconds: number): Promise<void> {
    clock.moves(milliseconds);
    await runDurableObjectAlarm(objectOf(this.command));
  }

  /** Lets time pass, and the device's alarm ring. */
  async deviceRings(milliseconds: number): Promise<void> {
    clock.moves(milliseconds);
    await runDurableObjectAlarm(env.DEVICES.get(env.DEVICES.idFromString(this.device.id)));
  }

  /** The statuses that a watcher sees, up to the end. */
  async watches(): Promise<string[]> {
    const { body } = await this.api.get(`/v1.0${this.command}`, { Accept: "text/event-stream" });
    const statuses: string[] = body.match(/(?<="status":")\w+/g) ?? [];
    return statuses.filter((status, index) => status !== statuses[index - 1]);
  }

  /** Resolves when neither object has anything left to do. */
  async settles(): Promise<void> {
    const device = env.DEVICES.get(env.DEVICES.idFromString(this.device.id));
    await device.describe("");
    await evictDurableObject(device);
    if (this.command === "") return;
    await objectOf(this.command).read({ account: "", device: "" });
    await evictDurableObject(objectOf(this.command));
  }
}

interface Road extends Bill {
  presence: Presence;
  /** Requests of caller and device to the Worker, where it is not one; the test's own looks are not among them. */
  workerRequests?: number;
  /** What is done before the counting begins. */
  first?: (stage: Stage) => Promise<void>;
  way: (stage: Stage) => Promise<void>;
}

const ROADS: Record<string, Road> = {
  "plain: answered within a second": {
    presence: "connected",
    way: async (stage) => {
      stage.answersAtOnce();
      await stage.sends();
      await stage.reaches("completed");
    },
    // Its row in its device's list and that row's entry in the index of ids; the row is written again at the end.
    rows: 3,
    // accept.
    requests: 1,
    messages: 2,
  },
  "plain, and the caller waits for the answer": {
    presence: "connected",
    way: async (stage) => {
      stage.answersAtOnce();
      await stage.sends({}, { Prefer: "wait=10" });
    },
    rows: 3,
    requests: 1,
    messages: 2,
  },
  "plain, with an Idempotency-Key": {
    presence: "connected",
    way: async (stage) => {
      stage.answersAtOnce();
      await stage.sends({}, { "Idempotency-Key": "once" });
      await stage.reaches("completed");
    },
    // One more, in the index of intents; the end touches no column of that index.
    rows: 4,
    requests: 1,
    messages: 2,
  },
  "queued offline, then delivered and answered": {
    workerRequests: 2,
    presence: "disconnected",
    way: async (stage) => {
      await stage.sends();
      await stage.later(10 * SECOND);
      await stage.device.connects();
      stage.answersAtOnce();
      await stage.reaches("completed");
    },
    // That it leaves is written before it does.
    rows: 4,
    // accept, and the connection.
    requests: 2,
    messages: 2,
  },
  "not to wait for a device that is offline": {
    presence: "disconnected",
    way: async (stage) => {
      await stage.sends({ whenOffline: "fail" });
      await stage.reaches("failedToSend");
    },
    rows: 2,
    requests: 1,
    messages: 0,
  },
  "cancelled before the device has it": {
    workerRequests: 2,
    presence: "disconnected",
    way: async (stage) => {
      await stage.sends();
      await stage.cancels();
    },
    rows: 3,
    // accept, withdraw.
    requests: 2,
    messages: 0,
  },
  "long: acknowledged, and answered after more than a second": {
    presence: "connected",
    way: async (stage) => {
      await stage.sends();
      await stage.begins();
      await stage.completes();
    },
    // Handing over, beginning and completing are a row of its own object each; its alarm is set twice, for the
    // hand-over and for the erasing; in its device's list it is written as it moves out, and at the end.
    rows: 9,
    // accept, begin, and a report for each message.
    requests: 4,
    messages: 2,
  },
  "long, answered without acknowledgement": {
    presence: "connected",
    way: async (stage) => {
      await stage.sends();
      await stage.device.receives();
      await stage.reaches("sentToTarget");
      await stage.completes();
    },
    rows: 8,
    requests: 3,
    messages: 1,
  },
  "long, running for a minute": {
    presence: "connected",
    way: async (stage) => {
      await stage.sends();
      await stage.begins();
      // The alarm that stood behind the hand-over rings, finds nothing due, and is set to the expiry.
      await stage.later(10 * SECOND);
      clock.moves(50 * SECOND);
      await stage.completes();
    },
    rows: 10,
    requests: 5,
    messages: 2,
  },
  "long, watched by its caller": {
    workerRequests: 2,
    presence: "connected",
    way: async (stage) => {
      await stage.sends();
      const seen = stage.watches();
      await stage.begins();
      await stage.completes();
      expect(await seen).toEqual(["requesting", "sentToTarget", "executing", "completed"]);
    },
    rows: 9,
    // accept, release, watch, begin, and a report for each message.
    requests: 6,
    messages: 2,
  },
  "retried: the connection was lost before the acknowledgement": {
    workerRequests: 2,
    presence: "connected",
    way: async (stage) => {
      await stage.sends();
      await stage.device.receives();
      await stage.reaches("sentToTarget");
      await stage.device.disconnects(stage.api);
      await stage.reaches("retry");
      await stage.device.connects();
      await stage.begins();
      await stage.completes();
    },
    // Losing it and handing it over again are a row each; the alarm is set for the next try.
    rows: 12,
    // To those of a long one come the loss, the close and the new connection, and that it comes for what waits.
    requests: 9,
    messages: 2,
  },
  "cancelled while executing": {
    workerRequests: 2,
    presence: "connected",
    way: async (stage) => {
      await stage.sends();
      await stage.begins();
      await stage.cancels();
      await stage.device.receives();
      stage.device.fails(stage.id, { code: -32800, message: "Cancelled" });
      await stage.reaches("canceled");
    },
    rows: 11,
    // accept, begin, two reports, withdraw, and a cancel to either object.
    requests: 7,
    messages: 2,
  },
  "with a receiver of post-backs": {
    presence: "connected",
    way: async (stage) => {
      const receiver = await Receiver.answering({ status: 200 });
      await stage.sends({ postBackUri: receiver.uri });
      await receiver.has(1);
      await stage.begins();
      await receiver.has(2);
      await stage.completes();
      await receiver.has(3);
      await vi.waitFor(async () => {
        const { body } = await stage.api.get(`/v1.0${stage.command}/history`);
        expect(body.postBacks).toHaveLength(3);
      }, PATIENTLY);
    },
    // A row for each answer; at the end the alarm is set to guard the last post-back, then to the erasing.
    rows: 13,
    requests: 4,
    messages: 2,
  },
  "erasing, thirty days later": {
    workerRequests: 0,
    presence: "connected",
    first: async (stage) => {
      stage.answersAtOnce();
      await stage.sends();
      await stage.reaches("completed");
      // The alarm that looked after its delivery is set to its erasing.
      await stage.deviceRings(DAY);
    },
    way: (stage) => stage.deviceRings(30 * DAY),
    // Its row; of its entry in the index SQLite's counter says nothing.
    rows: 1,
    // alarm.
    requests: 1,
    messages: 0,
  },
  "erasing a long one, thirty days later": {
    workerRequests: 0,
    presence: "connected",
    first: async (stage) => {
      await stage.sends();
      await stage.begins();
      await stage.completes();
    },
    way: (stage) => stage.later(30 * DAY),
    rows: 1,
    // alarm, forget.
    requests: 2,
    messages: 0,
  },
  "listing what waits": {
    presence: "disconnected",
    first: async (stage) => {
      for (let count = 0; count < 3; count++) await stage.sends();
    },
    way: async (stage) => {
      const { body } = await stage.api.get(`/v1.0/me/devices/${stage.device.id}/commands`);
      expect(body.value.map(({ status }: { status: string }) => status)).toEqual(Array(3).fill("requesting"));
    },
    rows: 0,
    // The device's list knows all of them.
    requests: 1,
    messages: 0,
  },
  "a device's first connection, for itself": {
    presence: "registered",
    way: (stage) => stage.device.connects(),
    // That it has been connected, and the alarm for its token's expiry.
    rows: 2,
    requests: 1,
    messages: 0,
  },
  "a later connection, for itself": {
    presence: "disconnected",
    way: (stage) => stage.device.connects(),
    // The alarm that the connection before it has set rings earlier, and sets the next.
    rows: 0,
    requests: 1,
    messages: 0,
  },
};

/** What was counted, and measured, by road: for the benchmark's table. */
const table: (Bill & { road: string; workerRequests: number; objectMs: number })[] = [];

test.each(Object.entries(ROADS))(
  "%s",
  async (road, { presence, first, way, workerRequests = 1, ...bill }) => {
    const stage = await Stage.of(presence);
    await first?.(stage);
    await stage.settles();
    meter.clear();
    await way(stage);
    const { wallMs } = meter;
    await stage.settles();
    table.push({ road, workerRequests, ...meter.bill, objectMs: wallMs });
    expect(meter.bill, meter.asked.join(", ")).toEqual(bill);
  },
);

afterAll(async () => {
  await fetch(COSTS, { method: "PUT", body: JSON.stringify(table) });
});
