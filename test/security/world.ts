import { env } from "cloudflare:workers";
import { SignJWT } from "jose";
import { ALL_SCOPES, APP_SERVICE, Api, Device, LAUNCH_URI, newAccount, signToken } from "../stage.ts";

/** What requests speak of: an account and its devices, their commands in every status, and another's of each. */

/** Whose token a request has: null for one that is good for nothing. */
export type Speaker = { account: string; scopes: readonly string[] } | { device: string } | null;

const SCOPES: Record<string, string> = {
  read: "Device.Read",
  write: "Device.ReadWrite",
  command: "Device.Command",
  none: "openid",
};
/** Milliseconds for which a pairing is good; a token is for as long. */
const FRESH_MS = 300_000;

export class World {
  readonly #owner = newAccount();
  readonly #stranger = newAccount();
  #freshAt = Date.now();
  /** What only the other account may read. */
  readonly planted = `planted-${crypto.randomUUID()}`;
  readonly #devices = new Map<string, Promise<Device | string>>();
  readonly #commands = new Map<string, Promise<{ device: string; id: string }>>();
  readonly #pairings = new Map<string, Promise<{ userCode: string; deviceCode: string }>>();
  /** Whose a device is, and a command, by its device and its id. */
  readonly #owners = new Map<string, string>();
  readonly #apis = new Map<string, Api>();
  readonly #tokens = new Map<string, Promise<{ text: string; speaker: Speaker }>>();
  /** Nothing in it is as it was. */
  isSpent = false;

