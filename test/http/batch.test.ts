import { exports } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { waitingAtMost } from "../../src/http/prefer.ts";
import { BATCH_PARTS_MAX } from "../../src/limits.ts";
import { type Answer, Api, answerOf, Device, type Json, LAUNCH_URI, ORIGIN, signToken } from "../stage.ts";
import { type BatchOptions, commandsOf, DEVICES, responsesOf, sending } from "./batches.ts";

/** Graph's JSON batching: many requests in one, each answered as if it had come alone. */

const api = new Api();
let device: Device;
let send: (id: string, more?: object) => object;
beforeAll(async () => {
  device = await Device.registered(api);
  send = (id, more) => sending(device, id, more);
});

const responses = (requests: object[], options?: BatchOptions): Promise<Record<string, Json>> =>
  responsesOf(api, requests, options);

/** A request without a token. */
async function anonymously(method: string, path: string, body: unknown): Promise<Answer> {
  const headers = { "Content-Type": "application/json" };
  return await answerOf(
    await exports.default.fetch(`${ORIGIN}${path}`, { method, headers, body: JSON.stringify(body) }),
  );
}

describe("a batch", () => {
  test.each(["/$batch", "/beta/$batch", "/v1.0/$batch", "/$BATCH", "/V1.0/$Batch/"])(
    "is taken at %s",
    async (path) => {
      const profile = path.toLowerCase().startsWith("/v1.0") ? "v1.0" : "beta";
      const { 1: listed } = await responses([DEVICES], { path });
      expect(listed).toMatchObject({ status: 200, headers: { "Content-Type": "application/json" } });
      // A part without a version has the batch's.
      expect(listed.body["@odata.context"]).toBe(`${ORIGIN}/${profile}/$metadata#me/devices`);
    },
  );

  test("holds as many requests as Graph's, and answers all of them", async () => {
    const own = await Device.registered(api);
    const url = `/me/devices/${own.id}/commands`;
    const requests = Array.from({ length: BATCH_PARTS_MAX }, (_, index) => send(String(index), { url }));
    const answered = await responses(requests);
    const ids = Object.values(answered).map(({ status, body }) => (status === 201 ? body.id : status));
    expect(new Set(ids).size).toBe(BATCH_PARTS_MAX);
    expect(new Set((await commandsOf(api, own)).map(({ id }) => id))).toEqual(new Set(ids));
  });

  test("answers each request with its own status, headers and body", async () => {
    const answered = await responses([
      DEVICES,
      send("sent"),
      { id: "missing", method: "get", url: `me/devices/${"0".repeat(64)}` },
      { id: "other", method: "PUT", url: "/me/devices" },
      { id: "wrong", method: "POST", url: `/me/devices/${device.id}/commands`, body: { type: "Nothing" } },
      { id: "page", method: "GET", url: "/nothing" },
    ]);
    expect(answered[1].body.value).toContainEqual(expect.objectContaining({ id: device.id }));
    const { status, headers, body } = answered.sent;
    expect({ status, body }).toMatchObject({ status: 201, body: { status: "requesting" } });
    expect(headers.Location).toBe(`${ORIGIN}/v1.0/me/devices/${device.id}/commands/${body.id}`);
    expect(headers["request-id"]).toMatch(/./);
    expect(answered.missing).toMatchObject({ status: 404, body: { error: { code: "itemNotFound" } } });
    expect(answered.other).toMatchObject({ status: 405, headers: { Allow: "GET, HEAD, POST" } });
    expect(answered.wrong).toMatchObject({ status: 400, body: { error: { code: "invalidRequest" } } });
    expect(answered.page).toMatchObject({ status: 404 });
  });

  test("has no body where an answer has none", async () => {
    const own = await Device.registered(api);
    const { 1: removed } = await responses([{ id: "1", method: "DELETE", url: `/me/devices/${own.id}` }]);
    expect(removed.status).toBe(204);
    expect(removed).not.toHaveProperty("body");
  });

  test("leads to addresses in the version of each of its requests", async () => {
    const own = await Device.registered(api);
    const url = `me/devices/${own.id}/commands`;
    await api.send(own, LAUNCH_URI);
    await api.send(own, LAUNCH_URI);
    const answered = await responses([
      { id: "own", method: "GET", url: `${url}?$top=1` },
      { id: "beta", method: "GET", url: `/Beta/${url}?$top=1&$filter=status eq 'requesting'` },
      { id: "v1", method: "GET", url: `/v1.0/${url}?$top=1` },
      send("sent", { url: `/beta/${url}` }),
    ]);
    expect(answered.own.body["@odata.nextLink"]).toContain(`${ORIGIN}/v1.0/${url}?`);
    expect(answered.beta.body["@odata.nextLink"]).toContain(`${ORIGIN}/beta/${url}?`);
    expect(answered.v1.body["@odata.nextLink"]).toContain(`${ORIGIN}/v1.0/${url}?`);
    expect(answered.sent.headers.Location).toContain(`${ORIGIN}/beta/${url}/`);
    expect(answered.sent.body.value.id).toBe(answered.sent.body.id);
    const next = answered.beta.body["@odata.nextLink"].replace(ORIGIN, "");
    expect((await responses([{ id: "1", method: "GET", url: next }]))[1].body.value).toHaveLength(1);
  });

  test("waits for a device as long as a request would", async () => {
    const own = await Device.connected(api);
    const asked = responses([
      send("slow", {
        url: `/me/devices/${own.id}/commands`,
        headers: { Prefer: "wait=30", "content-type": "application/json; charset=utf-8" },
      }),
      DEVICES,
    ]);
    own.answers((await own.receives()).id, { done: true });
    const { slow } = await asked;
    expect(slow).toMatchObject({ status: 201, headers: { "Preference-Applied": "wait=30" } });
    expect(slow.body).toMatchObject({ status: "completed", responsePayload: { done: true } });
  });

  test("carries what is not JSON as base64, both ways", async () => {
    const { 1: metadata, 2: token } = await responses([
      { id: "1", method: "GET", url: "/$metadata" },
      {
        id: "2",
        method: "POST",
        url: "/pairings/token",
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
        body: btoa("device_code=???>>>"),
      },
    ]);
    expect(atob(metadata.body)).toMatch(/^<\?xml/);
    expect(token).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
  });
});

