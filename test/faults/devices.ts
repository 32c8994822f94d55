import WebSocket from "ws";
import { CommandDropped, CommandError, Device, type Transport } from "../../src/agent/device.ts";
import { type DeviceIdentity, signDeviceToken } from "../../src/agent/identity.ts";
import type { Task, TaskContext } from "../../src/agent/task.ts";
import { SUBPROTOCOL } from "../../src/device/protocol.ts";
import { type Chance, pause } from "./chance.ts";
import { type Errand, Ledger } from "./ledger.ts";

/** Milliseconds between two tries of a plain device to connect. */
const RECONNECT_MS = 100;

/** A device under load: it can be sent away and called back, and keeps a ledger. */
export interface LoadedDevice {
  readonly id: string;
  readonly name: string;
  readonly ledger: Ledger;
  start(): void;
  /** Goes away; what runs on it is lost with it where it is a plain device, and aborted where it is ours. */
  stop(): Promise<void>;
}

/** A device on our own library, which repeats its answers until they have arrived. */
export class LibraryDevice implements LoadedDevice {
  readonly id: string;
  readonly name: string;
  readonly ledger = new Ledger();
  readonly #device: Device;

  constructor(name: string, service: string, identity: DeviceIdentity, transport: Transport) {
    this.id = identity.deviceId;
    this.name = name;
    this.#device = new Device({
      service,
      identity,
      transport,
      handlers: {
        launchUri: (...given) => this.#run(...given),
        appService: (...given) => this.#run(...given),
      },
      onEvent: (event) => {
        if (event.type === "delivered") {
          const account = this.ledger.of(event.task.id);
          account.seen++;
          // The library acknowledges before it runs, and at each repeat.
          account.said.add("executing");
        }
        if (event.type === "refused") this.ledger.of(String(event.id)).said.add("error");
        if (event.type === "finished") {
          const said = {
            completed: "result",
            failed: "error",
            canceled: "cancelled",
            dropped: "dropped",
          } as const;
          this.ledger.of(event.id).said.add(said[event.outcome]);
        }
      },
    });
  }

  start(): void {
    this.#device.start();
  }

  async stop(): Promise<void> {
    await this.#device.stop();
  }

  /** Resolves when it is connected, and knows it. */
  async connected(): Promise<void> {
    await this.#device.connected();
  }

  /** The service is there again: an own backoff of up to a minute would keep the device away from most kills. */
  wake(): void {
    this.#device.wake();
  }

  async #run(task: Task, { signal, progress }: TaskContext): Promise<unknown> {
    const { label, act, ms } = task.payload as Errand;
    const account = this.ledger.of(task.id);
    account.runs++;
    switch (act) {
      case "quick":
        return { label };
      case "slow":
        await pause(ms);
        return { label };
      case "progress":
        for (const percent of [25, 50, 75]) {
          account.said.add("progress");
          progress({ message: "Under way", percent });
          await pause(ms / 3);
        }
        return { label };
      case "fail":
        throw new CommandError("ResourceLimitsExceeded", label);
      case "drop":
        throw new CommandDropped(label);
      case "patient":
      case "silent":
        return await new Promise((_, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason as Error)),
        );
    }
  }
}

/** A device as a beginner writes one on bare JSON-RPC: it says each thing once, and never looks back. */
export class PlainDevice implements LoadedDevice {
  readonly id: string;
  readonly name: string;
  readonly ledger = new Ledger();
  readonly #service: string;
  readonly #identity: DeviceIdentity;
  readonly #chance: Chance;
  readonly #cancels = new Map<string, () => void>();
  #socket: WebSocket | undefined;
  #life = new AbortController();
  #over = Promise.resolve();

  constructor(name: string, service: string, identity: DeviceIdentity, chance: Chance) {
    this.id = identity.deviceId;
    this.name = name;
    this.#service = service;
    this.#identity = identity;
    this.#chance = chance;
  }

  start(): void {
    this.#life = new AbortController();
    this.#over = this.#live(this.#life.signal);
  }

  async stop(): Promise<void> {
    this.#life.abort();
    this.#socket?.close();
    await this.#over;
  }

  async #live(life: AbortSignal): Promise<void> {
    while (!life.aborted) {
      const socket = await connected(this.#service, this.#identity);
      this.#socket = socket;
      if (life.aborted) socket.close();
      socket.on("message", (data) => this.#receive(socket, JSON.parse(String(data))));
      await new Promise<void>((resolve) => socket.once("close", () => resolve()));
      if (!life.aborted) await pause(RECONNECT_MS);
    }
  }

  #receive(socket: WebSocket, message: Message): void {
    const { id, method, params } = message;
    if (method === "cancel") this.#cancels.get(params.id)?.();
    if (id === undefined) return;
    if (method !== "launchUri" && method !== "appService") {
      say(socket, { id, result: "pong" });
      return;
    }
    const account = this.ledger.of(id);
    account.seen++;
    void this.#run(id, params.payload, (said, message) => {
      account.said.add(said);
      say(socket, message);
    });
  }

  async #run(id: string, errand: Errand, speak: Speak): Promise<void> {
    const { label, act, ms } = errand;
    this.ledger.of(id).runs++;
    // Half of what such devices take they never acknowledge.
    if (this.#chance.is(0.5)) speak("executing", { method: "executing", params: { id } });
    const cancelled = new Promise<"cancelled">((resolve) =>
      this.#cancels.set(id, () => resolve("cancelled")),
    );
    const lasts = act === "quick" ? 0 : act === "patient" || act === "silent" ? 10_000_000 : ms;
    if (act === "progress") speak("progress", { method: "progress", params: { id, percent: 50 } });
    const timer = Promise.withResolvers<"done">();
    const forget = setTimeout(timer.resolve, lasts, "done").unref();
    const outcome = lasts === 0 ? "done" : await Promise.race([cancelled, timer.promise]);
    clearTimeout(forget);
    this.#cancels.delete(id);
    if (outcome === "cancelled") speak("cancelled", { id, error: { code: -32800, message: "Cancelled" } });
    else if (act === "fail") speak("error", { id, error: { code: 1, message: label } });
    else if (act === "drop") speak("dropped", { method: "dropped", params: { id, reason: label } });
    else speak("result", { id, result: { label } });
  }
}

type Speak = (
  said: "executing" | "progress" | "result" | "error" | "cancelled" | "dropped",
  message: object,
) => void;

/** What the service says to a device. */
export interface Message {
  id?: string;
  method?: string;
  params: { id: string; attempt: number; payload: Errand };
}

/** Says a JSON-RPC message; nothing where the socket is gone. */
export function say(socket: WebSocket, message: object): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ jsonrpc: "2.0", ...message }));
}

/** A socket to the service that opens soon, or not at all; its errors are its close. */
export async function connected(service: string, identity: DeviceIdentity): Promise<WebSocket> {
  const token = await signDeviceToken(identity, service, Date.now(), 3_000);
  const address = `${service.replace("http", "ws")}/devices/${identity.deviceId}/connection`;
  const socket = new WebSocket(address, [SUBPROTOCOL], { headers: { Authorization: `Bearer ${token}` } });
  socket.on("error", () => undefined);
  return socket;
}
