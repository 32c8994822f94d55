import { env, exports } from "cloudflare:workers";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { vi } from "vitest";
import { SUBPROTOCOL } from "../src/device/protocol.ts";
import { PATIENTLY } from "./patience.ts";

/** What the stories in these tests are told with: callers with tokens, and devices with keys and sockets. */

export const ORIGIN = "https://appia.test";
export const ALL_SCOPES = "Device.ReadWrite Device.Command";

// biome-ignore lint/suspicious/noExplicitAny: answers are examined member by member, as a client's own code would.
export type Json = any;

let accounts = 0;

/** A name that no other test uses: storage is shared within a file. */
export function newAccount(): string {
  return `account-${++accounts}-${crypto.randomUUID()}`;
}

/** A caller's token; `claims` override what a good one holds. */
export async function signToken(
  sub: string,
  scope = ALL_SCOPES,
  claims: Record<string, unknown> = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  return await new SignJWT({
    iss: env.AUTH_ISSUER,
    aud: env.AUTH_AUDIENCE,
    sub,
    scp: scope,
    iat: now,
    exp: now + 600,
    ...claims,
  })
    .setProtectedHeader({ alg: "ES256", kid: "test" })
    .sign(JSON.parse(env.TEST_SIGNING_KEY));
}

export interface Answer {
  status: number;
  headers: Headers;
  /** The parsed body; undefined where there is none. */
  body: Json;
}

/** One user of the service's HTTP interface. */
export class Api {
  readonly sub: string;
  readonly #token: Promise<string>;

  constructor(sub = newAccount(), scope = ALL_SCOPES) {
    this.sub = sub;
    this.#token = signToken(sub, scope);
  }

  /** Sends a request; an object as `body` goes as JSON, a string as it is. */
  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await exports.default.fetch(`${ORIGIN}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${await this.#token}`,
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return await answerOf(response);
  }