  /** What a name in a request stands for, and who speaks, where it is a token's. */
  async resolve(name: string): Promise<{ text: string; speaker?: Speaker }> {
    const [kind, which = ""] = name.split(":");
    if (Date.now() - this.#freshAt > FRESH_MS) {
      this.#freshAt = Date.now();
      this.#tokens.clear();
      this.#apis.clear();
      this.#pairings.clear();
    }
    switch (kind) {
      case "token":
        if (which === "newcomer") return await this.#token(which);
        return await kept(this.#tokens, which, () => this.#token(which));
      case "deviceToken": {
        const device = await this.#device(which);
        if (typeof device === "string") throw new Error(`There is no key of the device ${which}.`);
        return { text: await device.signToken(), speaker: { device: device.id } };
      }
      case "device":
        return { text: idOf(await this.#device(which)) };
      case "deviceOf":
        return { text: (await this.#command(which)).device };
      case "command":
        return { text: (await this.#command(which)).id };
      case "userCode":
        return { text: (await this.#pairing(which)).userCode };
      case "deviceCode":
        return { text: (await this.#pairing(which)).deviceCode };
      case "account":
        return { text: this.#owner };
      case "big":
        return { text: "x".repeat(Number(which)) };
      default:
        throw new Error(`Nothing is called ${name}.`);
    }
  }

  /** Whether what a path names is the speaker's. */
  owns(speaker: Speaker, { deviceId, commandId }: Record<string, string>): boolean {
    if (speaker === null) return false;
    if ("device" in speaker) return speaker.device === deviceId;
    if (deviceId === undefined) return true;
    const id = commandId === undefined ? deviceId : `${deviceId}/${commandId}`;
    return this.#owners.get(id) === speaker.account;
  }

  /** Whether this is the other account, or a device of it. */
  isStranger(speaker: Speaker): boolean {
    if (speaker === null) return false;
    const account = "device" in speaker ? this.#owners.get(speaker.device) : speaker.account;
    return account === this.#stranger;
  }

  /** A request has made something of the speaker's. */
  made(speaker: Speaker, location: string): void {
    const [, device, command] = /\/devices\/(\w+)(?:\/commands\/(\w+))?$/.exec(location) ?? [];
    if (device === undefined || speaker === null || !("account" in speaker)) return;
    this.#owners.set(command === undefined ? device : `${device}/${command}`, speaker.account);
    if (speaker.account !== this.#owner) return;
    if (command === undefined) this.#devices.set("latest", Promise.resolve(device));
    else this.#commands.set("latest", Promise.resolve({ device, id: command }));
  }

  /** A device's messages were fetched, or it connected: its socket is closed. */
  async takes(id: string | undefined): Promise<void> {
    const online = this.#devices.get("online");
    if (online !== undefined && idOf(await online) === id) await this.forgets(id);
  }

  /** Something is not as it was: what is made from now on is another. Without an id everything is. */
  async forgets(id: string | undefined): Promise<void> {
    if (id === undefined) this.isSpent = true;
    for (const [name, device] of this.#devices) if (idOf(await device) === id) this.#devices.delete(name);
    for (const [name, command] of this.#commands) {
      const { device, id: own } = await command;
      if (device === id || own === id) this.#commands.delete(name);
    }
    for (const [name, pairing] of this.#pairings) {
      if ((await pairing).userCode === id) this.#pairings.delete(name);
    }
  }

  /** Lets go of what it holds open. */
  async ends(): Promise<void> {
    this.isSpent = true;
    for (const device of this.#devices.values()) {
      const made = await device.catch(() => "");
      if (typeof made !== "string") made.socket?.close(1000);
    }
  }

  async #token(which: string): Promise<{ text: string; speaker: Speaker }> {
    const now = Math.floor(Date.now() / 1_000);
    switch (which) {
      case "forged":
        return { text: `${(await signToken(this.#owner)).slice(0, -8)}AAAAAAAA`, speaker: null };
      case "expired":
        return { text: await signToken(this.#owner, ALL_SCOPES, { exp: now - 60 }), speaker: null };
      case "elsewhere":
        return { text: await signToken(this.#owner, ALL_SCOPES, { aud: "another service" }), speaker: null };
      case "unsigned": {
        const claims = { iss: env.AUTH_ISSUER, aud: env.AUTH_AUDIENCE, sub: this.#owner, exp: now + 60 };
        const signed = await new SignJWT(claims)
          .setProtectedHeader({ alg: "HS256" })
          .sign(new Uint8Array(32));
        return { text: `eyJhbGciOiJub25lIn0${signed.slice(signed.indexOf("."))}`, speaker: null };
      }
      default: {
        const accounts: Record<string, string> = { stranger: this.#stranger, newcomer: newAccount() };
        const account = accounts[which] ?? this.#owner;
        const scope = SCOPES[which] ?? ALL_SCOPES;
        return { text: await signToken(account, scope), speaker: { account, scopes: scope.split(" ") } };
      }
    }
  }

  #as(account: string): Api {
    const api = this.#apis.get(account) ?? new Api(account);
    this.#apis.set(account, api);
    return api;
  }

  #device(which: string): Promise<Device | string> {
    return kept(this.#devices, which, async () => {
      const account = which === "foreign" ? this.#stranger : this.#owner;
      const api = this.#as(account);
      const name = which === "foreign" ? this.planted : `The one that is ${which}`;
      const device = await Device.registered(api, { name });
      this.#owners.set(device.id, account);
      if (which === "online") await device.connects();
      if (which === "polling") await device.polls();
      if (which === "removed") await api.request("DELETE", `/me/devices/${device.id}`);
      return device;
    });
  }

  #command(which: string): Promise<{ device: string; id: string }> {
    return kept(this.#commands, which, async () => {
      const isForeign = which === "foreign";
      const account = isForeign ? this.#stranger : this.#owner;
      const where = isForeign ? "foreign" : isLive(which) ? "online" : "away";
      const device = await this.#device(where);
      if (typeof device === "string") throw new Error(`There is no socket of the device ${where}.`);
      const api = this.#as(account);
      const order = isForeign
        ? { ...APP_SERVICE, payload: this.planted, permissionTicket: this.planted }
        : { ...LAUNCH_URI, whenOffline: which === "failedToSend" ? "fail" : "queue" };
      const path = await api.send(device, order);
      const id = path.slice(path.lastIndexOf("/") + 1);
      this.#owners.set(`${device.id}/${id}`, account);
      if (which === "canceled") await api.post(`${path}/cancel`, undefined);
      if (where === "online") {
        while ((await device.receives()).id !== id);
        await becomes(api, device, path, id, which);
      }
      return { device: device.id, id };
    });
  }

  #pairing(which: string): Promise<{ userCode: string; deviceCode: string }> {
    return kept(this.#pairings, which, async () => {
      const publicKey = {
        kty: "EC",
        crv: "P-256",
        x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
      };
      // Looks at codes are limited by account.
      const api = which === "open" ? this.#as(this.#owner) : new Api();
      const registration = { name: "New", kind: "Phone", platform: "Web", publicKey };
      const { body } = await api.post("/pairings", registration);
      const decision = { approved: "approve", denied: "deny" }[which];
      if (decision !== undefined) await api.post(`/me/pairings/${body.user_code}/${decision}`, undefined);
      return { userCode: body.user_code, deviceCode: body.device_code };
    });
  }
}

/** Whether a command of this name has to be handed over. */
function isLive(which: string): boolean {
  return !["waiting", "latest", "canceled", "failedToSend"].includes(which);
}

/** Has a command that was handed over become what its name says. */
async function becomes(api: Api, device: Device, path: string, id: string, which: string): Promise<void> {
  const says: Record<string, () => void> = {
    executing: () => device.acknowledges(id),
    custom: () => device.notifies("progress", { id, message: "Half", percent: 50 }),
    completed: () => device.answers(id, { done: true }),
    scalar: () => device.answers(id, 5),
    failed: () => device.fails(id, { code: 1, message: "No" }),
    dropped: () => device.notifies("dropped", { id, reason: "Asleep" }),
    cancelling: () => device.acknowledges(id),
  };
  const statuses: Record<string, string> = {
    scalar: "completed",
    failed: "executionFailed",
    dropped: "commandDropped",
    cancelling: "executing",
    sent: "sentToTarget",
  };
  says[which]?.();
  await api.reaches(path, statuses[which] ?? which);
  if (which === "cancelling") await api.post(`${path}/cancel`, undefined);
}

function idOf(device: Device | string): string {
  return typeof device === "string" ? device : device.id;
}

/** What a map has under a name, made where it has nothing. */
function kept<Value>(
  map: Map<string, Promise<Value>>,
  name: string,
  make: () => Promise<Value>,
): Promise<Value> {
  const present = map.get(name);
  if (present !== undefined) return present;
  const made = make();
  map.set(name, made);
  return made;
}
