import {
  abortAllDurableObjects,
  evictDurableObject,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { Connection } from "../../src/device/connection.ts";
import { Api, Device, type Json } from "../stage.ts";
import { Line } from "./line.ts";
import { hasEnded, type Report, type Said, type Wish } from "./world.ts";

/** Far ahead of the machine's own clock: no alarm rings by itself. */
export const START = Date.UTC(2100, 0, 1);

/** Another account's device, the same for all. */
let stranger: Promise<Device> | undefined;

/** The service itself, with one caller and one device, by the names that the model gives its commands. */
export class Reality {
  api: Api;
  readonly device: Device;
  readonly #stranger: Device;
  readonly ids = new Map<string, string>();
  readonly #names = new Map<string, string>();
  readonly #ends = new Map<string, string>();
  line: Line | undefined;
  readonly closings: number[] = [];
  /** Since the step began: what each request was answered. */
  answers: Record<string, string> = {};
  now = START;

  private constructor(api: Api, device: Device, stranger: Device) {
    this.api = api;
    this.device = device;
    this.#stranger = stranger;
  }

  static async begins(chance: number): Promise<Reality> {
    vi.setSystemTime(START);
    vi.spyOn(Math, "random").mockReturnValue(chance);
    const api = new Api();
    stranger ??= Device.registered(new Api());
    return new Reality(api, await Device.registered(api), await stranger);
  }

  /** Time goes on; a caller's token does not last for ever. */
  clockShows(now: number): void {
    this.now = now;
    vi.setSystemTime(now);
    this.api = new Api(this.api.sub);
  }

  get commands(): string {
    return `/v1.0/me/devices/${this.device.id}/commands`;
  }

  address(name: string): string {
    return `${this.commands}/${this.ids.get(name)}`;
  }

  nameOf(id: string): string {
    return this.#names.get(id) ?? "a stranger";
  }

  /** A finished command never changes: it reads to the letter as it did when its end was first seen. */
  requireUnchangedEnd(name: string, entity: Json): void {
    if (!hasEnded(entity)) return;
    const seen = JSON.stringify(entity);
    const first = this.#ends.get(name) ?? seen;
    this.#ends.set(name, first);
    if (first !== seen) throw new Error(`${name} changed after its end, from\n${first} to\n${seen}`);
  }

  // ---- The caller ----

  async sends(name: string, wish: Wish): Promise<void> {
    const { idempotencyKey: key, page, deliveryTimeout, executionTimeout, ...members } = wish;
    const { status, headers, body } = await this.api.post(
      this.commands,
      {
        ...members,
        payload: { uri: `https://example.com/${page}` },
        ...(wish.type === "AppService" && { appServiceName: "com.example", packageFamilyName: "Example" }),
        ...(deliveryTimeout !== "none" && { deliveryTimeout }),
        ...(executionTimeout !== "none" && { executionTimeout }),
      },
      key === null ? {} : { "Idempotency-Key": key },
    );
    const isAgain = headers.get("Idempotency-Replayed") === "true";
    if (status === 201 && !isAgain) {
      this.ids.set(name, body.id);
      this.#names.set(body.id, name);
    }
    // Of two at once, the other may be the first, and not be known by name yet.
    const answer = isAgain ? `again ${body.id}` : (body.status ?? "");
    this.answers[`send ${name}`] = status === 201 ? `${status} ${answer}` : String(status);
  }

  async cancels(name: string): Promise<void> {
    const { status, body } = await this.api.post(`${this.address(name)}/cancel`, undefined);
    this.answers[`cancel ${name}`] = status === 202 ? `202 ${body.status}` : String(status);
  }

  async deletes(name: string): Promise<void> {
    this.answers[`delete ${name}`] = String((await this.api.request("DELETE", this.address(name))).status);
  }

  async unregisters(): Promise<void> {
    const { status } = await this.api.request("DELETE", `/v1.0/me/devices/${this.device.id}`);
    this.answers.unregister = String(status);
  }

  // ---- The device ----

  async connects(): Promise<void> {
    const token = await this.device.signToken();
    const { status, webSocket } = await Device.handshake(this.device.id, {
      Authorization: `Bearer ${token}`,
    });
    this.answers.connect = String(status);
    if (webSocket === null) return;
    this.line = new Line(
      webSocket,
      (id) => this.nameOf(id),
      (code) => this.closings.push(code),
    );
    while (await this.#isHandingOver()) await scheduler.wait(4);
  }

  /** What waits is still being written to the connection: the handshake is answered before. */
  #isHandingOver(): Promise<boolean> {
    return runInDurableObject(this.#object(null), (_, state) =>
      state
        .getWebSockets()
        .map((socket) => new Connection(socket))
        .some(({ isOpen, drainedTo }) => isOpen && drainedTo !== null),
    );
  }

  /** Reports, one after the other, or in one batch; resolves when each has been taken in. */
  async says(reports: Said[], isBatch: boolean): Promise<void> {
    const messages = reports.map(({ name, report }) => messageOf(this.ids.get(name) ?? "", report));
    await this.line?.says(messages, isBatch);
  }

  /** Another device says it, and is refused. */
  async strangerSays(name: string, report: Report): Promise<void> {
    const { status, body } = await this.api.post(
      `/devices/${this.#stranger.id}/messages`,
      { jsonrpc: "2.0", ...messageOf(this.ids.get(name) ?? "", report) },
      { Authorization: `Bearer ${await this.#stranger.signToken()}` },
    );
    this.answers.stranger = `${status} ${body?.error?.code}`;
  }

  // ---- The platform ----

  /** When the alarms are set for, the earliest first; `name` is null for the device's. */
  async alarms(): Promise<{ name: string | null; at: number }[]> {
    const names = [null, ...this.ids.keys()];
    const times = await Promise.all(
      names.map((name) => runInDurableObject(this.#object(name), (_, { storage }) => storage.getAlarm())),
    );
    return names
      .flatMap((name, index) => (times[index] == null ? [] : [{ name, at: times[index] }]))
      .sort((one, other) => one.at - other.at);
  }

  /** Those of these commands that have no object of their own. */
  async residents(names: string[]): Promise<Set<string>> {
    const isOut = (name: string) =>
      runInDurableObject(this.#object(name), (_, { storage }) => storage.kv.get("command") !== undefined);
    const out = await Promise.all(names.map(isOut));
    return new Set(names.filter((_, index) => !out[index]));
  }

  async rings(name: string | null): Promise<void> {
    await runDurableObjectAlarm(this.#object(name));
  }

  async evicts(name: string | null): Promise<void> {
    // Only what runs can be evicted, and an object that is asked anything runs.
    await runInDurableObject(this.#object(name), () => undefined);
    await evictDurableObject(this.#object(name));
  }

  async crashes(): Promise<void> {
    this.line?.breaks();
    await abortAllDurableObjects();
  }

  #object(name: string | null): DurableObjectStub {
    return name === null
      ? env.DEVICES.get(env.DEVICES.idFromString(this.device.id))
      : env.COMMANDS.get(env.COMMANDS.idFromString(this.ids.get(name) ?? ""));
  }
}

function messageOf(id: string, report: Report): Json {
  switch (report.type) {
    case "result":
      return { id, result: report.value };
    case "error":
      return {
        id,
        error: {
          code: report.code,
          message: "No",
          ...(report.status && { data: { status: report.status } }),
        },
      };
    case "progress":
      return { method: "progress", params: { id, message: report.message, percent: report.percent } };
    default:
      return { method: report.type, params: { id } };
  }
}
