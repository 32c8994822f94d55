import type { Context } from "hono";
import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey } from "jose";
import { bearerToken, KeysUnavailable, verifyJwt } from "../jwt.ts";
import { logFault } from "../operations/log.ts";
import type { Edge } from "./edge.ts";
import { ApiError } from "./errors.ts";
import { limitByAccount } from "./rate-limits.ts";
import { type Bearer, VerifiedTokens } from "./verified-tokens.ts";

/** Who calls: a token of the configured issuer, for this service, with the scope that the call needs. */

export type Scope = "Device.Read" | "Device.ReadWrite" | "Device.Command";

/** The account is the issuer's user: the id of the object that stands for (`iss`, `sub`). */
export interface Caller {
  account: string;
}

/** Tokens that were checked a moment ago: most callers use one for many calls. */
const verifiedTokens = new VerifiedTokens();

/** Where each scope is contained besides itself. */
const INCLUDED_IN: Partial<Record<Scope, Scope>> = { "Device.Read": "Device.ReadWrite" };

/**
 * Checks the caller's token, which needs each of these scopes. Throws 401 or 403, or 429 where the account calls too
 * often; where nothing is configured, everyone is refused.
 */
export async function authorize(c: Context<Edge>, ...scopes: [Scope, ...Scope[]]): Promise<Caller> {
  const token = bearerToken(c.req.header("Authorization"));
  if (token === null) throw unauthenticated("Send a token: Authorization: Bearer <token>.", "");
  const { account, granted } = verifiedTokens.find(c.env, token) ?? (await verify(c, token));
  await limitByAccount(c, account);
  const isGranted = (scope: Scope | undefined): boolean => scope !== undefined && granted.has(scope);
  if (!scopes.every((scope) => isGranted(scope) || isGranted(INCLUDED_IN[scope]))) {
    const needed = scopes.join(" ");
    throw new ApiError("accessDenied", `This call needs a token with the scope ${needed}.`, {
      headers: { "WWW-Authenticate": `Bearer realm="appia", error="insufficient_scope", scope="${needed}"` },
    });
  }
  return { account };
}

async function verify(c: Context<Edge>, token: string): Promise<Bearer> {
  const { AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience } = c.env;
  // A var that is missing altogether is as empty as "": without it, jose would not check the claim.
  if (!issuer || !audience) {
    logFault({
      event: "authNotConfigured",
      message:
        "Every call is refused. Set the vars AUTH_ISSUER and AUTH_AUDIENCE, and AUTH_JWKS or AUTH_JWKS_URL where the issuer publishes no OpenID configuration.",
    });
    throw unauthenticated("This service has no token issuer configured yet; its log says what to set.");
  }
  const keys = await issuersKeys(c.env);
  const verified = await verifyJwt(token, keys, { issuer, audience, requiredClaims: ["sub", "exp"] });
  if (!verified.ok) throw unauthenticated(verified.message);
  const { sub } = verified.payload;
  if (typeof sub !== "string" || sub === "") throw unauthenticated('The token\'s claim "sub" is empty.');
  const account = c.env.ACCOUNTS.idFromName(JSON.stringify([issuer, sub])).toString();
  const bearer = { account, granted: scopesOf(verified.payload), expiresAt: verified.payload.exp ?? 0 };
  verifiedTokens.add(c.env, token, bearer);
  return bearer;
}

/** Scopes as Microsoft's tokens (`scp`) or OAuth 2.0's (`scope`, RFC 8693, 4.2) carry them. */
function scopesOf({ scp, scope }: JWTPayload): Set<string> {
  return new Set([scp, scope].flat().flatMap((words) => (typeof words === "string" ? words.split(" ") : [])));
}

function unauthenticated(
  message: string,
  error = `, error="invalid_token", error_description="${message.replaceAll('"', "'")}"`,
): ApiError {
  return new ApiError("InvalidAuthenticationToken", message, {
    headers: { "WWW-Authenticate": `Bearer realm="appia"${error}` },
  });
}

/** Key sets by their configuration: parsed, or found, once an isolate. */
const keySets = new Map<string, JWTVerifyGetKey>();

/** The issuer's keys: the configured ones, or those that it publishes. */
async function issuersKeys({ AUTH_ISSUER, AUTH_JWKS, AUTH_JWKS_URL }: Env): Promise<JWTVerifyGetKey> {
  const configuration = JSON.stringify([AUTH_ISSUER, AUTH_JWKS, AUTH_JWKS_URL]);
  let keys = keySets.get(configuration);
  if (keys === undefined) {
    if (AUTH_JWKS) keys = configuredKeys(AUTH_JWKS);
    else keys = remoteKeys(AUTH_JWKS_URL || (await authorizationServer({ AUTH_ISSUER })).jwks_uri);
    keySets.set(configuration, keys);
  }
  return keys;
}

/** The keys in the var AUTH_JWKS. */
function configuredKeys(json: string): JWTVerifyGetKey {
  try {
    return createLocalJWKSet(JSON.parse(json));
  } catch (error) {
    throw new KeysUnavailable(`The var AUTH_JWKS is no JSON Web Key Set: ${String(error)}`, { cause: error });
  }
}

/** Keys behind an address, fetched when a token needs them and kept. */
function remoteKeys(url: string): JWTVerifyGetKey {
  const address = URL.parse(url);
  if (address === null) throw new KeysUnavailable(`${url}: the address of the issuer's keys is no URL`);
  const keys = createRemoteJWKSet(address);
  return async (header, token) => {
    try {
      return await keys(header, token);
    } catch (error) {
      // These two are about the token; anything else is about the address.
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
        throw error;
      throw new KeysUnavailable(`${url}: ${String(error)}`, { cause: error });
    }
  };
}

/** Milliseconds the issuer has to answer: callers wait for it, and may try again. */
const DISCOVERY_TIMEOUT_MS = 5_000;

/** What the issuer says of itself (OpenID Connect Discovery 1.0, section 3), as far as it is of use here. */
export interface AuthorizationServer {
  issuer: string;
  authorization_endpoint: string;
  token_endpoint: string;
  jwks_uri: string;
  [more: string]: unknown;
}

/** The issuers' words about themselves, asked for once an isolate. */
const servers = new Map<string, AuthorizationServer>();

/** What the configured issuer says of itself. Throws `KeysUnavailable` where it cannot be asked. */
export async function authorizationServer({
  AUTH_ISSUER: issuer,
}: Pick<Env, "AUTH_ISSUER">): Promise<AuthorizationServer> {
  // The answer is kept, and not the promise: that belongs to the request which made it.
  const server = servers.get(issuer) ?? (await discover(issuer));
  servers.set(issuer, server);
  return server;
}

/** Asks an issuer (OpenID Connect Discovery 1.0, section 4). */
async function discover(issuer: string): Promise<AuthorizationServer> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(DISCOVERY_TIMEOUT_MS) });
    const server = (await response.json()) as AuthorizationServer;
    if (!response.ok) throw new Error(`status ${response.status}`);
    // It would be another issuer's word (section 4.3).
    if (server.issuer !== issuer) throw new Error(`it names the issuer ${JSON.stringify(server.issuer)}`);
    if (typeof server.jwks_uri !== "string")
      throw new Error(`jwks_uri is ${JSON.stringify(server.jwks_uri)}`);
    return server;
  } catch (error) {
    throw new KeysUnavailable(`${url}: ${String(error)}`, { cause: error });
  }
}
