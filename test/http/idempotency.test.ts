import { describe, expect, test } from "vitest";
import { type Answer, APP_SERVICE, Api, Device, LAUNCH_URI } from "../stage.ts";

async function stage(): Promise<{
  api: Api;
  device: Device;
  send: (body: unknown, headers: Record<string, string>) => Promise<Answer>;
}> {
  const api = new Api();
  const device = await Device.registered(api);
  return {
    api,
    device,
    send: (body, headers) => api.post(`/v1.0/me/devices/${device.id}/commands`, body, headers),
  };
}

async function countOf(api: Api, device: Device): Promise<number> {
  return (await api.get(`/v1.0/me/devices/${device.id}/commands?$top=100`)).body.value.length;
}

describe("Idempotency-Key", () => {
  test("the same key and body is the first command", async () => {
    const { api, device, send } = await stage();
    const first = await send(APP_SERVICE, { "Idempotency-Key": "k1" });
    const again = await send(APP_SERVICE, { "Idempotency-Key": "k1" });
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body.id).toBe(first.body.id);
    expect(again.headers.get("Location")).toBe(first.headers.get("Location"));
    expect([first.headers.get("Idempotency-Replayed"), again.headers.get("Idempotency-Replayed")]).toEqual([
      null,
      "true",
    ]);
    expect(await countOf(api, device)).toBe(1);
  });

  test("is the same quoted, as the draft writes it, and bare; and whatever the spelling of the body", async () => {
    const { send } = await stage();
    const first = await send(LAUNCH_URI, { "Idempotency-Key": '"k 2"' });
    const again = await send(
      { Type: "LaunchURI", PAYLOAD: LAUNCH_URI.payload },
      { "Idempotency-Key": "k 2" },
    );
    expect(again.body.id).toBe(first.body.id);
  });

  test("with another body is 422, and harms nothing", async () => {
    const { api, device, send } = await stage();
    const first = await send(APP_SERVICE, { "Idempotency-Key": "k3" });
    const other = await send({ ...APP_SERVICE, payload: 1 }, { "Idempotency-Key": "k3" });
    expect([other.status, other.body.error.code]).toEqual([422, "unprocessable"]);
    expect(await countOf(api, device)).toBe(1);
    expect((await send(APP_SERVICE, { "Idempotency-Key": "k3" })).body.id).toBe(first.body.id);
  });

  test("eight at once are one command", async () => {
    const { api, device, send } = await stage();
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => send(APP_SERVICE, { "Idempotency-Key": "k4" })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get("Idempotency-Replayed") === "true").length).toBe(7);
    expect(await countOf(api, device)).toBe(1);
  });

  test("of one account means nothing to another, and none is needed", async () => {
    const one = await stage();
    const two = await stage();
    const ids = [
      (await one.send(APP_SERVICE, { "Idempotency-Key": "k5" })).body.id,
      (await two.send(APP_SERVICE, { "Idempotency-Key": "k5" })).body.id,
      (await one.send(APP_SERVICE, {})).body.id,
      (await one.send(APP_SERVICE, {})).body.id,
    ];
    expect(new Set(ids).size).toBe(4);
  });

  test("a repeat after the end reads the end", async () => {
    const { api, device, send } = await stage();
    const { body } = await send(APP_SERVICE, { "Idempotency-Key": "k6" });
    await device.connects();
    device.answers((await device.receives()).id, { answer: 1 });
    await api.reaches(`/me/devices/${device.id}/commands/${body.id}`, "completed");
    const again = await send(APP_SERVICE, { "Idempotency-Key": "k6" });
    expect([again.status, again.body.status, again.body.id]).toEqual([201, "completed", body.id]);
  });

  test.each(["", "x".repeat(257)])("that is empty or too long is refused", async (key) => {
    const { send } = await stage();
    expect((await send(APP_SERVICE, { "Idempotency-Key": `"${key}"` })).status).toBe(400);
  });
});

describe("the repeats of Graph's SDKs", () => {
  test("the same client-request-id with a Retry-Attempt is the first attempt's command", async () => {
    const { api, device, send } = await stage();
    const first = await send(APP_SERVICE, { "client-request-id": "r1" });
    const again = await send(APP_SERVICE, { "client-request-id": "r1", "Retry-Attempt": "1" });
    expect([again.status, again.body.id]).toEqual([201, first.body.id]);
    expect(again.headers.get("Idempotency-Replayed")).toBe("true");
    expect(await countOf(api, device)).toBe(1);
  });

  test("a repeat whose first attempt never arrived is a command", async () => {
    const { api, device, send } = await stage();
    const answers = [];
    for (const attempt of ["1", "2"])
      answers.push(await send(APP_SERVICE, { "client-request-id": "r2", "Retry-Attempt": attempt }));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(await countOf(api, device)).toBe(1);
  });

  test("where one client-request-id was used for two commands, a repeat is of the newer", async () => {
    const { api, device, send } = await stage();
    await send(APP_SERVICE, { "client-request-id": "r4" });
    const newer = await send(APP_SERVICE, { "client-request-id": "r4" });
    const again = await send(APP_SERVICE, { "client-request-id": "r4", "Retry-Attempt": "1" });
    expect(again.body.id).toBe(newer.body.id);
    expect(await countOf(api, device)).toBe(2);
  });

  test("a client-request-id alone repeats nothing, nor does another body", async () => {
    const { api, device, send } = await stage();
    await send(APP_SERVICE, { "client-request-id": "r3" });
    await send(APP_SERVICE, { "client-request-id": "r3" });
    await send(LAUNCH_URI, { "client-request-id": "r3", "Retry-Attempt": "1" });
    expect(await countOf(api, device)).toBe(3);
  });
});
