import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";
import type { Chance } from "./chance.ts";

/** A post-back as it came. */
export interface Received {
  /** By `performance.now`. */
  at: number;
  body: string;
  /** What it was answered; null where it was left to hang. */
  answered: number | null;
  /** Why its signature was not taken for the service's, when it came; null where it was. */
  fault: string | null;
}

/** How a receiver answers the n-th request to a path, counted from 1; null leaves it to hang. */
export type Answers = (path: string, webhookId: string, n: number) => number | null;

/** A post-back receiver on loopback, which keeps all that comes, by path. */
export class Receiver {
  readonly received = new Map<string, Received[]>();
  /** When requests that hung were given up, by `performance.now`. */
  readonly givenUp: number[] = [];
  readonly #server: Server;

  private constructor(secret: string, answers: Answers) {
    const webhook = new Webhook(secret);
    this.#server = createServer(async (request, response) => {
      const path = request.url ?? "";
      const at = performance.now();
      const body = await text(request).catch(() => null);
      // A killed service breaks off in the middle of a request.
      if (body === null) return;
      const list = this.received.get(path) ?? [];
      this.received.set(path, list);
      const answered = answers(path, String(request.headers["webhook-id"]), list.length + 1);
      list.push({ at, body, answered, fault: faultIn(webhook, request.headers, body) });
      if (answered === null) response.once("close", () => this.givenUp.push(performance.now()));
      else response.writeHead(answered).end();
    });
    // An idle connection that is closed just as the service uses it again costs that attempt, and five minutes.
    this.#server.keepAliveTimeout = 0;
  }

  /** `secret` is that of the account whose post-backs come. */
  static async start(secret: string, answers: Answers): Promise<Receiver> {
    const receiver = new Receiver(secret, answers);
    await new Promise<void>((resolve) => receiver.#server.listen(0, "127.0.0.1", resolve));
    return receiver;
  }

  /** The address that is told of one command. */
  uri(path: string): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Why a post-back does not verify; null where it does. */
function faultIn(webhook: Webhook, headers: IncomingHttpHeaders, body: string): string | null {
  try {
    webhook.verify(body, headers as Record<string, string>);
    return null;
  } catch (error) {
    return String(error);
  }
}

/** Accepts all, but refuses a few the first time they come. */
export function mostly(chance: Chance): Answers {
  const known = new Set<string>();
  return (_, webhookId) => {
    const isFirst = !known.has(webhookId);
    known.add(webhookId);
    return isFirst && chance.is(0.05) ? 500 : 200;
  };
}
