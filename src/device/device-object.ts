import { DurableObject } from "cloudflare:workers";
import type { AccountObject, Refused as AccountRefused } from "../account/account-object.ts";
import type { Command, EndedStatus, Intent, Order, Status } from "../command/command.ts";
import { type Delivery, type Handover, type Refusal, UNKNOWN, type Unknown } from "../command/handover.ts";
import {
  DELETION_COMMANDS,
  HANDSHAKE_PAUSE_MS,
  LISTING_BYTES_MAX,
  OFFER_TIMEOUT_MS,
  PING_TIMEOUT_MS,
} from "../limits.ts";
import { located } from "../operations/jurisdiction.ts";
import { logFault } from "../operations/log.ts";
import { observe } from "../operations/observe.ts";
import { reach } from "../reach.ts";
import { admitSocket, admitToken, NO_SUCH_DEVICE, type Refused } from "./admission.ts";
import { type Channel, Connection } from "./connection.ts";
import { Conversation } from "./conversation.ts";
import type { DeviceProperties, DeviceRecord, DeviceStatus, DeviceView } from "./device.ts";
import { DeviceStore, type Listed, type Page } from "./device-store.ts";
import { Dispatch } from "./dispatch.ts";
import { Polls } from "./poll.ts";
import { CLOSE, cancelFrame } from "./protocol.ts";

