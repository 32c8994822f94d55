import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";
import { DeviceObject } from "../../src/device/device-object.ts";
import { DEVICES_PER_ACCOUNT_MAX, PAIRING_LINGER_MS, PAIRING_MS } from "../../src/limits.ts";
import { Unreachable } from "../../src/reach.ts";
import { Clock } from "../clock.ts";
import { Api } from "../stage.ts";
import { Newcomer, REGISTRATION } from "./stage.ts";

/** A pairing from its beginning to its end, and whatever may come between. */

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** The ids of the account's devices. */
async function devicesOf(api: Api): Promise<string[]> {
  const { status, body } = await api.get("/v1.0/me/devices");
  expect(status).toBe(200);
  return body.value.map(({ id }: { id: string }) => id);
}

/** Fills an account up to its last places. */
async function fill(api: Api, devices: number): Promise<void> {
  const { account } = await accountOf(api);
  await runInDurableObject(env.ACCOUNTS.get(env.ACCOUNTS.idFromString(account)), (_, { storage }) =>
    storage.kv.put(
      "devices",
      Array.from({ length: devices }, () => env.DEVICES.newUniqueId().toString()),
    ),
  );
}

async function accountOf({ sub }: Api): Promise<{ account: string }> {
  return { account: env.ACCOUNTS.idFromName(JSON.stringify([env.AUTH_ISSUER, sub])).toString() };
}

/** What an object keeps. */
async function kept(stub: DurableObjectStub): Promise<{ keys: string[]; alarm: number | null }> {
  return await runInDurableObject(stub, async (_, { storage }) => ({
    keys: [...storage.kv.list()].map(([key]) => key),
    alarm: await storage.getAlarm(),
  }));
}

const NOTHING = { keys: [], alarm: null };

/** Breaks the registration of a device off: before it, or when it is done and nobody has heard of it. */
function breaksRegistration(when: "before" | "after", times = 1): void {
  const register = DeviceObject.prototype.register;
  let broken = 0;
  vi.spyOn(DeviceObject.prototype, "register").mockImplementation(async function (
    this: DeviceObject,
    ...args
  ) {
    if (broken++ >= times) return await register.apply(this, args);
    if (when === "after") await register.apply(this, args);
    throw new Unreachable("The machine went down.");
  });
}

describe("a device that was let in", () => {
  test("is registered under the id that it is told, once however often either side asks", async () => {
    const api = new Api();
    const newcomer = await Newcomer.asks({ name: "Küche", manufacturer: "Contoso" });
    expect(await newcomer.polls()).toBe("authorization_pending");
    const first = await api.post(`/v1.0${newcomer.path}/approve`, undefined);
    expect(first.status).toBe(201);
    expect(first.body).toMatchObject({ name: "Küche", manufacturer: "Contoso", status: "Unknown" });
    const again = await api.post(`/v1.0${newcomer.path}/approve`, undefined);
    expect([again.status, again.body]).toEqual([201, first.body]);
    for (let asked = 0; asked < 3; asked++) {
      expect(await newcomer.polls()).toEqual({ device_id: first.body.id, name: "Küche" });
      await evictDurableObject(newcomer.object);
    }
    expect(await devicesOf(api)).toEqual([first.body.id]);
  });

  test("is one device where it is approved twice at once, and asks meanwhile", async () => {
    const api = new Api();
    const newcomer = await Newcomer.asks();
    const [one, other, asked] = await Promise.all([
      api.post(`/v1.0${newcomer.path}/approve`, undefined),
      api.post(`/v1.0${newcomer.path}/approve`, undefined),
      newcomer.polls(),
    ]);
    expect([one.status, other.status]).toEqual([201, 201]);
    expect(one.body).toEqual(other.body);
    expect(["authorization_pending", one.body.id]).toContain(asked.device_id ?? asked);
    expect(await devicesOf(api)).toEqual([one.body.id]);
  });

  test("belongs to whoever was first, and to nobody else", async () => {
    const [ada, bob] = [new Api(), new Api()];
    const newcomer = await Newcomer.asks();
    const [first, second] = await Promise.all([
      ada.post(`/v1.0${newcomer.path}/approve`, undefined),
      bob.post(`/v1.0${newcomer.path}/approve`, undefined),
    ]);
    expect(new Set([first.status, second.status])).toEqual(new Set([201, 404]));
    const id = first.body.id ?? second.body.id;
    expect([...(await devicesOf(ada)), ...(await devicesOf(bob))]).toEqual([id]);
    expect(await newcomer.polls()).toMatchObject({ device_id: id });
  });

  test("and is unregistered later is not registered again by its own late question, nor by the person", async () => {
    const api = new Api();
    const newcomer = await Newcomer.asks();
    const { body } = await api.post(`/v1.0${newcomer.path}/approve`, undefined);
    await api.request("DELETE", `/me/devices/${body.id}`);
    expect(await newcomer.polls()).toMatchObject({ device_id: body.id });
    expect((await api.post(`/v1.0${newcomer.path}/approve`, undefined)).status).toBe(404);
    expect(await devicesOf(api)).toEqual([]);
    expect(await kept(env.DEVICES.get(env.DEVICES.idFromString(body.id)))).toEqual(NOTHING);
  });
});

