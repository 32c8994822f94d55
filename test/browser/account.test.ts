import { UnsecuredJWT } from "jose";
import { expect, test } from "vitest";
import { accountOf } from "../../src/console/account.ts";

/** Whose a token is, by what it says. */

test.each([
  [{ name: "Alice A.", preferred_username: "alice", email: "alice@example.com" }, "Alice A."],
  [{ preferred_username: "alice", email: "alice@example.com" }, "alice"],
  [{ email: "alice@example.com" }, "alice@example.com"],
  [{}, "a1"],
  // What is no name, or shows nothing.
  [{ name: { first: "Alice" }, preferred_username: "", email: " \u200B\u202E " }, "a1"],
])("a person is called by the friendliest claim: %j", (claims, name) => {
  expect(accountOf(new UnsecuredJWT({ ...claims, sub: "a1" }).encode())).toMatchObject({
    name,
    subject: "a1",
  });
});

test("accounts are told apart by issuer and subject, and by nothing else", () => {
  const idOf = (claims: Record<string, string>): string | undefined =>
    accountOf(new UnsecuredJWT(claims).encode())?.id;
  const alice = idOf({ iss: "https://a.example", sub: "1", name: "Alice" });
  expect(idOf({ iss: "https://a.example", sub: "1", name: "Somebody" })).toBe(alice);
  expect(idOf({ iss: "https://a.example", sub: "2", name: "Alice" })).not.toBe(alice);
  expect(idOf({ iss: "https://b.example", sub: "1", name: "Alice" })).not.toBe(alice);
});

test.each(["", "x", "x.y.z", new UnsecuredJWT({ name: "Nobody" }).encode(), "e30.bnVsbA.e30"])(
  "what is no token of a person's names no account: %j",
  (token) => expect(accountOf(token)).toBeNull(),
);
