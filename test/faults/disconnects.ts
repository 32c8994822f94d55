import { hasEnded } from "../../src/client/client.ts";
import type { CommandEntity } from "../../src/client/entities.ts";
import { eventually, require, type Scenario } from "./scenario.ts";
import type { Caller } from "./service.ts";
import { StepwiseDevice } from "./stepwise-device.ts";

/** A device that goes away at each step of the protocol: after it, once by breaking off and once by closing. */

export const ORDER = {
  type: "LaunchUri" as const,
  payload: { uri: "https://example.com/" },
  executionTimeout: "PT60S",
};

interface Act {
  caller: Caller;
  device: StepwiseDevice;
  /** Goes away, in this story's way. */
  leaves: () => Promise<void>;
  sends: () => Promise<string>;
  /** The command, once it has this status. */
  reaches: (id: string, status: string) => Promise<CommandEntity>;
}

/** What happens in each story; it has to come to `ends`, by so many deliveries. */
interface Story {
  act: (act: Act) => Promise<string>;
  ends: "completed" | "canceled";
  /** The attempts that the history is to show, the last one's number. */
  attempts: number;
}

const executing = (id: string): object => ({ method: "executing", params: { id } });
const result = (id: string): object => ({ id, result: { done: true } });

/** The device takes the command from the beginning, on a new connection, and carries it out. */
async function takesAgain({ device }: Act, id: string, attempt: number): Promise<void> {
  await device.connects();
  const frame = await device.receives("launchUri");
  require(frame.id === id, `The device was given ${frame.id} again, not ${id}.`);
  require(frame.params.attempt === attempt, `That was attempt ${frame.params.attempt}, not ${attempt}.`);
  device.says(executing(id));
  device.says(result(id));
}

const STORIES: Record<string, Story> = {
  "the handshake": {
    ends: "completed",
    attempts: 1,
    act: async (act) => {
      await act.device.connects();
      await act.leaves();
      await eventually("The device was to be offline", async () => {
        return (await act.caller.device(act.device.id)).status === "Offline";
      });
      const id = await act.sends();
      await takesAgain(act, id, 1);
      return id;
    },
  },
  receiving: {
    ends: "completed",
    attempts: 2,
    act: async (act) => {
      const { device, leaves } = act;
      await device.connects();
      const id = await act.sends();
      await device.receives("launchUri");
      await act.reaches(id, "sentToTarget");
      await leaves();
      await act.reaches(id, "retry");
      await takesAgain(act, id, 2);
      return id;
    },
  },
  "`executing`": {
    ends: "completed",
    attempts: 1,
    act: async (act) => {
      const { device, leaves } = act;
      await device.connects();
      const id = await act.sends();
      await device.receives("launchUri");
      device.says(executing(id));
      await act.reaches(id, "executing");
      await leaves();
      await device.connects();
      device.says(result(id));
      return id;
    },
  },
  progress: {
    ends: "completed",
    attempts: 1,
    act: async (act) => {
      const { device, leaves } = act;
      await device.connects();
      const id = await act.sends();
      await device.receives("launchUri");
      device.says(executing(id));
      device.says({ method: "progress", params: { id, percent: 50 } });
      await act.reaches(id, "custom");
      await leaves();
      await device.connects();
      device.says(result(id));
      return id;
    },
  },
  "the result": {
    ends: "completed",
    attempts: 1,
    act: async (act) => {
      const { device, leaves } = act;
      await device.connects();
      const id = await act.sends();
      await device.receives("launchUri");
      device.says(executing(id));
      await act.reaches(id, "executing");
      device.says(result(id));
      await leaves();
      // It cannot know whether that arrived.
      await device.connects();
      device.says(result(id));
      return id;
    },
  },
  "`cancel`": {
    ends: "canceled",
    attempts: 1,
    act: async (act) => {
      const { caller, device, leaves } = act;
      await device.connects();
      const id = await act.sends();
      await device.receives("launchUri");
      device.says(executing(id));
      await act.reaches(id, "executing");
      await caller.cancel(device.id, id);
      await device.receives("cancel");
      await leaves();
      await device.connects();
      await device.receives("cancel");
      device.says({ id, error: { code: -32800, message: "Cancelled" } });
      return id;
    },
  },
};

const WAYS: Record<string, (device: StepwiseDevice) => Promise<void>> = {
  "breaks off": (device) => Promise.resolve(device.breaksOff()),
  closes: (device) => device.closes(),
};

export const disconnects: Scenario[] = Object.entries(STORIES).flatMap(([step, story]) =>
  Object.entries(WAYS).map(([way, leave]) => ({
    name: `a device ${way} after ${step}`,
    tell: async ({ service }) => {
      const caller = await service.caller();
      const device = new StepwiseDevice(service.origin, await caller.registers("Stepwise"));
      const reaches = (id: string, status: string): Promise<CommandEntity> =>
        eventually(`The command was to be ${status}`, async () => {
          const command = await caller.command(device.id, id);
          return command.status === status ? command : undefined;
        });
      const leaves = (): Promise<void> => leave(device);
      const sends = async (): Promise<string> => (await caller.send(device.id, ORDER)).id;
      const id = await story.act({ caller, device, leaves, sends, reaches });
      await reaches(id, story.ends);
      const { value } = await caller.history(device.id, id);
      const ends = value.filter(({ status, late }) => hasEnded({ status }) && !late);
      require(ends.length === 1, `It ended ${ends.length} times.`);
      const attempts = Math.max(...value.map(({ attempt }) => attempt ?? 0));
      require(attempts === story.attempts, `It took ${attempts} attempts, not ${story.attempts}.`);
      await device.closes();
      return `${story.ends}, by attempt ${attempts}`;
    },
  })),
);