describe("a denial", () => {
  test("is told the device as often as it asks, and stands", async () => {
    const [ada, bob] = [new Api(), new Api()];
    const newcomer = await Newcomer.asks();
    for (let denied = 0; denied < 2; denied++) {
      expect((await ada.post(`/v1.0${newcomer.path}/deny`, undefined)).status).toBe(204);
      expect(await newcomer.polls()).toBe("access_denied");
      await evictDurableObject(newcomer.object);
    }
    for (const api of [ada, bob]) {
      expect((await api.post(`/v1.0${newcomer.path}/approve`, undefined)).status).toBe(404);
      expect(await devicesOf(api)).toEqual([]);
    }
    expect((await bob.post(`/v1.0${newcomer.path}/deny`, undefined)).status).toBe(404);
  });

  test("that races an approval: one of them holds, and the device hears of that one", async () => {
    const outcomes = new Set<string>();
    for (const order of [
      ["approve", "deny"],
      ["deny", "approve"],
    ]) {
      const api = new Api();
      const newcomer = await Newcomer.asks();
      const answers = await Promise.all(
        order.map((word) => api.post(`/v1.0${newcomer.path}/${word}`, undefined)),
      );
      const heard = await newcomer.polls();
      const { status, body } = answers.find((answer) => answer.status !== 404) ?? {
        status: 404,
        body: undefined,
      };
      expect(answers.filter((answer) => answer.status === 404)).toHaveLength(1);
      expect(heard.device_id ?? heard).toEqual(status === 201 ? body.id : "access_denied");
      expect(await devicesOf(api)).toEqual(status === 201 ? [body.id] : []);
      outcomes.add(String(status));
    }
    expect([...outcomes].every((status) => ["201", "204"].includes(status))).toBe(true);
  });
});

