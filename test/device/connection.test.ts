import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Allowance } from "../../src/device/connection.ts";
import { SUBPROTOCOL } from "../../src/device/protocol.ts";
import { MESSAGES_BURST_MAX, MESSAGES_PER_SECOND_MAX } from "../../src/limits.ts";
import { PATIENTLY } from "../patience.ts";
import { APP_SERVICE, Api, answerOf, Device, LAUNCH_URI, ORIGIN } from "../stage.ts";

afterEach(() => void vi.useRealTimers());

function objectOf(device: Device) {
  return env.DEVICES.get(env.DEVICES.idFromString(device.id));
}

async function presenceOf(api: Api, device: Device): Promise<string> {
  return (await api.get(`/v1.0/me/devices/${device.id}`)).body.status;
}

describe("admission", () => {
  async function refusal(device: Device, headers: Record<string, string>) {
    const { status, body } = await answerOf(await Device.handshake(device.id, headers));
    return { status, code: body?.error?.code };
  }
  const UNAUTHENTICATED = { status: 401, code: "InvalidAuthenticationToken" };

  test("by the Authorization header, with and without the subprotocol", async () => {
    const device = await Device.registered(new Api());
    const headers = { Authorization: `Bearer ${await device.signToken()}` };
    const bare = await Device.handshake(device.id, headers);
    expect([bare.status, bare.headers.get("Sec-WebSocket-Protocol")]).toEqual([101, null]);
    const named = await Device.handshake(device.id, { ...headers, "Sec-WebSocket-Protocol": SUBPROTOCOL });
    expect([named.status, named.headers.get("Sec-WebSocket-Protocol")]).toEqual([101, SUBPROTOCOL]);
  });

  test("by a second subprotocol, which is not sent back", async () => {
    const device = await Device.registered(new Api());
    const token = await device.signToken();
    const response = await Device.handshake(device.id, {
      "Sec-WebSocket-Protocol": `${SUBPROTOCOL}, bearer.${token}`,
    });
    expect([response.status, response.headers.get("Sec-WebSocket-Protocol")]).toEqual([101, SUBPROTOCOL]);
  });

  test("of a device that offers only other subprotocols is refused with 400", async () => {
    const device = await Device.registered(new Api());
    const token = await device.signToken();
    const headers = { "Sec-WebSocket-Protocol": `mqtt, bearer.${token}` };
    expect(await refusal(device, headers)).toEqual({ status: 400, code: "invalidRequest" });
  });

  test("needs a token", async () => {
    const device = await Device.registered(new Api());
    expect(await refusal(device, { "Sec-WebSocket-Protocol": SUBPROTOCOL })).toEqual(UNAUTHENTICATED);
  });

  test("is refused to whoever is not the device", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const other = await Device.registered(api);
    const now = Math.floor(Date.now() / 1_000);
    const claims = { iss: device.id, sub: device.id, aud: ORIGIN, exp: now + 600 };
    const { privateKey } = await generateKeyPair("ES256");
    const publicKey = JSON.stringify(
      await exportJWK((await generateKeyPair("ES256", { extractable: true })).publicKey),
    );
    const tokens = {
      "another device's key": await other.signToken({ iss: device.id, sub: device.id }),
      "another device's own token": await other.signToken(),
      "a key that nobody registered": await new SignJWT(claims)
        .setProtectedHeader({ alg: "ES256" })
        .sign(privateKey),
      "no signature": new UnsecuredJWT(claims).encode(),
      "a public key as secret": await new SignJWT(claims)
        .setProtectedHeader({ alg: "HS256" })
        .sign(new TextEncoder().encode(publicKey)),
      "another audience": await device.signToken({ aud: "https://elsewhere.test" }),
      "another issuer": await device.signToken({ iss: other.id }),
      "another subject": await device.signToken({ sub: other.id }),
      "an expired token": await device.signToken({ exp: now - 60 }),
      "a token for two hours": await device.signToken({ exp: now + 7_200 }),
      "a token without end": await device.signToken({ exp: undefined }),
      "not a token": "abc",
    };
    for (const [words, token] of Object.entries(tokens)) {
      expect({ words, ...(await refusal(device, { Authorization: `Bearer ${token}` })) }).toEqual({
        words,
        ...UNAUTHENTICATED,
      });
    }
    expect(await presenceOf(api, device)).toBe("Unknown");
  });

  test("of a device that was never registered, or is no more, answers 404", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const headers = { Authorization: `Bearer ${await device.signToken()}` };
    await api.request("DELETE", `/v1.0/me/devices/${device.id}`);
    for (const id of [device.id, env.DEVICES.newUniqueId().toString(), "f".repeat(64), "x"]) {
      expect((await answerOf(await Device.handshake(id, headers))).status).toBe(404);
    }
  });

  test("is explained to a plain GET: always 426, and inside it whether the token would do", async () => {
    const device = await Device.registered(new Api());
    const ask = async (token: string) =>
      (await answerOf(await Device.handshake(device.id, { Upgrade: "", Authorization: `Bearer ${token}` })))
        .body.error;
    expect(await ask(await device.signToken())).toMatchObject({ code: "upgradeRequired" });
    expect((await ask(await device.signToken())).innerError.code).toBeUndefined();
    expect(await ask("abc")).toMatchObject({
      code: "upgradeRequired",
      innerError: { code: "InvalidAuthenticationToken" },
    });
  });

  test.each(["GET", "HEAD"])("of a %s that announces a body is explained all the same", async (method) => {
    const device = await Device.registered(new Api());
    const headers = { Authorization: `Bearer ${await device.signToken()}`, "Content-Length": "5" };
    const { status } = await exports.default.fetch(`${ORIGIN}/devices/${device.id}/connection`, {
      method,
      headers,
    });
    expect(status).toBe(426);
  });
});

