import type { Hono } from "hono";
import { objectId } from "../reach.ts";
import { type Edge, resource } from "./edge.ts";
import { ApiError, notFound } from "./errors.ts";

/** The device's way in: an upgrade that its own object decides on. */
export function serveConnection(app: Hono<Edge>): void {
  resource(app, "/:profile/devices/:device/connection", {
    GET: async (c) => {
      if (c.req.header("Upgrade")?.toLowerCase() !== "websocket") {
        throw new ApiError("upgradeRequired", "This is a WebSocket: connect with a WebSocket client.", {
          Upgrade: "websocket",
          Connection: "Upgrade",
        });
      }
      const id = objectId(c.env.DEVICES, c.req.param("device") ?? "");
      if (id === null) throw notFound();
      const response = await c.env.DEVICES.get(id).fetch(c.req.raw);
      if (response.status === 101) return response;
      const { message } = (await response.json()) as { message: string };
      if (response.status === 404) throw notFound();
      if (response.status === 400) throw new ApiError("invalidRequest", message);
      throw new ApiError("InvalidAuthenticationToken", message, {
        "WWW-Authenticate": 'Bearer realm="appia", error="invalid_token"',
      });
    },
  });
}
