import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { LibraryDevice } from "./devices.ts";
import { ORDER } from "./disconnects.ts";
import { eventually, require, type Scenario } from "./scenario.ts";

/** A line that dies without a word: neither end is told, as where a laptop sleeps or a router forgets. */

/** A TCP proxy on loopback whose connections can be cut off from each other while both ends take them for alive. */
class Line {
  readonly #server: Server;
  #pairs: [Socket, Socket][] = [];

  constructor(target: string) {
    const { hostname, port } = new URL(target);
    this.#server = createServer((near) => {
      const far = connect(Number(port), hostname);
      this.#pairs.push([near, far]);
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.on("error", () => to.destroy());
        from.on("data", (data) => to.write(data));
        from.on("end", () => to.end());
      }
    });
  }

  async listens(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Forwards nothing any more on the connections that there are, and closes none; new ones are forwarded. */
  freezes(): void {
    for (const socket of this.#pairs.flat()) {
      socket.removeAllListeners("data").removeAllListeners("end");
      // Read and thrown away: even the ends' buffers do not fill.
      socket.resume();
    }
  }

  closes(): void {
    for (const socket of this.#pairs.flat()) socket.destroy();
    this.#server.close();
  }
}

export const halfOpen: Scenario = {
  name: "a half-open socket",
  tell: async ({ service }) => {
    const line = new Line(service.origin);
    const origin = await line.listens();
    const caller = await service.caller();
    const device = new LibraryDevice("Asleep", origin, await caller.registers("Asleep"), "socket");
    device.start();
    try {
      await device.connected();
      line.freezes();
      const begun = performance.now();
      const payload = { uri: "https://example.com/", label: "asleep", act: "quick", ms: 0 };
      const { id } = await caller.send(device.id, { ...ORDER, payload, executionTimeout: "PT2M" });
      const seconds = (): string => ((performance.now() - begun) / 1_000).toFixed(1);
      const read = async (): Promise<string> => (await caller.command(device.id, id)).status;
      require((await read()) !== "completed", "The line was not dead.");
      await eventually("The command was to be tried again", async () => (await read()) === "retry");
      const noticed = seconds();
      await eventually("The command was to complete", async () => (await read()) === "completed", 75_000);
      const { runs } = device.ledger.of(id);
      require(runs === 1, `It ran ${runs} times.`);
      return `\`ping\` unanswered, \`retry\` after ${noticed} s; the device had found out by itself and had the command after ${seconds()} s`;
    } finally {
      await device.stop();
      line.closes();
    }
  },
};
