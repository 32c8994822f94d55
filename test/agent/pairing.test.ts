import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { createKeyPair } from "../../src/agent/identity.ts";
import { type PairingCode, PairingError, pair } from "../../src/agent/pairing.ts";
import { ManualClock } from "./manual-clock.ts";
import { Queue } from "./queue.ts";

/** The device's side of a pairing: how often it asks, what it makes of answers, and when it gives up. */

/** A request that the acting service got, and how it is answered. */
interface Asked {
  path: string | undefined;
  type: string | undefined;
  body: string;
  answers: (status: number, body: unknown, headers?: Record<string, string>) => void;
  drops: () => void;
}

const CODES = {
  device_code: "WDJBMJHT.secret",
  user_code: "WDJB-MJHT",
  verification_uri: "https://appia.test/pair",
  verification_uri_complete: "https://appia.test/pair#WDJB-MJHT",
  expires_in: 600,
  interval: 5,
};
/** Milliseconds that a device waits for an answer. */
const ANSWER_TIMEOUT_MS = 15_000;
const PENDING = { error: "authorization_pending", error_description: "Ask again." };

/** A clock that says for how long the device waits between its requests; how long it waits for an answer is another matter. */
class PacingClock extends ManualClock {
  readonly waits = new Queue<number>();

  override after(ms: number, action: () => void): () => void {
    const forget = super.after(ms, action);
    if (ms !== ANSWER_TIMEOUT_MS) this.waits.push(ms);
    return forget;
  }
}

