import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { CommandObject } from "../../src/command/command-object.ts";
import { DRAINED_AHEAD_MAX, RESIDENT_ENTRIES_MAX, RESIDENT_LENGTH_MAX } from "../../src/limits.ts";
import { deviceOf, objectOf } from "../clock.ts";
import { PATIENTLY } from "../patience.ts";
import { Receiver } from "../post-back/receiver.ts";
import { APP_SERVICE, Api, Device, type Json } from "../stage.ts";

/** Commands that have no object of their own: what becomes of them in their device's list, and when they leave it. */

afterEach(() => {
  vi.restoreAllMocks();
});

/** The command's object keeps nothing: the command lives in its device's list. */
async function isResident(command: string): Promise<boolean> {
  return await runInDurableObject(objectOf(command), (_, { storage }) => [...storage.kv.list()].length === 0);
}

async function handedOver(body: object = APP_SERVICE): Promise<{
  api: Api;
  device: Device;
  command: string;
  id: string;
}> {
  const api = new Api();
  const device = await Device.connected(api);
  const command = await api.send(device, body);
  const { id } = await device.receives();
  return { api, device, command, id };
}

/** The device has been heard out: frames are dealt with in order. */
async function isHeard(device: Device): Promise<void> {
  device.answers("nothing that it was asked", null);
  await vi.waitFor(
    () => expect(device.untaken.some(({ error }) => error?.code === -32602)).toBe(true),
    PATIENTLY,
  );
}

describe("a command that its device answers at once", () => {
  test("has its whole history, and no object of its own", async () => {
    const { api, device, command, id } = await handedOver();
    device.acknowledges(id);
    device.notifies("progress", { id, message: "Nearly", percent: 90 });
    device.answers(id, { answer: 42 });
    await isHeard(device);
    expect(await api.reaches(command, "completed")).toMatchObject({ responsePayload: { answer: 42 } });
    expect(await api.statusesOf(command)).toEqual([
      "requesting",
      "sentToTarget",
      "executing",
      "custom",
      "completed",
    ]);
    expect((await api.get(`/v1.0${command}/responsePayload`)).body).toMatchObject({ answer: 42 });
    expect(await isResident(command)).toBe(true);
  });

  test("is told to whoever watches afterwards, and nothing is written for that", async () => {
    const { api, device, command, id } = await handedOver();
    device.answers(id, "done");
    await isHeard(device);
    const { body } = await api.get(`/v1.0${command}`, { Accept: "text/event-stream" });
    expect(body.match(/(?<=^id: )\d+/gm)).toEqual(["1", "2", "3"]);
    const seen = { Accept: "text/event-stream", "Last-Event-ID": "3" };
    expect((await api.get(`/v1.0${command}`, seen)).status).toBe(204);
    expect(await isResident(command)).toBe(true);
  });

  test("cannot be cancelled any more", async () => {
    const { api, device, command, id } = await handedOver();
    device.answers(id, null);
    await isHeard(device);
    expect((await api.request("POST", `/v1.0${command}/cancel`)).status).toBe(409);
    expect(await api.reaches(command, "completed")).toMatchObject({ error: null });
  });

  test("notes what the device says too late, and tells it so, over an eviction", async () => {
    const { api, device, command, id } = await handedOver();
    device.answers(id, "first");
    await isHeard(device);
    await evictDurableObject(deviceOf(command));
    device.answers(id, "second");
    await vi.waitFor(
      () =>
        expect(device.untaken).toContainEqual(
          expect.objectContaining({ method: "late", params: { id, status: "completed" } }),
        ),
      PATIENTLY,
    );
    expect(await api.reaches(command, "completed")).toMatchObject({ responsePayload: "first" });
    const { body } = await api.get(`/v1.0${command}/history`);
    expect(body.value.map(({ late }: Json) => late)).toEqual([false, false, false, true]);
    expect(await isResident(command)).toBe(true);
  });

  test("leaves the list when it is told late words without end, and ends as it was", async () => {
    const { api, device, command, id } = await handedOver();
    device.answers(id, "first");
    for (let count = 0; count < RESIDENT_ENTRIES_MAX; count++) device.answers(id, "again");
    await isHeard(device);
    expect(await api.reaches(command, "completed")).toMatchObject({ responsePayload: "first" });
    const { body } = await api.get(`/v1.0${command}/history`);
    expect(body.value).toHaveLength(RESIDENT_ENTRIES_MAX + 3);
    expect(await isResident(command)).toBe(false);
  });

  test("ends every caller's wait, whoever came first", async () => {
    const { api, device, command, id } = await handedOver();
    const waiting = [1, 2, 3].map(() => api.get(`/v1.0${command}`, { Prefer: "wait=30" }));
    device.acknowledges(id);
    device.answers(id, "soon");
    for (const { body } of await Promise.all(waiting)) expect(body.status).toBe("completed");
  });
});

