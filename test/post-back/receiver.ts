import { Webhook } from "standardwebhooks";
import { expect, vi } from "vitest";
import type { Received, Reply } from "../outbound.ts";
import { PATIENTLY } from "../patience.ts";
import type { Api, Json } from "../stage.ts";

/** A receiver of post-backs, on a network that tests make up (test/outbound.ts). */
export class Receiver {
  readonly uri = `https://receiver.example.com/${crypto.randomUUID()}`;

  /** A receiver that answers so: one reply for each request, the last for all that follow. */
  static async answering(...replies: Reply[]): Promise<Receiver> {
    const receiver = new Receiver();
    await fetch(receiver.uri, { method: "PUT", body: JSON.stringify(replies) });
    return receiver;
  }

  /** What came so far. */
  async received(): Promise<Received[]> {
    return await (await fetch(this.uri)).json();
  }

  /** All that came, once it is so many. */
  async has(count: number): Promise<Received[]> {
    return await vi.waitFor(async () => {
      const received = await this.received();
      if (received.length < count) throw new Error(`The receiver has ${received.length}, not ${count}.`);
      return received;
    }, PATIENTLY);
  }

  /** Lets go of the requests that it leaves without an answer. */
  async lets(): Promise<void> {
    await fetch(this.uri, { method: "DELETE" });
  }
}

export function bodyOf({ body }: Received): Json {
  return JSON.parse(body);
}

/** The account's secret, and those before it. */
export async function secretsOf(api: Api): Promise<{ secret: string; previous: string[] }> {
  const { status, body } = await api.get("/v1.0/me/postBackSecret");
  expect(status).toBe(200);
  return body;
}

/** Whether a receiver that has this secret takes the post-back for genuine. */
export function isGenuine(secret: string, { body, headers }: Received): boolean {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}
