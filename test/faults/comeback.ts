import { exportJWK, generateKeyPair } from "jose";
import type WebSocket from "ws";
import { backoff } from "../../src/agent/backoff.ts";
import { type DeviceIdentity, registerDevice } from "../../src/agent/identity.ts";
import { DEVICES_PER_ACCOUNT_MAX } from "../../src/limits.ts";
import { Chance, pause } from "./chance.ts";
import { connected, say } from "./devices.ts";
import { each } from "./invariants.ts";
import { eventually, require, type Scenario } from "./scenario.ts";
import { type Caller, Service } from "./service.ts";

/** Milliseconds of a handshake, as our library has it. */
const HANDSHAKE_MS = 15_000;
/** Milliseconds until all have to be back, and milliseconds more for each of them. */
const BACK_MS = 60_000;
const BACK_MS_EACH = 20;

/** A device that comes back as our library does: after a pause of chance, up to half a second at first, doubled at each failure. */
class Returning {
  readonly identity: DeviceIdentity;
  readonly caller: Caller;
  readonly #service: string;
  readonly #chance: Chance;
  #socket: WebSocket | undefined;
  #isOver = false;
  /** Whether it answers what it is given. */
  answers = false;
  isConnected = false;
  failures = 0;
  /** The attempts by which its command came. */
  readonly attempts: number[] = [];

  constructor(service: string, caller: Caller, identity: DeviceIdentity, chance: Chance) {
    this.#service = service;
    this.caller = caller;
    this.identity = identity;
    this.#chance = chance;
  }

  async lives(): Promise<void> {
    for (let failures = 0; !this.#isOver; ) {
      const socket = await connected(this.#service, this.identity);
      this.#socket = socket;
      const patience = setTimeout(() => socket.terminate(), HANDSHAKE_MS);
      socket.on("open", () => {
        clearTimeout(patience);
        this.isConnected = true;
        failures = 0;
      });
      socket.on("message", (data) => this.#receive(socket, JSON.parse(String(data))));
      await new Promise<void>((resolve) => socket.once("close", () => resolve()));
      clearTimeout(patience);
      if (!this.isConnected) this.failures++;
      this.isConnected = false;
      if (!this.#isOver) await pause(backoff(failures++, this.#chance.next()));
    }
  }

  #receive(
    socket: WebSocket,
    { id, method, params }: { id: string; method: string; params: { attempt: number } },
  ): void {
    if (method === "launchUri") this.attempts.push(params.attempt);
    if (this.answers) say(socket, { id, result: null });
  }

  leaves(): void {
    this.#isOver = true;
    this.#socket?.terminate();
  }
}

/** The service is deployed anew while many devices are connected, each with a command that it has not acknowledged. */
export function comeback(count: number, seed: number): Scenario {
  return {
    name: `${count.toLocaleString("en")} devices that come back at once`,
    tell: async ({ bundle }) => {
      const service = await Service.start(bundle);
      const devices = await registered(service, count, new Chance(seed));
      try {
        return await allComeBack(service, devices);
      } finally {
        for (const device of devices) device.leaves();
        await service.workerd.stop();
      }
    },
  };
}

async function registered(service: Service, count: number, chance: Chance): Promise<Returning[]> {
  // One key for all: making them is not what this is about.
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = await exportJWK(publicKey);
  const devices: Returning[] = [];
  for (let first = 0; first < count; first += DEVICES_PER_ACCOUNT_MAX) {
    const caller = await service.caller();
    const numbers = Array.from(
      { length: Math.min(DEVICES_PER_ACCOUNT_MAX, count - first) },
      (_, n) => first + n,
    );
    await each(numbers, async (n) => {
      const registration = { name: `Device ${n}`, kind: "Iot", platform: "Linux", publicKey: jwk };
      const deviceId = await registerDevice(service.origin, caller.token, registration);
      const identity = { deviceId, privateKey, algorithm: "ES256" as const };
      devices.push(new Returning(service.origin, caller, identity, chance.fork()));
    });
  }
  return devices;
}

async function allComeBack(service: Service, devices: readonly Returning[]): Promise<string> {
  const backMs = BACK_MS + BACK_MS_EACH * devices.length;
  const all = (is: (device: Returning) => boolean, words: string): Promise<true> =>
    eventually(words, () => devices.every(is) || undefined, backMs);
  await each(devices, async (device) => {
    void device.lives();
    await eventually("A device was to connect", () => device.isConnected, backMs);
  });
  await each(devices, async ({ caller, identity }) => {
    await caller.send(identity.deviceId, { type: "LaunchUri", payload: { uri: "https://example.com/" } });
  });
  await all(({ attempts }) => attempts.length > 0, "Every device was to be given its command");

  for (const device of devices) {
    device.answers = true;
    device.failures = 0;
  }
  await service.workerd.kill();
  await all(({ isConnected }) => !isConnected, "Every device was to lose its connection");
  const begun = performance.now();
  const seconds = (): string => ((performance.now() - begun) / 1_000).toFixed(1);
  await service.workerd.restart();
  await all(({ isConnected }) => isConnected, "Every device was to be connected again");
  const back = seconds();
  await all(({ attempts }) => attempts.length > 1, "Every device was to be given its command again");
  const given = seconds();
  await each(devices, async ({ caller, identity }) => {
    const isDone = async (): Promise<boolean> =>
      (await caller.commands(identity.deviceId)).value.every(({ status }) => status === "completed");
    await eventually("Every command was to complete", isDone, backMs);
  });
  const twice = devices.filter(({ attempts }) => attempts.join() !== "1,2");
  require(twice.length === 0, `${twice.length} commands came otherwise than by attempts 1 and 2.`);
  const failures = devices.reduce((sum, device) => sum + device.failures, 0);
  return `all connected again ${back} s after the restart, with ${failures} tries that failed; each had its unacknowledged command again after ${given} s, and completed it`;
}
