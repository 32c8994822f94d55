import type { Context, Hono } from "hono";
import { hasEnded } from "../command/command.ts";
import type { CommandView } from "../command/handover.ts";
import { COMMANDS_PER_PAGE, COMMANDS_PER_PAGE_MAX } from "../limits.ts";
import { objectId, reach } from "../reach.ts";
import { authorize } from "./auth.ts";
import { deviceOf } from "./devices.ts";
import {
  addressOf,
  contextOf,
  type Edge,
  profileOf,
  readCount,
  readOptions,
  requireJsonAccepted,
  resource,
} from "./edge.ts";
import { commandEntity, historyEntity, plainCommandEntity, responseEntity, responseOf } from "./entities.ts";
import { ApiError, notFound } from "./errors.ts";
import { readWish } from "./order.ts";

/** Seconds after which asking for a response payload again is worth while. */
const RETRY_AFTER = "1";

const COMMANDS = "/:profile/me/devices/:device/commands";

export function serveCommands(app: Hono<Edge>): void {
  resource(app, COMMANDS, {
    POST: async (c) => {
      const { account } = await authorize(c, "Device.Command");
      requireJsonAccepted(c);
      readOptions(c, []);
      const device = deviceOf(c).toString();
      const wish = await readWish(c);
      const id = c.env.COMMANDS.newUniqueId();
      const created = await reach(c.env.COMMANDS, id, (stub) =>
        stub.create({ ...wish, id: id.toString(), account, device }),
      );
      if (!created.ok) {
        if (created.reason === "deviceUnknown") throw notFound();
        throw new ApiError(
          "activityLimitReached",
          "Too many commands wait for this device. Send again when some have ended.",
          { headers: { "Retry-After": "60" } },
        );
      }
      const location = addressOf(c, `/me/devices/${device}/commands/${id}`);
      return c.json(commandEntity(profileOf(c), created.command), 201, { Location: location });
    },
    GET: async (c) => {
      const { account } = await authorize(c, "Device.Command");
      requireJsonAccepted(c);
      const options = readOptions(c, ["$top", "$skiptoken"]);
      const top = readCount("$top", options.$top, COMMANDS_PER_PAGE, COMMANDS_PER_PAGE_MAX);
      const before = readCount(
        "$skiptoken",
        options.$skiptoken,
        Number.MAX_SAFE_INTEGER,
        Number.MAX_SAFE_INTEGER,
      );
      const deviceId = deviceOf(c);
      const device = deviceId.toString();
      // One more than the page tells whether there is another.
      const listed = await reach(c.env.DEVICES, deviceId, (stub) => stub.commands(account, before, top + 1));
      if (!listed.ok) throw notFound();
      const page = listed.commands.slice(0, top);
      const commands = await Promise.all(
        page.map(({ id }) =>
          reach(c.env.COMMANDS, c.env.COMMANDS.idFromString(id), (stub) => stub.read({ account, device })),
        ),
      );
      const last = page.at(-1);
      return c.json({
        "@odata.context": contextOf(c, `me/devices('${device}')/commands`),
        value: commands.flatMap((found) => (found.ok ? [plainCommandEntity(found.command)] : [])),
        ...(listed.commands.length > top &&
          last !== undefined && {
            "@odata.nextLink": addressOf(
              c,
              `/me/devices/${device}/commands?$top=${top}&$skiptoken=${last.place}`,
            ),
          }),
      });
    },
  });

  resource(app, `${COMMANDS}/:command`, {
    GET: async (c) => c.json(commandEntity(profileOf(c), await readCommand(c))),
  });

  resource(app, `${COMMANDS}/:command/responsepayload`, {
    GET: async (c) => {
      const command = await readCommand(c);
      const response = responseOf(command);
      if (response !== undefined) {
        return c.json(
          responseEntity(profileOf(c), contextOf(c, "microsoft.graph.PayloadResponse"), response),
        );
      }
      return c.body(null, 204, hasEnded(command.state) ? {} : { "Retry-After": RETRY_AFTER });
    },
  });

  resource(app, `${COMMANDS}/:command/history`, {
    GET: async (c) => {
      const { account, id } = await openCommand(c);
      const found = await reach(c.env.COMMANDS, id, (stub) =>
        stub.history({ account, device: c.req.param("device") ?? "" }),
      );
      if (!found.ok) throw notFound();
      return c.json(historyEntity(found.command, found.entries, found.wakeAt));
    },
  });
}

/** Checks who calls and what is called for, up to the command's address. */
async function openCommand(c: Context<Edge>): Promise<{ account: string; id: DurableObjectId }> {
  const { account } = await authorize(c, "Device.Command");
  requireJsonAccepted(c);
  readOptions(c, []);
  const id = objectId(c.env.COMMANDS, c.req.param("command") ?? "");
  if (id === null) throw notFound();
  return { account, id };
}

async function readCommand(c: Context<Edge>): Promise<CommandView> {
  const { account, id } = await openCommand(c);
  const found = await reach(c.env.COMMANDS, id, (stub) =>
    stub.read({ account, device: c.req.param("device") ?? "" }),
  );
  if (!found.ok) throw notFound();
  return found.command;
}