describe("a crash", () => {
  test.each(["before", "after"] as const)(
    "%s the registration is mended by the device's next question",
    async (when) => {
      const api = new Api();
      const newcomer = await Newcomer.asks();
      breaksRegistration(when);
      const { status } = await api.post(`/v1.0${newcomer.path}/approve`, undefined);
      expect(status).toBe(503);
      await evictDurableObject(newcomer.object);
      const { device_id } = await newcomer.polls();
      expect(await devicesOf(api)).toEqual([device_id]);
      expect((await api.post(`/v1.0${newcomer.path}/approve`, undefined)).body.id).toBe(device_id);
    },
  );

  test.each(["before", "after"] as const)(
    "%s the registration is mended by the person's repeat",
    async (when) => {
      const [ada, bob] = [new Api(), new Api()];
      const newcomer = await Newcomer.asks();
      breaksRegistration(when, 2);
      expect((await ada.post(`/v1.0${newcomer.path}/approve`, undefined)).status).toBe(503);
      // What was decided stays decided.
      expect((await bob.post(`/v1.0${newcomer.path}/approve`, undefined)).status).toBe(404);
      expect((await ada.post(`/v1.0${newcomer.path}/deny`, undefined)).status).toBe(404);
      await newcomer.polls();
      await abortAllDurableObjects();
      const { status, body } = await ada.post(`/v1.0${newcomer.path}/approve`, undefined);
      expect(status).toBe(201);
      expect(await newcomer.polls()).toMatchObject({ device_id: body.id });
      expect(await devicesOf(ada)).toEqual([body.id]);
    },
  );

  test("between any two steps loses nothing", async () => {
    const api = new Api();
    const newcomer = await Newcomer.asks();
    await abortAllDurableObjects();
    expect(await newcomer.polls()).toBe("authorization_pending");
    expect((await api.get(`/v1.0${newcomer.path}`)).status).toBe(200);
    await abortAllDurableObjects();
    const { body } = await api.post(`/v1.0${newcomer.path}/approve`, undefined);
    await abortAllDurableObjects();
    expect(await newcomer.polls()).toMatchObject({ device_id: body.id });
    expect(await devicesOf(api)).toEqual([body.id]);
  });
});

test("an account without room says so, and can be made room in: nothing was decided", async () => {
  const api = new Api();
  await fill(api, DEVICES_PER_ACCOUNT_MAX);
  const newcomer = await Newcomer.asks();
  const { status, body, headers } = await api.post(`/v1.0${newcomer.path}/approve`, undefined);
  expect([status, body.error.code]).toEqual([429, "activityLimitReached"]);
  expect(body.error.message).toContain(`${DEVICES_PER_ACCOUNT_MAX} devices`);
  expect(headers.get("Retry-After")).toBe("3600");
  expect(await newcomer.polls()).toBe("authorization_pending");
  expect((await api.get(`/v1.0${newcomer.path}`)).status).toBe(200);

  const other = new Api();
  const approved = await other.post(`/v1.0${newcomer.path}/approve`, undefined);
  expect(approved.status).toBe(201);
  expect(await newcomer.polls()).toMatchObject({ device_id: approved.body.id });
});

describe("a device that asks", () => {
  test("too soon is told to slow down, more each time, but never kept from what was decided", async () => {
    const clock = new Clock();
    const api = new Api();
    const newcomer = await Newcomer.asks();
    const heard: string[] = [];
    for (const seconds of [0, 5, 4, 9, 15, 14, 20]) {
      clock.moves(seconds * 1_000);
      heard.push(await newcomer.polls());
    }
    const [pending, soon] = ["authorization_pending", "slow_down"];
    expect(heard).toEqual([pending, pending, soon, soon, pending, soon, pending]);
    await clock.as(api).post(`/v1.0${newcomer.path}/approve`, undefined);
    expect(await newcomer.polls()).toHaveProperty("device_id");
    expect(await newcomer.polls()).toHaveProperty("device_id");
  });

  test("costs no row", async () => {
    const newcomer = await Newcomer.asks();
    const writes = await runInDurableObject(newcomer.object, (_, { storage }) => vi.spyOn(storage.kv, "put"));
    await newcomer.polls();
    await newcomer.polls();
    expect(writes).not.toHaveBeenCalled();
  });

  test("with another's secret learns nothing, and does it no harm", async () => {
    const api = new Api();
    const [victim, guesser] = [await Newcomer.asks(), await Newcomer.asks()];
    const forged = `${victim.deviceCode.slice(0, 65)}${guesser.deviceCode.slice(65)}`;
    const nowhere = `${env.PAIRINGS.idFromName("ZZZZZZZZ")}${guesser.deviceCode.slice(64)}`;
    expect(await victim.polls()).toBe("authorization_pending");
    for (const code of [forged, forged, nowhere]) expect(await guesser.polls(code)).toBe("expired_token");
    await evictDurableObject(victim.object);
    expect(await guesser.polls(forged)).toBe("expired_token");
    // The guesser's haste is not the victim's.
    expect(await victim.polls()).toBe("authorization_pending");
    await api.post(`/v1.0${victim.path}/approve`, undefined);
    expect(await guesser.polls(forged)).toBe("expired_token");
  });
});

