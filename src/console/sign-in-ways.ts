import { ServiceError } from "../client/service-error.ts";
import type { AuthorizationServer, SignInSettings } from "./oidc.ts";

/** How the service signs people in: at an issuer, or, where it names none, with a token that they bring. */
export type Ways =
  | { authorizationServer: AuthorizationServer; client: SignInSettings }
  | { authorizationServer: null };

/** Throws `ServiceError` where the service refuses to say, and `TypeError` where it cannot be reached. */
export async function waysToSignIn(): Promise<Ways> {
  const response = await fetch("/console/sign-in");
  if (!response.ok) throw await ServiceError.of(response);
  return (await response.json()) as Ways;
}