describe("a request's wait within a batch", () => {
  test.each([
    ["wait=60", 60_000, "wait=60"],
    ["wait=60", 59_999, "wait=59"],
    ["respond-async, wait=30", 12_345, "wait=12"],
    ["wait=5", 59_000, "wait=5"],
    ["wait=5", -1, "wait=0"],
    ["return=minimal", 1_000, "return=minimal"],
  ])("of %j is, with %i ms left for the whole, %j", (prefer, left, expected) => {
    expect(waitingAtMost(prefer, left)).toBe(expected);
  });

  test("is what the requests before it have left of the whole", async () => {
    const own = await Device.connected(api);
    const url = `/me/devices/${own.id}/commands`;
    const asked = responses([
      send("one", { url, headers: { Prefer: "wait=1" } }),
      send("two", { url, headers: { Prefer: "wait=60" }, dependsOn: ["one"] }),
    ]);
    await own.receives();
    own.answers((await own.receives()).id, { done: true });
    const { one, two } = await asked;
    expect([one.headers["Preference-Applied"], two.body.status]).toEqual(["wait=1", "completed"]);
    expect(two.headers["Preference-Applied"]).toMatch(/^wait=5[78]$/);
  });
});

describe("requests that depend on others", () => {
  test("are begun when those have succeeded, in whatever order they are written", async () => {
    const own = await Device.registered(api);
    const one = `/me/devices/${own.id}`;
    const answered = await responses([
      { id: "gone", method: "GET", url: one, dependsOn: ["remove"] },
      { id: "remove", method: "DELETE", url: one, dependsOn: ["send", "rename"] },
      { id: "rename", method: "PATCH", url: one, body: { name: "Soon gone" } },
      send("send", { url: `${one}/commands`, dependsOn: ["rename"] }),
    ]);
    expect(answered).toMatchObject({
      rename: { status: 200, body: { name: "Soon gone" } },
      send: { status: 201 },
      remove: { status: 204 },
      gone: { status: 404 },
    });
  });

  test("are not done where one of those has failed, nor are those that depend on them", async () => {
    const own = await Device.registered(api);
    const url = `/me/devices/${own.id}/commands`;
    const answered = await responses([
      send("bad", { url, body: {} }),
      send("good", { url }),
      send("next", { url, dependsOn: ["good", "bad"] }),
      send("last", { url, dependsOn: ["next"] }),
    ]);
    expect(answered).toMatchObject({
      bad: { status: 400 },
      good: { status: 201 },
      next: { status: 424, body: { error: { code: "failedDependency" } } },
      last: { status: 424, body: { error: { code: "failedDependency" } } },
    });
    expect(answered.next.body.error.message).toContain('"bad"');
    expect(answered.last.body.error.message).toContain('"next"');
    expect(await commandsOf(api, own)).toHaveLength(1);
  });
});

