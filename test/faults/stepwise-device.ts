import type WebSocket from "ws";
import type { DeviceIdentity } from "../../src/agent/identity.ts";
import { connected, say } from "./devices.ts";
import { eventually } from "./scenario.ts";

/** A frame of the service. */
export interface Frame {
  id?: string;
  method?: string;
  params: { id: string; attempt: number };
}

/** A device that does one step at a time, as a story has it. */
export class StepwiseDevice {
  readonly id: string;
  readonly #service: string;
  readonly #identity: DeviceIdentity;
  #socket: WebSocket | undefined;
  #frames: Frame[] = [];
  /** The code with which the service has closed the connection; null while it has not. */
  closedWith: number | null = null;

  /** `service` is the origin that it connects to. */
  constructor(service: string, identity: DeviceIdentity) {
    this.id = identity.deviceId;
    this.#service = service;
    this.#identity = identity;
  }

  async connects(): Promise<void> {
    const socket = await connected(this.#service, this.#identity);
    const frames: Frame[] = [];
    socket.on("message", (data) => frames.push(JSON.parse(String(data))));
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("close", () => reject(new Error("The handshake was refused.")));
    });
    socket.on("close", (code) => {
      this.closedWith = code;
    });
    this.closedWith = null;
    this.#frames = frames;
    this.#socket = socket;
  }

  /** Takes the next frame of a method that comes on this connection. */
  async receives(method: string): Promise<Frame> {
    return await eventually(`The device was to be sent ${method}`, () => {
      const at = this.#frames.findIndex((frame) => frame.method === method);
      return at < 0 ? undefined : this.#frames.splice(at, 1)[0];
    });
  }

  says(message: object): void {
    if (this.#socket !== undefined) say(this.#socket, message);
  }

  /** As a crash does it: TCP is reset, and what was not sent yet is lost. */
  breaksOff(): void {
    this.#socket?.terminate();
  }

  /** With the closing handshake, after all that was said. */
  async closes(): Promise<void> {
    const socket = this.#socket;
    if (socket === undefined) return;
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.close();
    await closed;
  }
}
