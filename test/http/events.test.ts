import { env, exports } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { APP_SERVICE, Api, Device, type Json, LAUNCH_URI, ORIGIN, signToken } from "../stage.ts";

interface Event {
  id: number;
  command: Json;
}

/** A watcher of a command: reads events one by one, as an EventSource would. */
class Watcher {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";
  lastId: number;

  private constructor(reader: ReadableStreamDefaultReader<string>, lastId: number) {
    this.#reader = reader;
    this.lastId = lastId;
  }

  static async of(api: Api, command: string, lastEventId?: number): Promise<Watcher> {
    const response = await Watcher.request(api, command, lastEventId);
    if (response.body === null) throw new Error(`Watching answered ${response.status}.`);
    expect(response.headers.get("Content-Type")).toBe("text/event-stream");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    return new Watcher(reader, lastEventId ?? 0);
  }

  static async request(api: Api, command: string, lastEventId?: number): Promise<Response> {
    return await exports.default.fetch(`${ORIGIN}/v1.0${command}`, {
      headers: {
        Authorization: `Bearer ${await signToken(api.sub)}`,
        Accept: "text/event-stream",
        ...(lastEventId !== undefined && { "Last-Event-ID": String(lastEventId) }),
      },
    });
  }

  /** The next event; undefined at the end of the stream. */
  async next(): Promise<Event | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const lines = this.#text.slice(0, end).split("\n");
        this.#text = this.#text.slice(end + 2);
        const id = lines.find((line) => line.startsWith("id: "))?.slice(4);
        const data = lines.find((line) => line.startsWith("data: "))?.slice(6);
        if (id === undefined || data === undefined) continue;
        this.lastId = Number(id);
        return { id: this.lastId, command: JSON.parse(data) };
      }
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#text += value;
    }
  }

  async rest(): Promise<Event[]> {
    const events: Event[] = [];
    for (let event = await this.next(); event !== undefined; event = await this.next()) events.push(event);
    return events;
  }

  async leaves(): Promise<void> {
    await this.#reader.cancel();
  }
}

describe("watching a command", () => {
  test("tells each entry of its history as it happens, and ends with it", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const watcher = await Watcher.of(api, command);
    const { id } = await device.receives();
    expect((await watcher.next())?.command).toMatchObject({ id, status: "requesting" });
    expect((await watcher.next())?.command).toMatchObject({ status: "sentToTarget", responsePayload: null });
    device.acknowledges(id);
    expect((await watcher.next())?.command.status).toBe("executing");
    device.notifies("progress", { id, message: "Half way", percent: 50 });
    expect((await watcher.next())?.command).toMatchObject({
      status: "custom",
      statusDetail: { message: "Half way", percent: 50 },
    });
    device.answers(id, { answer: 42 });
    expect(await watcher.next()).toMatchObject({
      id: 5,
      command: { status: "completed", responsePayload: { answer: 42 }, statusDetail: null },
    });
    expect(await watcher.next()).toBeUndefined();
  });

  test("goes on after Last-Event-ID: each entry once, none missing, however often the watcher comes back", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    const seen: number[] = [];
    let watcher = await Watcher.of(api, command);
    for (let step = 0; step < 20; step++) {
      device.notifies("progress", { id, percent: step });
      const event = await watcher.next();
      seen.push(event?.id ?? -1);
      if (step % 3 === 0) {
        await watcher.leaves();
        watcher = await Watcher.of(api, command, watcher.lastId);
      }
    }
    device.answers(id, null);
    seen.push(...(await watcher.rest()).map((event) => event.id));
    const { body } = await api.get(`/v1.0${command}/history`);
    expect(seen).toEqual(body.value.map(({ sequence }: { sequence: number }) => sequence));
  });

  test("of a command that has ended tells its history, and then that nothing will follow", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    device.answers((await device.receives()).id, 1);
    await api.reaches(command, "completed");
    const watcher = await Watcher.of(api, command);
    const events = await watcher.rest();
    expect(events.map(({ command: { status } }) => status)).toEqual([
      "requesting",
      "sentToTarget",
      "completed",
    ]);
    expect((await Watcher.request(api, command, watcher.lastId)).status).toBe(204);
  });

  test("many at once all see the same", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const watchers = await Promise.all(Array.from({ length: 20 }, () => Watcher.of(api, command)));
    const { id } = await device.receives();
    device.answers(id, 1);
    const seen = await Promise.all(
      watchers.map(async (watcher) => (await watcher.rest()).map((event) => event.id)),
    );
    expect(new Set(seen.map((ids) => ids.join())).size).toBe(1);
    expect(seen[0]).toEqual([1, 2, 3]);
  });

  test.each([
    ["text/event-stream", "text/event-stream"],
    ["application/json;q=0.5, text/event-stream", "text/event-stream"],
    ["text/event-stream, */*;q=0.1", "text/event-stream"],
    ["application/json, text/event-stream;q=0.1", "application/json"],
    ["*/*", "application/json"],
  ])("Accept: %s is answered with %s, to GET and HEAD alike", async (accept, type) => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    device.answers((await device.receives()).id, 1);
    await api.reaches(command, "completed");
    for (const method of ["GET", "HEAD"]) {
      const { headers } = await api.request(method, `/v1.0${command}`, undefined, { Accept: accept });
      expect(headers.get("Content-Type")).toBe(type);
    }
  });

  test.each(["text/event-stream;q=0", "text/html", "application/json;q=0, */*"])(
    "Accept: %s is 406",
    async (accept) => {
      const api = new Api();
      const command = await api.send(await Device.registered(api), LAUNCH_URI);
      expect((await api.get(`/v1.0${command}`, { Accept: accept })).status).toBe(406);
    },
  );

  test("of another's command, or none, is 404", async () => {
    const api = new Api();
    const command = await api.send(await Device.registered(api), LAUNCH_URI);
    expect((await Watcher.request(new Api(), command)).status).toBe(404);
    expect((await Watcher.request(api, `${command.slice(0, -64)}${env.COMMANDS.newUniqueId()}`)).status).toBe(
      404,
    );
  });
});
