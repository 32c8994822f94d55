import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import type { Command } from "../../src/command/command.ts";
import type { CommandObject } from "../../src/command/command-object.ts";
import type { Channel } from "../../src/device/connection.ts";
import { DeviceStore } from "../../src/device/device-store.ts";
import { Dispatch } from "../../src/device/dispatch.ts";
import { PATIENTLY } from "../patience.ts";
import { Api, Device, LAUNCH_URI } from "../stage.ts";

/** A command's object that is slow to take its command in, and remembers what it is told. */
class SlowCommand {
  readonly told: string[] = [];
  readonly taken: Command[] = [];
  readonly #open = Promise.withResolvers<void>();

  begins(): void {
    this.#open.resolve();
  }

  /** The namespace of which it is the only object. */
  get namespace(): DurableObjectNamespace<CommandObject> {
    return {
      idFromString: (id: string) => id,
      get: () => this,
    } as unknown as DurableObjectNamespace<CommandObject>;
  }

  // What the dispatch calls:

  async begin(command: Command): Promise<null> {
    this.taken.push(command);
    await this.#open.promise;
    this.told.push("begin");
    return null;
  }

  async claim(): Promise<object> {
    const { id: commandId, task } = this.taken[0]?.order ?? { id: "", task: LAUNCH_URI };
    return { type: "deliver", delivery: { commandId, task, attempt: 1, expirationDateTime: "" } };
  }

  async handedOver(): Promise<void> {
    this.told.push("handedOver");
  }
}

/** A connection that takes everything. */
function openChannel(): Channel & { frames: string[] } {
  const frames: string[] = [];
  const send = (frame: string): boolean => frames.push(frame) > 0;
  return {
    id: "new",
    isOpen: true,
    presence: "active",
    drainedTo: 0,
    missedFrom: null,
    frames,
    send,
    close: () => undefined,
  };
}

/** What a story has at hand: a command that waits for its device, and the dispatch of that device. */
async function waiting(
  story: (stage: {
    id: string;
    store: DeviceStore;
    command: SlowCommand;
    dispatch: Dispatch;
    channel: ReturnType<typeof openChannel>;
  }) => Promise<void>,
): Promise<void> {
  const api = new Api();
  const device = await Device.registered(api);
  const id = (await api.send(device, LAUNCH_URI)).split("/").at(-1) ?? "";
  await runInDurableObject(env.DEVICES.get(env.DEVICES.idFromString(device.id)), async (_, { storage }) => {
    const command = new SlowCommand();
    const channel = openChannel();
    const store = new DeviceStore(storage);
    const dispatch = new Dispatch({
      id: device.id,
      commands: command.namespace,
      store,
      current: () => channel,
      given: () => undefined,
      observe: () => undefined,
      wakeBy: async () => undefined,
    });
    await story({ id, store, command, dispatch, channel });
  });
}

test("a command that moves out while its device connects is told that it was handed over", async () => {
  await waiting(async ({ id, command, dispatch, channel }) => {
    const movedOut = dispatch.release(id);
    await vi.waitFor(() => expect(command.taken).toHaveLength(1), PATIENTLY);
    const drained = dispatch.begin(channel);
    await scheduler.wait(0);
    command.begins();
    await Promise.all([movedOut, drained]);
    expect(command.told).toEqual(["begin", "handedOver"]);
    expect(channel.frames).toHaveLength(1);
  });
});

test("a command that is being handed over while the alarm rings is not taken for one that a crash cut off", async () => {
  await waiting(async ({ id, command, dispatch, channel }) => {
    const drained = dispatch.begin(channel);
    await vi.waitFor(() => expect(channel.frames).toHaveLength(1), PATIENTLY);
    const rung = dispatch.lookAfterOverdue(Date.now());
    const asked = dispatch.tell(id);
    command.begins();
    await Promise.all([drained, rung, asked]);
    const statuses = command.taken.map(({ history }) => history.map(({ status }) => status));
    expect(statuses).toEqual([["requesting", "requesting", "sentToTarget"]]);
  });
});
