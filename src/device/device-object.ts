import { DurableObject } from "cloudflare:workers";
import type { AccountObject } from "../account/account-object.ts";
import type { EndedStatus } from "../command/command.ts";
import type { Claim, CommandObject, Unknown } from "../command/command-object.ts";
import { OFFER_TIMEOUT_MS, OPEN_COMMANDS_PER_DEVICE_MAX, PING_TIMEOUT_MS } from "../limits.ts";
import { objectId, reach } from "../reach.ts";
import { Allowance, admit, Connection } from "./connection.ts";
import type { DeviceProperties, DeviceRecord, DeviceStatus, DeviceView } from "./device.ts";
import { DeviceStore, type Listed } from "./device-store.ts";
import {
  CLOSE,
  cancelFrame,
  errorFrame,
  lateFrame,
  type Message,
  parseFrame,
  type Report,
  RPC_ERROR,
} from "./protocol.ts";

/** What became of an offer. */
export type Handover =
  /** The device's connection took it. */
  | { type: "sent"; connection: string }
  /** It is listed, and waits for the device to connect. */
  | { type: "offline" }
  /** It is listed behind commands that are being handed over. */
  | { type: "queued" }
  | { type: "refused"; reason: "deviceUnknown" | "queueFull" };

/** Calls under way at once when many commands are asked or told: hides the hop to each without a stampede. */
const WINDOW = 16;

/**
 * One device: its properties, its connection, and its commands in the order they were accepted.
 * It decides nothing about a command; it hands over, listens, and tells the command's own object.
 */
export class DeviceObject extends DurableObject<Env> {
  readonly #store: DeviceStore;
  readonly #allowance = new Allowance();
  /** What the current connection has taken, as far as memory reaches: nothing is sent twice on one connection. */
  #sent = new Set<string>();
  /** Reports under way, by command: what a device says of one command arrives in the order it said it. */
  readonly #relays = new Map<string, Promise<void>>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new DeviceStore(ctx.storage);
    // Answered by the platform, without waking the object.
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    // Evicted while it was handing over: go on where it stopped.
    const connection = this.#current();
    if (connection !== undefined && connection.drainedTo !== null) ctx.waitUntil(this.#drain(connection));
  }

  // ---- For the owner ----

