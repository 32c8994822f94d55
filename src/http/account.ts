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
      const id = c.env.ACCOUNTS.idFromString(account);
      const { done, devices } = await reach(c.env.ACCOUNTS, id, (stub) => stub.delete());
      if (done) return c.body(null, 204);
      return c.json({ status: "deleting", devices }, 202, {
        "Retry-After": String(DELETION_RETRY_MS / SECOND),
      });
    },
  });
}