  get(path: string, headers?: Record<string, string>): Promise<Answer> {
    return this.request("GET", path, undefined, headers);
  }

  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.request("POST", path, body, headers);
  }

  /** Sends a command, and answers its address without the profile. */
  async send(device: Device | string, body: unknown): Promise<string> {
    const id = typeof device === "string" ? device : device.id;
    const answer = await this.post(`/v1.0/me/devices/${id}/commands`, body);
    if (answer.status !== 201)
      throw new Error(`Sending answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return `/me/devices/${id}/commands/${answer.body.id}`;
  }

  /** The command, once it has one of these statuses. */
  async reaches(command: string, ...statuses: string[]): Promise<Json> {
    return await vi.waitFor(async () => {
      const { body } = await this.get(`/v1.0${command}`);
      if (!statuses.includes(body.status))
        throw new Error(`The command is ${body.status}, not ${statuses.join(" or ")}.`);
      return body;
    }, PATIENTLY);
  }

  /** The statuses that a command's history shows, without repeats in a row. */
  async statusesOf(command: string): Promise<string[]> {
    const { body } = await this.get(`/v1.0${command}/history`);
    const statuses: string[] = body.value.map(({ status }: { status: string }) => status);
    return statuses.filter((status, index) => status !== statuses[index - 1]);
  }
}

export async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get("Content-Type")?.includes("json");
  return {
    status: response.status,
    headers: response.headers,
    body: text === "" ? undefined : isJson ? JSON.parse(text) : text,
  };
}

/** A device: its key, and the frames on its socket. */
export class Device {
  readonly id: string;
  readonly #privateKey: CryptoKey;
  socket: WebSocket | undefined;
  /** Frames that came and were not yet taken by `receives`, parsed. */
  readonly #frames: Json[] = [];
  /** How the last socket was closed. */
  closed: { code: number; reason: string } | undefined;

  private constructor(id: string, privateKey: CryptoKey) {
    this.id = id;
    this.#privateKey = privateKey;
  }

  static async registered(api: Api, properties: Record<string, unknown> = {}): Promise<Device> {
    const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
    const answer = await api.post("/v1.0/me/devices", {
      name: "Test device",
      kind: "Desktop",
      platform: "Linux",
      publicKey: await exportJWK(publicKey),
      ...properties,
    });
    if (answer.status !== 201)
      throw new Error(`Registering answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return new Device(answer.body.id, privateKey);
  }

  static async connected(api: Api): Promise<Device> {
    const device = await Device.registered(api);
    await device.connects();
    return device;
  }

  /** The device's own token; `claims` override what a good one holds. */
  async signToken(claims: Record<string, unknown> = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1_000);
    return await new SignJWT({ iss: this.id, sub: this.id, aud: ORIGIN, iat: now, exp: now + 600, ...claims })
      .setProtectedHeader({ alg: "ES256" })
      .sign(this.#privateKey);
  }

  /** Asks for a connection with these headers, and answers what comes. */
  static async handshake(id: string, headers: Record<string, string>): Promise<Response> {
    return await exports.default.fetch(`${ORIGIN}/devices/${id}/connection`, {
      headers: { Upgrade: "websocket", ...headers },
    });
  }

  async connects(claims: Record<string, unknown> = {}): Promise<void> {
    const token = await this.signToken(claims);
    const response = await Device.handshake(this.id, {
      "Sec-WebSocket-Protocol": `${SUBPROTOCOL}, bearer.${token}`,
    });
    const socket = response.webSocket;
    if (socket === null) throw new Error(`Connecting answered ${response.status}: ${await response.text()}`);
    socket.accept();
    socket.addEventListener("message", ({ data }) => {
      if (this.socket === socket && typeof data === "string")
        this.#frames.push(data === "pong" ? data : JSON.parse(data));
    });
    socket.addEventListener("close", ({ code, reason }) => {
      if (this.socket === socket) this.closed = { code, reason };
    });
    this.socket = socket;
    this.closed = undefined;
  }

  /** Closes the socket, and waits until the service knows. */
  async disconnects(api: Api): Promise<void> {
    this.socket?.close(1000, "Bye");
    await vi.waitFor(async () => {
      const { body } = await api.get(`/v1.0/me/devices/${this.id}`);
      if (body.status !== "Offline") throw new Error(`The device is ${body.status}.`);
    }, PATIENTLY);
  }

  /** Asks for what waits over HTTP, and for the service to wait so many seconds for it. */
  async polls(seconds = 0): Promise<Answer> {
    return await this.requests("GET", undefined, { Prefer: `wait=${seconds}` });
  }

  /** Says messages over HTTP. */
  async posts(...messages: Json[]): Promise<Answer> {
    const framed = messages.map((message) => ({ jsonrpc: "2.0", ...message }));
    return await this.requests("POST", JSON.stringify(framed.length === 1 ? framed[0] : framed));
  }

  /** Sends a request to the device's messages. */
  async requests(
    method: string,
    body?: string | Uint8Array,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await exports.default.fetch(`${ORIGIN}/devices/${this.id}/messages`, {
      method,
      headers: {
        Authorization: `Bearer ${await this.signToken()}`,
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body }),
    });
    return await answerOf(response);
  }

  /** Takes the next frame that has come, or comes. */
  async receives(): Promise<Json> {
    return await vi.waitFor(() => {
      if (this.#frames.length === 0) throw new Error("No frame has come.");
      return this.#frames.shift();
    }, PATIENTLY);
  }

  /** Frames that nobody has taken. */
  get untaken(): readonly Json[] {
    return this.#frames;
  }

  /** Sends a frame: an object as JSON, a string as it is. */
  sends(frame: unknown): void {
    this.socket?.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  notifies(method: string, params: unknown): void {
    this.sends({ jsonrpc: "2.0", method, params });
  }

  acknowledges(id: string): void {
    this.notifies("executing", { id });
  }

  answers(id: string, result: unknown): void {
    this.sends({ jsonrpc: "2.0", id, result });
  }

  fails(id: string, error: { code: number; message: string; data?: unknown }): void {
    this.sends({ jsonrpc: "2.0", id, error });
  }
}

/** Commands as in the original's two examples. */
export const LAUNCH_URI = { type: "LaunchUri", payload: { uri: "https://example.com/" } };
export const APP_SERVICE = {
  type: "AppService",
  appServiceName: "com.example.ping",
  packageFamilyName: "Example_abc",
  payload: { question: "Are you there?" },
};
