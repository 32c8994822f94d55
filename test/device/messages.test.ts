import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Poll } from "../../src/device/poll.ts";
import { POLL_FRAMES_MAX, POLL_GAP_MS, POLL_PRESENCE_MS } from "../../src/limits.ts";
import { PATIENTLY } from "../patience.ts";
import { type Answer, APP_SERVICE, Api, Device, type Json, LAUNCH_URI } from "../stage.ts";

/** A device without a socket: the same messages over HTTP. */

afterEach(() => void vi.useRealTimers());

async function presenceOf(api: Api, device: Device): Promise<string> {
  return (await api.get(`/v1.0/me/devices/${device.id}`)).body.status;
}

/** A device whose request for messages waits at the service. */
async function polling(api: Api, device: Device): Promise<{ answered: Promise<Answer> }> {
  const answered = device.polls(60);
  await vi.waitFor(async () => expect(await presenceOf(api, device)).toBe("Online"), PATIENTLY);
  return { answered };
}

const executing = (id: string): Json => ({ method: "executing", params: { id } });
const payloads = ({ body }: Answer): Json[] => body.map(({ params }: Json) => params.payload);

describe("a device that asks for its messages", () => {
  test("is answered at once with none, unless it would wait", async () => {
    const device = await Device.registered(new Api());
    expect(await device.polls()).toMatchObject({ status: 200, body: [] });
    const waited = await device.polls(1);
    expect(waited).toMatchObject({ status: 200, body: [] });
    expect(waited.headers.get("Preference-Applied")).toBe("wait=1");
    expect(waited.headers.get("Cache-Control")).toBe("no-store");
    expect(waited.headers.get("Content-Type")).toContain("application/json");
  });

  test("gets what waits, acknowledges, reports and answers: each has its status", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, APP_SERVICE);
    const [message] = (await device.polls(60)).body;
    expect(message).toMatchObject({
      jsonrpc: "2.0",
      method: "appService",
      params: { appServiceName: APP_SERVICE.appServiceName, payload: APP_SERVICE.payload, attempt: 1 },
    });
    const { id } = message;
    await api.reaches(command, "sentToTarget");
    expect(await device.posts(executing(id))).toMatchObject({ status: 204, body: undefined });
    await api.reaches(command, "executing");
    await device.posts({ method: "progress", params: { id, message: "Half", percent: 50 } });
    expect(await api.reaches(command, "custom")).toMatchObject({
      statusDetail: { message: "Half", percent: 50 },
    });
    expect((await device.polls()).body).toEqual([]);
    expect((await device.posts({ id, result: { yes: true } })).status).toBe(204);
    expect(await api.reaches(command, "completed")).toMatchObject({ responsePayload: { yes: true } });
    expect(await api.statusesOf(command)).toEqual([
      "requesting",
      "sentToTarget",
      "executing",
      "custom",
      "completed",
    ]);
  });

  test("is told at once what is sent while it waits", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const { answered } = await polling(api, device);
    const command = await api.send(device, LAUNCH_URI);
    expect((await answered).body).toMatchObject([{ method: "launchUri", params: { attempt: 1 } }]);
    await api.reaches(command, "sentToTarget");
  });

  test("is given again what it did not acknowledge, and nothing else", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const begun = await api.send(device, { ...APP_SERVICE, payload: "begun" });
    const lost = await api.send(device, { ...APP_SERVICE, payload: "lost" });
    // Nobody reads this answer but for one message; the service cannot know.
    const first = await device.polls();
    expect(payloads(first)).toEqual(["begun", "lost"]);
    await device.posts(executing(first.body[0].id));
    const second = await device.polls();
    expect(second.body).toMatchObject([{ params: { payload: "lost", attempt: 2 } }]);
    await device.posts({ id: second.body[0].id, result: null }, { id: first.body[0].id, result: null });
    await api.reaches(lost, "completed");
    await api.reaches(begun, "completed");
    expect(await api.statusesOf(lost)).toEqual([
      "requesting",
      "sentToTarget",
      "retry",
      "sentToTarget",
      "completed",
    ]);
  });

  test("says much in one request, and is answered for each message that asks for it", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = (await device.polls()).body[0];
    const { status, body } = await device.posts(
      executing(id),
      { id: 1, method: "ping" },
      { id, result: "first" },
      { id, result: "second" },
      { id: 2, method: "dance" },
      { method: "executing", params: {} },
    );
    expect(status).toBe(200);
    expect(body).toHaveLength(4);
    expect(body).toEqual(
      expect.arrayContaining([
        { jsonrpc: "2.0", method: "late", params: { id, status: "completed" } },
        { jsonrpc: "2.0", id: 1, result: "pong" },
        { jsonrpc: "2.0", id: 2, error: expect.objectContaining({ code: -32601 }) },
        { jsonrpc: "2.0", id: null, error: expect.objectContaining({ code: -32602 }) },
      ]),
    );
    expect(await api.reaches(command, "completed")).toMatchObject({ responsePayload: "first" });
  });

  test("is answered a single message with a single one", async () => {
    const device = await Device.registered(new Api());
    expect((await device.posts({ id: 1, method: "ping" })).body).toEqual({
      jsonrpc: "2.0",
      id: 1,
      result: "pong",
    });
    expect((await device.posts({ id: "c", result: 1 })).body).toMatchObject({ error: { code: -32602 } });
  });
});