describe("a command gets an object of its own", () => {
  test("where somebody asks while it is being handed over", async () => {
    const { api, command } = await handedOver();
    await api.reaches(command, "sentToTarget");
    expect(await isResident(command)).toBe(false);
  });

  test("where its device takes longer", async () => {
    const { command } = await handedOver();
    await vi.waitFor(async () => expect(await isResident(command)).toBe(false), 10_000);
  });

  test("where its response takes much room", async () => {
    const { api, device, command, id } = await handedOver();
    const response = "x".repeat(RESIDENT_LENGTH_MAX);
    device.answers(id, response);
    await isHeard(device);
    expect(await api.reaches(command, "completed")).toMatchObject({ responsePayload: response });
    expect(await isResident(command)).toBe(false);
  });

  test("where somebody is to be told of it", async () => {
    const receiver = await Receiver.answering({ status: 200 });
    const { device, id } = await handedOver({ ...APP_SERVICE, postBackUri: receiver.uri });
    await receiver.has(1);
    device.answers(id, 1);
    await receiver.has(2);
  });

  test("where it is cancelled on its way, and the device has the last word", async () => {
    const { api, device, command, id } = await handedOver();
    const { body } = await api.request("POST", `/v1.0${command}/cancel`);
    expect(["cancel", "cancelling"]).toContain(body.status);
    expect(await device.receives()).toMatchObject({ method: "cancel", params: { id } });
    device.answers(id, "faster");
    await api.reaches(command, "completed");
  });

  test("where its connection is lost, and it is tried again", async () => {
    const { api, device, command, id } = await handedOver();
    await device.disconnects(api);
    await api.reaches(command, "retry");
    await device.connects();
    expect(await device.receives()).toMatchObject({ id, params: { attempt: 2 } });
  });
});

test("a command on its way when every object crashes is handed over again, and its answer counts once", async () => {
  const { api, device, command, id } = await handedOver();
  device.acknowledges(id);
  await isHeard(device);
  await abortAllDurableObjects();
  await device.connects();
  await vi.waitFor(() => expect(device.untaken.some((frame) => frame.id === id)).toBe(true), PATIENTLY);
  device.answers(id, "once");
  device.answers(id, "twice");
  await isHeard(device);
  expect(await api.reaches(command, "completed")).toMatchObject({ responsePayload: "once" });
});

test("a command whose own object cannot be reached as it leaves keeps all that was said of it", async () => {
  const begin = vi.spyOn(CommandObject.prototype, "begin").mockImplementation(() => {
    throw Object.assign(new Error("The object is overloaded."), { overloaded: true });
  });
  vi.spyOn(console, "error").mockReturnValue();
  const { api, device, command, id } = await handedOver();
  device.acknowledges(id);
  device.answers(id, "y".repeat(RESIDENT_LENGTH_MAX));
  await isHeard(device);
  await vi.waitFor(() => expect(begin).toHaveBeenCalled());
  expect((await api.get(`/v1.0${command}`)).status).toBe(503);
  begin.mockRestore();
  await evictDurableObject(deviceOf(command));
  await api.reaches(command, "completed");
  expect(await api.statusesOf(command)).toEqual(["requesting", "sentToTarget", "executing", "completed"]);
});

test("more commands on their way than may be keep their order, and none is lost", async () => {
  const api = new Api();
  const device = await Device.registered(api);
  const count = DRAINED_AHEAD_MAX + 20;
  const commands: string[] = [];
  for (let sent = 0; sent < count; sent++)
    commands.push(await api.send(device, { ...APP_SERVICE, payload: sent }));
  await device.connects();
  const taken: Json[] = [];
  while (taken.length < count) taken.push(await device.receives());
  expect(taken.map(({ params }) => params.payload)).toEqual(commands.map((_, index) => index));
  for (const { id } of taken) device.answers(id, "done");
  await isHeard(device);
  const { body } = await api.get(
    `/v1.0/me/devices/${device.id}/commands?$filter=status eq 'completed'&$top=100`,
  );
  expect(body.value).toHaveLength(count);
  for (const command of [commands[0], commands.at(-1)]) await api.reaches(command ?? "", "completed");
});

test("a command never takes the place of one that was erased: who goes through the list would pass over it", async () => {
  const api = new Api();
  const device = await Device.registered(api);
  const first = await api.send(device, APP_SERVICE);
  const second = await api.send(device, APP_SERVICE);
  expect((await api.request("POST", `/v1.0${second}/cancel`)).status).toBe(202);
  expect((await api.request("DELETE", `/v1.0${second}`)).status).toBe(204);
  const third = await api.send(device, APP_SERVICE);
  const places = await runInDurableObject(deviceOf(first), (_, { storage }) =>
    storage.sql.exec("SELECT place, id FROM commands ORDER BY place").toArray(),
  );
  expect(places).toEqual([
    { place: 1, id: first.split("/").at(-1) },
    { place: 3, id: third.split("/").at(-1) },
  ]);
});
