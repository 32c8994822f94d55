import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import type { Agent } from "node:http";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { WebSocket } from "ws";
import { type Bundle, deployedBundle } from "../workerd/bundle.ts";
import { Issuer } from "../workerd/issuer.ts";
import { Workerd } from "../workerd/workerd.ts";
import { connections } from "./ask.ts";
import { Fleet } from "./fleet.ts";
import { bundleFloor } from "./floor/floor.ts";
import { Load } from "./load.ts";
import type { Terms } from "./race.ts";

/** What every part of the bench works with. */
export interface Stage {
  /** For whatever the run needs on disk; gone afterwards. */
  folder: string;
  load: Load;
  /** For what is asked beside the load. */
  agent: Agent;
  issuer: Issuer;
  service: Bundle;
  floor: Bundle;
  terms: Terms;
  /** What is done now. */
  say: (text: string) => void;
  /** What stays to be read. */
  note: (text: string) => void;
}

/** Connections of what is asked beside the load: watchers have one each. */
const CONNECTIONS = 2_000;

export async function setStage(
  folder: string,
  terms: Terms,
  { say, note }: Pick<Stage, "say" | "note">,
): Promise<Stage> {
  say("bundling the service as it is deployed");
  const issuer = await Issuer.create();
  await mkdir(join(folder, "service"));
  const bundle = await deployedBundle(join(folder, "service"));
  const service = { ...bundle, bindings: { ...bundle.bindings, ...issuer.vars } };
  const floor = await bundleFloor(folder, service);
  return {
    folder,
    load: new Load(),
    agent: connections(CONNECTIONS),
    issuer,
    service,
    floor,
    terms,
    say,
    note,
  };
}

/** The service on storage of its own, with a fleet of devices. */
export async function startService({ service, issuer }: Stage): Promise<{ service: Workerd; fleet: Fleet }> {
  return { service: await Workerd.start(service), fleet: await Fleet.of(issuer) };
}

/** Milliseconds between two looks at a process's time, what it may use between them, and how long to wait for that. */
const LOOK_MS = 100;
const IDLE_SECONDS = 0.01;
const IDLE_TIMEOUT_MS = 120_000;

/** Resolves when these do nothing any more. */
export async function areIdle(services: readonly Workerd[]): Promise<void> {
  const used = async () => await Promise.all(services.map((service) => service.cpu()));
  for (let before = await used(), begin = Date.now(); Date.now() - begin < IDLE_TIMEOUT_MS; ) {
    await wait(LOOK_MS);
    const now = await used();
    if (now.every((seconds, index) => seconds - (before[index] ?? 0) <= IDLE_SECONDS)) return;
    before = now;
  }
  throw new Error("The service does not come to rest.");
}

/** The floor, with a device that echoes. */
export async function startFloor({ floor }: Stage): Promise<{ floor: Workerd; line: string }> {
  const running = await Workerd.start(floor);
  const line = `${running.origin}/lines/bench`;
  const socket = new WebSocket(line.replace("http", "ws"), { perMessageDeflate: false });
  socket.on("message", (data) => {
    const { id } = JSON.parse(String(data)) as { id: string };
    socket.send(`{"id":"${id}","result":{"ok":1}}`);
  });
  await once(socket, "open");
  return { floor: running, line };
}