describe("one connection of a device takes the place of another", () => {
  test("a newer request for messages ends the older's waiting, and gets what comes", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const { answered } = await polling(api, device);
    const newer = device.polls(60);
    expect(await answered).toMatchObject({ status: 200, body: [] });
    const command = await api.send(device, LAUNCH_URI);
    expect((await newer).body).toMatchObject([{ method: "launchUri", params: { attempt: 1 } }]);
    await api.reaches(command, "sentToTarget");
  });

  test("a request for messages closes the socket, and gets what that did not acknowledge", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, LAUNCH_URI);
    await device.receives();
    await api.reaches(command, "sentToTarget");
    const answer = await device.polls(60);
    expect(answer.body).toMatchObject([{ method: "launchUri", params: { attempt: 2 } }]);
    await vi.waitFor(() => expect(device.closed?.code).toBe(4001), PATIENTLY);
    expect(await presenceOf(api, device)).toBe("Online");
  });

  test("a socket ends a request's waiting", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const { answered } = await polling(api, device);
    await device.connects();
    expect(await answered).toMatchObject({ status: 200, body: [] });
    await api.send(device, LAUNCH_URI);
    expect(await device.receives()).toMatchObject({ method: "launchUri", params: { attempt: 1 } });
  });
});

describe("order and bounds", () => {
  test("commands come in the order they were accepted", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const numbers = Array.from({ length: 20 }, (_, number) => number);
    for (const payload of numbers) await api.send(device, { ...APP_SERVICE, payload });
    expect(payloads(await device.polls())).toEqual(numbers);
  });

  test("an answer holds so many messages, and one that is too many is its end", () => {
    const poll = new Poll("active");
    for (let frame = 0; frame < POLL_FRAMES_MAX; frame++) expect(poll.send("{}")).toBe(true);
    expect([poll.isOpen, poll.send("{}"), poll.isOpen]).toEqual([true, false, false]);
    expect(poll.frames).toHaveLength(POLL_FRAMES_MAX);
  });

  test("what does not fit into an answer is not overtaken by what would", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const large = "x".repeat(250 * 1024);
    for (const payload of [large, large, large, large, large, "small"])
      await api.send(device, { ...APP_SERVICE, payload });
    const first = await device.polls(60);
    expect(payloads(first)).toEqual([large, large, large, large]);
    await device.posts(...first.body.map(({ id }: Json) => executing(id)));
    expect(payloads(await device.polls(60))).toEqual([large, "small"]);
  });

  test("what is sent in a burst while the device asks comes in order, in however many answers", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const sent: string[] = [];
    const sending = (async () => {
      for (let n = 0; n < 20; n++) sent.push(await api.send(device, { ...APP_SERVICE, payload: n }));
    })();
    const seen: number[] = [];
    while (seen.length < 20) {
      const answer = await device.polls(60);
      seen.push(...payloads(answer));
      await device.posts(...answer.body.map(({ id }: Json) => ({ id, result: null })));
    }
    await sending;
    expect(seen).toEqual(Array.from({ length: 20 }, (_, n) => n));
    for (const command of sent) await api.reaches(command, "completed");
  });
});