describe("who asks", () => {
  test("is asked of each request, and not of the batch", async () => {
    const sub = new Api().sub;
    const own = await Device.registered(new Api(sub));
    const one = `/me/devices/${own.id}`;
    const readers = `Bearer ${await signToken(sub, "Device.Read")}`;
    const { status, body } = await anonymously("POST", "/v1.0/$batch", {
      requests: [
        { id: "none", method: "GET", url: one },
        { id: "read", method: "GET", url: one, headers: { Authorization: readers } },
        send("send", { url: `${one}/commands`, headers: { authorization: readers } }),
        { id: "open", method: "GET", url: "/healthz" },
      ],
    });
    expect(status).toBe(200);
    expect(body.responses).toMatchObject([
      { status: 401, headers: { "WWW-Authenticate": 'Bearer realm="appia"' } },
      { status: 200, body: { id: own.id } },
      { status: 403, body: { error: { code: "accessDenied" } } },
      { status: 200, body: { status: "ok" } },
    ]);
  });

  test("another account's device is none", async () => {
    const other = await Device.registered(new Api());
    const { 1: answer } = await responses([{ id: "1", method: "GET", url: `/me/devices/${other.id}` }]);
    expect(answer.status).toBe(404);
  });
});

describe("a batch that is sent once more", () => {
  const ONCE = { "client-request-id": crypto.randomUUID() };

  test.each([
    ["by Graph's client", ONCE, { ...ONCE, "Retry-Attempt": "1" }],
    ["with an Idempotency-Key", { "Idempotency-Key": "k" }, { "Idempotency-Key": "k" }],
  ])("%s is the same commands", async (_, first, again) => {
    const own = await Device.registered(api);
    const url = `/me/devices/${own.id}/commands`;
    const requests = [send("1", { url }), send("2", { url })];
    const before = await responses(requests, { headers: first });
    const after = await responses(requests, { headers: again });
    expect(before[1].body.id).not.toBe(before[2].body.id);
    expect(after).toMatchObject({
      1: { headers: { "Idempotency-Replayed": "true" }, body: { id: before[1].body.id } },
      2: { headers: { "Idempotency-Replayed": "true" }, body: { id: before[2].body.id } },
    });
    expect(await commandsOf(api, own)).toHaveLength(2);
  });
});

test("a part cannot say for itself where it comes from", async () => {
  // The address is what guesses at codes are counted by: with one of its own, each part would have a fresh count.
  const code = { method: "POST", url: "/pairings", body: { name: 1 } };
  const guess = (index: number): object => ({
    ...code,
    id: String(index),
    headers: { "CF-Connecting-IP": `192.0.2.${index}`, "X-Forwarded-For": `192.0.2.${index}` },
  });
  const statuses: number[] = [];
  for (let batch = 0; batch < 3; batch++) {
    const answered = await responses(
      Array.from({ length: 20 }, (_, index) => guess(index)),
      { headers: { "CF-Connecting-IP": "192.0.2.200" } },
    );
    statuses.push(...Object.values(answered).map(({ status }) => status));
  }
  expect(statuses).toContain(429);
});
