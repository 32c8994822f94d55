import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { importJWK, type JWK, type JWTPayload, jwtVerify } from "jose";
import { type WebSocket, WebSocketServer } from "ws";
import type { Clock } from "../../src/agent/clock.ts";
import { BEARER_SUBPROTOCOL_PREFIX, CLOSE, SUBPROTOCOL } from "../../src/device/protocol.ts";
import { DEVICE_TOKEN_SECONDS_MAX } from "../../src/limits.ts";
import { Queue } from "./queue.ts";

/** A message on the wire, as loosely as it comes. */
// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever members it expects.
export type Wire = any;

/** The message that hands a command over. */
export function delivery(
  id: string,
  params: Wire = {},
  method: "launchUri" | "appService" = "appService",
): Wire {
  const subject =
    method === "launchUri"
      ? { uri: "https://example.org/" }
      : { appServiceName: "a", packageFamilyName: "p" };
  const expirationDateTime = "2026-11-02T12:10:00Z";
  return {
    jsonrpc: "2.0",
    id,
    method,
    params: { ...subject, payload: null, attempt: 1, expirationDateTime, ...params },
  };
}

/** The service's end of one connection. */
export class ServiceEnd {
  readonly claims: JWTPayload;
  readonly heard = new Queue<Wire>();
  /** Close codes and reasons; at most one comes. */
  readonly closes = new Queue<{ code: number }>();
  /** Leaves the text frame `ping` without its `pong`. */
  deaf: boolean = false;
  readonly pings = new Queue<"ping">();
  readonly #socket: WebSocket;

  constructor(socket: WebSocket, claims: JWTPayload) {
    this.#socket = socket;
    this.claims = claims;
    socket.on("message", (data) => {
      const frame = data.toString();
      if (frame !== "ping") this.heard.push(JSON.parse(frame));
      else {
        if (!this.deaf) socket.send("pong");
        this.pings.push("ping");
      }
    });
    socket.on("close", (code) => this.closes.push({ code }));
  }

  says(message: Wire): void {
    this.#socket.send(typeof message === "string" ? message : JSON.stringify({ jsonrpc: "2.0", ...message }));
  }

  saysBytes(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  delivers(id: string, params: Wire = {}, method: "launchUri" | "appService" = "appService"): void {
    this.says(delivery(id, params, method));
  }

  cancels(id: string): void {
    this.says({ method: "cancel", params: { id } });
  }

  /** The device's next message. */
  hears(): Promise<Wire> {
    return this.heard.next();
  }

  /** Proves that everything said before has been dealt with: frames are read in order. */
  async isHeardOut(): Promise<void> {
    this.says({ id: "heard-out", method: "ping" });
    await this.heard.next((message: Wire) => message.id === "heard-out");
  }

  closesWith(code: number): void {
    this.#socket.close(code);
  }

  /** The connection is lost without a word. */
  drops(): void {
    this.#socket.terminate();
  }
}

/** A request for the device's messages, or one with them, that waits for its answer. */
export class Asked {
  readonly claims: JWTPayload;
  /** What it was sent with: a message, or a batch of them. */
  readonly messages: Wire[];
  readonly isBatch: boolean;
  /** Seconds. */
  readonly wait: number;
  /** Resolves when the request is over, however that came. */
  readonly over: Promise<void>;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse, claims: JWTPayload, body: string) {
    const sent = body === "" ? [] : JSON.parse(body);
    this.claims = claims;
    this.messages = [sent].flat();
    this.isBatch = Array.isArray(sent);
    this.wait = Number(/^wait=(\d+)$/.exec(String(request.headers.prefer))?.[1]);
    this.over = new Promise((resolve) => response.once("close", resolve));
    this.#response = response;
  }

  /** With these messages, once the wait has been granted. */
  isAnswered(...messages: Wire[]): void {
    this.isAnsweredWith(200, { "Preference-Applied": `wait=${this.wait}` }, JSON.stringify(messages));
  }

  isAnsweredWith(status: number, headers: Record<string, string> = {}, body = ""): void {
    this.#response.writeHead(status, headers).end(body);
  }

  /** The connection breaks off. */
  drops(): void {
    this.#response.destroy();
  }
}

