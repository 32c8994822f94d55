import type { Context, Hono } from "hono";
import { hasEnded } from "../command/command.ts";
import { responseOf } from "../command/entity.ts";
import type { Asker, CommandView } from "../command/handover.ts";
import { objectId, reach } from "../reach.ts";
import { authorize } from "./auth.ts";
import { COMMANDS } from "./commands.ts";
import type { Edge } from "./edge.ts";
import { commandInProfile, responseEntity } from "./entities.ts";
import { ApiError, notFound } from "./errors.ts";
import { eventsOf, lastEventId, wantsEvents } from "./events.ts";
import { historyEntity } from "./history.ts";
import { readWait } from "./prefer.ts";
import { contextOf, profileOf, readOptions, requireJsonAccepted, resource } from "./resource.ts";

/** Seconds after which asking for a response payload again is worth while. */
const RETRY_AFTER = "1";

/** One command: reading, watching, cancelling and erasing it. */
export function serveCommand(app: Hono<Edge>): void {
  resource(app, `${COMMANDS}/:command`, {
    GET: async (c) => {
      if (wantsEvents(c.req.header("Accept"))) return await watch(c);
      return c.json(commandInProfile(profileOf(c), await readCommand(c)));
    },
    DELETE: async (c) => {
      const { asker, id } = await openCommand(c);
      const erased = await reach(c.env.COMMANDS, id, (stub) => stub.erase(asker));
      if (erased.ok) return c.body(null, 204);
      if (erased.reason === "unknown") throw notFound();
      throw new ApiError("conflict", "The command has not ended; cancel it first, or wait for its end.");
    },
  });

  resource(app, `${COMMANDS}/:command/responsepayload`, {
    GET: async (c) => {
      const { state } = await readCommand(c);
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
      const { asker, id } = await openCommand(c);
      requireJsonAccepted(c);
      const cancelled = await reach(c.env.COMMANDS, id, (stub) => stub.cancel(asker));
      if (cancelled.ok) return c.json(commandInProfile(profileOf(c), cancelled.command), 202);
      if (cancelled.reason === "unknown") throw notFound();
      throw new ApiError("conflict", "The command has ended; there is nothing to cancel.");
    },
  });

  resource(app, `${COMMANDS}/:command/history`, {
    GET: async (c) => {
      const { asker, id } = await openCommand(c);
      requireJsonAccepted(c);
      const found = await reach(c.env.COMMANDS, id, (stub) => stub.history(asker));
      if (!found.ok) throw notFound();
      return c.json(historyEntity(found));
    },
  });
}

/** Checks who calls and what is called for, up to the command's address. */
async function openCommand(c: Context<Edge>): Promise<{ asker: Asker; id: DurableObjectId }> {
  const { account } = await authorize(c, "Device.Command");
  readOptions(c, []);
  const id = objectId(c.env.COMMANDS, c.req.param("command") ?? "");
  if (id === null) throw notFound();
  return { asker: { account, device: c.req.param("device") ?? "" }, id };
}

/** The command, at its end if the caller would wait for that. */
async function readCommand(c: Context<Edge>): Promise<CommandView> {
  const { asker, id } = await openCommand(c);
  requireJsonAccepted(c);
  const wait = readWait(c);
  const found = await reach(c.env.COMMANDS, id, (stub) =>
    wait === 0 ? stub.read(asker) : stub.wait(asker, wait),
  );
  if (!found.ok) throw notFound();
  return found.command;
}

async function watch(c: Context<Edge>): Promise<Response> {
  const { asker, id } = await openCommand(c);
  const after = lastEventId(c);
  const found = await reach(c.env.COMMANDS, id, (stub) => stub.watch(asker, after));
  if (!found.ok) throw notFound();
  // An EventSource comes back until it is told so that nothing will follow (HTML standard, 9.2.3).
  if (found.sightings === null) return c.body(null, 204);
  if (c.req.method === "HEAD") {
    // Nobody would read the stream, or end it.
    await found.sightings.cancel();
    return c.body(null, 200, { "Content-Type": "text/event-stream" });
  }
  return c.body(eventsOf(profileOf(c), found.sightings), 200, { "Content-Type": "text/event-stream" });
}
