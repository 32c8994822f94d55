import { onTestFinished } from "vitest";
import { Device, type DeviceEvent, type DeviceOptions } from "../../src/agent/device.ts";
import { createKeyPair } from "../../src/agent/identity.ts";
import { ActingService, type ServiceEnd } from "./acting-service.ts";
import { ManualClock } from "./manual-clock.ts";
import { Queue } from "./queue.ts";

/** A device and its service, not yet connected. */
export interface Stage {
  service: ActingService;
  device: Device;
  clock: ManualClock;
  events: Queue<DeviceEvent>;
  /** The device's next event of a type. */
  told<T extends DeviceEvent["type"]>(type: T): Promise<Extract<DeviceEvent, { type: T }>>;
}

export async function stage(options: Partial<DeviceOptions> = {}): Promise<Stage> {
  const clock = new ManualClock();
  const service = new ActingService(clock);
  await service.opens();
  const { privateKey, publicKey } = await createKeyPair(false);
  service.publicKey = publicKey;
  const events = new Queue<DeviceEvent>();
  const device = new Device({
    service: service.origin,
    identity: { deviceId: service.deviceId, privateKey, algorithm: "ES256" },
    handlers: {},
    onEvent: (event) => events.push(event),
    clock,
    random: () => 0.5,
    ...options,
  });
  onTestFinished(async () => {
    // Its last words are to find a listener: no clock moves any more.
    service.answersPosts = true;
    await device.stop();
    await service.shuts();
  });
  const told: Stage["told"] = <T extends DeviceEvent["type"]>(type: T) =>
    events.next((event): event is Extract<DeviceEvent, { type: T }> => event.type === type);
  return { service, device, clock, events, told };
}

/** A device that is connected, and the service's end of its connection. */
export async function connected(options: Partial<DeviceOptions> = {}): Promise<Stage & { line: ServiceEnd }> {
  const set = await stage(options);
  set.device.start();
  await set.device.connected();
  await set.told("connected");
  return { ...set, line: await set.service.connections.next() };
}