/** A device that pairs with a service in the test's hands, on a clock in the test's hands. */
async function pairing(signal?: AbortSignal) {
  const asked = new Queue<Asked>();
  const server = createServer(async (request, response) => {
    const body = await text(request);
    asked.push({
      path: request.url,
      type: request.headers["content-type"],
      body,
      answers: (status, answer, headers = {}) => {
        response.writeHead(status, { "content-type": "application/json", ...headers });
        response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
      },
      drops: () => request.socket.destroy(),
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  const clock = new PacingClock();
  const codes: PairingCode[] = [];
  const { publicKey } = await createKeyPair(false);
  const registration = { name: "Kitchen", kind: "Hub", platform: "Linux", publicKey };
  const service = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const paired = pair({
    service: `${service}/any/path`,
    registration,
    onCode: (code) => void codes.push(code),
    clock,
    ...(signal && { signal }),
  });
  // Looked at when the test is ready for it.
  paired.catch(() => {});

  return {
    asked,
    clock,
    codes,
    registration,
    paired,
    /** The device waits so long, and then asks. */
    async asksAfter(ms: number): Promise<Asked> {
      expect(await clock.waits.next()).toBe(ms);
      expect(asked.left).toEqual([]);
      clock.advance(ms);
      return await asked.next();
    },
  };
}

/** A device that was given its codes. */
async function waiting(codes: object = CODES, signal?: AbortSignal) {
  const set = await pairing(signal);
  (await set.asked.next()).answers(200, codes);
  return set;
}

test("a device asks for a code, shows it, asks on every five seconds, and is let in", async () => {
  const { asked, asksAfter, clock, codes, registration, paired } = await pairing();
  const first = await asked.next();
  expect([first.path, first.type, JSON.parse(first.body)]).toEqual([
    "/pairings",
    "application/json",
    registration,
  ]);
  first.answers(200, CODES);
  await vi.waitFor(() => expect(codes).toHaveLength(1));
  expect(codes).toEqual([
    {
      userCode: "WDJB-MJHT",
      verificationUri: "https://appia.test/pair",
      verificationUriComplete: "https://appia.test/pair#WDJB-MJHT",
      expiresAt: clock.now() + 600_000,
    },
  ]);
  for (let turn = 0; turn < 3; turn++) {
    const { path, type, body, answers } = await asksAfter(5_000);
    expect([path, type]).toEqual(["/pairings/token", "application/x-www-form-urlencoded"]);
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      grant_type: "urn:ietf:params:oauth:grant-type:device_code",
      device_code: CODES.device_code,
    });
    if (turn < 2) answers(400, PENDING);
    else answers(200, { device_id: "d1", name: "Kitchen" });
  }
  expect(await paired).toEqual({ deviceId: "d1", name: "Kitchen" });
  expect(clock.pending).toBe(0);
});

test("a service that says less is asked every five seconds, and its page is shown without the code", async () => {
  const { verification_uri_complete: _, interval: __, ...least } = CODES;
  const { asksAfter, codes } = await waiting(least);
  await asksAfter(5_000);
  expect(codes[0]?.verificationUriComplete).toBe("https://appia.test/pair");
});

test.each([
  ["code", { user_code: "WDJB\u{1B}[2J" }],
  ["code", { user_code: "X;rm -rf ~" }],
  ["page", { verification_uri: "javascript:alert(1)" }],
  ["page", { verification_uri: "/pair" }],
])("what is no %s is not shown", async (_, wrong) => {
  const { paired, codes } = await waiting({ ...CODES, ...wrong });
  await expect(paired).rejects.toThrow(PairingError);
  expect(codes).toEqual([]);
});

test("the page's address holds nothing that a terminal obeys", async () => {
  const { codes } = await waiting({
    ...CODES,
    verification_uri: "https://appia.test/\u{1B}[2J\u{9B}",
    verification_uri_complete: "file:///etc/passwd",
  });
  await vi.waitFor(() => expect(codes).toHaveLength(1));
  expect(codes[0]?.verificationUri).toBe("https://appia.test/%1B[2J%C2%9B");
  expect(codes[0]?.verificationUriComplete).toBe(codes[0]?.verificationUri);
});

describe("it asks more rarely", () => {
  test("for good, each time the service asks for it", async () => {
    const { asksAfter } = await waiting({ ...CODES, interval: 2 });
    for (const [after, error] of [
      [2_000, "slow_down"],
      [7_000, "slow_down"],
      [12_000, "authorization_pending"],
      [12_000, "authorization_pending"],
    ] as const) {
      (await asksAfter(after)).answers(400, { error });
    }
    await asksAfter(12_000);
  });

  test("while nobody answers, and as often as before once somebody does", async () => {
    const { asksAfter } = await waiting();
    (await asksAfter(5_000)).drops();
    (await asksAfter(10_000)).answers(503, "");
    (await asksAfter(20_000)).answers(200, "<h1>Sign in to this network</h1>");
    (await asksAfter(40_000)).answers(502, "");
    (await asksAfter(60_000)).drops();
    (await asksAfter(60_000)).answers(400, PENDING);
    (await asksAfter(5_000)).drops();
    await asksAfter(10_000);
  });

  test("while the service says so", async () => {
    const { asksAfter } = await waiting();
    (await asksAfter(5_000)).answers(429, "", { "Retry-After": "60" });
    (await asksAfter(60_000)).answers(503, "", { "Retry-After": "1" });
    (await asksAfter(20_000)).answers(429, "", { "Retry-After": "86400" });
    (await asksAfter(300_000)).answers(400, PENDING);
    await asksAfter(5_000);
  });

  test("and gives a question up that is not answered in time", async () => {
    const { asksAfter, clock } = await waiting();
    await asksAfter(5_000);
    clock.advance(ANSWER_TIMEOUT_MS);
    (await asksAfter(10_000)).answers(400, PENDING);
    await asksAfter(5_000);
  });
});

describe("it is over", () => {
  test.each<[what: string, status: number, body: object | string, reason: string, message: RegExp]>([
    ["somebody refused", 400, { error: "access_denied" }, "denied", /refused/],
    ["the code expired", 400, { error: "expired_token" }, "expired", /expired/],
    [
      "the code is none",
      400,
      { error: "invalid_grant", error_description: "No such code." },
      "refused",
      /^No such code\.$/,
    ],
    [
      "there is no such service",
      404,
      { error: { code: "itemNotFound", message: "Nothing here." } },
      "refused",
      /^Nothing here\.$/,
    ],
    ["the answer is garbage", 400, "<h1>", "refused", /status 400/],
  ])("when %s", async (_, status, body, reason, message) => {
    const { asksAfter, paired, clock } = await waiting();
    (await asksAfter(5_000)).answers(400, PENDING);
    (await asksAfter(5_000)).answers(status, body);
    const error = await paired.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PairingError);
    expect(error).toMatchObject({ reason, message: expect.stringMatching(message) });
    expect(clock.pending).toBe(0);
  });

  test("when the service has been away for longer than it keeps a code, and not before", async () => {
    const { asksAfter, paired, clock, codes } = await waiting();
    const begun = clock.now();
    for (const ms of [5_000, 10_000, 20_000, 40_000]) (await asksAfter(ms)).drops();
    for (let minute = 0; minute < 10; minute++) (await asksAfter(60_000)).drops();
    expect(codes[0]?.expiresAt).toBe(begun + 600_000);
    await expect(paired).rejects.toMatchObject({ reason: "expired" });
    expect(clock.now() - begun).toBe(675_000);
  });

  test("when its owner gives up, while it waits or while it asks", async () => {
    for (const isAsking of [false, true]) {
      const giveUp = new AbortController();
      const { asksAfter, paired, clock } = await waiting(CODES, giveUp.signal);
      (await asksAfter(5_000)).answers(400, PENDING);
      if (isAsking) await asksAfter(5_000);
      else await clock.waits.next();
      giveUp.abort(new Error("Never mind."));
      await expect(paired).rejects.toThrow("Never mind.");
      expect(clock.pending).toBe(0);
    }
  });
});

describe("the first request", () => {
  test.each([
    [400, { error: { code: "invalidRequest", message: '"name" is a text.' } }, '"name" is a text.'],
    [500, "", "The service answered with status 500."],
    [200, "<h1>Welcome</h1>", "The service answered with status 200."],
    [200, { ...CODES, device_code: undefined }, "The service answered with status 200."],
  ])("that is answered %i %j is told as refused", async (status, body, message) => {
    const { asked, paired, codes } = await pairing();
    (await asked.next()).answers(status, body);
    await expect(paired).rejects.toMatchObject({ name: "PairingError", reason: "refused", message });
    expect(codes).toEqual([]);
  });

  test("that comes at a bad time is sent again when the service says", async () => {
    const { asked, asksAfter, codes } = await pairing();
    (await asked.next()).answers(429, "", { "Retry-After": "60" });
    (await asksAfter(60_000)).answers(503, "", { "Retry-After": "1" });
    (await asksAfter(1_000)).answers(200, CODES);
    await vi.waitFor(() => expect(codes).toHaveLength(1));
  });

  test("that nobody answers is told as that", async () => {
    const { asked, paired } = await pairing();
    (await asked.next()).drops();
    await expect(paired).rejects.toThrow(TypeError);
    const silent = await pairing();
    await silent.asked.next();
    silent.clock.advance(ANSWER_TIMEOUT_MS);
    await expect(silent.paired).rejects.toThrow(TypeError);
  });
});
