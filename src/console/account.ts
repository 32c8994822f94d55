import { decodeJwt } from "jose";

/** Whose account a token is for, as the token says. Whether it holds, only the service knows. */
export interface Account {
  /** What tells accounts apart: the token's issuer and subject. */
  id: string;
  /** What the person is called; nobody has checked it, and two may be called the same. */
  name: string;
  /** The issuer's own name for the person. */
  subject: string;
}

/** The claims that name a person, the friendliest first (OpenID Connect Core, 5.1; RFC 7519, 4.1.2). */
const NAMES = ["name", "preferred_username", "email", "sub"];
/** A name that shows something: not of blanks and unseen characters alone. */
const VISIBLE = /[^\p{Z}\p{C}]/u;

/** The account that a token names; null where it names none. */
export function accountOf(token: string): Account | null {
  try {
    const claims = decodeJwt(token);
    const name = NAMES.map((claim) => claims[claim]).find(
      (value): value is string => typeof value === "string" && VISIBLE.test(value),
    );
    if (typeof claims.sub !== "string" || name === undefined) return null;
    return { id: JSON.stringify([claims.iss, claims.sub]), name, subject: claims.sub };
  } catch {
    return null;
  }
}