describe("presence", () => {
  test("is Unknown, Online, Standby, Online, Offline as the device comes and goes", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    expect(await presenceOf(api, device)).toBe("Unknown");
    await device.connects();
    expect(await presenceOf(api, device)).toBe("Online");
    device.notifies("presence", { state: "standby" });
    await vi.waitFor(async () => expect(await presenceOf(api, device)).toBe("Standby"), PATIENTLY);
    await evictDurableObject(objectOf(device));
    expect(await presenceOf(api, device)).toBe("Standby");
    device.notifies("presence", { state: "active" });
    await vi.waitFor(async () => expect(await presenceOf(api, device)).toBe("Online"), PATIENTLY);
    await device.disconnects(api);
    const { body } = await api.get("/v1.0/me/devices");
    expect(body.value).toMatchObject([{ id: device.id, status: "Offline" }]);
  });
});

describe("a connection", () => {
  test("is replaced by a newer one, which is given what the older did not acknowledge", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const older = device.socket;
    const closed = new Promise<CloseEvent>((resolve) => older?.addEventListener("close", resolve));
    const command = await api.send(device, LAUNCH_URI);
    await device.receives();
    await api.reaches(command, "sentToTarget");

    await device.connects();

    expect((await closed).code).toBe(4001);
    expect(await device.receives()).toMatchObject({ method: "launchUri", params: { attempt: 2 } });
    expect(await presenceOf(api, device)).toBe("Online");
  });

  test("answers the text ping without the object", async () => {
    const device = await Device.connected(new Api());
    await evictDurableObject(objectOf(device));
    device.sends("ping");
    expect(await device.receives()).toBe("pong");
  });

  test("survives eviction, and goes on", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    await evictDurableObject(objectOf(device));
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    await evictDurableObject(objectOf(device));
    device.answers(id, { ok: true });
    await api.reaches(command, "completed");
  });

  test("is closed when its token expires, and its unacknowledged command is retried", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    await device.receives();
    await api.reaches(command, "sentToTarget");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 601_000 });
    await runDurableObjectAlarm(objectOf(device));
    vi.useRealTimers();
    await vi.waitFor(() => expect(device.closed?.code).toBe(4003), PATIENTLY);
    await api.reaches(command, "retry");
    await device.connects();
    expect(await device.receives()).toMatchObject({ params: { attempt: 2 } });
  });

  test("that closes gives its unacknowledged command to retry, and leaves the one that is executing", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const begun = await api.send(device, APP_SERVICE);
    device.acknowledges((await device.receives()).id);
    await api.reaches(begun, "executing");
    const sent = await api.send(device, LAUNCH_URI);
    await device.receives();
    await api.reaches(sent, "sentToTarget");
    await device.disconnects(api);
    await api.reaches(sent, "retry");
    await api.reaches(begun, "executing");
  });
});

