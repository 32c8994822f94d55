import type { Reality } from "./reality.ts";
import type { Happening, Report, Said, Wish, World } from "./world.ts";

/** Something that is done, and what happens by it. */
export interface Deed {
  words: string;
  happenings: Happening[];
  /** What may happen instead. */
  or?: Happening[];
  act(reality: Reality): Promise<unknown>;
}

/** Somebody's intention: a deed in the world as it is then, or null where it cannot be done. */
export type Intention = (world: World, newName: () => string) => Deed | null;

export function wordsOf(deeds: Deed[]): string {
  return deeds.map(({ words }) => words).join(", and at once ");
}

// ---- The caller's ----

export function send(wish: Wish): Intention {
  return (_, newName) => {
    const name = newName();
    const { type, whenOffline, deliveryTimeout, executionTimeout, idempotencyKey, page } = wish;
    const key = idempotencyKey === null ? "" : `, key ${idempotencyKey}`;
    return {
      words: `send ${name}: ${type} ${page}, ${whenOffline}, delivery ${deliveryTimeout}, execution ${executionTimeout}${key}`,
      happenings: [{ type: "sent", name, wish }],
      act: (reality) => reality.sends(name, wish),
    };
  };
}

/** Sends the same once more, with the key if it had one. */
export function repeat(nth: number): Intention {
  return (world, newName) => {
    const wish = world.commands[nth % world.commands.length]?.wish;
    return wish === undefined ? null : send(wish)(world, newName);
  };
}

export function cancel(nth: number): Intention {
  return about(nth, (name) => ({
    words: `cancel ${name}`,
    happenings: [
      { type: "cancelAsked", name },
      { type: "cancelTold", name },
    ],
    act: (reality) => reality.cancels(name),
  }));
}

export function erase(nth: number): Intention {
  return about(nth, (name) => ({
    words: `delete ${name}`,
    happenings: [{ type: "deleted", name }],
    act: (reality) => reality.deletes(name),
  }));
}

export const unregister: Intention = () => ({
  words: "unregister the device",
  happenings: [{ type: "unregistered" }, { type: "removalTold" }],
  act: (reality) => reality.unregisters(),
});

// ---- The device's ----

const CONNECTING: Happening[] = [{ type: "connected" }, { type: "claimed" }, { type: "handedOver" }];

export const connect: Intention = (world) => ({
  words: world.connection === null ? "the device connects" : "the device connects anew",
  happenings: CONNECTING,
  act: (reality) => reality.connects(),
});

/** The service may learn of the new connection before it learns that the older one is closed. */
export const reconnect: Intention = onLine({
  words: "the device disconnects and connects",
  happenings: [{ type: "disconnected" }, ...CONNECTING],
  or: CONNECTING,
  act: async (reality) => {
    reality.line?.closes();
    await reality.connects();
  },
});

export const disconnect: Intention = onLine({
  words: "the device disconnects",
  happenings: [{ type: "disconnected" }],
  act: async ({ line }) => line?.closes(),
});

/** Says something of one command or more, in one batch or in a frame each. */
export function say(said: Said[], isBatch: boolean): Intention {
  if (said.length === 0) return () => null;
  const frames = isBatch ? [0] : [...said.keys()];
  const words = said.map(({ name, report }) => `${wordsOfReport(report)} of ${name}`).join(", ");
  return onLine({
    words: `the device says ${isBatch ? "in one batch " : ""}${words}`,
    happenings: [
      ...frames.map((frame): Happening => ({ type: "arrived", frame })),
      ...said.map((each, index): Happening => ({ type: "said", frame: isBatch ? 0 : index, ...each })),
    ],
    act: (reality) => reality.says(said, isBatch),
  });
}

export function sayOf(reports: { nth: number; report: Report }[], isBatch: boolean): Intention {
  return (world, newName) => {
    const said = reports.flatMap(({ nth, report }) => {
      const name = nameOf(world, nth);
      return name === undefined ? [] : [{ name, report }];
    });
    return say(said, isBatch)(world, newName);
  };
}

export const answerPing: Intention = onLine({
  words: "the device answers ping",
  happenings: [{ type: "spoke" }],
  act: async ({ line }) => {
    line?.answersPing();
    await line?.says([], true);
  },
});

export function sayPresence(state: "active" | "standby"): Intention {
  return onLine({
    words: `the device is ${state}`,
    happenings: [{ type: "presenceSaid", state }],
    act: async ({ line }) => line?.says([{ method: "presence", params: { state } }], true),
  });
}

export function strangerSays(nth: number, report: Report): Intention {
  return about(nth, (name) => ({
    words: `another device says ${wordsOfReport(report)} of ${name}`,
    happenings: [{ type: "strangerSaid" }],
    act: (reality) => reality.strangerSays(name, report),
  }));
}

// ---- The platform's ----

/** Evicts the device's object, or a command's. */
export function evict(nth: number | null): Intention {
  return (world) => {
    const name = nth === null ? null : nameOf(world, nth);
    if (name === undefined) return null;
    return {
      words: `the object of ${name ?? "the device"} is evicted`,
      happenings: [],
      act: (reality) => reality.evicts(name),
    };
  };
}

/** An alarm rings though perhaps nothing is due. */
export function ring(nth: number | null): Intention {
  return (world, newName) => {
    const name = nth === null ? null : nameOf(world, nth);
    return name === undefined ? null : ringOf(name)(world, newName);
  };
}

/** The alarm of a command rings, or the device's. */
export function ringOf(name: string | null): Intention {
  return () => ({
    words: `the alarm of ${name ?? "the device"} rings`,
    happenings: [{ type: "rang", name }],
    act: (reality) => reality.rings(name),
  });
}

export const crash: Intention = () => ({
  words: "every object crashes",
  happenings: [{ type: "crashed" }],
  act: (reality) => reality.crashes(),
});

// ---- Of which ----

function nameOf({ commands, erased }: World, nth: number): string | undefined {
  const names = [...commands.map(({ name }) => name), ...erased];
  return names[nth % names.length];
}

function about(nth: number, deed: (name: string) => Deed): Intention {
  return (world) => {
    const name = nameOf(world, nth);
    return name === undefined ? null : deed(name);
  };
}

function onLine(deed: Deed): Intention {
  return ({ connection }) => (connection === null ? null : deed);
}

function wordsOfReport(report: Report): string {
  switch (report.type) {
    case "result":
      return `the result ${JSON.stringify(report.value)}`;
    case "error":
      return `the error ${report.code}${report.status === null ? "" : ` ${report.status}`}`;
    default:
      return report.type;
  }
}
