import { base64url, exportJWK, generateKeyPair } from "jose";
import { describe, expect, test } from "vitest";
import { KINDS, PLATFORMS } from "../../src/device/device.ts";
import { type Answer, APP_SERVICE, Api, Device, type Json, LAUNCH_URI, ORIGIN } from "../stage.ts";
import { routesTo } from "./routes.ts";

/** Registering devices, naming them, and letting them go. */

const DEVICES = "/v1.0/me/devices";
const api = new Api();
const { publicKey } = await generateKeyPair("ES256", { extractable: true });
const PROPERTIES = {
  name: "Desk",
  kind: "Desktop",
  platform: "Linux",
  publicKey: await exportJWK(publicKey),
};

const register = (changed: Json = {}): Promise<Answer> => api.post(DEVICES, { ...PROPERTIES, ...changed });

/** Expects a refusal that names what is wrong. */
function expectRefused({ status, body }: Answer, named: string): void {
  expect([status, body.error?.code]).toEqual([400, "invalidRequest"]);
  expect(body.error.message).toContain(named);
}

describe("registering", () => {
  test.each([
    ["kind", KINDS],
    ["platform", PLATFORMS],
  ])("takes each %s, in any case", async (member, words) => {
    for (const word of words) {
      for (const written of [word, word.toLowerCase(), word.toUpperCase()]) {
        const { status, body } = await register({ [member]: written });
        expect([status, body[member]]).toEqual([201, word]);
      }
    }
  });

  test.each([
    ["kind", "Toaster"],
    ["kind", ""],
    ["kind", "Desktop "],
    ["kind", 1],
    ["platform", "BeOS"],
    ["platform", "Desktop"],
    ["platform", ["Linux"]],
  ])("refuses the %s %j", async (member, value) => {
    expectRefused(await register({ [member]: value }), `"${member}"`);
  });

  test.each(["name", "kind", "platform", "publicKey"])("needs %s", async (member) => {
    for (const nothing of [undefined, null]) expectRefused(await register({ [member]: nothing }), member);
  });

  test("takes members in any case, and refuses those that it does not know", async () => {
    const { name, kind, ...rest } = PROPERTIES;
    const { status, body } = await api.post(DEVICES, {
      Name: name,
      KIND: kind,
      ...rest,
      Manufacturer: "M",
      model: null,
    });
    expect([status, body]).toMatchObject([201, { name, kind, manufacturer: "M", model: null }]);
    expectRefused(await register({ colour: "blue" }), '"colour"');
    expectRefused(await register({ Name: "Twice" }), '"name"');
  });

  test.each([
    ["/v1.0", "/v1.0"],
    ["/beta", "/beta"],
    ["", "/beta"],
  ])("under %s answers where the device is, and what it is", async (profile, canonical) => {
    const { status, body, headers } = await api.post(`${profile}/me/devices/`, PROPERTIES);
    expect(status).toBe(201);
    expect(headers.get("Location")).toBe(`${ORIGIN}${canonical}/me/devices/${body.id}`);
    expect(body.id).toMatch(/^[\da-f]{64}$/);
    expect((await api.get(`${profile}/me/devices/${body.id}`)).body).toEqual(body);
  });
});

describe("a device's text", () => {
  test.each([
    ["of one character", "x", "x"],
    ["as long as allowed", "x".repeat(256), "x".repeat(256)],
    ["with markup, kept as it is", '<b onclick="x()">Ada\'s & co.</b>', '<b onclick="x()">Ada\'s & co.</b>'],
    ["of any script", "Ключ 鍵 🔑 é", "Ключ 鍵 🔑 é"],
    ["with blanks around it, which are cut", "  Desk  ", "Desk"],
    ["with blanks of many kinds in it, which are one", "TV  \u00a0\u3000\u2003 room", "TV room"],
    ["with joiners and a mark of direction", "👩‍🚀 \u200fمطبخ", "👩‍🚀 \u200fمطبخ"],
    ["that reads like something else", "__proto__", "__proto__"],
  ])("may be one %s", async (_, written, kept) => {
    const { body } = await register({ name: written, manufacturer: written, model: written });
    const expected = { name: kept, manufacturer: kept, model: kept };
    expect(body).toMatchObject(expected);
    expect((await api.get(`${DEVICES}/${body.id}`)).body).toMatchObject(expected);
    const renamed = await api.request("PATCH", `${DEVICES}/${body.id}`, { name: written });
    expect([renamed.status, renamed.body.name]).toEqual([200, kept]);
  });

  test.each([
    ["empty", ""],
    ["blank", "   "],
    ["a character too long", "x".repeat(257)],
    ["10,000 characters long", "x".repeat(10_000)],
    ["with a line break", "a\nb"],
    ["with a NUL", "a\u0000b"],
    ["with an escape", "a\u001b[31mb"],
    ["with a C1 control", "a\u009bb"],
    ["with a line separator", "a\u2028b"],
    ["with letters turned around", "evil\u202egnp.exe"],
    ["with an isolate", "a\u2066b"],
    ["of nothing that is seen", "\u200b\u3164\u2800\u00ad"],
    ["with half a surrogate pair", "a\ud800b"],
    ["a number", 42],
    ["a list", ["Desk"]],
    ["an object", { toString: "Desk" }],
  ])("may not be %s", async (_, text) => {
    for (const member of ["name", "manufacturer", "model"]) {
      expectRefused(await register({ [member]: text }), `"${member}"`);
    }
    const { body } = await register();
    expectRefused(await api.request("PATCH", `${DEVICES}/${body.id}`, { name: text }), '"name"');
    expect((await api.get(`${DEVICES}/${body.id}`)).body.name).toBe("Desk");
  });
});

