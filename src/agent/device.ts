import { CLOSE, type Presence } from "../device/protocol.ts";
import { backoff } from "./backoff.ts";
import { type Call, parseCalls } from "./calls.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Commands, notification } from "./commands.ts";
import type { Connection, ConnectionListener, Ending } from "./connection.ts";
import type { DeviceEvent, StopCause } from "./device-event.ts";
import type { DeviceIdentity } from "./identity.ts";
import { PollConnection } from "./poll-connection.ts";
import { SocketConnection } from "./socket-connection.ts";
import type { Handlers } from "./task.ts";
import { type Token, Tokens } from "./tokens.ts";

export { CommandDropped, CommandError } from "./command-error.ts";
export type { DeviceEvent, DeviceIdentity, Handlers, Presence };

/** Seconds a token is valid unless the owner says otherwise: five minutes of the hour are left to clocks that differ. */
const TOKEN_SECONDS = 55 * 60;
/** A device that was closed for flooding waits as after this many failures: half a minute at most. */
const FLOODED_FAILURES = 6;

/** How a device reaches the service: over a WebSocket, or, where it cannot hold one, by asking for its messages. */
export type Transport = "socket" | "poll";

export interface DeviceOptions {
  /** The service's URL; only its origin counts. */
  service: string | URL;
  identity: DeviceIdentity;
  handlers: Handlers;
  /** "socket" unless the owner says otherwise. */
  transport?: Transport;
  onEvent?: (event: DeviceEvent) => void;
  /** Validity of the device's tokens, at most an hour. */
  tokenSeconds?: number;
  clock?: Clock;
  /** A number in [0, 1), for the backoff's jitter. */
  random?: () => number;
}

/**
 * A device of Appia: holds a connection to the service, carries out the commands that come over it and reports
 * truthfully what became of them. One source for browsers and Node 24; only Web standards are used.
 */
export class Device {
  /** The device's own address at the service. */
  readonly #url: URL;
  readonly #transport: Transport;
  readonly #tokens: Tokens;
  readonly #onEvent: (event: DeviceEvent) => void;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #commands: Commands;

  /** From `start` to the end; aborted at the end, so that whatever was awaited meanwhile finds out. */
  #life: AbortController | null = null;
  /** Of a device that was stopped: everything is closed. */
  #over: Promise<void> | null = null;
  #whenConnected = heeded(Promise.withResolvers<void>());
  /** What the device speaks over. */
  #current: Connection | null = null;
  /** Every connection that has not ended: the current, the one that is to follow it, those it replaced. */
  readonly #connections = new Set<Connection>();
  /** A try is under way, from signing its token to its success or the last word about its failure. */
  #trying: boolean = false;
  #failures = 0;
  /** How the connection in use ended that a try under way may have replaced: told only if that try fails. */
  #superseded: Ending | null = null;
  /** The next try: a retry, or a renewal. */
  #forgetNextTry = (): void => {};
  #presence: Presence = "active";