describe("the end", () => {
  test("comes after ten minutes where nobody decides, and leaves nothing", async () => {
    const clock = new Clock();
    const api = new Api();
    const newcomer = await Newcomer.asks();
    clock.moves(PAIRING_MS - 1);
    expect((await clock.as(api).get(`/v1.0${newcomer.path}`)).status).toBe(200);
    clock.moves(1);
    expect((await clock.as(api).get(`/v1.0${newcomer.path}`)).status).toBe(404);
    expect((await clock.as(api).post(`/v1.0${newcomer.path}/approve`, undefined)).status).toBe(404);
    expect((await clock.as(api).post(`/v1.0${newcomer.path}/deny`, undefined)).status).toBe(404);
    expect(await newcomer.polls()).toBe("expired_token");
    // Too early is harmless.
    await runDurableObjectAlarm(newcomer.object);
    expect((await kept(newcomer.object)).keys).toEqual(["pairing"]);
    clock.moves(PAIRING_LINGER_MS);
    await runDurableObjectAlarm(newcomer.object);
    expect(await kept(newcomer.object)).toEqual(NOTHING);
    expect(await newcomer.polls()).toBe("expired_token");
  });

  test("lets what was decided at the last moment be heard, and not for long", async () => {
    const clock = new Clock();
    const api = new Api();
    const [in1, out1] = [await Newcomer.asks(), await Newcomer.asks()];
    clock.moves(PAIRING_MS - 1);
    const { body } = await clock.as(api).post(`/v1.0${in1.path}/approve`, undefined);
    await clock.as(api).post(`/v1.0${out1.path}/deny`, undefined);
    clock.moves(PAIRING_LINGER_MS);
    expect(await in1.polls()).toMatchObject({ device_id: body.id });
    expect(await out1.polls()).toBe("access_denied");
    clock.moves(1);
    expect([await in1.polls(), await out1.polls()]).toEqual(["expired_token", "expired_token"]);
    for (const { object } of [in1, out1]) {
      await runDurableObjectAlarm(object);
      expect(await kept(object)).toEqual(NOTHING);
    }
    expect(await devicesOf(clock.as(api))).toEqual([body.id]);
  });

  test("frees the code, and not before", async () => {
    const clock = new Clock();
    const newcomer = await Newcomer.asks();
    const request = {
      properties: { ...REGISTRATION, kind: "Hub", platform: "Linux", manufacturer: null, model: null },
      digest: crypto.getRandomValues(new Uint8Array(32)),
      place: null,
      network: null,
    } as const;
    expect(await newcomer.object.begin(request)).toEqual({ ok: false, reason: "taken" });
    expect(await newcomer.polls()).toBe("authorization_pending");
    clock.moves(PAIRING_MS);
    expect(await newcomer.object.begin(request)).toEqual({ ok: true });
    // A call that is repeated because its answer was lost.
    expect(await newcomer.object.begin(request)).toEqual({ ok: true });
    expect(await newcomer.polls()).toBe("expired_token");
    // The old code's time is up; the new one's is not.
    clock.moves(PAIRING_LINGER_MS);
    await runDurableObjectAlarm(newcomer.object);
    expect((await newcomer.object.describe()).ok).toBe(true);
  });
});

test("asking after a code that was never given out writes nothing", async () => {
  const stub = env.PAIRINGS.get(env.PAIRINGS.idFromName("BBBBBBBB"));
  expect(await stub.describe()).toEqual({ ok: false, reason: "unknown" });
  expect(await stub.approve("account")).toEqual({ ok: false, reason: "unknown" });
  expect(await stub.deny("account")).toEqual({ ok: false, reason: "unknown" });
  expect(await stub.ask(new Uint8Array(32))).toEqual({ type: "expired" });
  expect(await kept(stub)).toEqual(NOTHING);
});
