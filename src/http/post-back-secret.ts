import type { Hono } from "hono";
import { accountKey, writeSecret } from "../command/post-back.ts";
import { masterSecrets } from "../command/post-back-sender.ts";
import { logFault } from "../operations/log.ts";
import { authorize } from "./auth.ts";
import type { Edge } from "./edge.ts";
import { ApiError } from "./errors.ts";
import { contextOf, readOptions, requireJsonAccepted, resource } from "./resource.ts";

/**
 * The secret that the account's post-backs are signed with. It is derived from the service's master secret, so the
 * operator rotates all of them at once: while two are configured, both sign, and the older ones read `previous`.
 */
export function servePostBackSecret(app: Hono<Edge>): void {
  resource(app, "/:profile/me/postbacksecret", {
    GET: async (c) => {
      const { account } = await authorize(c, "Device.Command");
      requireJsonAccepted(c);
      readOptions(c, []);
      const keys = await Promise.all(masterSecrets(c.env).map((master) => accountKey(master, account)));
      const [secret, ...previous] = keys.map(writeSecret);
      if (secret === undefined) {
        logFault({ event: "postBacksNotConfigured", message: "Set the secret POST_BACK_SECRETS." });
        throw new ApiError(
          "serviceNotAvailable",
          "Post-backs are not set up at this service; its log says what is missing.",
          {
            headers: { "Retry-After": "3600" },
          },
        );
      }
      // OData reads a single property under `value`; people look for it by its name.
      return c.json({ "@odata.context": contextOf(c, "me/postBackSecret"), value: secret, secret, previous });
    },
  });
}