  /** Throws `TypeError` where `service` is no http(s) URL. Nothing is connected before `start`. */
  constructor(options: DeviceOptions) {
    const { origin, protocol } = new URL(options.service);
    if (protocol !== "http:" && protocol !== "https:") {
      throw new TypeError("A service's URL is http or https.");
    }
    const { identity, transport = "socket", tokenSeconds = TOKEN_SECONDS, clock = systemClock } = options;
    this.#url = new URL(`/devices/${encodeURIComponent(identity.deviceId)}/`, origin);
    this.#transport = transport;
    this.#tokens = new Tokens(identity, origin, tokenSeconds, clock);
    this.#onEvent = options.onEvent ?? (() => {});
    this.#clock = clock;
    this.#random = options.random ?? Math.random;
    this.#commands = new Commands({
      handlers: options.handlers,
      clock: this.#clock,
      send: (frame, arrived) => this.#send(frame, arrived),
      emit: (event) => this.#emit(event),
    });
  }

  /** Connects, and stays connected until `stop` or until the service says that it is pointless. */
  start(): void {
    if (this.#life !== null) return;
    if (this.#over !== null) this.#whenConnected = heeded(Promise.withResolvers<void>());
    this.#life = new AbortController();
    this.#failures = 0;
    void this.#try(this.#life.signal);
  }

  /** Ends everything: handlers are aborted, the connection is closed with 1000. Resolves when it is closed. */
  async stop(): Promise<void> {
    this.#end("asked", "The device was stopped.");
    await this.#over;
  }

  /** Resolves while connected, or once it is; rejects if the device stops before. */
  connected(): Promise<void> {
    return this.#whenConnected.promise;
  }

  /** Tells the service whether somebody is at the device (`active`) or it is in connected standby. */
  presence(state: Presence): void {
    this.#presence = state;
    void this.#send(notification("presence", { state }));
  }

  /**
   * The computer has slept, or the network is back: what was to be tried later is tried now, and a connection that
   * seems to stand has to prove it.
   */
  wake(): void {
    if (this.#life === null || this.#trying) return;
    if (this.#current !== null) {
      this.#current.check();
      return;
    }
    this.#forgetNextTry();
    void this.#try(this.#life.signal);
  }

  /** One try to connect. `life` ends with the device's run: whatever was awaited looks at it before going on. */
  async #try(life: AbortSignal): Promise<void> {
    this.#trying = true;
    this.#emit({ type: "connecting" });
    try {
      await this.#over;
      const token = await this.#tokens.fresh();
      if (!life.aborted) this.#connections.add(this.#connect(token, life));
    } catch (error) {
      // A key that does not fit its algorithm, or a page that may not open this URL: no retry mends either.
      if (!life.aborted) this.#end("misconfigured", `The device cannot connect: ${String(error)}`);
    }
  }

  #connect(token: Token, life: AbortSignal): Connection {
    let opened = false;
    const listener: ConnectionListener = {
      opened: () => {
        opened = true;
        if (!life.aborted) this.#opened(connection, life);
      },
      received: (text) => {
        for (const call of life.aborted ? [] : parseCalls(text)) this.#receive(call);
      },
      proved: () => {
        if (connection === this.#current) this.#failures = 0;
      },
      ended: (ending) => {
        this.#connections.delete(connection);
        if (life.aborted) return;
        if (!opened) this.#failed(ending, life);
        else if (connection === this.#current) this.#lost(ending, life);
      },
    };
    const connection =
      this.#transport === "poll"
        ? new PollConnection(new URL("messages", this.#url), this.#tokens, this.#clock, listener)
        : new SocketConnection(new URL("connection", this.#url), token, this.#clock, listener);
    return connection;
  }

  #opened(connection: Connection, life: AbortSignal): void {
    const renewed = this.#current !== null || this.#superseded !== null;
    this.#superseded = null;
    this.#current?.retire();
    this.#current = connection;
    this.#trying = false;
    if (connection.renewAt !== null) this.#nextTry(connection.renewAt - this.#clock.now(), life);
    this.#emit({ type: "connected", renewed });
    if (this.#presence === "standby") this.presence("standby");
    this.#commands.resume();
    this.#whenConnected.resolve();
  }

  /** A connection did not come about. One whose token was to be renewed goes on meanwhile. */
  #failed(ending: Ending, life: AbortSignal): void {
    const { code, reason, rejection } = ending;
    this.#trying = false;
    if (this.#superseded !== null) {
      const { code, reason } = this.#superseded;
      this.#superseded = null;
      this.#emit({ type: "disconnected", code, reason, retryInMs: 0 });
    }
    if (rejection !== null) this.#emit({ type: "rejected", ...rejection });
    if (rejection?.reason === "deviceUnknown") {
      this.#end("unregistered", "The service does not know this device.");
      return;
    }
    const type = this.#current === null ? "disconnected" : "renewalFailed";
    this.#emit({ type, code, reason, retryInMs: this.#retry(ending, life) });
  }

  /** The connection in use has ended. */
  #lost(ending: Ending, life: AbortSignal): void {
    const { code, reason, rejection } = ending;
    this.#current = null;
    this.#whenConnected = heeded(Promise.withResolvers<void>());
    const end = (cause: StopCause, message: string): void => {
      this.#emit({ type: "disconnected", code, reason, retryInMs: null });
      this.#end(cause, message);
    };
    if (rejection !== null) this.#emit({ type: "rejected", ...rejection });
    if (code === CLOSE.unregistered || rejection?.reason === "deviceUnknown") {
      end("unregistered", "The device was unregistered.");
    } else if (this.#trying && code === CLOSE.replaced) {
      // Its successor has probably replaced it before this end hears that the successor is open.
      this.#superseded = ending;
    } else if (this.#trying) {
      this.#emit({ type: "disconnected", code, reason, retryInMs: 0 });
    } else if (code === CLOSE.replaced) {
      end("replaced", "Another process is connected as this device; two would fight over the connection.");
    } else {
      if (code === CLOSE.flooded) this.#failures = Math.max(this.#failures, FLOODED_FAILURES);
      this.#emit({ type: "disconnected", code, reason, retryInMs: this.#retry(ending, life) });
    }
  }

  #receive(call: Call): void {
    switch (call.type) {
      case "task":
        this.#commands.deliver(call.task);
        break;
      case "cancel":
        this.#commands.cancel(call.commandId);
        break;
      case "ping":
        void this.#send(JSON.stringify({ jsonrpc: "2.0", id: call.id, result: "pong" }));
        break;
      case "unanswerable":
        this.#commands.refuse(call.id, call.code, call.message);
        break;
      case "complaint":
        this.#emit(call);
        break;
    }
  }

  /** Plans the next try after one more failure; answers the milliseconds until then. */
  #retry({ retryAfterMs }: Ending, life: AbortSignal): number {
    const delay = retryAfterMs + backoff(this.#failures++, this.#random());
    this.#nextTry(delay, life);
    return delay;
  }

  #nextTry(ms: number, life: AbortSignal): void {
    this.#forgetNextTry();
    this.#forgetNextTry = this.#clock.after(ms, () => void this.#try(life));
  }

  #end(cause: StopCause, message: string): void {
    if (this.#life === null) return;
    this.#life.abort();
    this.#life = null;
    this.#trying = false;
    this.#superseded = null;
    this.#forgetNextTry();
    this.#over = this.#close();
    this.#whenConnected.reject(new Error(message));
    // Whoever asks from now on is told the same, also where it had been connected.
    this.#whenConnected = heeded(Promise.withResolvers<void>());
    this.#whenConnected.reject(new Error(message));
    this.#emit({ type: "stopped", cause, message });
  }

  async #close(): Promise<void> {
    await this.#commands.stop();
    this.#current = null;
    await Promise.all([...this.#connections].map((connection) => connection.close()));
  }

  #send(frame: string, arrived?: () => void): Promise<void> {
    return this.#current?.send(frame, arrived) ?? Promise.resolve();
  }

  /** Events are told in turn, but never in the midst of a decision: an owner that throws breaks nothing here. */
  #emit(event: DeviceEvent): void {
    queueMicrotask(() => this.#onEvent(event));
  }
}

/** A promise that may be rejected without anybody waiting for it. */
function heeded<T>(deferred: PromiseWithResolvers<T>): PromiseWithResolvers<T> {
  deferred.promise.catch(() => {});
  return deferred;
}