describe("bad frames harm nothing else", () => {
  test("each is answered with its error, and the next command goes through", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const answered = async (frame: string): Promise<number> => {
      device.sends(frame);
      return (await device.receives()).error.code;
    };
    expect(await answered("{")).toBe(-32700);
    expect(await answered("[]")).toBe(-32600);
    expect(await answered('{"jsonrpc":"2.0","method":"executing","params":{}}')).toBe(-32602);
    device.socket?.send(new Uint8Array([1, 2, 3]));
    expect((await device.receives()).error.code).toBe(-32600);
    const command = await api.send(device, APP_SERVICE);
    device.answers((await device.receives()).id, 1);
    await api.reaches(command, "completed");
  });

  test("reports of commands that are not the device's are refused, and change nothing", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const other = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    for (const foreign of [id, env.COMMANDS.newUniqueId().toString(), "f".repeat(64), "x"]) {
      other.answers(foreign, { forged: true });
      expect(await other.receives()).toMatchObject({ error: { code: -32602 } });
    }
    expect(await api.reaches(command, "sentToTarget")).toMatchObject({ responsePayload: null });
  });

  test("repeated reports are told so, and count once", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    const command = await api.send(device, APP_SERVICE);
    const { id } = await device.receives();
    device.answers(id, { first: true });
    await api.reaches(command, "completed");
    device.answers(id, { second: true });
    expect(await device.receives()).toMatchObject({ method: "late", params: { id, status: "completed" } });
    expect(await api.reaches(command, "completed")).toMatchObject({ responsePayload: { first: true } });
  });

  test("the allowance fills steadily up to its burst", () => {
    const allowance = new Allowance();
    let now = 1_000_000;
    for (let frame = 0; frame < MESSAGES_BURST_MAX; frame++) expect(allowance.take(1, now)).toBe(true);
    expect(allowance.take(1, now)).toBe(false);
    now += 1_000;
    for (let frame = 0; frame < MESSAGES_PER_SECOND_MAX; frame++) expect(allowance.take(1, now)).toBe(true);
    expect(allowance.take(1, now)).toBe(false);
  });
});

describe("order", () => {
  test("commands sent while the device is given what waited come after it", async () => {
    const api = new Api();
    const device = await Device.registered(api);
    const waiting = 40;
    for (let count = 0; count < waiting; count++) await api.send(device, { ...APP_SERVICE, payload: count });
    const [, ...sent] = await Promise.all([
      device.connects(),
      ...[0, 1, 2, 3].map((index) => api.send(device, { ...APP_SERVICE, payload: waiting + index })),
    ]);
    const seen: number[] = [];
    while (seen.length < waiting + 4) {
      const { id, params } = await device.receives();
      seen.push(params.payload);
      device.answers(id, null);
    }
    expect(seen.slice(0, waiting)).toEqual(Array.from({ length: waiting }, (_, index) => index));
    for (const command of sent) await api.reaches(command, "completed");
    expect(device.untaken).toEqual([]);
  });

  test("a command that nobody answers holds up none behind it", async () => {
    const api = new Api();
    const device = await Device.connected(api);
    await api.send(device, { ...APP_SERVICE, payload: "never answered" });
    await device.receives();
    const behind = await api.send(device, { ...APP_SERVICE, payload: "behind" });
    const { id } = await device.receives();
    device.answers(id, "done");
    await api.reaches(behind, "completed");
  });
});
