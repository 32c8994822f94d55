import { BEARER_SUBPROTOCOL_PREFIX, SUBPROTOCOL } from "../device/protocol.ts";
import { MESSAGES_BURST_MAX, MESSAGES_PER_SECOND_MAX } from "../limits.ts";
import type { Clock } from "./clock.ts";

/** Milliseconds between two `ping`s: below the minute after which common routers forget an idle connection. */
export const KEEPALIVE_MS = 30_000;
/** Milliseconds without a `pong` after which the socket is dead, whatever TCP still hopes. */
export const PONG_TIMEOUT_MS = 10_000;
/** Milliseconds for the handshake: TCP alone would try for minutes. */
const HANDSHAKE_TIMEOUT_MS = 15_000;
/** Milliseconds for the closing handshake (RFC 6455, 7.1.1 leaves it open). */
const CLOSE_TIMEOUT_MS = 3_000;
/** Milliseconds the service has to close a connection that another has replaced. */
const RETIREMENT_MS = 10_000;

/** Frames a second, and at once: half of what the service calls a flood, as its clock is not ours. */
const FRAMES_PER_SECOND = MESSAGES_PER_SECOND_MAX / 2;
const FRAMES_BURST = MESSAGES_BURST_MAX / 2;
/** Milliseconds between two helpings where more waits to be sent than may be. */
const PACE_MS = 100;

/** No close frame was received (RFC 6455, 7.1.5). */
const ABNORMAL = 1006;

export interface ConnectionListener {
  opened(): void;
  received(text: string): void;
  /** The service answered the `ping` that was sent at this time (milliseconds since the epoch). */
  heard(pingSentAt: number): void;
  /** Called once, whatever ended the connection; `code` as in RFC 6455, 7.4. */
  ended(code: number, reason: string): void;
}

/** One WebSocket from its handshake to its end: kept alive, paced, and reported dead when it is. */
export class Connection {
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #listener: ConnectionListener;
  readonly #closed = Promise.withResolvers<void>();
  readonly #waiting: string[] = [];
  #allowance = FRAMES_BURST;
  #pacedAt: number;
  #forgetPace: (() => void) | null = null;
  /** The one thing waited for: handshake, next `ping`, `pong`, or close. */
  #forgetTimer: () => void;
  #pingSentAt: number | null = null;
  #ended: boolean = false;

  /** `token` is the device's JWT; it travels as a subprotocol because browsers cannot set headers. */
  constructor(url: URL, token: string, clock: Clock, listener: ConnectionListener) {
    this.#clock = clock;
    this.#listener = listener;
    this.#pacedAt = clock.now();
    this.#forgetTimer = clock.after(HANDSHAKE_TIMEOUT_MS, () =>
      this.#end(ABNORMAL, "The handshake took too long."),
    );
    this.#socket = new WebSocket(url, [SUBPROTOCOL, BEARER_SUBPROTOCOL_PREFIX + token]);
    this.#socket.onopen = () => this.#opened();
    this.#socket.onmessage = ({ data }: MessageEvent) => this.#received(data);
    this.#socket.onclose = ({ code, reason }) => this.#end(code, reason);
  }

  /** Sends a text frame, in order, as soon as the pace allows. Lost if the connection ends before. */
  send(frame: string): void {
    this.#waiting.push(frame);
    this.#drain();
  }

  /** Closes cleanly (1000); resolves when the socket is closed, or the peer has not answered in time. */
  close(): Promise<void> {
    if (!this.#ended) {
      this.#socket.close(1000);
      this.#pingSentAt = null;
      this.#forgetTimer();
      this.#forgetTimer = this.#clock.after(CLOSE_TIMEOUT_MS, () =>
        this.#end(ABNORMAL, "The close took too long."),
      );
    }
    return this.#closed.promise;
  }

  /** Another connection has taken over: what still arrives is received, until the service closes this one. */
  retire(): void {
    this.#pingSentAt = null;
    this.#forgetTimer();
    this.#forgetTimer = this.#clock.after(RETIREMENT_MS, () => void this.close());
  }

  #opened(): void {
    if (this.#socket.protocol !== SUBPROTOCOL) {
      this.#end(ABNORMAL, `The service did not select the subprotocol ${SUBPROTOCOL}.`);
      return;
    }
    this.#awaitNextPing();
    this.#listener.opened();
  }

  #received(data: unknown): void {
    if (data === "pong") {
      if (this.#pingSentAt === null) return;
      const pingSentAt = this.#pingSentAt;
      this.#pingSentAt = null;
      this.#awaitNextPing();
      this.#listener.heard(pingSentAt);
    } else if (typeof data === "string") {
      this.#listener.received(data);
    }
  }

  #awaitNextPing(): void {
    this.#forgetTimer();
    this.#forgetTimer = this.#clock.after(KEEPALIVE_MS, () => {
      this.#pingSentAt = this.#clock.now();
      this.#forgetTimer = this.#clock.after(PONG_TIMEOUT_MS, () =>
        this.#end(ABNORMAL, "No pong came in time."),
      );
      this.send("ping");
    });
  }

  #drain(): void {
    if (this.#forgetPace !== null || this.#ended) return;
    const now = this.#clock.now();
    const earned = ((now - this.#pacedAt) / 1_000) * FRAMES_PER_SECOND;
    this.#allowance = Math.min(FRAMES_BURST, this.#allowance + Math.max(0, earned));
    this.#pacedAt = now;
    const sendable = this.#waiting.splice(0, Math.floor(this.#allowance));
    this.#allowance -= sendable.length;
    for (const frame of sendable) this.#socket.send(frame);
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
    this.#closed.resolve();
    this.#listener.ended(code, reason);
  }
}
