import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import Provider from "oidc-provider";

/** A real OpenID Connect provider (oidc-provider) on loopback, with a sign-in form of its own. */

export const AUDIENCE = "urn:appia:service";
export const CLIENT_ID = "appia-console";
const SCOPE = "Device.ReadWrite Device.Command";

export interface Issuer extends AsyncDisposable {
  url: string;
  /** The vars with which the service accepts this issuer's tokens. */
  vars: Record<string, string>;
  /** The addresses with which people came to sign in. */
  authorizations: string[];
  /** What the token endpoint was asked with, as it came. */
  tokenRequests: { origin: string | undefined; body: URLSearchParams }[];
}

/** Starts a provider that sends people back to a console at `origin`. */
export async function startIssuer(origin: string): Promise<Issuer> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(url, {
    clients: [
      {
        client_id: CLIENT_ID,
        token_endpoint_auth_method: "none",
        redirect_uris: [`${origin}/`],
        grant_types: ["authorization_code"],
        response_types: ["code"],
        application_type: "native",
      },
    ],
    cookies: { keys: ["for these tests only"] },
    clientBasedCORS: (_, asking) => asking === origin,
    ttl: { AccessToken: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({
          scope: SCOPE,
          audience: AUDIENCE,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
  const tokenRequests: Issuer["tokenRequests"] = [];
  const authorizations: string[] = [];
  const answer = provider.callback();
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    if (request.url?.startsWith("/auth?")) authorizations.push(url + request.url);
    if (request.url?.startsWith("/interaction/")) void interact(provider, request, response);
    else answer(request, response);
  });
  provider.on("grant.success", ({ request, oidc }) =>
    tokenRequests.push({
      origin: request.get("Origin"),
      body: new URLSearchParams(oidc.params as Record<string, string>),
    }),
  );
  return {
    url,
    vars: {
      AUTH_ISSUER: url,
      AUTH_AUDIENCE: AUDIENCE,
      AUTH_JWKS: "",
      CONSOLE_CLIENT_ID: CLIENT_ID,
      CONSOLE_RESOURCE: AUDIENCE,
      CONSOLE_SCOPE: `openid ${SCOPE}`,
    },
    authorizations,
    tokenRequests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Issuer</title><link rel="icon" href="data:,">
<form method="post"><label>Name <input name="login" required></label>
<button name="action" value="allow">Sign in</button> <button name="action" value="deny" formnovalidate>Cancel</button></form>`;

/** Signs a person in under the name they give, and grants the console what it asks for; or denies it. */
async function interact(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const details = await provider.interactionDetails(request, response);
  if (request.method !== "POST") {
    response.setHeader("Content-Type", "text/html").end(PAGE);
    return;
  }
  const form = new URLSearchParams(await text(request));
  if (form.get("action") === "deny") {
    const denial = { error: "access_denied", error_description: "The person cancelled." };
    await provider.interactionFinished(request, response, denial);
    return;
  }
  const accountId = form.get("login") ?? "";
  const grant = new provider.Grant({ accountId, clientId: String(details.params.client_id) });
  grant.addOIDCScope("openid");
  grant.addResourceScope(AUDIENCE, SCOPE);
  const result = { login: { accountId }, consent: { grantId: await grant.save() } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}
