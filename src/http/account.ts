import type { Hono } from "hono";
import { DELETION_RETRY_MS, SECOND } from "../limits.ts";
import { reach } from "../reach.ts";
import { authorize } from "./auth.ts";
import type { Edge } from "./edge.ts";
import { readOptions, requireJsonAccepted, resource } from "./resource.ts";

/** The account itself: deleting all that there is of it. */
export function serveAccount(app: Hono<Edge>): void {
  resource(app, "/:profile/me", {
    DELETE: async (c) => {
      // Devices go, and commands.
      const { account } = await authorize(c, "Device.ReadWrite", "Device.Command");
      requireJsonAccepted(c);
      readOptions(c, []);
      const { left } = await reach(c.env.ACCOUNTS, c.env.ACCOUNTS.idFromString(account), (stub) =>
        stub.delete(),
      );
      if (left === 0) return c.body(null, 204);
      return c.json({ status: "deleting", devices: left }, 202, {
        "Retry-After": String(DELETION_RETRY_MS / SECOND),
      });
    },
  });
}
