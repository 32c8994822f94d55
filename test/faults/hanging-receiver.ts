import { POST_BACK_TIMEOUT_MS } from "../../src/limits.ts";
import { LibraryDevice } from "./devices.ts";
import { unpostedOf } from "./invariants.ts";
import { Receiver } from "./receiver.ts";
import { eventually, require, type Scenario } from "./scenario.ts";

/** Milliseconds that a command beside one whose receiver hangs may take. */
const BESIDE_MS_MAX = 2_000;
const COMMANDS_BESIDE = 50;

export const hangingReceiver: Scenario = {
  name: "a post-back receiver that hangs",
  tell: async ({ service }) => {
    // The first request of each command hangs; those after it are answered.
    const caller = await service.caller();
    const receiver = await Receiver.start(await caller.postBackSecret(), (_, __, n) =>
      n === 1 ? null : 200,
    );
    const device = new LibraryDevice("Told of", service.origin, await caller.registers("Told of"), "socket");
    device.start();
    const order = {
      type: "AppService" as const,
      appServiceName: "faults",
      packageFamilyName: "Faults_test",
      payload: { label: "told", act: "quick", ms: 0 },
    };
    try {
      await device.connected();
      const { id } = await caller.send(device.id, { ...order, postBackUri: receiver.uri("/told") });
      const told = await eventually("The receiver was to be asked", () => receiver.received.get("/told"));
      let slowest = 0;
      for (let sent = 0; sent < COMMANDS_BESIDE; sent++) {
        const begun = performance.now();
        const { status } = await caller.send(device.id, order, { wait: 10 });
        require(status === "completed", `A command beside it is ${status}.`);
        slowest = Math.max(slowest, performance.now() - begun);
      }
      require(slowest < BESIDE_MS_MAX, `A command beside it took ${Math.round(slowest)} ms.`);
      require(receiver.givenUp.length === 0, "The receiver was given up before its time.");
      await eventually("The receiver was to be given up", () => receiver.givenUp.length > 0);
      const waited = (receiver.givenUp[0] ?? 0) - (told[0]?.at ?? 0);
      const isInTime = waited > POST_BACK_TIMEOUT_MS - 500 && waited < POST_BACK_TIMEOUT_MS + 5_000;
      require(isInTime, `The receiver was given up after ${Math.round(waited)} ms.`);
      await eventually("The receiver was to be told the rest", async () => {
        return unpostedOf(await caller.history(device.id, id), told).length === 0;
      });
      const isSigned = told.every(({ fault }) => fault === null);
      require(isSigned, `A post-back did not verify: ${told.map(({ fault }) => fault).join(" ")}`);
      const sequences = told.map(({ body }) => (JSON.parse(body) as { sequence: number }).sequence);
      const isInOrder = sequences.every((sequence, index) => sequence >= (sequences[index - 1] ?? 0));
      require(isInOrder, `They came as ${sequences.join(", ")}.`);
      return `given up after ${(waited / 1_000).toFixed(1)} s, told all after it; the slowest of ${COMMANDS_BESIDE} commands beside it took ${Math.round(slowest)} ms`;
    } finally {
      await device.stop();
      receiver.stop();
    }
  },
};
