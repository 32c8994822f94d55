import type { Context, Hono } from "hono";
import { readAsset } from "./asset.ts";
import { type AuthorizationServer, authorizationServer } from "./auth.ts";
import type { Edge } from "./edge.ts";
import { ApiError } from "./errors.ts";
import { isVersioned, pathOf } from "./paths.ts";
import { resource } from "./resource.ts";

/** The pages for people: static, and served with what they may load and whom they may call. */

const PAGES = ["", "device", "pair", "docs"];

export function servePages(app: Hono<Edge>): void {
  for (const page of PAGES) {
    resource(app, page === "" ? "/:profile" : `/:profile/${page}`, { GET: (c) => servePage(c, page) });
  }

  // How the console signs people in; both are null where only a token will do.
  resource(app, "/:profile/console/sign-in", {
    GET: async (c) => {
      const { CONSOLE_CLIENT_ID: clientId, CONSOLE_SCOPE: scope, CONSOLE_RESOURCE: resourceId } = c.env;
      if (!clientId) return c.json({ authorizationServer: null, client: null });
      return c.json({
        authorizationServer: await authorizationServer(c.env),
        client: { client_id: clientId, scope, resource: resourceId || null },
      });
    },
  });
}

async function servePage(c: Context<Edge>, page: string): Promise<Response> {
  // Pages belong to no version of the interface.
  if (isVersioned(c.req.url)) throw new ApiError("itemNotFound", "There is nothing at this address.");
  // The page works with its own address, and "//pair" would be the host of that name.
  if (pathOf(c.req.url).includes("//")) return c.redirect(`/${page}`, 308);
  return c.body(await readAsset(c, `/${page}`), 200, {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": contentSecurityPolicy(await tokenOrigin(c.env)),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy":
      "camera=(), geolocation=(), microphone=(), clipboard-read=(self), clipboard-write=(self)",
  });
}

/** Only what this service serves is run, shown or called, and the issuer for its tokens. */
function contentSecurityPolicy(tokenOrigin: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${tokenOrigin}`.trim(),
    "manifest-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types appia",
  ].join("; ");
}

/** Where the console fetches tokens; empty where it does not, or the issuer cannot be asked just now. */
async function tokenOrigin(env: Env): Promise<string> {
  if (!env.CONSOLE_CLIENT_ID) return "";
  const server = await authorizationServer(env).catch((): Partial<AuthorizationServer> => ({}));
  return server.token_endpoint === undefined ? "" : new URL(server.token_endpoint).origin;
}