describe("presence", () => {
  test("is Online while the device asks and a while after, then Offline", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    expect(await presenceOf(api, device)).toBe("Unknown");
    await device.polls();
    expect(await presenceOf(api, device)).toBe("Online");
    const later = Date.now() + POLL_PRESENCE_MS;
    vi.useFakeTimers({ toFake: ["Date"], now: later });
    expect(await presenceOf(api, device)).toBe("Offline");
    const { answered } = await polling(api, device);
    vi.setSystemTime(later + 2 * POLL_PRESENCE_MS);
    expect(await presenceOf(api, device)).toBe("Online");
    await api.send(device, LAUNCH_URI);
    await answered;
  });

  test("is Standby once the device says so, until it says otherwise", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    await device.posts({ method: "presence", params: { state: "standby" } });
    await device.polls();
    expect(await presenceOf(api, device)).toBe("Standby");
    const waiting = device.polls(1);
    expect(await presenceOf(api, device)).toBe("Standby");
    await device.posts({ method: "presence", params: { state: "active" } });
    await waiting;
    expect(await presenceOf(api, device)).toBe("Online");
  });

  test("and commands outlast the object's memory as far as they have to", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    await device.polls();
    const command = await api.send(device, LAUNCH_URI);
    await evictDurableObject(env.DEVICES.get(env.DEVICES.idFromString(device.id)));
    expect(await presenceOf(api, device)).toBe("Offline");
    const { id } = (await device.polls()).body[0];
    await device.posts({ id, result: null });
    await api.reaches(command, "completed");
  });
});

describe("cancelling", () => {
  test("is told while the device asks, and the device's word is the end", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = (await device.polls()).body[0];
    await device.posts(executing(id));
    const { answered } = await polling(api, device);
    await api.post(`/v1.0${command}/cancel`, {});
    expect((await answered).body).toEqual([{ jsonrpc: "2.0", method: "cancel", params: { id } }]);
    await api.reaches(command, "cancelling");
    await device.posts({ id, error: { code: -32800, message: "cancelled" } });
    await api.reaches(command, "canceled");
  });

  test("between two requests is told with the next", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = (await device.polls()).body[0];
    await device.posts(executing(id));
    await api.post(`/v1.0${command}/cancel`, {});
    await api.reaches(command, "cancel");
    expect((await device.polls()).body).toEqual([{ jsonrpc: "2.0", method: "cancel", params: { id } }]);
    await api.reaches(command, "cancelling");
  });
});

describe("a command that is not to wait", () => {
  const urgent = { ...LAUNCH_URI, whenOffline: "fail" };

  test("waits all the same for a device that is between two requests", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const { answered } = await polling(api, device);
    await api.send(device, APP_SERVICE);
    await device.posts(executing((await answered).body[0].id));
    const sending = api.send(device, urgent);
    const { body } = await device.polls(60);
    expect(body).toMatchObject([{ method: "launchUri", params: { attempt: 1 } }]);
    await api.reaches(await sending, "sentToTarget");
  });

  test("fails once the device is not expected back any more, and from then on at once", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    await device.polls();
    const sentAt = performance.now();
    const command = await api.send(device, urgent);
    expect(performance.now() - sentAt).toBeLessThan(POLL_GAP_MS + 1_000);
    expect(await api.reaches(command, "failedToSend")).toMatchObject({ error: "RemoteSystemUnavailable" });
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + POLL_GAP_MS });
    const again = await api.post(`/v1.0/me/devices/${device.id}/commands`, urgent);
    vi.useRealTimers();
    await api.reaches(`/me/devices/${device.id}/commands/${again.body.id}`, "failedToSend");
  });
});

test("a device that is unregistered is told so at once, also where it waits", async () => {
  const api = new Api();
  const device = await Device.registered(api);
  const { answered } = await polling(api, device);
  await api.request("DELETE", `/v1.0/me/devices/${device.id}`);
  for (const asked of [answered, device.polls(60), device.posts({ method: "noise" })])
    expect(await asked).toMatchObject({ status: 404, body: { error: { code: "itemNotFound" } } });
});
