import { describe, expect, test } from "vitest";
import { Newcomer, newAddress, REGISTRATION } from "../pairing/stage.ts";
import { Api, Device, type Json } from "../stage.ts";

/** Pairing, as one would use it who wants to be let into another's account. */

/** What the person who decides is told of what asks under a code. */
async function toldOf(code: string, headers: Record<string, string>): Promise<Json> {
  const { status, body } = await new Api().get(`/v1.0/me/pairings/${code}`, headers);
  expect(status).toBe(200);
  return body;
}

test("a web page that has its visitor's browser ask is named to them, in a batch as well", async () => {
  const address = newAddress();
  const page = { "CF-Connecting-IP": address, "CF-Ray": "9", Origin: "https://evil.example" };
  const part = { id: "1", method: "POST", url: "/pairings", body: REGISTRATION };
  for (const headers of [{}, { Origin: "https://appia.test" }, { origin: "" }]) {
    const { body } = await new Api().post("/v1.0/$batch", { requests: [{ ...part, headers }] }, page);
    const told = await toldOf(body.responses[0].body.user_code, { "CF-Connecting-IP": address });
    expect([told.place, told.sameAddress]).toEqual(["a web page of evil.example", false]);
  }
});

describe("a code", () => {
  test("of another is no grounds to speak for its device", async () => {
    const [mine, theirs] = [await Newcomer.asks(), await Newcomer.asks()];
    const [id, secret] = [theirs.deviceCode.split(".")[0], mine.deviceCode.split(".")[1]];
    const { status } = await new Api().post(
      `/v1.0${theirs.path}/approve`,
      {},
      { "CF-Connecting-IP": newAddress() },
    );
    expect(status).toBe(201);
    expect(await mine.polls(`${id}.${secret}`)).toBe("expired_token");
    for (const code of [
      theirs.userCode,
      id,
      `${id}.`,
      `${id?.toUpperCase()}.${secret}`,
      `${theirs.deviceCode}=`,
      "__proto__.x",
    ])
      expect(await mine.polls(code)).toBe("invalid_grant");
    expect(await theirs.polls()).toMatchObject({ device_id: expect.stringMatching(/^[\da-f]{64}$/) });
  });

  test("that is approved lets in the key that asked, and no other", async () => {
    const owner = new Api();
    const own = await Device.registered(owner);
    const newcomer = await Newcomer.asks();
    const { body } = await owner.post(
      `/v1.0${newcomer.path}/approve`,
      {},
      { "CF-Connecting-IP": newAddress() },
    );
    const token = await own.signToken({ iss: body.id, sub: body.id });
    expect((await Device.handshake(body.id, { Authorization: `Bearer ${token}` })).status).toBe(401);
    // The codes are worth nothing at the device's own door.
    for (const code of [newcomer.deviceCode, newcomer.userCode])
      expect((await Device.handshake(body.id, { Authorization: `Bearer ${code}` })).status).toBe(401);
  });

  test("decided by one is decided: another neither sees it nor has a say", async () => {
    const newcomer = await Newcomer.asks();
    const headers = { "CF-Connecting-IP": newAddress() };
    const owner = new Api();
    expect((await owner.post(`/v1.0${newcomer.path}/approve`, {}, headers)).status).toBe(201);
    const eve = new Api();
    for (const [method, path] of [
      ["GET", newcomer.path],
      ["POST", `${newcomer.path}/approve`],
      ["POST", `${newcomer.path}/deny`],
    ] as const)
      expect((await eve.request(method, path, undefined, headers)).status).toBe(404);
    expect(await newcomer.polls()).toMatchObject({ device_id: expect.any(String) });
  });
});