describe("a device's key", () => {
  const pairOf = async (algorithm: string): Promise<{ open: Json; secret: Json }> => {
    const pair = await generateKeyPair(algorithm, { extractable: true });
    return { open: await exportJWK(pair.publicKey), secret: await exportJWK(pair.privateKey) };
  };
  /** An RSA key with an odd modulus of so many bytes, and so many zeros before it. */
  const rsa = (bytes: number, zeros = 0): Json => ({
    kty: "RSA",
    n: base64url.encode(new Uint8Array(zeros + bytes).fill(0xb5, zeros)),
    e: "AQAB",
  });

  test.each(["ES256", "EdDSA", "RS256"])("may be one for %s", async (algorithm) => {
    const { open } = await pairOf(algorithm);
    const { status, body } = await register({
      publicKey: { ...open, kid: "mine", use: "sig", alg: algorithm },
    });
    expect(status).toBe(201);
    expect(JSON.stringify(body)).not.toContain(open.x ?? open.n);
  });

  test.each(["ES256", "EdDSA", "RS256"])("for %s may not come with its private half", async (algorithm) => {
    const { open, secret } = await pairOf(algorithm);
    expectRefused(await register({ publicKey: secret }), "private key");
    for (const member of ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]) {
      expectRefused(await register({ publicKey: { ...open, [member]: secret.d } }), "private key");
    }
  });

  test.each<[what: string, key: () => Promise<Json>]>([
    ["a text", async () => "MFkwEwYHKoZIzj0CAQ"],
    ["a list", async () => [(await pairOf("ES256")).open]],
    ["empty", async () => ({})],
    ["a secret", async () => ({ kty: "oct", k: "AAAA" })],
    ["on another curve", async () => (await pairOf("ES384")).open],
    ["on another curve's name", async () => ({ ...(await pairOf("ES256")).open, crv: "secp256k1" })],
    ["for key agreement", async () => ({ ...(await pairOf("EdDSA")).open, crv: "X25519" })],
    ["of another type than its members", async () => ({ ...(await pairOf("ES256")).open, kty: "RSA" })],
    ["without x", async () => ({ ...(await pairOf("ES256")).open, x: undefined })],
    ["without y", async () => ({ ...(await pairOf("ES256")).open, y: undefined })],
    ["with a number as x", async () => ({ ...(await pairOf("EdDSA")).open, x: 1 })],
    ["off its curve", async () => ({ ...(await pairOf("ES256")).open, y: (await pairOf("ES256")).open.y })],
    ["the point at nothing", async () => ({ kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) })],
    ["with an x cut short", async () => ({ ...(await pairOf("ES256")).open, x: "AAAA" })],
    ["Ed25519, cut short", async () => ({ kty: "OKP", crv: "Ed25519", x: "AAAA" })],
    ["not in base64url", async () => ({ ...(await pairOf("ES256")).open, x: "!!!!" })],
    ["RSA without a modulus", async () => ({ kty: "RSA", e: "AQAB" })],
    ["RSA without an exponent", async () => ({ ...rsa(256), e: undefined })],
    ["RSA of 1024 bits", async () => rsa(128)],
    ["RSA of 1024 bits, padded with zeros", async () => rsa(128, 128)],
    ["RSA of 2048 bits, padded with zeros without end", async () => rsa(256, 525_000)],
    ["with an exponent padded without end", async () => ({ ...rsa(256), e: `${"A".repeat(700_000)}AQAB` })],
    ["RSA of 2040 bits", async () => rsa(255)],
    ["RSA of 4104 bits", async () => rsa(513)],
    ["RSA with an exponent of 1, which anyone can sign for", async () => ({ ...rsa(256), e: "AQ" })],
    ["RSA with an even exponent", async () => ({ ...rsa(256), e: "AQAA" })],
  ])("may not be %s", async (_, key) => {
    expectRefused(await register({ publicKey: await key() }), "publicKey");
  });

  test.each([256, 512])("may be RSA of %i bytes", async (bytes) => {
    expect((await register({ publicKey: rsa(bytes) })).status).toBe(201);
  });
});

