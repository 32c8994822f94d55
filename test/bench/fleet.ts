import { once } from "node:events";
import type { Agent } from "node:http";
import { WebSocket } from "ws";
import { createKeyPair, signDeviceToken } from "../../src/agent/identity.ts";
import type { Issuer } from "../workerd/issuer.ts";
import type { Workerd } from "../workerd/workerd.ts";
import { askJson, type Question } from "./ask.ts";

/** Callers and devices of the service, as light as they can be: many of them share the machine with it. */

/** Devices in one account: below what an account may have. */
const PER_ACCOUNT = 250;
/** Registrations and handshakes under way at once. */
const AT_ONCE = 32;
const TOKEN_SECONDS = 3_000;

export const ORDER = JSON.stringify({ type: "LaunchUri", payload: { uri: "https://example.com/" } });

/** A registered device, and what is asked of the service about it. */
export interface Place {
  id: string;
  token: string;
  /** Path of its commands. */
  commands: string;
}

/** What a device does with a request that it is sent. */
export type Behaviour = (socket: WebSocket, id: string) => void;

/** Acknowledges and answers at once. */
export const answers: Behaviour = (socket, id) => {
  socket.send(`{"jsonrpc":"2.0","method":"executing","params":{"id":"${id}"}}`);
  socket.send(`{"jsonrpc":"2.0","id":"${id}","result":{"ok":1}}`);
};

/** Acknowledges, and goes on until it is told otherwise. */
export const begins: Behaviour = (socket, id) => {
  socket.send(`{"jsonrpc":"2.0","method":"executing","params":{"id":"${id}"}}`);
};

/** A question that a caller asks at a path of `/v1.0`. */
export function question(
  { origin }: Pick<Workerd, "origin">,
  token: string,
  method: Question["method"],
  path: string,
  { body, ...headers }: { body?: string; prefer?: string } = {},
): Question {
  const headed = { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers };
  return { method, url: `${origin}/v1.0${path}`, headers: headed, ...(body !== undefined && { body }) };
}

export class Fleet {
  readonly #issuer: Issuer;
  readonly #keys: Awaited<ReturnType<typeof createKeyPair>>;
  readonly places: Place[] = [];
  #sockets = new Set<WebSocket>();

  private constructor(issuer: Issuer, keys: Awaited<ReturnType<typeof createKeyPair>>) {
    this.#issuer = issuer;
    this.#keys = keys;
  }

  static async of(issuer: Issuer): Promise<Fleet> {
    return new Fleet(issuer, await createKeyPair(false));
  }

  /** Registers so many more devices, and answers them. They share a key: making 5,000 measures only this process. */
  async register(service: Workerd, count: number, agent: Agent): Promise<Place[]> {
    const begin = this.places.length;
    const accounts = Array.from({ length: Math.ceil(count / PER_ACCOUNT) }, () => crypto.randomUUID());
    const tokens = await Promise.all(accounts.map((account) => this.#issuer.token(account)));
    const { publicKey } = this.#keys;
    const body = JSON.stringify({ name: "Bench", kind: "Desktop", platform: "Linux", publicKey });
    await atOnce(AT_ONCE, count, async (index) => {
      const token = tokens[index % tokens.length] ?? "";
      const { id } = await askJson(question(service, token, "POST", "/me/devices", { body }), 201, agent);
      this.places[begin + index] = { id, token, commands: `/me/devices/${id}/commands` };
    });
    return this.places.slice(begin);
  }

  /** Connects these devices, and resolves when they are. What they are sent goes to `behaviour`. */
  async connect(service: Workerd, places: readonly Place[], behaviour: Behaviour): Promise<WebSocket[]> {
    const sockets: WebSocket[] = [];
    await atOnce(AT_ONCE, places.length, async (index) => {
      const { id = "" } = places[index] ?? {};
      const identity = { deviceId: id, privateKey: this.#keys.privateKey, algorithm: "ES256" as const };
      const token = await signDeviceToken(identity, service.origin, Date.now(), TOKEN_SECONDS);
      const socket = new WebSocket(
        `${service.origin.replace("http", "ws")}/devices/${id}/connection`,
        ["appia.device.v1"],
        { headers: { authorization: `Bearer ${token}` }, perMessageDeflate: false },
      );
      socket.on("message", (data) => heard(socket, String(data), behaviour));
      await once(socket, "open");
      sockets[index] = socket;
      this.#sockets.add(socket);
      socket.on("close", (code, reason) => {
        // Nobody is there to catch it, and nobody should: what is measured from here on is something else.
        if (this.#sockets.has(socket))
          throw new Error(`A device was disconnected: ${code} ${String(reason)}`);
      });
    });
    return sockets;
  }

  /** Disconnects all of them at once, and does not wait for the service to say good-bye. */
  disconnect(): void {
    const sockets = this.#sockets;
    this.#sockets = new Set();
    for (const socket of sockets) socket.terminate();
  }
}

function heard(socket: WebSocket, data: string, behaviour: Behaviour): void {
  const { id, method } = JSON.parse(data) as { id?: string; method?: string };
  if (id === undefined || method === undefined) return;
  if (method === "ping") socket.send(`{"jsonrpc":"2.0","id":"${id}","result":null}`);
  else behaviour(socket, id);
}

/** Does something for each index below a count, so many at a time. */
export async function atOnce(
  most: number,
  count: number,
  act: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const actor = async (): Promise<void> => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: most }, actor));
}
