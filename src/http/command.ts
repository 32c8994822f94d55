import type { Context, Hono } from "hono";
import { type Command, hasEnded } from "../command/command.ts";
import { responseOf } from "../command/entity.ts";
import { type CommandView, historyOf } from "../command/handover.ts";
import { Watchers } from "../command/watchers.ts";
import { objectId, reach } from "../reach.ts";
import { authorize } from "./auth.ts";
import { COMMANDS } from "./commands.ts";
import type { Edge } from "./edge.ts";
import { commandInProfile, responseEntity } from "./entities.ts";
import { ApiError, notFound } from "./errors.ts";
import { eventsOf, lastEventId, wantsEvents } from "./events.ts";
import { historyEntity } from "./history.ts";
import { type CommandAddress, readCommand } from "./lookup.ts";
import { readWait } from "./prefer.ts";
import { contextOf, profileOf, readOptions, requireJsonAccepted, resource } from "./resource.ts";

/** Seconds after which asking for a response payload again is worth while. */
const RETRY_AFTER = "1";

/** One command: reading, watching, cancelling and erasing it. */
export function serveCommand(app: Hono<Edge>): void {
  resource(app, `${COMMANDS}/:command`, {
    GET: async (c) => {
      if (wantsEvents(c.req.header("Accept"))) return await watch(c);
      return c.json(commandInProfile(profileOf(c), await read(c)));
    },
    DELETE: async (c) => {
      const at = await openCommand(c);
      const { account } = at.asker;
      const resident = await reach(c.env.DEVICES, at.device, (stub) =>
        stub.erase(account, at.command.toString()),
      );
      const erased =
        resident === null
          ? await reach(c.env.COMMANDS, at.command, (stub) => stub.erase(at.asker))
          : resident === "erased"
            ? { ok: true as const }
            : { ok: false as const, reason: resident };
      if (erased.ok) return c.body(null, 204);
      if (erased.reason === "unknown") throw notFound();
      throw new ApiError("conflict", "The command has not ended; cancel it first, or wait for its end.");
    },
  });

  resource(app, `${COMMANDS}/:command/responsepayload`, {
    GET: async (c) => {
      const { state } = await read(c);
      const response = responseOf(state);
      if (response !== undefined) {
        return c.json(
          responseEntity(profileOf(c), contextOf(c, "microsoft.graph.PayloadResponse"), response),
        );
      }
      return c.body(null, 204, hasEnded(state) ? {} : { "Retry-After": RETRY_AFTER });
    },
  });

  resource(app, `${COMMANDS}/:command/cancel`, {
    POST: async (c) => {
      const at = await openCommand(c);
      requireJsonAccepted(c);
      const { account } = at.asker;
      const resident = await reach(c.env.DEVICES, at.device, (stub) =>
        stub.withdraw(account, at.command.toString()),
      );
      const cancelled =
        resident === null
          ? await reach(c.env.COMMANDS, at.command, (stub) => stub.cancel(at.asker))
          : resident.wasLive
            ? { ok: true as const, command: resident.command }
            : { ok: false as const, reason: "ended" as const };
      if (cancelled.ok) return c.json(commandInProfile(profileOf(c), cancelled.command), 202);
      if (cancelled.reason === "unknown") throw notFound();
      throw new ApiError("conflict", "The command has ended; there is nothing to cancel.");
    },
  });

  resource(app, `${COMMANDS}/:command/history`, {
    GET: async (c) => {
      const at = await openCommand(c);
      requireJsonAccepted(c);
      const { account } = at.asker;
      const resident = await reach(c.env.DEVICES, at.device, (stub) =>
        stub.read(account, at.command.toString(), 0),
      );
      if (resident !== null) return c.json(historyEntity(historyOf(JSON.parse(resident) as Command)));
      const found = await reach(c.env.COMMANDS, at.command, (stub) => stub.history(at.asker));
      if (!found.ok) throw notFound();
      return c.json(historyEntity(found));
    },
  });
}

/** Checks who calls and what is called for, up to the command's address. */
async function openCommand(c: Context<Edge>): Promise<CommandAddress> {
  const { account } = await authorize(c, "Device.Command");
  readOptions(c, []);
  const device = objectId(c.env.DEVICES, c.req.param("device") ?? "");
  const command = objectId(c.env.COMMANDS, c.req.param("command") ?? "");
  if (device === null || command === null) throw notFound();
  return { asker: { account, device: device.toString() }, device, command };
}

/** The command, at its end if the caller would wait for that. */
async function read(c: Context<Edge>): Promise<CommandView> {
  const at = await openCommand(c);
  requireJsonAccepted(c);
  return await readCommand(c.env, at, readWait(c));
}

async function watch(c: Context<Edge>): Promise<Response> {
  const at = await openCommand(c);
  const after = lastEventId(c);
  const sightings = await sightingsOf(c, at, after);
  // An EventSource comes back until it is told so that nothing will follow (HTML standard, 9.2.3).
  if (sightings === null) return c.body(null, 204);
  if (c.req.method === "HEAD") {
    // Nobody would read the stream, or end it.
    await sightings.cancel();
    return c.body(null, 200, { "Content-Type": "text/event-stream" });
  }
  return c.body(eventsOf(profileOf(c), sightings), 200, { "Content-Type": "text/event-stream" });
}

/** What a watcher is to see; null where nothing will follow. */
async function sightingsOf(
  { env }: Context<Edge>,
  { asker, device, command }: CommandAddress,
  after: number,
): Promise<ReadableStream<Uint8Array> | null> {
  const ended = await reach(env.DEVICES, device, (stub) => stub.release(asker.account, command.toString()));
  if (ended !== null) return new Watchers().stream(() => ended, after);
  const found = await reach(env.COMMANDS, command, (stub) => stub.watch(asker, after));
  if (!found.ok) throw notFound();
  return found.sightings;
}