  /** Makes this object a device of the account. Keeps nothing where the account has no room. */
  async register(
    account: string,
    properties: DeviceProperties,
  ): Promise<{ ok: true; device: DeviceView } | { ok: false; reason: "full" }> {
    const device = this.#store.device ?? { ...properties, account, connectedBefore: false, removed: false };
    this.#store.put(device);
    const added = await this.#tellAccount(device, (stub) => stub.add(this.#id));
    if (added.ok) return { ok: true, device: this.#view(device) };
    await this.#store.erase();
    return added;
  }

  /** The device and its presence. Writes nothing. */
  describe(account: string): { ok: true; device: DeviceView } | Unknown {
    const device = this.#of(account);
    return device === undefined ? UNKNOWN : { ok: true, device: this.#view(device) };
  }

  rename(account: string, name: string): { ok: true; device: DeviceView } | Unknown {
    const device = this.#of(account);
    if (device === undefined) return UNKNOWN;
    const renamed = { ...device, name };
    this.#store.put(renamed);
    return { ok: true, device: this.#view(renamed) };
  }

  /** Ends the registration: the connection is closed, and every open command learns of it. */
  async unregister(account: string): Promise<{ ok: true } | Unknown> {
    const device = this.#of(account);
    if (device === undefined) return UNKNOWN;
    this.#store.put({ ...device, removed: true });
    // Should the rest break off, the alarm goes on with it.
    await this.ctx.storage.setAlarm(Date.now() + OFFER_TIMEOUT_MS);
    this.#current()?.close(CLOSE.unregistered, "The device was unregistered.");
    try {
      await this.#finishRemoval(device);
    } catch (error) {
      this.#log("removalUnfinished", error);
    }
    return { ok: true };
  }

  /** At most `top` of the device's commands before a place, the newest first. Writes nothing. */
  commands(account: string, before: number, top: number): { ok: true; commands: Listed[] } | Unknown {
    return this.#of(account) === undefined
      ? UNKNOWN
      : { ok: true, commands: this.#store.before(before, top) };
  }

  // ---- For the command's object ----

  /** Takes a command into the list, and hands it over if the device is there and nothing waits before it. */
  offer(offered: { account: string; command: string; frame: string }): Handover {
    const { account, command, frame } = offered;
    if (this.#of(account) === undefined) return { type: "refused", reason: "deviceUnknown" };
    const { open } = this.#store;
    if (!open.has(command) && open.size >= OPEN_COMMANDS_PER_DEVICE_MAX)
      return { type: "refused", reason: "queueFull" };
    const place = this.#store.add(command);
    const connection = this.#current();
    if (connection === undefined) return { type: "offline" };
    if (connection.drainedTo !== null && place > connection.drainedTo) return { type: "queued" };
    if (!this.#send(connection, command, frame)) return { type: "offline" };
    return { type: "sent", connection: connection.id };
  }

  /** Whether a connection is alive. The first question sends `ping`; a `ping` left unanswered closes the connection. */
  check(id: string, asked: boolean): "lost" | "asked" | "answered" {
    const connection = this.#current();
    if (connection?.id !== id) return "lost";
    if (connection.pingedAt === null) {
      if (asked) return "answered";
      return connection.ping(Date.now()) ? "asked" : "lost";
    }
    if (Date.now() - connection.pingedAt < PING_TIMEOUT_MS) return "asked";
    connection.close(CLOSE.unresponsive, "The device left ping unanswered.");
    this.ctx.waitUntil(this.#tellLoss(connection));
    return "lost";
  }

  /** Tells the device to cancel; false where it is not connected. */
  cancel(command: string): boolean {
    return this.#current()?.send(cancelFrame(command)) ?? false;
  }

  /** The command has ended without the device's word. */
  settle(command: string, status: EndedStatus): void {
    if (this.#store.device !== undefined) this.#store.end(command, status);
  }

  // ---- For the device ----

  /** Opens the device's connection, or says with a status and `{"message"}` why it does not. */
  override async fetch(request: Request): Promise<Response> {
    const device = this.#store.device;
    if (device === undefined || device.removed) {
      return Response.json({ message: "There is no such device." }, { status: 404 });
    }
    const admission = await admit(request, this.#id, device, Date.now());
    if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket") {
      return Response.json({ message: admission.ok ? null : admission.message }, { status: 426 });
    }
    if (!admission.ok) return Response.json({ message: admission.message }, { status: admission.status });

    const older = this.#current();
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    const connection = Connection.open(server, admission.expiresAt);
    older?.close(CLOSE.replaced, "A newer connection of this device has taken over.");
    if (!device.connectedBefore) this.#store.put({ ...device, connectedBefore: true });
    await this.#wakeBy(connection.expiresAt);
    this.#sent = new Set();
    this.ctx.waitUntil(this.#drain(connection));
    const headers = new Headers(
      admission.subprotocol === null ? {} : { "Sec-WebSocket-Protocol": admission.subprotocol },
    );
    return new Response(null, { status: 101, webSocket: client, headers });
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    const connection = new Connection(socket);
    if (!this.#allowance.take(Date.now())) return connection.close(CLOSE.flooded, "Too many frames.");
    connection.heard();
    if (typeof data !== "string") {
      connection.send(errorFrame(null, RPC_ERROR.invalidRequest, "Frames are text."));
      return;
    }
    await Promise.all(parseFrame(data).map((message) => this.#receive(connection, message)));
  }

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    const connection = new Connection(socket);
    // The hibernation API leaves the closing handshake to us; 1005 and above are never sent (RFC 6455, 7.4.1).
    connection.close(code >= 1004 && code <= 1006 ? 1000 : code, "");
    await this.#tellLoss(connection);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#tellLoss(new Connection(socket));
  }

  /** The device's alarm: expired tokens, a hand-over that broke off, a removal that broke off. */
  override async alarm(): Promise<void> {
    const device = this.#store.device;
    if (device === undefined) return;
    try {
      if (device.removed) return await this.#finishRemoval(device);
      for (const [key, { command, report }] of this.#store.kept()) {
        await this.#relay(this.#current(), command, report);
        this.#store.told(key);
      }
      const connection = this.#current();
      if (connection === undefined) return;
      if (connection.expiresAt <= Date.now()) {
        connection.close(CLOSE.tokenExpired, "The device's token has expired.");
        return await this.#tellLoss(connection);
      }
      await this.#wakeBy(connection.expiresAt);
      await this.#drain(connection);
    } catch (error) {
      this.#log("deviceAlarmFailed", error);
      await this.#wakeBy(Date.now() + OFFER_TIMEOUT_MS);
    }
  }

  // ---- Handing over ----

  /**
   * Gives a connection what waits, in the order of acceptance; what is offered meanwhile queues behind it.
   * What could not be asked for is asked for again by the alarm.
   */
  async #drain(connection: Connection): Promise<void> {
    let failed = false;
    for (let place = connection.drainedTo ?? 0; connection.isOpen; ) {
      const window = this.#store.openAfter(place, WINDOW);
      if (window.length === 0) {
        connection.drainedTo = null;
        break;
      }
      const claims = await Promise.all(window.map(({ id }) => this.#claim(id, connection)));
      const handovers: Promise<boolean>[] = [];
      for (const [index, { id, place: at }] of window.entries()) {
        const claim = claims[index];
        if (claim === undefined) failed = true;
        else handovers.push(this.#follow(claim, id, connection));
        place = at;
        connection.drainedTo = at;
      }
      failed = (await Promise.all(handovers)).includes(false) || failed;
    }
    if (failed) await this.#wakeBy(Date.now() + OFFER_TIMEOUT_MS);
  }

  /** What a command wants of a connection; undefined where its object could not be reached. */
  async #claim(id: string, connection: Connection): Promise<Claim | undefined> {
    try {
      return await this.#command(id, (stub) => stub.claim(connection.id));
    } catch (error) {
      this.#log("claimFailed", error);
      return undefined;
    }
  }

  /** Does at once what a claim says, then tells the command; false where it could not be told. */
  #follow(claim: Claim, id: string, connection: Connection): Promise<boolean> {
    switch (claim.type) {
      case "deliver":
        return this.#send(connection, id, claim.frame)
          ? this.#tell(id, (stub) => stub.handedOver(connection.id))
          : Promise.resolve(true);
      case "cancel":
        return connection.send(cancelFrame(id))
          ? this.#tell(id, (stub) => stub.cancelSent())
          : Promise.resolve(true);
      case "ended":
        this.#store.end(id, claim.status);
        break;
      case "unknown":
        this.#store.forget(id);
        break;
      case "nothing":
    }
    return Promise.resolve(true);
  }

  /** Writes a command to the connection, unless that has taken it already. */
  #send(connection: Connection, command: string, frame: string): boolean {
    if (this.#sent.has(command)) return true;
    if (!connection.send(frame)) return false;
    this.#sent.add(command);
    return true;
  }

  /** Tells the commands that a connection has taken that it is gone; a newer connection has asked them itself. */
  async #tellLoss(connection: Connection): Promise<void> {
    if (this.#current() !== undefined) return;
    const upTo = connection.drainedTo ?? Number.POSITIVE_INFINITY;
    await this.#forEachOpen(upTo, (id) => this.#tell(id, (stub) => stub.connectionLost(connection.id)));
  }

  // ---- Listening ----

  async #receive(connection: Connection, message: Message): Promise<void> {
    switch (message.type) {
      case "answer":
        connection.send(message.frame);
        break;
      case "presence":
        connection.presence = message.state;
        break;
      case "report":
        await this.#hear(connection, message.commandId, message.report);
        break;
      case "alive":
    }
  }

  /** Takes a report in. The device will not say it again, so one that cannot be told now is kept until it can. */
  async #hear(connection: Connection, command: string, report: Report): Promise<void> {
    try {
      await this.#inOrder(command, () => this.#relay(connection, command, report));
    } catch (error) {
      this.#log("reportKept", error);
      this.#store.keep({ command, report });
      await this.#wakeBy(Date.now() + OFFER_TIMEOUT_MS);
    }
  }

  /** Tells a command what the device said of it, and the device what became of that. */
  async #relay(connection: Connection | undefined, command: string, report: Report): Promise<void> {
    const id = objectId(this.env.COMMANDS, command);
    const receipt = id && (await reach(this.env.COMMANDS, id, (stub) => stub.report(this.#id, report)));
    if (!receipt?.ok) {
      connection?.send(
        errorFrame(null, RPC_ERROR.invalidParams, `This device has no command "${command.slice(0, 64)}".`),
      );
      return;
    }
    if (receipt.ended !== null) {
      this.#store.end(command, receipt.ended);
      this.#sent.delete(command);
    }
    if (receipt.late) connection?.send(lateFrame(command, receipt.status));
  }

  // ---- Ending ----

  async #finishRemoval(device: DeviceRecord): Promise<void> {
    await this.#tellAccount(device, (stub) => stub.remove(this.#id));
    await this.#forEachOpen(Number.POSITIVE_INFINITY, (id) =>
      this.#command(id, (stub) => stub.deviceRemoved()),
    );
    await this.#store.erase();
  }

  // ---- Small words ----

  get #id(): string {
    return this.ctx.id.toString();
  }

  #of(account: string): DeviceRecord | undefined {
    const device = this.#store.device;
    return device !== undefined && !device.removed && device.account === account ? device : undefined;
  }

  #view({ name, kind, platform, manufacturer, model, connectedBefore }: DeviceRecord): DeviceView {
    const presence = this.#current()?.presence;
    const absent: DeviceStatus = connectedBefore ? "Offline" : "Unknown";
    const status = presence === undefined ? absent : presence === "standby" ? "Standby" : "Online";
    return { id: this.#id, name, kind, platform, manufacturer, model, status };
  }

  #current(): Connection | undefined {
    return this.ctx
      .getWebSockets()
      .map((socket) => new Connection(socket))
      .find((connection) => connection.isOpen);
  }

  /** Sets the alarm, unless it rings earlier anyway. */
  async #wakeBy(time: number): Promise<void> {
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > time) await this.ctx.storage.setAlarm(time);
  }

  #command<R>(id: string, call: (stub: DurableObjectStub<CommandObject>) => R): Promise<Awaited<R>> {
    return reach(this.env.COMMANDS, this.env.COMMANDS.idFromString(id), call);
  }

  /** Tells a command, after what it is being told already; false where it could not be told. */
  async #tell(id: string, call: (stub: DurableObjectStub<CommandObject>) => Promise<void>): Promise<boolean> {
    try {
      await this.#inOrder(id, () => this.#command(id, call));
      return true;
    } catch (error) {
      this.#log("commandNotTold", error);
      return false;
    }
  }

  #tellAccount<R>(
    device: DeviceRecord,
    call: (stub: DurableObjectStub<AccountObject>) => R,
  ): Promise<Awaited<R>> {
    return reach(this.env.ACCOUNTS, this.env.ACCOUNTS.idFromString(device.account), call);
  }

  async #forEachOpen(upTo: number, step: (id: string) => Promise<unknown>): Promise<void> {
    for (let place = 0; ; ) {
      const window = this.#store.openAfter(place, WINDOW).filter((listed) => listed.place <= upTo);
      const last = window.at(-1);
      if (last === undefined) return;
      await Promise.all(window.map(({ id }) => step(id)));
      place = last.place;
    }
  }

  #inOrder(command: string, step: () => Promise<void>): Promise<void> {
    const done = (this.#relays.get(command) ?? Promise.resolve()).catch(() => undefined).then(step);
    this.#relays.set(command, done);
    const forget = (): void => {
      if (this.#relays.get(command) === done) this.#relays.delete(command);
    };
    done.then(forget, forget);
    return done;
  }

  #log(event: string, error: unknown): void {
    console.error({ event, device: this.#id, error: String(error) });
  }
}

const UNKNOWN: Unknown = { ok: false, reason: "unknown" };
