import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";
import { expect, onTestFinished, test, vi } from "vitest";
import { APP_SERVICE, Caller, type Json, ownService, registers } from "./stage.ts";

/** The service posting to a receiver that is a program of its own; its local vars allow this machine. */

const service = ownService();

interface Received {
  at: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** A receiver on loopback, whose replies come one after the other, the last for all that follow. */
class Receiver {
  readonly uri: string;
  readonly received: Received[] = [];
  /** When a request that it had not answered wholly was given up, by the clock of `at`. */
  readonly givenUp: number[] = [];

  private constructor(uri: string) {
    this.uri = uri;
  }

  static async answering(...replies: ((response: ServerResponse) => void)[]): Promise<Receiver> {
    const server = createServer(async (request, response) => {
      const at = performance.now();
      response.once("close", () => {
        if (!response.writableFinished) receiver.givenUp.push(performance.now());
      });
      receiver.received.push({ at, headers: request.headers, body: await text(request) });
      (replies.length > 1 ? replies.shift() : replies[0])?.(response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const receiver = new Receiver(`http://127.0.0.1:${port}/hook?of=${port}`);
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return receiver;
  }

  /** All that came, once it is so many. */
  async has(count: number): Promise<Received[]> {
    await vi.waitFor(() => expect(this.received.length).toBeGreaterThanOrEqual(count), {
      timeout: 20_000,
      interval: 10,
    });
    return this.received;
  }
}

const answers =
  (status: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse): void =>
    void response.writeHead(status, headers).end("The receiver's own words.");

/** Sends a command to a device that begins it, and answers it at once unless it is to hang. */
async function sends(receiver: Receiver, more: object = {}): Promise<{ caller: Caller; command: string }> {
  const caller = await Caller.of(service);
  const { id, device } = await registers(caller, {
    handlers: {
      appService: ({ payload }) => (payload === "hang" ? new Promise(() => {}) : { answer: 42 }),
    },
  });
  device.start();
  await device.connected();
  const command = await caller.send(id, { ...APP_SERVICE, postBackUri: receiver.uri, ...more });
  return { caller, command };
}

function bodiesOf(received: readonly Received[]): Json[] {
  return received.map(({ body }) => JSON.parse(body));
}

async function attemptsOf(caller: Caller, command: string, count: number): Promise<Json[]> {
  return await vi.waitFor(
    async () => {
      const { postBacks } = await caller.get(`${command}/history`);
      expect(postBacks).toHaveLength(count);
      return postBacks;
    },
    { timeout: 25_000, interval: 20 },
  );
}

test("a receiver that accepts is told each change, in order, and can tell that the service says so", async () => {
  const receiver = await Receiver.answering(answers(200));
  const { caller, command } = await sends(receiver);
  const completed = await caller.reaches(command, "completed");
  const { value } = await caller.get(`${command}/history`);
  const changes = value.filter(
    ({ status }: Json, index: number) => index > 0 && status !== value[index - 1].status,
  );
  const received = await receiver.has(changes.length);
  const { secret } = await caller.get("/me/postBackSecret");
  const stranger = await (await Caller.of(service)).get("/me/postBackSecret");
  for (const { body, headers } of received) {
    const webhook = headers as Record<string, string>;
    expect(new Webhook(secret).verify(body, webhook)).toEqual(JSON.parse(body));
    expect(() => new Webhook(stranger.secret).verify(body, webhook)).toThrow("No matching signature");
  }
  expect(bodiesOf(received).map((post) => [post.sequence, post.command.status])).toEqual(
    changes.map(({ sequence, status }: Json) => [sequence, status]),
  );
  expect(bodiesOf(received).at(-1).command).toEqual(completed);
});

test("a receiver that fails is asked again five seconds later, under the same id", async () => {
  const receiver = await Receiver.answering(answers(500), answers(200));
  const { caller, command } = await sends(receiver);
  const [first, second] = await receiver.has(2);
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(4_900);
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeLessThan(15_000);
  expect(second?.headers["webhook-id"]).toBe(first?.headers["webhook-id"]);
  expect(second?.body).toBe(first?.body);
  const { value } = await caller.get(`${command}/history`);
  // sentToTarget twice, executing, completed.
  await receiver.has(4);
  const attempts = await attemptsOf(caller, command, 4);
  expect(attempts.map(({ outcome }) => outcome)).toEqual(["failed", "accepted", "accepted", "accepted"]);
  expect(bodiesOf(receiver.received).at(-1).sequence).toBe(value.length);
});

test("a receiver that hangs holds up nothing, and is given up after fifteen seconds", async () => {
  const receiver = await Receiver.answering(() => {});
  const { caller, command } = await sends(receiver, { payload: "hang", executionTimeout: "PT1S" });
  // The real alarm rings while the post-back is under way.
  expect(await caller.reaches(command, "expired")).toMatchObject({ error: "ExecutionTimedOut" });
  expect(receiver.givenUp).toEqual([]);
  const attempts = await attemptsOf(caller, command, 1);
  expect(attempts).toMatchObject([{ status: null, outcome: "failed" }]);
  await vi.waitFor(() => expect(receiver.givenUp).toHaveLength(1), { timeout: 10_000 });
  const waited = (receiver.givenUp[0] ?? 0) - (receiver.received[0]?.at ?? 0);
  expect(waited).toBeGreaterThan(14_500);
  expect(waited).toBeLessThan(25_000);
});

test("a receiver that never stops talking is hung up on, once it has said that it accepts", async () => {
  let said = 0;
  const receiver = await Receiver.answering((response) => {
    const talk = (): void => {
      if (!response.closed && said < 100_000_000)
        response.write("x".repeat(10_000), () => setImmediate(talk));
      said += 10_000;
    };
    talk();
  });
  const { caller, command } = await sends(receiver);
  await caller.reaches(command, "completed");
  // sentToTarget, executing, completed.
  const changes = 3;
  await receiver.has(changes);
  await vi.waitFor(() => expect(receiver.givenUp).toHaveLength(changes), { timeout: 20_000 });
  expect(said).toBeLessThan(100_000_000);
  for (const { outcome } of await attemptsOf(caller, command, changes)) expect(outcome).toBe("accepted");
});

test("a redirect is not followed, even within this machine", async () => {
  const elsewhere = await Receiver.answering(answers(200));
  const receiver = await Receiver.answering(answers(307, { Location: elsewhere.uri }));
  const { caller, command } = await sends(receiver);
  await caller.reaches(command, "completed");
  expect(await attemptsOf(caller, command, 1)).toMatchObject([{ status: 307, outcome: "failed" }]);
  expect(elsewhere.received).toEqual([]);
});

test("a receiver that answers 410 hears no more", async () => {
  const receiver = await Receiver.answering(answers(410));
  const { caller, command } = await sends(receiver);
  await caller.reaches(command, "completed");
  expect(await attemptsOf(caller, command, 1)).toMatchObject([{ status: 410, outcome: "gone" }]);
  const { nextAction } = await caller.get(`${command}/history`);
  expect(nextAction).toContain("erased");
  expect(receiver.received).toHaveLength(1);
});

test("what waits for its receiver outlasts a restart of the service", async () => {
  const receiver = await Receiver.answering(answers(503, { "Retry-After": "6" }), answers(200));
  const { caller, command } = await sends(receiver);
  await caller.reaches(command, "completed");
  await attemptsOf(caller, command, 1);
  await service.ends();
  await service.starts();
  const again = new Caller(service.origin, caller.token);
  const { value } = await again.get(`${command}/history`);
  await receiver.has(2);
  await vi.waitFor(() => expect(bodiesOf(receiver.received).at(-1).command.status).toBe("completed"), {
    timeout: 20_000,
  });
  expect(bodiesOf(receiver.received).at(-1).sequence).toBe(value.length);
});
