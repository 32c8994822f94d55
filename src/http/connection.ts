import type { Hono } from "hono";
import { objectId, reach } from "../reach.ts";
import type { Edge } from "./edge.ts";
import { ApiError, notFound } from "./errors.ts";
import { limitByDevice } from "./rate-limits.ts";
import { resource } from "./resource.ts";

/** The device's way in: an upgrade that its own object decides on. */
export function serveConnection(app: Hono<Edge>): void {
  resource(app, "/:profile/devices/:device/connection", {
    GET: async (c) => {
      const isUpgrade = c.req.header("Upgrade")?.toLowerCase() === "websocket";
      if (!isUpgrade && c.req.header("Authorization") === undefined) throw upgradeRequired();
      const id = objectId(c.env.DEVICES, c.req.param("device") ?? "");
      if (id === null) throw notFound();
      await limitByDevice(c, id.toString());
      // The answer to HEAD would come without the words that are read below. A body is of no use, and no GET's.
      const { raw } = c.req;
      const request = raw.method === "HEAD" ? new Request(raw.url, { headers: raw.headers }) : raw;
      const response = await reach(c.env.DEVICES, id, (stub) => stub.fetch(request));
      if (response.status === 101) return response;
      const { message } = (await response.json()) as { message: string | null };
      // A WebSocket client cannot read why it was refused; a plain GET with the same token tells it.
      if (!isUpgrade && response.status !== 404) throw upgradeRequired(message);
      throw refusalOf({ status: response.status, message: message ?? "" });
    },
  });
}

function upgradeRequired(refusal: string | null = null): ApiError {
  const message = "This is a WebSocket: connect with a WebSocket client.";
  const headers = { Upgrade: "websocket", Connection: "Upgrade" };
  return refusal === null
    ? new ApiError("upgradeRequired", message, { headers })
    : new ApiError("upgradeRequired", refusal, {
        headers,
        innerCode: "InvalidAuthenticationToken",
      });
}

/** What a device that was not let in is answered. */
export function refusalOf({ status, message = "" }: { status: number; message?: string }): ApiError {
  switch (status) {
    case 400:
      return new ApiError("invalidRequest", message);
    case 404:
      return notFound();
    case 429:
      return new ApiError("activityLimitReached", "The device sends too many messages.", {
        headers: { "Retry-After": "1" },
      });
    default:
      return new ApiError("InvalidAuthenticationToken", message, {
        headers: { "WWW-Authenticate": 'Bearer realm="appia", error="invalid_token"' },
      });
  }
}
