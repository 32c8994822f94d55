import { table } from "./figures.ts";
import { type AtDevices, scaleDevices } from "./scale-devices.ts";
import { type AtDepth, scaleWaiting } from "./scale-waiting.ts";
import { type AtWatchers, scaleWatchers } from "./scale-watchers.ts";
import type { Stage } from "./stage.ts";

/** Whether a command's cost stays level while everything around it grows: tables, and curves of the costs. */

export const SCALES = ["devices", "waiting", "watchers"] as const;
export type Scale = (typeof SCALES)[number];

/** Lines of one plot, over the sizes of something. */
export interface Curve {
  title: string;
  unit: string;
  /** What grows. */
  over: string;
  lines: { name: string; points: { x: number; y: number }[] }[];
}

/** One part of the report. */
export interface Section {
  title: string;
  text: string;
  curves: Curve[];
}

export async function measureScale(stage: Stage, scale: Scale): Promise<Section> {
  switch (scale) {
    case "devices":
      return devices(await scaleDevices(stage));
    case "waiting":
      return waiting(await scaleWaiting(stage));
    case "watchers":
      return watchers(await scaleWatchers(stage));
  }
}

const CPU = "ms of workerd's processor time for each command";

function devices(found: AtDevices[]): Section {
  const rows = found.map(({ devices: count, one, each, create, bare, bytes }) => [
    count.toLocaleString("en"),
    one.rate,
    one.p50,
    one.cpu,
    each.rate,
    each.p50,
    each.cpu,
    create.rate,
    create.p50,
    create.cpu,
    bare.cpu,
    bytes === null ? "–" : bytes / 1024,
  ]);
  const text = `Round trips and acceptances, 16 at once, to one of the connected devices all the time or to each in turn. \`cpu\` is ${CPU}, with all that is done after the answer; the *floor* writes a row into each of as many objects; memory is what each idle device adds to the process once its object has left memory. With many devices nearly every command wakes an object that has left memory: its database is opened and, some ten seconds later, closed again, which costs the floor as well.

${table(
  [
    "connected devices",
    "to one: req/s",
    "p50 ms",
    "cpu ms",
    "to each: req/s",
    "p50 ms",
    "cpu ms",
    "create, each: req/s",
    "p50 ms",
    "cpu ms",
    "floor, each: cpu ms",
    "KiB each, idle",
  ],
  rows,
)}`;
  const line = (name: string, y: (at: AtDevices) => number) => ({
    name,
    points: found.map((at) => ({ x: at.devices, y: y(at) })),
  });
  const curve: Curve = {
    title: "Connected devices",
    unit: CPU,
    over: "devices",
    lines: [
      line("round trip, to one", ({ one }) => one.cpu),
      line("round trip, to each", ({ each }) => each.cpu),
      line("create, for each", ({ create }) => create.cpu),
      line("floor: a row for each", ({ bare }) => bare.cpu),
    ],
  };
  return { title: "Connected devices", text, curves: [curve] };
}

function waiting(found: AtDepth[]): Section {
  const accepting = found.map(({ depth, accept, drain }) => [
    depth.toLocaleString("en"),
    accept.rate,
    accept.p50,
    accept.cpu,
    drain.commands.toLocaleString("en"),
    drain.rate,
    drain.firstHalf,
    drain.secondHalf,
    drain.cpu,
  ]);
  const listing = found.map(({ depth, waiting: live, ended, wake }) => [
    depth.toLocaleString("en"),
    live.page20,
    live.page100,
    ended.page20,
    ended.page100,
    ended.none,
    wake,
  ]);
  const text = `Commands for one device that is away, then handed over when it connects; it acknowledges and answers each at once, and afterwards all have ended. Accepting is measured with 16 callers at once.

${table(
  [
    "waiting already",
    "accept: req/s",
    "p50 ms",
    "cpu ms",
    "drained",
    "commands/s",
    "first half",
    "second half",
    "cpu ms",
  ],
  accepting,
)}

Milliseconds for a page of the list, and for the first command after the device's object has left memory:

${table(
  [
    "commands",
    "waiting, 20",
    "waiting, 100",
    "ended, 20",
    "ended, 100",
    "of a status that none has",
    "first command",
  ],
  listing,
)}`;
  const line = (name: string, y: (at: AtDepth) => number) => ({
    name,
    points: found.map((at) => ({ x: at.depth, y: y(at) })),
  });
  const curves: Curve[] = [
    {
      title: "Commands waiting on one device",
      unit: CPU,
      over: "waiting commands",
      lines: [line("accepting", ({ accept }) => accept.cpu), line("draining", ({ drain }) => drain.cpu)],
    },
    {
      title: "Listing, and the first command after a pause",
      unit: "ms",
      over: "commands of one device",
      lines: [
        line("page of 20, waiting", (at) => at.waiting.page20),
        line("of a status that none has", (at) => at.ended.none),
        line("first command", ({ wake }) => wake),
      ],
    },
  ];
  return { title: "Commands on one device", text, curves };
}

function watchers(found: AtWatchers[]): Section {
  const rows = found.map(({ watchers: count, oneCommand, ownCommands }) => [
    count.toLocaleString("en"),
    oneCommand.all,
    oneCommand.cpu,
    ownCommands.all,
    ownCommands.cpu,
  ]);
  const text = `From the device's word until every watcher (\`Accept: text/event-stream\`) has heard of it; \`cpu\` is workerd's processor time for each watcher.

${table(["watchers", "one command: ms until all", "cpu ms each", "a command each: ms until all", "cpu ms each"], rows)}`;
  const line = (name: string, y: (at: AtWatchers) => number) => ({
    name,
    points: found.map((at) => ({ x: at.watchers, y: y(at) })),
  });
  const curve: Curve = {
    title: "Watchers",
    unit: "ms of workerd's processor time for each watcher",
    over: "watchers",
    lines: [
      line("of one command", ({ oneCommand }) => oneCommand.cpu),
      line("of a command each", ({ ownCommands }) => ownCommands.cpu),
    ],
  };
  return { title: "Watchers", text, curves: [curve] };
}
