import { describe, expect, test } from "vitest";
import { APP_SERVICE, Api, Device, LAUNCH_URI } from "../stage.ts";

describe("one call that waits", () => {
  test("POST with Prefer: wait is a function call on the device", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const called = api.post(`/v1.0/me/devices/${device.id}/commands`, APP_SERVICE, { Prefer: "wait=30" });
    const { id } = await device.receives();
    device.acknowledges(id);
    device.answers(id, { answer: "Yes." });
    const { status, body, headers } = await called;
    expect(status).toBe(201);
    expect(body).toMatchObject({ id, status: "completed", responsePayload: { answer: "Yes." } });
    expect(headers.get("Preference-Applied")).toBe("wait=30");
  });

  test("GET of the command and of its response payload answer as soon as it has ended", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    const waiting = [
      api.get(`/v1.0${command}`, { Prefer: "respond-async, wait=60" }),
      api.get(`/v1.0${command}/responsePayload`, { Prefer: 'wait="60"' }),
    ];
    device.answers(id, { answer: 42 });
    const [read, payload] = await Promise.all(waiting);
    expect(read?.body.status).toBe("completed");
    expect(payload).toMatchObject({ status: 200, body: { answer: 42 } });
  });

  test("ends with what there is when its time is up", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const { status, body, headers } = await api.post(`/v1.0/me/devices/${device.id}/commands`, LAUNCH_URI, {
      Prefer: "wait=1",
    });
    expect([status, body.status]).toEqual([201, "requesting"]);
    expect(headers.get("Preference-Applied")).toBe("wait=1");
    const payload = await api.get(`/v1.0/me/devices/${device.id}/commands/${body.id}/responsePayload`, {
      Prefer: "wait=1",
    });
    expect([payload.status, payload.headers.get("Retry-After")]).toEqual([204, "1"]);
  });

  test("is not granted to a request that is refused", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const commands = `/v1.0/me/devices/${device.id}/commands`;
    const headers = { Prefer: "wait=1", "Idempotency-Key": "one" };
    expect((await api.post(commands, LAUNCH_URI, headers)).headers.get("Preference-Applied")).toBe("wait=1");
    const reused = await api.post(commands, APP_SERVICE, headers);
    expect([reused.status, reused.headers.get("Preference-Applied")]).toEqual([422, null]);
    const command = await api.send(device, LAUNCH_URI);
    const foreign = await new Api().get(`/v1.0${command}`, headers);
    expect([foreign.status, foreign.headers.get("Preference-Applied")]).toEqual([404, null]);
  });

  test("is granted a minute at most, and a preference that nobody can read is ignored", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    device.answers((await device.receives()).id, 1);
    await api.reaches(command, "completed");
    expect(
      (await api.get(`/v1.0${command}`, { Prefer: "wait=3600" })).headers.get("Preference-Applied"),
    ).toBe("wait=60");
    for (const preference of ["wait=soon", "wait=-1", "await=5", "respond-async"]) {
      expect(
        (await api.get(`/v1.0${command}`, { Prefer: preference })).headers.get("Preference-Applied"),
      ).toBeNull();
    }
  });
});
