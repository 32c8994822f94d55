import type { Context, Hono } from "hono";
import { type Command, ENDED, LIVE, payloadLength, type Status } from "../command/command.ts";
import { COMMAND_MEMBERS, commandEntity } from "../command/entity.ts";
import { type Asker, type CommandView, viewOf } from "../command/handover.ts";
import { accept } from "../command/transition.ts";
import type { Page } from "../device/device-store.ts";
import { COMMANDS_PER_PAGE, COMMANDS_PER_PAGE_MAX, LISTING_BYTES_MAX, LISTING_WINDOW } from "../limits.ts";
import { reach } from "../reach.ts";
import { authorize } from "./auth.ts";
import { deviceOf } from "./devices.ts";
import type { Edge } from "./edge.ts";
import { commandInProfile } from "./entities.ts";
import { ApiError, notFound } from "./errors.ts";
import { readIntent } from "./intent.ts";
import { readCommand } from "./lookup.ts";
import { readWish } from "./order.ts";
import { readWait } from "./prefer.ts";
import { exceedsForDevice, tooManyRequests } from "./rate-limits.ts";
import {
  addressOf,
  contextOf,
  profileOf,
  readCount,
  readOptions,
  requireJsonAccepted,
  resource,
} from "./resource.ts";

export const COMMANDS = "/:profile/me/devices/:device/commands";

/** A device's commands: sending one, and listing them. */
export function serveCommands(app: Hono<Edge>): void {
  resource(app, COMMANDS, {
    POST: async (c) => {
      const { account } = await authorize(c, "Device.Command");
      requireJsonAccepted(c);
      readOptions(c, []);
      const deviceId = deviceOf(c);
      const device = deviceId.toString();
      // Counted while the body is read.
      const tooMany = exceedsForDevice(c, device, account);
      const wish = await readWish(c);
      if (await tooMany) throw tooManyRequests();
      const intent = await readIntent(c, wish);
      const wait = readWait(c);
      const id = c.env.COMMANDS.newUniqueId();
      const order = { ...wish, id: id.toString(), account, device };
      const at = { asker: { account, device }, device: deviceId, command: id };
      const accepted = await reach(c.env.DEVICES, deviceId, (stub) => stub.accept(order, intent, wait));
      if (accepted.ok) {
        if (wait === 0) return answer(c, viewOf(accept(order, accepted.acceptedAt)));
        const { command } = accepted;
        if (command !== null) return answer(c, JSON.parse(command) as Command);
        // Whatever is out of reach, it was accepted, and is not to be sent again.
        const asAccepted = () => viewOf(accept(order, accepted.acceptedAt));
        return answer(c, await readCommand(c.env, at, 0).catch(asAccepted));
      }
      switch (accepted.reason) {
        case "deviceUnknown":
          throw notFound();
        case "queueFull":
          throw new ApiError(
            "activityLimitReached",
            "Too many commands wait for this device. Send again when some have ended.",
            { headers: { "Retry-After": "60" } },
          );
        case "repeated": {
          if (!accepted.same) {
            const message =
              "This Idempotency-Key was used with another body. Use a new key for another command.";
            throw new ApiError("unprocessable", message);
          }
          c.header("Idempotency-Replayed", "true");
          const first = c.env.COMMANDS.idFromString(accepted.command);
          return answer(c, await readCommand(c.env, { ...at, command: first }, wait));
        }
      }
    },
    GET: async (c) => {
      const { account } = await authorize(c, "Device.Command");
      requireJsonAccepted(c);
      const options = readOptions(c, ["$top", "$skiptoken", "$filter", "$select"]);
      const top = readCount("$top", options.$top, COMMANDS_PER_PAGE, COMMANDS_PER_PAGE_MAX);
      const before = readCount(
        "$skiptoken",
        options.$skiptoken,
        Number.MAX_SAFE_INTEGER,
        Number.MAX_SAFE_INTEGER,
      );
      const status = readFilter(options.$filter);
      const select = readSelect(options.$select);
      const deviceId = deviceOf(c);
      const device = deviceId.toString();
      const listed = await reach(c.env.DEVICES, deviceId, (stub) =>
        stub.commands(account, before, top, status),
      );
      if (!listed.ok) throw notFound();
      const { commands, next: place } = await readPage(c, listed, { account, device }, status);
      const next = new URLSearchParams({ ...options, $top: String(top), $skiptoken: String(place ?? "") });
      return c.json({
        "@odata.context": contextOf(c, `me/devices('${device}')/commands`),
        value: commands.map((command) => select(commandEntity(command))),
        ...(place !== null && {
          "@odata.nextLink": addressOf(
            c,
            `/me/devices/${device}/commands?${next.toString().replaceAll("%24", "$")}`,
          ),
        }),
      });
    },
  });
}

function answer(c: Context<Edge>, command: CommandView): Response {
  const { device, id } = command.order;
  return c.json(commandInProfile(profileOf(c), command), 201, {
    Location: addressOf(c, `/me/devices/${device}/commands/${id}`),
  });
}

/**
 * The commands on a page of the device's list that have a status (null: any), and where the next page begins. The
 * page ends early where it would grow too large.
 */
async function readPage(
  c: Context<Edge>,
  { commands: listed, next }: Page,
  asker: Asker,
  status: Status | null,
): Promise<{ commands: CommandView[]; next: number | null }> {
  const commands: CommandView[] = [];
  let bytes = 0;
  for (let begin = 0, window = LISTING_WINDOW; begin < listed.length; begin += window, window *= 2) {
    const found = await Promise.all(
      listed
        .slice(begin, begin + window)
        .map(async ({ id, command }) =>
          command === undefined
            ? await reach(c.env.COMMANDS, c.env.COMMANDS.idFromString(id), (stub) => stub.read(asker))
            : { ok: true as const, command: JSON.parse(command) as Command },
        ),
    );
    for (const [index, read] of found.entries()) {
      // The device's list knows how a command has ended; what a live one is doing only its own object knows.
      if (!read.ok || (status !== null && read.command.state.status !== status)) continue;
      bytes += payloadLength(read.command);
      if (bytes > LISTING_BYTES_MAX && commands.length > 0)
        return { commands, next: listed[begin + index - 1]?.place ?? null };
      commands.push(read.command);
    }
  }
  return { commands, next };
}

/** The status that is asked for; null where any will do. */
function readFilter(filter: string | undefined): Status | null {
  if (filter === undefined) return null;
  const name = /^\s*status\s+eq\s+'([^']*)'\s*$/i.exec(filter)?.[1];
  const status = [...LIVE, ...ENDED].find((candidate) => candidate === name);
  if (status !== undefined) return status;
  throw new ApiError(
    "invalidRequest",
    `"$filter" reads "status eq '…'", with one of ${[...LIVE, ...ENDED].join(", ")}.`,
  );
}

/** What is left of an entity when only some of its members are asked for. */
function readSelect(select: string | undefined): (entity: object) => object {
  if (select === undefined) return (entity) => entity;
  const names = select.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !COMMAND_MEMBERS.some((member) => member === name));
  if (unknown !== undefined) {
    throw new ApiError(
      "invalidRequest",
      `"$select" does not know "${unknown.slice(0, 64)}"; it knows ${COMMAND_MEMBERS.join(", ")}.`,
    );
  }
  return (entity) => Object.fromEntries(Object.entries(entity).filter(([name]) => names.includes(name)));
}
