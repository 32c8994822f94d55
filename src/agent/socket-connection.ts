import { BEARER_SUBPROTOCOL_PREFIX, SUBPROTOCOL } from "../device/protocol.ts";
import type { Clock } from "./clock.ts";
import { ABNORMAL, CLOSE_TIMEOUT_MS, type Connection, type ConnectionListener } from "./connection.ts";
import { PACE_MS, Pace } from "./pace.ts";
import { askRejection, type Refusal } from "./rejection.ts";
import type { Token } from "./tokens.ts";

/** Milliseconds between two `ping`s: below the minute after which common routers forget an idle connection. */
export const KEEPALIVE_MS = 30_000;
/** Milliseconds without a `pong` after which the socket is dead, whatever TCP still hopes. */
export const PONG_TIMEOUT_MS = 10_000;
/** Milliseconds for the handshake: TCP alone would try for minutes. */
const HANDSHAKE_TIMEOUT_MS = 15_000;
/** Milliseconds for the service to say why it refused a handshake. */
const REJECTION_TIMEOUT_MS = 5_000;
/** Milliseconds for TCP to end after the service's close frame: workerd takes ten seconds. */
const CLOSING_TIMEOUT_MS = 15_000;
/** Milliseconds the service has to close a connection that another has replaced. */
const RETIREMENT_MS = 10_000;
/** Milliseconds before an answered `ping` within which a frame is still in doubt: the object may have crashed with it. */
const DOUBT_MS = 30_000;

interface Frame {
  text: string;
  arrived: (() => void) | undefined;
}

/** One WebSocket from its handshake to its end: kept alive, paced, and reported dead when it is. */
export class SocketConnection implements Connection {
  readonly renewAt: number;
  readonly #url: URL;
  readonly #jwt: string;
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #listener: ConnectionListener;
  readonly #pace: Pace;
  readonly #closed = Promise.withResolvers<void>();
  /** Aborted when nobody wants to know any more why it did not open. */
  readonly #asking = new AbortController();
  readonly #waiting: Frame[] = [];
  /** What was written and asked to be proven, oldest first. JSON-RPC responses are not acknowledged; a later `pong` is. */
  readonly #inDoubt: { sentAt: number; arrived: () => void }[] = [];
  #forgetPace: (() => void) | null = null;
  /** The one thing waited for: handshake, next `ping`, `pong`, or close. */
  #forgetTimer: () => void;
  #pingSentAt: number | null = null;
  #opened: boolean = false;
  #ended: boolean = false;

  /**
   * `url` is the http(s) address of the device's connection. The token travels as a subprotocol because browsers
   * cannot set headers. Throws where this page may not open such a socket.
   */
  constructor(url: URL, token: Token, clock: Clock, listener: ConnectionListener) {
    this.renewAt = token.renewAt;
    this.#url = url;
    this.#jwt = token.jwt;
    this.#clock = clock;
    this.#listener = listener;
    this.#pace = new Pace(clock);
    const address = new URL(url);
    address.protocol = url.protocol === "http:" ? "ws:" : "wss:";
    this.#socket = new WebSocket(address, [SUBPROTOCOL, BEARER_SUBPROTOCOL_PREFIX + token.jwt]);
    this.#forgetTimer = clock.after(HANDSHAKE_TIMEOUT_MS, () =>
      this.#end(ABNORMAL, "The handshake took too long."),
    );
    this.#socket.onopen = () => this.#open();
    this.#socket.onmessage = ({ data }: MessageEvent) => this.#receive(data);
    this.#socket.onclose = ({ code, reason }) => this.#end(code, reason);
  }

  /** Resolves at once: the socket keeps what it was given in order. */
  send(text: string, arrived?: () => void): Promise<void> {
    this.#waiting.push({ text, arrived });
    this.#drain();
    return Promise.resolve();
  }

  /** Closes with 1000. */
  close(): Promise<void> {
    this.#asking.abort();
    if (!this.#ended) {
      this.#socket.close(1000);
      this.#pingSentAt = null;
      this.#wait(CLOSE_TIMEOUT_MS, () => this.#end(ABNORMAL, "The close took too long."));
    }
    return this.#closed.promise;
  }

  check(): void {
    if (this.#opened && !this.#ended && this.#pingSentAt === null) this.#ping();
  }

  retire(): void {
    this.#pingSentAt = null;
    this.#wait(RETIREMENT_MS, () => void this.close());
  }

  #open(): void {
    if (this.#socket.protocol !== SUBPROTOCOL) {
      this.#end(ABNORMAL, `The service did not select the subprotocol ${SUBPROTOCOL}.`);
      return;
    }
    this.#opened = true;
    this.#awaitNextPing();
    this.#listener.opened();
  }

  #receive(data: unknown): void {
    if (data === "pong") this.#heardPong();
    else if (typeof data === "string") this.#listener.received(data);
  }

  #heardPong(): void {
    if (this.#pingSentAt === null) return;
    const believedBefore = this.#pingSentAt - DOUBT_MS;
    this.#pingSentAt = null;
    this.#awaitNextPing();
    const proven = this.#inDoubt.findIndex(({ sentAt }) => sentAt >= believedBefore);
    for (const { arrived } of this.#inDoubt.splice(0, proven < 0 ? this.#inDoubt.length : proven)) arrived();
    this.#listener.proved();
  }

  #awaitNextPing(): void {
    this.#wait(KEEPALIVE_MS, () => this.#ping());
  }

  #ping(): void {
    // The service has closed it. Why, which decides what to do, is known once TCP has ended, too.
    if (this.#socket.readyState !== WebSocket.OPEN) {
      this.#wait(CLOSING_TIMEOUT_MS, () => this.#end(ABNORMAL, "The service took too long to close."));
      return;
    }
    this.#pingSentAt = this.#clock.now();
    this.#wait(PONG_TIMEOUT_MS, () => this.#end(ABNORMAL, "No pong came in time."));
    void this.send("ping");
  }

  #wait(ms: number, action: () => void): void {
    this.#forgetTimer();
    this.#forgetTimer = this.#clock.after(ms, action);
  }

  #drain(): void {
    if (this.#forgetPace !== null || this.#ended) return;
    const sentAt = this.#clock.now();
    for (const { text, arrived } of this.#waiting.splice(0, this.#pace.take(this.#waiting.length))) {
      this.#socket.send(text);
      if (arrived !== undefined) this.#inDoubt.push({ sentAt, arrived });
    }
    if (this.#waiting.length === 0) return;
    this.#forgetPace = this.#clock.after(PACE_MS, () => {
      this.#forgetPace = null;
      this.#drain();
    });
  }

  #end(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#forgetTimer();
    this.#forgetPace?.();
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    void this.#explain(code, reason);
  }

  /** Tells the end, and, where the service refused the handshake, why: the socket itself cannot know. */
  async #explain(code: number, reason: string): Promise<void> {
    let refusal: Refusal = { rejection: null, retryAfterMs: 0 };
    if (!this.#opened && !this.#asking.signal.aborted) {
      const forget = this.#clock.after(REJECTION_TIMEOUT_MS, () => this.#asking.abort());
      refusal = await askRejection(this.#url, this.#jwt, this.#asking.signal);
      forget();
    }
    this.#closed.resolve();
    this.#listener.ended({ code, reason, ...refusal });
  }
}