/** Plays the service on the loopback interface: checks tokens, replaces older connections, says what a test says. */
export class ActingService {
  readonly deviceId = "d".repeat(64);
  readonly connections = new Queue<ServiceEnd>();
  readonly asks = new Queue<Asked>();
  readonly posts = new Queue<Asked>();
  /** Answers posts with 204 by itself. */
  answersPosts: boolean = true;
  readonly registrations = new Queue<Wire>();
  /** The key that tokens are checked with; a registration sets it. */
  publicKey: JWK | null = null;
  /** What a handshake and a plain GET are refused with, whatever the token: 404, or a failure. */
  refusesWith: number | null = null;
  /** Seconds after which it says that one may come again. */
  retryAfter: number | null = null;
  /** Refuses handshakes only, as a proxy on the way might. */
  refusesHandshakes: boolean = false;
  /** Handshakes are answered when this has resolved. */
  answersHandshakes: Promise<void> = Promise.resolve();
  /** Selects no subprotocol but the token's, as a foreign server might. */
  confused: boolean = false;
  /** Closes the older connection when a newer one comes. */
  replaces: boolean = true;
  readonly #clock: Clock;
  readonly #http = createServer((request, response) => void this.#answer(request, response));
  readonly #sockets: WebSocketServer;
  #newest: ServiceEnd | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    const claims = new WeakMap<IncomingMessage, JWTPayload>();
    this.#sockets = new WebSocketServer({
      server: this.#http,
      handleProtocols: (offered) => (this.confused ? ([...offered][1] ?? false) : SUBPROTOCOL),
      verifyClient: ({ req }, decide) => {
        this.#check(req).then(
          async (payload) => {
            await this.answersHandshakes;
            claims.set(req, payload);
            const status = this.refusesWith ?? (this.refusesHandshakes ? 502 : null);
            decide(status === null, status ?? undefined);
          },
          () => decide(false, this.refusesWith ?? 401),
        );
      },
    });
    this.#sockets.on("connection", (socket, request) => {
      const end = new ServiceEnd(socket, claims.get(request) ?? {});
      if (this.replaces) this.#newest?.closesWith(CLOSE.replaced);
      this.#newest = end;
      this.connections.push(end);
    });
  }

  async opens(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#http.listen(0, "127.0.0.1", resolve);
    await promise;
  }

  async shuts(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate();
    this.#sockets.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#http.close(() => resolve());
    this.#http.closeAllConnections();
    await promise;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** The device's first request on a connection, answered with what waits. */
  async greets(...messages: Wire[]): Promise<Asked> {
    const asked = await this.asks.next();
    asked.isAnswered(...messages);
    return asked;
  }

  async #check({ headers, url }: IncomingMessage): Promise<JWTPayload> {
    if (url !== `/devices/${this.deviceId}/connection`) throw new Error("another path");
    const offered = headers["sec-websocket-protocol"]?.split(/,\s*/) ?? [];
    const token = offered.find((word) => word.startsWith(BEARER_SUBPROTOCOL_PREFIX));
    if (offered[0] !== SUBPROTOCOL || token === undefined || this.publicKey === null)
      throw new Error("no token");
    return await this.#verify(token.slice(BEARER_SUBPROTOCOL_PREFIX.length), this.publicKey);
  }

  async #verify(token: string, publicKey: JWK): Promise<JWTPayload> {
    const { payload } = await jwtVerify(token, await importJWK(publicKey, "ES256"), {
      algorithms: ["ES256"],
      issuer: this.deviceId,
      subject: this.deviceId,
      audience: this.origin,
      currentDate: new Date(this.#clock.now()),
      requiredClaims: ["iat", "exp", "jti"],
    });
    const { iat = Number.NaN, exp = Number.NaN } = payload;
    if (!(exp - iat <= DEVICE_TOKEN_SECONDS_MAX)) throw new Error("valid for too long");
    return payload;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    if (request.method === "POST" && request.url === "/v1.0/me/devices") {
      if (request.headers.authorization !== "Bearer caller") {
        response.writeHead(401).end(JSON.stringify({ error: { message: "The token is not accepted." } }));
        return;
      }
      const registration = JSON.parse(body);
      this.publicKey = registration.publicKey;
      this.registrations.push(registration);
      response.writeHead(201).end(JSON.stringify({ ...registration, id: this.deviceId }));
      return;
    }
    if (this.refusesWith !== null) {
      const headers = this.retryAfter === null ? {} : { "Retry-After": String(this.retryAfter) };
      response
        .writeHead(this.refusesWith, headers)
        .end(JSON.stringify({ error: { message: "No such device." } }));
      return;
    }
    const token = request.headers.authorization?.replace("Bearer ", "") ?? "";
    const claims = this.publicKey && (await this.#verify(token, this.publicKey).catch(() => null));
    if (request.url === `/devices/${this.deviceId}/messages`) {
      if (claims === null)
        response.writeHead(401).end(JSON.stringify({ error: { message: "Another key." } }));
      else this.#answerMessages(new Asked(request, response, claims, body), request.method);
      return;
    }
    const error = claims
      ? { message: "Upgrade.", innerError: {} }
      : { message: "Another key.", innerError: { code: "InvalidAuthenticationToken" } };
    response.writeHead(426).end(JSON.stringify({ error }));
  }

  #answerMessages(asked: Asked, method: string | undefined): void {
    if (method === "GET") {
      this.asks.push(asked);
      return;
    }
    this.posts.push(asked);
    if (this.answersPosts) asked.isAnsweredWith(204);
  }
}
