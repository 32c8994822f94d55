import type { Context, Hono } from "hono";
import type { Refused } from "../account/account-object.ts";
import { readPublicKey } from "../device/public-key.ts";
import { DEVICES_PER_ACCOUNT_MAX, DEVICES_PER_PAGE } from "../limits.ts";
import { objectId, reach } from "../reach.ts";
import { authorize } from "./auth.ts";
import { readBody } from "./body.ts";
import type { Edge } from "./edge.ts";
import { deviceEntity } from "./entities.ts";
import { ApiError, notFound } from "./errors.ts";
import {
  addressOf,
  contextOf,
  profileOf,
  readCount,
  readOptions,
  requireJsonAccepted,
  resource,
} from "./resource.ts";
import { Registration, Renaming } from "./schemas.ts";

/** The device that the path names. Throws 404 before any object is woken where the id was never given out. */
export function deviceOf(c: Context<Edge>): DurableObjectId {
  return objectId(c.env.DEVICES, c.req.param("device") ?? "") ?? raise(notFound());
}

/** The account takes no device. */
export function noDevice({ reason }: Refused): ApiError {
  if (reason === "deleting")
    return new ApiError("conflict", "The account is being deleted. Wait until it is.");
  return new ApiError(
    "activityLimitReached",
    `The account has ${DEVICES_PER_ACCOUNT_MAX} devices, the most it may have. Unregister one first.`,
    { headers: { "Retry-After": "3600" } },
  );
}

function raise(error: Error): never {
  throw error;
}

const READ_ONLY_MEMBERS = ["id", "status"];

export function serveDevices(app: Hono<Edge>): void {
  resource(app, "/:profile/me/devices", {
    GET: async (c) => {
      const { account } = await authorize(c, "Device.Read");
      requireJsonAccepted(c);
      const options = readOptions(c, ["$top", "$skiptoken"]);
      const top = readCount("$top", options.$top, DEVICES_PER_PAGE, DEVICES_PER_PAGE);
      const skip = readSkip(options.$skiptoken);
      const page = await reach(c.env.ACCOUNTS, c.env.ACCOUNTS.idFromString(account), (stub) =>
        stub.page(skip, top),
      );
      const devices = await Promise.all(
        page.ids.map((id) =>
          reach(c.env.DEVICES, c.env.DEVICES.idFromString(id), (stub) => stub.describe(account)),
        ),
      );
      return c.json({
        "@odata.context": contextOf(c, "me/devices"),
        value: devices.flatMap((found) => (found.ok ? [deviceEntity(profileOf(c), found.device)] : [])),
        ...(page.more && {
          "@odata.nextLink": addressOf(c, `/me/devices?$top=${top}&$skiptoken=${skip + top}`),
        }),
      });
    },
    POST: async (c) => {
      const { account } = await authorize(c, "Device.ReadWrite");
      requireJsonAccepted(c);
      readOptions(c, []);
      const { publicKey, ...properties } = await readBody(c, Registration, READ_ONLY_MEMBERS);
      const read = await readPublicKey(publicKey);
      if (!read.ok) throw new ApiError("invalidRequest", read.message);
      const id = c.env.DEVICES.newUniqueId();
      const registered = await reach(c.env.DEVICES, id, (stub) =>
        stub.register(account, { ...properties, publicKey: read.key }),
      );
      if (!registered.ok) throw noDevice(registered);
      return c.json(deviceEntity(profileOf(c), registered.device), 201, {
        Location: addressOf(c, `/me/devices/${id}`),
      });
    },
  });

  resource(app, "/:profile/me/devices/:device", {
    GET: async (c) => {
      const { account } = await authorize(c, "Device.Read");
      requireJsonAccepted(c);
      readOptions(c, []);
      const found = await reach(c.env.DEVICES, deviceOf(c), (stub) => stub.describe(account));
      if (!found.ok) throw notFound();
      return c.json(deviceEntity(profileOf(c), found.device));
    },
    PATCH: async (c) => {
      const { account } = await authorize(c, "Device.ReadWrite");
      requireJsonAccepted(c);
      readOptions(c, []);
      const device = deviceOf(c);
      const { name } = await readBody(c, Renaming, READ_ONLY_MEMBERS);
      const renamed = await reach(c.env.DEVICES, device, (stub) => stub.rename(account, name));
      if (!renamed.ok) throw notFound();
      return c.json(deviceEntity(profileOf(c), renamed.device));
    },
    DELETE: async (c) => {
      const { account } = await authorize(c, "Device.ReadWrite");
      readOptions(c, []);
      const removed = await reach(c.env.DEVICES, deviceOf(c), (stub) => stub.unregister(account));
      if (!removed.ok) throw notFound();
      return c.body(null, 204);
    },
  });
}

function readSkip(token: string | undefined): number {
  if (token === undefined) return 0;
  if (!/^\d{1,9}$/.test(token))
    throw new ApiError("invalidRequest", '"$skiptoken" is not one that this service gave out.');
  return Number(token);
}
