import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, vi } from "vitest";
import { localVars } from "../../scripts/local-vars.ts";
import { type Service, startService } from "../../scripts/service.ts";
import { signToken } from "../../scripts/token.ts";
import { Device, type DeviceEvent, type DeviceIdentity, type DeviceOptions } from "../../src/agent/device.ts";
import { createKeyPair, registerDevice } from "../../src/agent/identity.ts";
import { Queue } from "../agent/queue.ts";

/** The service as its users run it, callers over real HTTP, and devices on real sockets. */

/** An answer's JSON, as loosely as a client's own code takes it. */
// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever members it expects.
export type Json = any;

export const LAUNCH_URI = { type: "LaunchUri" as const, payload: { uri: "https://example.com/" } };
export const APP_SERVICE = {
  type: "AppService",
  appServiceName: "com.example.ask",
  packageFamilyName: "Example_abc",
  payload: { question: "Are you there?" },
};

/** A folder that is gone when its user is done with it. */
export async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), "appia-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, maxRetries: 5 }) };
}

/** Starts `wrangler dev`, on a port of the system's choice unless one is named. Resolves when it serves. */
export async function startLocally(persistTo: string, port = 0): Promise<Service> {
  const service = await startService({ port, persistTo, output: "kept" });
  await service.ready;
  return service;
}

/** The service of one test file, on a storage of its own. */
export interface OwnService {
  /** Where it serves; another one after it was started again, unless its port was named. */
  readonly origin: string;
  /** A folder for the file's own use; the storage is in it, too. */
  readonly folder: string;
  /** Ends it wholly. */
  ends(): Promise<void>;
  /** Starts it again, on the same storage. */
  starts(port?: number): Promise<void>;
}

/** The service that a file's tests share: it serves before the first of them, and has ended wholly after the last. */
export function ownService(): OwnService {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let service: Service;
  beforeAll(async () => {
    folder = await temporaryFolder();
    service = await startLocally(folder.path);
  });
  // The last is done first.
  afterAll(() => folder[Symbol.asyncDispose]());
  afterAll(() => endsWholly(service));
  return {
    get origin() {
      return service.origin;
    },
    get folder() {
      return folder.path;
    },
    ends: () => endsWholly(service),
    starts: async (port) => {
      service = await startLocally(folder.path, port);
    },
  };
}

/** Ends the service; fails if a process of its own outlives it, or it has failed at something meanwhile. */
export async function endsWholly(service: Service): Promise<void> {
  const processes = await descendants(service.process.pid ?? Number.NaN);
  await service.stop();
  await areGone(processes);
  expect(service.said().match(/^.*Uncaught.*$/gm)).toBeNull();
}

/** The processes that a process has started, and theirs; empty where the system has no `/proc` to read them in. */
export async function descendants(pid: number): Promise<number[]> {
  if (process.platform !== "linux") return [];
  const all = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map(
    await Promise.all(all.map(async (id) => [id, (await statOf(id))?.parent] as const)),
  );
  const found = [pid];
  for (const id of found) {
    for (const [child, parent] of parents) if (parent === id) found.push(child);
  }
  return found.slice(1);
}

/** Waits until none of these processes runs; a dead one that nobody has buried does not. */
export async function areGone(pids: readonly number[]): Promise<void> {
  await vi.waitFor(
    async () => {
      for (const pid of pids) {
        const stat = await statOf(pid);
        if (stat !== null && stat.state !== "Z") throw new Error(`Process ${pid} (${stat.name}) still runs.`);
      }
    },
    { timeout: 5_000 },
  );
}

/** The name of a process's program. */
export async function nameOf(pid: number): Promise<string | undefined> {
  return (await statOf(pid))?.name;
}

/** A line of `/proc` (proc_pid_stat(5)); null where there is no such process. */
async function statOf(pid: number): Promise<{ name: string; state: string; parent: number } | null> {
  const line = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const [, name = "", state = "", parent = ""] = line.match(/^\d+ \((.*)\) (\S) (\d+)/s) ?? [];
  return name === "" ? null : { name, state, parent: Number(parent) };
}

/** One user of the service's HTTP interface. */
export class Caller {
  readonly origin: string;
  readonly token: string;

  constructor(origin: string, token: string) {
    this.origin = origin;
    this.token = token;
  }

  /** A user whom no other test knows. */
  static async of({ origin }: Pick<Service, "origin">): Promise<Caller> {
    const token = await signToken(await localVars(), crypto.randomUUID(), "Device.ReadWrite Device.Command");
    return new Caller(origin, token);
  }

  async request(method: string, path: string, body?: object): Promise<{ status: number; body: Json }> {
    const response = await fetch(`${this.origin}/v1.0${path}`, {
      method,
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/json" },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? null : JSON.parse(text) };
  }

  async get(path: string): Promise<Json> {
    const { status, body } = await this.request("GET", path);
    expect(status, JSON.stringify(body)).toBeLessThan(300);
    return body;
  }

  /** Sends a command, and answers its path. */
  async send(device: string, order: object): Promise<string> {
    const { status, body } = await this.request("POST", `/me/devices/${device}/commands`, order);
    expect(status, JSON.stringify(body)).toBe(201);
    return `/me/devices/${device}/commands/${body.id}`;
  }

  /** The command, once it has this status. */
  async reaches(command: string, status: string): Promise<Json> {
    return await vi.waitFor(
      async () => {
        const body = await this.get(command);
        expect(body).toMatchObject({ status });
        return body;
      },
      { timeout: 20_000, interval: 20 },
    );
  }

  /** The statuses in a command's history, without repeats in a row. */
  async statusesOf(command: string): Promise<string[]> {
    const { value } = await this.get(`${command}/history`);
    const statuses: string[] = value.map(({ status }: { status: string }) => status);
    return statuses.filter((status, index) => status !== statuses[index - 1]);
  }

  /** The milliseconds from `since` (of `performance.now`) until the list of devices shows this status. */
  async showsDevice(id: string, status: string, since: number): Promise<number> {
    return await vi.waitFor(
      async () => {
        const { value } = await this.get("/me/devices");
        expect(value).toContainEqual(expect.objectContaining({ id, status }));
        return performance.now() - since;
      },
      { timeout: 10_000, interval: 20 },
    );
  }
}

/** A device of our own library, registered and not yet started. */
export interface OwnDevice {
  id: string;
  identity: DeviceIdentity;
  device: Device;
  events: Queue<DeviceEvent>;
}

export async function registers(caller: Caller, options: Partial<DeviceOptions> = {}): Promise<OwnDevice> {
  const { privateKey, publicKey } = await createKeyPair(false);
  const registration = { name: "Test device", kind: "Desktop", platform: "Linux", publicKey };
  const id = await registerDevice(caller.origin, caller.token, registration);
  const identity = { deviceId: id, privateKey, algorithm: "ES256" as const };
  return { id, identity, ...become(caller.origin, { identity, ...options }) };
}

/** The device that an identity is, at a service. Stopped when the test is over. */
export function become(
  service: string,
  options: Pick<DeviceOptions, "identity"> & Partial<DeviceOptions>,
): Pick<OwnDevice, "device" | "events"> {
  const events = new Queue<DeviceEvent>();
  const device = new Device({ service, handlers: {}, onEvent: (event) => events.push(event), ...options });
  onTestFinished(() => device.stop());
  return { device, events };
}