/** One device: its properties, its connection, its presence, and its commands in the order they were accepted. */
export class DeviceObject extends DurableObject<Env> {
  readonly #store: DeviceStore;
  readonly #dispatch: Dispatch;
  readonly #conversation: Conversation;
  readonly #polls = new Polls();
  /** When the alarm is set for; undefined before that was looked up. */
  #alarmAt: number | null | undefined;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, located(env));
    this.#store = new DeviceStore(ctx.storage);
    this.#dispatch = new Dispatch({
      id: this.#id,
      commands: this.env.COMMANDS,
      store: this.#store,
      current: () => this.#current(),
      given: () => this.#conversation.allowance.grant(),
      observe: (before, after) => observe(this.env, before, after),
      wakeBy: (time) => this.#wakeBy(time),
    });
    this.#conversation = new Conversation(this.#dispatch, (presence) => {
      (this.#socket() ?? this.#polls).presence = presence;
    });
    // Answered by the platform, without waking the object.
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
    // Evicted while it was handing over: go on where it stopped.
    const connection = this.#socket();
    if (connection !== undefined && connection.drainedTo !== null)
      ctx.waitUntil(this.#dispatch.drain(connection));
  }

  // ---- For the owner ----

  /** Makes this object a device of the account. Keeps nothing where the account has no room. */
  async register(
    account: string,
    properties: DeviceProperties,
  ): Promise<{ ok: true; device: DeviceView } | AccountRefused> {
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
    this.#setAlarm(Date.now() + OFFER_TIMEOUT_MS);
    this.#current()?.close(CLOSE.unregistered, "The device was unregistered.");
    try {
      await this.#finishRemoval(device);
    } catch (error) {
      this.#log("removalUnfinished", error);
    }
    return { ok: true };
  }

  /**
   * At most `top` of the device's commands before a place, the newest first, and the place where the next page
   * begins. `status` narrows to those that ended so, or, where it is a live one, to those that have not ended. Those
   * without an object of their own are told along; a page of them ends where it would grow too large.
   */
  async commands(
    account: string,
    before: number,
    top: number,
    status: Status | null,
  ): Promise<({ ok: true } & Page) | Unknown> {
    if (this.#of(account) === undefined) return UNKNOWN;
    // All at once, rather than each as its turn comes.
    await this.#dispatch.land();
    const { commands, next } = this.#store.page(before, top, status);
    const told: Listed[] = [];
    let length = 0;
    for (const listed of commands) {
      const command = await this.#dispatch.tell(listed.id);
      length += command?.length ?? 0;
      if (length > LISTING_BYTES_MAX && told.length > 0)
        return { ok: true, commands: told, next: told.at(-1)?.place ?? null };
      told.push(command === null ? listed : { ...listed, command });
    }
    return { ok: true, commands: told, next };
  }

  /**
   * Accepts an order: the command is durable before the device hears of it, and is handed over if the device is there
   * and nothing waits before it. Where the caller waits it answers at the command's end, or after `waitMs`, and tells
   * the command, unless that has an object of its own by then. Repeating the call is harmless.
   */
  async accept(
    order: Order,
    intent: Intent | null,
    waitMs: number,
  ): Promise<{ ok: true; acceptedAt: number; command: string | null } | ({ ok: false } & Refusal)> {
    await this.#alarm();
    // Between two polls a device is not away.
    if (this.#of(order.account) !== undefined && this.#current() === undefined) await this.#polls.whenBack();
    const alarmAt = this.#alarmAt ?? null;
    if (this.#of(order.account) === undefined) return { ok: false, reason: "deviceUnknown" };
    const now = Date.now();
    const accepted = this.#dispatch.accept(order, intent, now);
    if (!accepted.ok) return accepted;
    // Whatever breaks off, it is looked after when its time for delivery is over at the latest.
    const deliverBy = accepted.acceptedAt + order.deliveryTimeoutMs;
    if (alarmAt === null || alarmAt > deliverBy) this.#setAlarm(deliverBy);
    if (waitMs === 0) return { ...accepted, command: null };
    try {
      return { ...accepted, command: await this.#dispatch.tell(order.id, waitMs) };
    } catch (error) {
      // Whatever is out of reach, it was accepted.
      this.#log("answerIncomplete", error);
      return { ...accepted, command: null };
    }
  }

  /**
   * A command that has no object of its own, as JSON, at its end if that comes within `waitMs`; null where it has one,
   * or is none of the account's. One of a device that was unregistered remains its owner's.
   */
  async read(account: string, command: string, waitMs: number): Promise<string | null> {
    return this.#store.device?.account === account ? await this.#dispatch.tell(command, waitMs) : null;
  }

  /** As `read`, but a command that has not ended gets an object of its own, where it can be watched. */
  async release(account: string, command: string): Promise<Command | null> {
    return this.#store.device?.account === account ? await this.#dispatch.release(command) : null;
  }

  /** Asks to cancel a command; null where its own object is to be asked. */
  async withdraw(account: string, command: string): Promise<{ command: Command; wasLive: boolean } | null> {
    return this.#store.device?.account === account ? await this.#dispatch.cancel(command) : null;
  }

  /** Erases a command that has ended; null where its own object is to be asked. */
  async erase(account: string, command: string): Promise<"erased" | "live" | null> {
    const device = this.#store.device;
    if (device?.account !== account) return null;
    const erased = await this.#dispatch.erase(command);
    if (erased === "erased" && device.removed) await this.#eraseIfEmpty(device);
    return erased;
  }

  // ---- For the command's object ----

  /** Hands a command over again; null where the device is no more. */
  offer(account: string, delivery: Delivery): Handover | null {
    return this.#of(account) === undefined ? null : this.#dispatch.offer(delivery);
  }

  /** Whether a connection is alive. The first question sends `ping`; a `ping` left unanswered closes the connection. */
  check(id: string, asked: boolean): "lost" | "asked" | "answered" {
    // A poll that was answered is as good as gone: the device speaks again when it asks again.
    const connection = this.#socket();
    if (connection?.id !== id) return "lost";
    if (connection.pingedAt === null) {
      if (asked) return "answered";
      return connection.ping(Date.now()) ? "asked" : "lost";
    }
    if (Date.now() - connection.pingedAt < PING_TIMEOUT_MS) return "asked";
    connection.close(CLOSE.unresponsive, "The device left ping unanswered.");
    this.ctx.waitUntil(this.#dispatch.tellLoss(connection));
    return "lost";
  }

  /** Tells the device to cancel; false where it is not connected. */
  cancel(command: string): boolean {
    return this.#current()?.send(cancelFrame(command)) ?? false;
  }

  /**
   * Leaves nothing of the device and its commands, whatever they are doing: their account is being deleted. True once
   * all is gone; a device with many commands takes several calls. Repeating it is harmless.
   */
  async vanish(account: string): Promise<boolean> {
    const device = this.#store.device;
    if (device?.account !== account) return true;
    if (!device.removed) {
      this.#store.put({ ...device, removed: true });
      this.#current()?.close(CLOSE.unregistered, "The account was deleted.");
    }
    if (!(await this.#dispatch.vanish(DELETION_COMMANDS))) return false;
    await this.#store.erase();
    this.#alarmAt = null;
    return true;
  }

  /** Nothing but that it is there. Writes nothing. */
  answers(): void {}

  /** The command is being erased: it leaves the list. */
  async forget(command: string): Promise<void> {
    const device = this.#store.device;
    if (device === undefined) return;
    this.#dispatch.forget(command);
    if (device.removed) await this.#eraseIfEmpty(device);
  }

  /** The command has ended without the device's word. */
  settle(command: string, status: EndedStatus): void {
    if (this.#store.device !== undefined) this.#dispatch.end(command, status);
  }

  // ---- For the device ----

  /** Opens the device's connection, or says with a status and `{"message"}` why it does not. */
  override async fetch(request: Request): Promise<Response> {
    const device = this.#registered;
    if (device === undefined) return refused(NO_SUCH_DEVICE);
    const admission = await admitSocket(request, this.#id, device, Date.now());
    if (request.headers.get("Upgrade")?.toLowerCase() !== "websocket") {
      return Response.json({ message: admission.ok ? null : admission.message }, { status: 426 });
    }
    if (!admission.ok) return refused(admission);
    // It may have been unregistered while its token was checked.
    if (this.#registered === undefined) return refused(NO_SUCH_DEVICE);

    const older = this.#current();
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    const connection = Connection.open(server, admission.expiresAt);
    older?.close(CLOSE.replaced, "A newer connection of this device has taken over.");
    this.#rememberConnected();
    await this.#wakeBy(connection.expiresAt);
    // The answer to the handshake goes out first: commands written to a socket that the device does not have yet
    // would use up attempts, should it lose patience.
    this.ctx.waitUntil(scheduler.wait(HANDSHAKE_PAUSE_MS).then(() => this.#dispatch.begin(connection)));
    const headers = new Headers(
      admission.subprotocol === null ? {} : { "Sec-WebSocket-Protocol": admission.subprotocol },
    );
    return new Response(null, { status: 101, webSocket: client, headers });
  }

  /** Whether a token lets its bearer speak for the device over HTTP. */
  async admit(token: string, audience: string): Promise<{ ok: true } | Refused> {
    const device = this.#registered;
    if (device === undefined) return NO_SUCH_DEVICE;
    const admitted = await admitToken(token, audience, this.#id, device, Date.now());
    // It may have been unregistered while its token was checked.
    return admitted.ok && this.#registered === undefined ? NO_SUCH_DEVICE : admitted;
  }

  /**
   * What waits for a device without a socket: frames, as soon as there is one, or none after so many milliseconds.
   * A newer poll takes the older's place, as a newer connection does: the older is answered with what it has.
   */
  async poll(
    token: string,
    audience: string,
    milliseconds: number,
  ): Promise<{ ok: true; frames: readonly string[] } | Refused | Flooded> {
    const admitted = await this.admit(token, audience);
    if (!admitted.ok) return admitted;
    if (!this.#conversation.allowance.take(1, Date.now())) return FLOODED;
    this.#current()?.close(CLOSE.replaced, "The device asks for its messages instead.");
    this.#rememberConnected();
    const poll = this.#polls.begin();
    await this.#dispatch.begin(poll);
    const frames = await this.#polls.answer(poll, milliseconds);
    return this.#registered === undefined ? NO_SUCH_DEVICE : { ok: true, frames };
  }

  /** What a device without a socket says; answered with the JSON that it is owed, if any. */
  async hear(
    token: string,
    audience: string,
    text: string,
  ): Promise<{ ok: true; answer: string | null } | Refused | Flooded> {
    const admitted = await this.admit(token, audience);
    if (!admitted.ok) return admitted;
    this.#polls.heard();
    const heard = await this.#conversation.overHttp(text);
    if (heard === null) return FLOODED;
    if ("fault" in heard) return { ok: false, status: 400, message: heard.fault };
    this.#polls.heard();
    return { ok: true, answer: heard.answer };
  }

  override webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    return this.#conversation.overSocket(socket, data);
  }

  override async webSocketClose(socket: WebSocket, code: number): Promise<void> {
    const connection = new Connection(socket);
    // The hibernation API leaves the closing handshake to us; 1005 and above are never sent (RFC 6455, 7.4.1).
    connection.close(code >= 1004 && code <= 1006 ? 1000 : code, "");
    await this.#dispatch.tellLoss(connection);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#dispatch.tellLoss(new Connection(socket));
  }

  /** The device's alarm: expired tokens, a hand-over that broke off, a removal that broke off. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    const device = this.#store.device;
    if (device === undefined) return;
    try {
      if (device.removed) await this.#finishRemoval(device);
      else await this.#dispatch.lookAfterOverdue(Date.now());
      this.#store.sweep(Date.now());
      const { due } = this.#store;
      if (due !== null) await this.#wakeBy(due);
      if (device.removed) return await this.#eraseIfEmpty(device);
      const connection = this.#socket();
      if (connection === undefined) return await this.#dispatch.tellKept();
      if (connection.expiresAt <= Date.now()) {
        connection.close(CLOSE.tokenExpired, "The device's token has expired.");
        await this.#dispatch.tellLoss(connection);
      } else {
        await this.#wakeBy(connection.expiresAt);
        // One that has just come begins by itself.
        if (connection.drainedTo === null) await this.#dispatch.drain(connection);
      }
      await this.#dispatch.tellKept();
    } catch (error) {
      this.#log("deviceAlarmFailed", error);
      await this.#wakeBy(Date.now() + OFFER_TIMEOUT_MS);
    }
  }

  async #finishRemoval(device: DeviceRecord): Promise<void> {
    await this.#tellAccount(device, (stub) => stub.remove(this.#id));
    // What it has said before counts.
    await this.#dispatch.tellKept();
    await this.#dispatch.tellRemoval();
    // Of the device itself nothing is needed any more.
    const nobody = { name: "", manufacturer: null, model: null, publicKey: { kty: "" } };
    this.#store.put({ ...device, ...nobody, removed: true });
    await this.ctx.storage.deleteAlarm();
    this.#alarmAt = null;
    await this.#eraseIfEmpty(device);
  }

  /**
   * The object of a device that is no more is erased with the last of its commands: until then its list is what they
   * are found by, and some live in it.
   */
  async #eraseIfEmpty(device: DeviceRecord): Promise<void> {
    if (!this.#store.isEmpty) {
      const { due } = this.#store;
      if (due !== null) await this.#wakeBy(due);
      return;
    }
    await this.#tellAccount(device, (stub) => stub.forget(this.#id));
    await this.#store.erase();
    this.#alarmAt = null;
  }

  get #id(): string {
    return this.ctx.id.toString();
  }

  #of(account: string): DeviceRecord | undefined {
    return this.#registered?.account === account ? this.#registered : undefined;
  }

  /** The device, unless it was never registered or is no more. */
  get #registered(): DeviceRecord | undefined {
    const device = this.#store.device;
    return device?.removed ? undefined : device;
  }

  #view({ name, kind, platform, manufacturer, model, connectedBefore }: DeviceRecord): DeviceView {
    const presence = this.#current()?.presence ?? this.#polls.presence;
    const absent: DeviceStatus = connectedBefore ? "Offline" : "Unknown";
    const status = presence === undefined ? absent : presence === "standby" ? "Standby" : "Online";
    return { id: this.#id, name, kind, platform, manufacturer, model, status };
  }

  /** What commands are handed over to now. */
  #current(): Channel | undefined {
    return this.#socket() ?? this.#polls.open;
  }

  #socket(): Connection | undefined {
    return this.ctx
      .getWebSockets()
      .map((socket) => new Connection(socket))
      .find((connection) => connection.isOpen);
  }

  #rememberConnected(): void {
    const device = this.#registered;
    if (device !== undefined && !device.connectedBefore)
      this.#store.put({ ...device, connectedBefore: true });
  }

  /** Sets the alarm, unless it rings earlier anyway. */
  async #wakeBy(time: number): Promise<void> {
    const set = await this.#alarm();
    if (set === null || set > time) this.#setAlarm(time);
  }

  async #alarm(): Promise<number | null> {
    if (this.#alarmAt === undefined) this.#alarmAt = await this.ctx.storage.getAlarm();
    return this.#alarmAt;
  }

  #setAlarm(time: number): void {
    this.#alarmAt = time;
    // Held by the output gate like any write; a failure resets the object.
    void this.ctx.storage.setAlarm(time);
  }

  #tellAccount<R>(
    device: DeviceRecord,
    call: (stub: DurableObjectStub<AccountObject>) => R,
  ): Promise<Awaited<R>> {
    return reach(this.env.ACCOUNTS, this.env.ACCOUNTS.idFromString(device.account), call);
  }

  #log(event: string, error: unknown): void {
    logFault({ event, device: this.#id, error: String(error) });
  }
}

/** The device says more than it may. */
type Flooded = { ok: false; status: 429 };
const FLOODED: Flooded = { ok: false, status: 429 };

function refused({ status, message }: Refused): Response {
  return Response.json({ message }, { status });
}
