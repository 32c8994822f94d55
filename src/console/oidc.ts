import * as oauth from "oauth4webapi";

/** Signing in at the issuer: OpenID Connect's authorization code flow with PKCE (RFC 6749, RFC 7636). */

export type AuthorizationServer = oauth.AuthorizationServer;

/** What the console is at the issuer. */
export interface SignInSettings {
  client_id: string;
  scope: string;
  /** The resource that the token is to be for (RFC 8707); null where the issuer needs no telling. */
  resource: string | null;
}

/** What the tab has to remember while it is at the issuer. */
interface Pending {
  server: AuthorizationServer;
  settings: SignInSettings;
  verifier: string;
  state: string;
  nonce: string;
  returnTo: string;
}

const PENDING = "appia.signIn";
/** Where the issuer sends people back to; the one address to register there. */
const redirectUri = (): string => `${location.origin}/`;

/** The address at which the issuer signs people in. `returnTo` is a path of this service. */
export async function startSignIn(
  server: AuthorizationServer,
  settings: SignInSettings,
  returnTo: string,
): Promise<URL> {
  if (server.authorization_endpoint === undefined)
    throw new Error("The issuer names no address to sign in at.");
  const pending: Pending = {
    server,
    settings,
    verifier: oauth.generateRandomCodeVerifier(),
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    returnTo,
  };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const address = new URL(server.authorization_endpoint);
  const parameters = {
    client_id: settings.client_id,
    redirect_uri: redirectUri(),
    response_type: "code",
    scope: settings.scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(pending.verifier),
    code_challenge_method: "S256",
    state: pending.state,
    nonce: pending.nonce,
    ...(settings.resource !== null && { resource: settings.resource }),
  };
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  return address;
}

/** Exchanges the code that the issuer sent back for a token. Throws a sentence where something does not fit. */
export async function completeSignIn(callback: URL): Promise<{ token: string; returnTo: string }> {
  const kept = sessionStorage.getItem(PENDING);
  const pending = kept === null ? null : (JSON.parse(kept) as Pending);
  // Somebody else's answer does not use up what this tab waits for.
  if (pending === null || callback.searchParams.get("state") !== pending.state)
    throw new Error("This tab did not ask for it. Sign in again.");
  sessionStorage.removeItem(PENDING);
  const { server, settings, verifier, state, nonce, returnTo } = pending;
  const client: oauth.Client = { client_id: settings.client_id };
  const parameters = oauth.validateAuthResponse(server, client, callback, state);
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    oauth.None(),
    parameters,
    redirectUri(),
    verifier,
    {
      ...(settings.resource !== null && { additionalParameters: { resource: settings.resource } }),
      // An issuer on this machine, for trying things out.
      [oauth.allowInsecureRequests]: /^http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/]/.test(server.issuer),
    },
  );
  const expectsIdToken = settings.scope.split(" ").includes("openid");
  const { access_token: token } = await oauth.processAuthorizationCodeResponse(server, client, response, {
    ...(expectsIdToken ? { expectedNonce: nonce, requireIdToken: true } : {}),
  });
  return { token, returnTo };
}
