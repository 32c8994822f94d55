import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Service } from "../../scripts/service.ts";
import { createKeyPair } from "../../src/agent/identity.ts";
import { type PairingCode, pair } from "../../src/agent/pairing.ts";
import { Queue } from "../agent/queue.ts";
import { become, Caller, endsWholly, LAUNCH_URI, startLocally, temporaryFolder } from "./stage.ts";

/** Devices that nobody holds a token for, against the service as it is started locally. */

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let service: Service;
beforeAll(async () => {
  folder = await temporaryFolder();
  service = await startLocally(folder.path);
});
// The last is done first.
afterAll(() => folder[Symbol.asyncDispose]());
afterAll(() => endsWholly(service));

/** A device that asks to be let in, and the code that it shows. */
async function asks(name: string) {
  const { privateKey, publicKey } = await createKeyPair(false);
  const codes = new Queue<PairingCode>();
  const giveUp = new AbortController();
  onTestFinished(() => giveUp.abort());
  const paired = pair({
    service: service.origin,
    registration: { name, kind: "Hub", platform: "Linux", publicKey },
    onCode: (code) => codes.push(code),
    signal: giveUp.signal,
  });
  // Looked at when the test is ready for it.
  paired.catch(() => {});
  return { code: await codes.next(), paired, privateKey };
}

test("a device shows a code, a person enters it, and the device receives a command", async () => {
  const caller = await Caller.of(service);
  const { code, paired, privateKey } = await asks("Kitchen <b>display</b>");
  expect(code.verificationUri).toBe(`${service.origin}/pair`);
  expect(code.verificationUriComplete).toBe(`${service.origin}/pair#${code.userCode}`);

  const path = `/me/pairings/${code.userCode.toLowerCase().replace("-", "")}`;
  expect(await caller.get(path)).toMatchObject({
    userCode: code.userCode,
    name: "Kitchen <b>display</b>",
    kind: "Hub",
    // What runs here says that everyone is in Austin, Texas.
    place: "the service's own computer",
    sameAddress: true,
  });
  const approved = await caller.request("POST", `${path}/approve`);
  expect([approved.status, approved.body.name]).toEqual([201, "Kitchen <b>display</b>"]);
  const { deviceId, name } = await paired;
  expect([deviceId, name]).toEqual([approved.body.id, "Kitchen <b>display</b>"]);

  const opened: string[] = [];
  const { device } = become(service.origin, {
    identity: { deviceId, privateKey, algorithm: "ES256" },
    handlers: { launchUri: ({ uri }) => void opened.push(uri) },
  });
  device.start();
  await device.connected();
  await caller.reaches(await caller.send(deviceId, LAUNCH_URI), "completed");
  expect(opened).toEqual(["https://example.com/"]);

  // The code has done its work: it lets nobody else in, and nobody else look.
  const other = await Caller.of(service);
  for (const [method, end] of [
    ["GET", ""],
    ["POST", "/approve"],
    ["POST", "/deny"],
  ] as const) {
    const { status, body } = await other.request(method, `${path}${end}`);
    expect([status, body.error.code]).toEqual([404, "itemNotFound"]);
  }
  expect((await other.get("/me/devices")).value).toEqual([]);
});

test("a device that is denied stops asking", async () => {
  const caller = await Caller.of(service);
  const { code, paired } = await asks("Not mine");
  expect((await caller.request("POST", `/me/pairings/${code.userCode}/deny`)).status).toBe(204);
  await expect(paired).rejects.toMatchObject({ name: "PairingError", reason: "denied" });
  expect((await caller.request("POST", `/me/pairings/${code.userCode}/approve`)).status).toBe(404);
  expect((await caller.get("/me/devices")).value).toEqual([]);
});

test("a wrong code is not found, and a device that the service cannot make out is told why", async () => {
  const caller = await Caller.of(service);
  const { status, body } = await caller.request("POST", "/me/pairings/BBBB-BBBB/approve");
  expect([status, body.error.code]).toEqual([404, "itemNotFound"]);
  const { publicKey } = await createKeyPair(false);
  const refused = pair({
    service: service.origin,
    registration: { name: "x".repeat(10_000), kind: "Hub", platform: "Linux", publicKey },
    onCode: () => {},
  });
  await expect(refused).rejects.toMatchObject({
    reason: "refused",
    message: expect.stringContaining('"name" is a text'),
  });
});
