import { describe, expect, test } from "vitest";
import { BATCH_MESSAGES_MAX, FRAME_LENGTH_MAX, MESSAGES_BURST_MAX } from "../../src/limits.ts";
import { type Answer, Api, Device, LAUNCH_URI, ORIGIN } from "../stage.ts";

describe("what is refused of a device's messages over HTTP", () => {
  async function refusal(answer: Promise<Answer>): Promise<unknown> {
    const { status, body } = await answer;
    expect(body.error.message).toMatch(/\w.*\.$/);
    expect(body.error.innerError["request-id"]).toMatch(/^[\da-f-]{36}$/);
    return [status, body.error.code];
  }
  const PING = '{"jsonrpc":"2.0","id":1,"method":"ping"}';

  test.each([
    ["no JSON", "{", {}, 400, "invalidRequest"],
    ["no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), {}, 400, "invalidRequest"],
    ["an empty batch", "[]", {}, 400, "invalidRequest"],
    ["a batch without end", `[${Array(BATCH_MESSAGES_MAX + 1).fill(PING)}]`, {}, 400, "invalidRequest"],
    ["too much", `"${"x".repeat(FRAME_LENGTH_MAX)}"`, {}, 413, "requestTooLarge"],
    ["another type", PING, { "Content-Type": "text/plain" }, 415, "unsupportedMediaType"],
    ["an answer in XML", PING, { Accept: "text/xml" }, 406, "notAcceptable"],
    ["no token", PING, { Authorization: "" }, 401, "InvalidAuthenticationToken"],
    ["a stranger's token", PING, { Authorization: "Bearer a.b.c" }, 401, "InvalidAuthenticationToken"],
  ])("%s", async (_, body, headers, status, code) => {
    const device = await Device.registered(new Api());
    expect(await refusal(device.requests("POST", body, headers))).toEqual([status, code]);
  });

  test("a token of another device, of another audience, for too long, or out of time", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const other = await Device.registered(api);
    const now = Math.floor(Date.now() / 1_000);
    for (const token of [
      await other.signToken(),
      await other.signToken({ iss: device.id, sub: device.id }),
      await device.signToken({ aud: `${ORIGIN}.elsewhere` }),
      await device.signToken({ exp: now + 7_200 }),
      await device.signToken({ exp: now - 60 }),
    ]) {
      const asked = device.requests("GET", undefined, { Authorization: `Bearer ${token}` });
      expect(await refusal(asked)).toEqual([401, "InvalidAuthenticationToken"]);
    }
    expect((await api.get(`/v1.0/me/devices/${device.id}`)).body.status).toBe("Unknown");
  });

  test("another method; HEAD, whose answer would drop what waits, takes nothing", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const command = await api.send(device, LAUNCH_URI);
    expect(await refusal(device.requests("PUT", PING))).toEqual([405, "notAllowed"]);
    expect(await device.requests("HEAD")).toMatchObject({ status: 200, body: undefined });
    await api.reaches(command, "requesting");
    expect((await device.polls()).body).toMatchObject([{ params: { attempt: 1 } }]);
  });

  test("a flood, with the time after which to go on", async () => {
    const device = await Device.registered(new Api());
    const batch = `[${Array(BATCH_MESSAGES_MAX).fill('{"jsonrpc":"2.0","method":"noise"}')}]`;
    const answers = await Promise.all(
      Array.from({ length: (2 * MESSAGES_BURST_MAX) / BATCH_MESSAGES_MAX }, () =>
        device.requests("POST", batch),
      ),
    );
    const refused = answers.find(({ status }) => status !== 204);
    expect(refused).toMatchObject({ status: 429, body: { error: { code: "activityLimitReached" } } });
    expect(refused?.headers.get("Retry-After")).toBe("1");
  });
});
