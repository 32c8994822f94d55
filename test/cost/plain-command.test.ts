import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { GATHERING_MS } from "../../src/limits.ts";
import { Clock, objectOf } from "../clock.ts";
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
    // As long a breath as the machine needs while other tests run.
    const wait = scheduler.wait.bind(scheduler);
    vi.spyOn(scheduler, "wait").mockImplementation((ms, options) =>
      wait(ms === GATHERING_MS ? 5_000 : ms, options),
    );
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
  /** What is done before the counting begins. */
  first?: (stage: Stage) => Promise<void>;
  way: (stage: Stage) => Promise<void>;
}

const ROADS: Record<string, Road> = {
  "online, acknowledged and answered in one breath": {
    presence: "connected",
    way: async (stage) => {
      stage.answersAtOnce();
      await stage.sends();
      await stage.reaches("completed");
    },
    // The device's list has one row, which is written again at the end; the command, with its whole history, has one,
    // and its alarm is set once, for the erasing.
    rows: 4,
    // accept, begin.
    requests: 2,
    messages: 2,
  },
  "online, acknowledged, and answered later": {
    presence: "connected",
    way: async (stage) => {
      await stage.sends();
      await stage.begins();
      await stage.completes();
    },
    // Handing over, beginning and completing are a row of the command each; its alarm is set twice, for the hand-over
    // and for the erasing; the device's list has one row, which is written when the command has an object and at the end.
    rows: 8,
    // accept, begin, and a report for each message.
    requests: 4,
    messages: 2,
  },
  "online, answered without acknowledgement": {
    presence: "connected",
    way: async (stage) => {
      await stage.sends();
      await stage.device.receives();
      await stage.reaches("sentToTarget");
      await stage.completes();
    },
    rows: 7,
    requests: 3,
    messages: 1,
  },
  "online, with an Idempotency-Key": {
    presence: "connected",
    way: async (stage) => {
      await stage.sends({}, { "Idempotency-Key": "once" });
      await stage.begins();
      await stage.completes();
    },
    // One more, in the index of intents; the end touches no column of that index.
    rows: 9,
    requests: 4,
    messages: 2,
  },
  "online, running for a minute": {
    presence: "connected",
    way: async (stage) => {
      await stage.sends();
      await stage.begins();
      // The alarm that stood behind the hand-over rings, finds nothing due, and is set to the expiry.
      await stage.later(10 * SECOND);
      clock.moves(50 * SECOND);
      await stage.completes();
    },
    rows: 9,
    requests: 5,
    messages: 2,
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
  "queued while offline, then delivered and acknowledged": {
    presence: "disconnected",
    way: async (stage) => {
      await stage.sends();
      await stage.later(10 * SECOND);
      await stage.device.connects();
      await stage.begins();
      await stage.completes();
    },
    // To those of an online command come that it leaves the list, and, where none before it waits, the device's alarm.
    rows: 9,
    // accept, the connection, begin, and two reports.
    requests: 5,
    messages: 2,
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
  "cancelled before the device has it": {
    presence: "disconnected",
    way: async (stage) => {
      await stage.sends();
      await stage.cancels();
    },
    // Only for this it gets an object of its own.
    rows: 8,
    // accept, cancel, introduce, begin, settle.
    requests: 5,
    messages: 0,
  },
  "cancelled while executing": {
    presence: "connected",
    way: async (stage) => {
      await stage.sends();
      await stage.begins();
      await stage.cancels();
      await stage.device.receives();
      stage.device.fails(stage.id, { code: -32800, message: "Cancelled" });
      await stage.reaches("canceled");
    },
    rows: 10,
    // accept, begin, two reports, and a cancel to either object.
    requests: 6,
    messages: 2,
  },
  "online, with a receiver of post-backs": {
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
    rows: 12,
    requests: 4,
    messages: 2,
  },
  "erasing, thirty days later": {
    presence: "connected",
    first: async (stage) => {
      await stage.sends();
      await stage.begins();
      await stage.completes();
    },
    way: (stage) => stage.later(30 * DAY),
    // Its row in the device's list.
    rows: 1,
    // alarm, forget.
    requests: 2,
    messages: 0,
  },
};

test.each(Object.entries(ROADS))("%s", async (_, { presence, first, way, ...bill }) => {
  const stage = await Stage.of(presence);
  await first?.(stage);
  await stage.settles();
  meter.clear();
  await way(stage);
  await stage.settles();
  expect(meter.bill, meter.asked.join(", ")).toEqual(bill);
});