describe("renaming", () => {
  test("changes the name, and nothing else", async () => {
    const { body: before } = await register({ manufacturer: "M", model: "X" });
    const { status, body } = await api.request("PATCH", `${DEVICES}/${before.id}`, {
      name: "Desk by the window",
    });
    const after = { ...before, name: "Desk by the window" };
    expect([status, body]).toEqual([200, after]);
    expect((await api.get(`${DEVICES}/${before.id}`)).body).toEqual(after);
    const inBeta = await api.request("PATCH", `/beta/me/devices/${before.id}`, {
      Name: "Again",
      Status: "Online",
      id: "x",
    });
    expect([inBeta.status, inBeta.body]).toMatchObject([
      200,
      { id: before.id, Name: "Again", Status: "Unknown" },
    ]);
  });

  test.each(["kind", "platform", "manufacturer", "model", "publicKey", "colour"])(
    "does not change %s",
    async (member) => {
      const { body: before } = await register();
      const answer = await api.request("PATCH", `${DEVICES}/${before.id}`, {
        name: "New",
        [member]: "Phone",
      });
      expectRefused(answer, `"${member}"`);
      expect((await api.get(`${DEVICES}/${before.id}`)).body).toEqual(before);
    },
  );

  test("needs a name", async () => {
    const { body } = await register();
    expectRefused(await api.request("PATCH", `${DEVICES}/${body.id}`, {}), '"name"');
    expectRefused(await api.request("PATCH", `${DEVICES}/${body.id}`, { name: null }), '"name"');
  });
});

describe("unregistering", () => {
  test("ends the device, its connection and its open commands; what it did stays readable", async () => {
    const owner = new Api();
    const device = await Device.connected(owner);
    const done = await owner.send(device, APP_SERVICE);
    device.answers((await device.receives()).id, { answer: 42 });
    await owner.reaches(done, "completed");
    const running = await owner.send(device, APP_SERVICE);
    device.acknowledges((await device.receives()).id);
    await owner.reaches(running, "executing");
    await device.disconnects(owner);
    const waiting = await owner.send(device, LAUNCH_URI);
    await device.connects();
    await device.receives();

    const { status, body } = await owner.request("DELETE", `${DEVICES}/${device.id}`);
    expect([status, body]).toEqual([204, undefined]);

    await expect.poll(() => device.closed, { timeout: 5_000 }).toMatchObject({ code: 4004 });
    expect(await owner.reaches(done, "completed")).toMatchObject({
      error: null,
      responsePayload: { answer: 42 },
    });
    expect(await owner.reaches(running, "failedToSend")).toMatchObject({ error: "DeviceRemoved" });
    expect(await owner.reaches(waiting, "failedToSend")).toMatchObject({ error: "DeviceRemoved" });
    expect((await owner.get(`/v1.0${done}/responsePayload`)).body.answer).toBe(42);
    expect((await owner.statusesOf(waiting)).at(-1)).toBe("failedToSend");

    expect((await owner.get(DEVICES)).body.value).toEqual([]);
    const toDevice = routesTo({ device: device.id, command: "" }).filter(
      ({ path }) => !path.includes("/commands/"),
    );
    expect(toDevice).toHaveLength(5);
    for (const { method, path, body: sent } of toDevice) {
      const answer = await owner.request(method, path, sent);
      expect([method, path, answer.status]).toEqual([method, path, 404]);
    }
    const token = await device.signToken();
    const handshake = await Device.handshake(device.id, { Authorization: `Bearer ${token}` });
    expect([handshake.status, handshake.webSocket]).toEqual([404, null]);
  });

  test("takes away one device, and leaves the others", async () => {
    const owner = new Api();
    const [first, second, third] = [
      await Device.registered(owner),
      await Device.registered(owner),
      await Device.registered(owner),
    ];
    const kept = await owner.send(third, LAUNCH_URI);
    await owner.request("DELETE", `${DEVICES}/${second.id}`);
    const { body } = await owner.get(DEVICES);
    expect(body.value.map(({ id }: { id: string }) => id)).toEqual([first.id, third.id]);
    expect(await owner.reaches(kept, "requesting")).toMatchObject({ error: null });
  });
});
