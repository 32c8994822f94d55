import { CLOSE } from "../device/protocol.ts";
import { utf8Length } from "../json.ts";
import { BATCH_MESSAGES_MAX, FRAME_LENGTH_MAX } from "../limits.ts";
import type { Clock } from "./clock.ts";
import {
  ABNORMAL,
  CLOSE_TIMEOUT_MS,
  type Connection,
  type ConnectionListener,
  type Ending,
} from "./connection.ts";
import { PACE_MS, Pace } from "./pace.ts";
import { type Rejection, readError, retryAfterMs } from "./rejection.ts";
import type { Tokens } from "./tokens.ts";

/** Seconds that a poll asks the service to wait: below the minute after which common proxies give a request up. */
export const POLL_SECONDS = 50;
/** Milliseconds for an answer, on top of what the service was asked to wait. */
const ANSWER_TIMEOUT_MS = 15_000;
/** Milliseconds by which an answer may come before its time, as no two clocks run alike. */
const EARLY_MS = 1_000;
/** Bytes of one request's messages: half of what the service takes, though a single message is sent in any case. */
const POST_BYTES_MAX = FRAME_LENGTH_MAX / 2;

interface Frame {
  text: string;
  arrived: (() => void) | undefined;
}

/**
 * A connection without a socket: asks for messages again and again, each time until there are some, and posts what
 * the device says meanwhile. The service takes what was not acknowledged before the next asking for lost, so that
 * is posted first. An answer to a post tells at once that its messages have arrived.
 */
export class PollConnection implements Connection {
  /** Each request carries a token that holds. */
  readonly renewAt = null;
  readonly #url: URL;
  readonly #tokens: Tokens;
  readonly #clock: Clock;
  readonly #listener: ConnectionListener;
  readonly #pace: Pace;
  /** What the next post will take: there is one to come whenever this is not empty. */
  readonly #waiting: Frame[] = [];
  #posting: Promise<void> = Promise.resolve();
  /** Aborted when no answer of that kind is wanted any more. */
  readonly #listening = new AbortController();
  readonly #speaking = new AbortController();
  #ended: boolean = false;

  /** `url` is the address of the device's messages. */
  constructor(url: URL, tokens: Tokens, clock: Clock, listener: ConnectionListener) {
    this.#url = url;
    this.#tokens = tokens;
    this.#clock = clock;
    this.#listener = listener;
    this.#pace = new Pace(clock);
    void this.#listen();
  }

  /** Resolves when the service has answered to it, or the connection has ended. */
  send(text: string, arrived?: () => void): Promise<void> {
    this.#waiting.push({ text, arrived });
    if (this.#waiting.length === 1) this.#posting = this.#posting.then(() => this.#post());
    return this.#posting;
  }

  async close(): Promise<void> {
    this.#listening.abort();
    const forget = this.#clock.after(CLOSE_TIMEOUT_MS, () => this.#speaking.abort());
    await this.#posting;
    forget();
    this.#end(1000, "");
  }

  /** Every request has its time limit, and the next is never far. */
  check(): void {}

  retire(): void {
    void this.close();
  }

  async #listen(): Promise<void> {
    // The first is answered at once: that opens the connection, and no minute passes before the device knows.
    let batch = await this.#ask(0);
    if (batch !== null) this.#listener.opened();
    while (batch !== null) {
      this.#listener.received(batch);
      await this.#posting;
      batch = await this.#ask(POLL_SECONDS);
      if (batch !== null) this.#listener.proved();
    }
  }

  /** Asks for messages: a JSON array, or null where the connection has ended. */
  async #ask(seconds: number): Promise<string | null> {
    let early = seconds > 0;
    const forget = this.#clock.after(seconds * 1_000 - EARLY_MS, () => {
      early = false;
    });
    const prefer = `wait=${seconds}`;
    const init = { method: "GET", headers: { prefer }, signal: this.#listening.signal };
    const answer = await this.#request(init, seconds * 1_000 + ANSWER_TIMEOUT_MS);
    forget();
    if (answer === null) return null;
    if (!early || answer.text !== "[]") return answer.text;
    if (answer.headers.get("preference-applied") === prefer) {
      this.#end(CLOSE.replaced, "Another connection of this device has taken over.");
    } else {
      this.#end(ABNORMAL, "The service does not wait until there is something to say.");
    }
    return null;
  }

  /** Posts all that waits now; what is said meanwhile is for the next, so that none who waits for this waits long. */
  async #post(): Promise<void> {
    const frames = this.#waiting.splice(0);
    while (frames.length > 0 && !this.#ended) {
      const batch = frames.splice(0, this.#pace.take(helping(frames)));
      if (batch.length === 0) {
        await this.#pause();
        continue;
      }
      const texts = batch.map(({ text }) => text);
      const init = {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: texts.length === 1 ? texts.join() : `[${texts.join(",")}]`,
        signal: this.#speaking.signal,
      };
      const answer = await this.#request(init, ANSWER_TIMEOUT_MS);
      if (answer === null) return;
      for (const { arrived } of batch) arrived?.();
      if (answer.text !== "") this.#listener.received(answer.text);
    }
  }

  async #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const forget = this.#clock.after(PACE_MS, resolve);
    this.#speaking.signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    forget();
  }

  /** One request and its answer; null where it failed, and the connection with it, or nobody wants to know any more. */
  async #request(
    { headers, signal, ...init }: RequestInit & { signal: AbortSignal },
    patienceMs: number,
  ): Promise<{ text: string; headers: Headers } | null> {
    const patience = new AbortController();
    const forget = this.#clock.after(patienceMs, () => patience.abort());
    try {
      const { jwt } = await this.#tokens.current();
      const response = await fetch(this.#url, {
        ...init,
        headers: { authorization: `Bearer ${jwt}`, accept: "application/json", ...headers },
        signal: AbortSignal.any([signal, patience.signal]),
      });
      const text = await response.text();
      if (response.ok) return { text, headers: response.headers };
      this.#fail(response, readError(text).message);
    } catch {
      if (!signal.aborted) this.#end(ABNORMAL, patience.signal.aborted ? "No answer came in time." : "");
    } finally {
      forget();
    }
    return null;
  }

  /** The service has refused a request. */
  #fail({ status, statusText, headers }: Response, message: string): void {
    const reason = message || statusText;
    this.#end(status, reason, {
      rejection: rejectionOf(status, reason),
      retryAfterMs: retryAfterMs(headers),
    });
  }

  #end(code: number, reason: string, more: Partial<Ending> = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#listening.abort();
    this.#speaking.abort();
    this.#listener.ended({ code, reason, rejection: null, retryAfterMs: 0, ...more });
  }
}

/** How many of these frames one request carries. */
function helping(frames: readonly Frame[]): number {
  let bytes = 0;
  const tooMany = frames.slice(0, BATCH_MESSAGES_MAX).findIndex(({ text }, index) => {
    bytes += utf8Length(text);
    return index > 0 && bytes > POST_BYTES_MAX;
  });
  return tooMany < 0 ? Math.min(frames.length, BATCH_MESSAGES_MAX) : tooMany;
}

function rejectionOf(status: number, message: string): Rejection | null {
  if (status === 401) return { reason: "tokenRefused", message };
  return status === 404 ? { reason: "deviceUnknown", message } : null;
}
