import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test, vi } from "vitest";
import { app } from "../../src/http/app.ts";
import { located } from "../../src/operations/jurisdiction.ts";
import { objectId } from "../../src/reach.ts";
import { answerOf, newAccount, ORIGIN, signToken } from "../stage.ts";

/** Where the objects live. This runtime knows no jurisdictions: namespaces that do are played. */

const NAMES = ["ACCOUNTS", "DEVICES", "COMMANDS", "PAIRINGS"] as const;

/** Namespaces that know `eu`, say which part of them was asked for an id, and refuse stubs for others' ids. */
function played(jurisdiction: string): { vars: Env; asked: string[] } {
  const asked: string[] = [];
  const part = (name: string, place: string) => ({
    jurisdiction: (wanted: string) => {
      if (wanted !== "eu") throw new TypeError(`No jurisdiction ${wanted}.`);
      asked.push(name);
      return part(name, wanted);
    },
    idFromString: (text: string) => ({ place: text.split(":")[0], toString: () => text }),
    get: (id: { place: string }) => {
      if (id.place !== place) throw new TypeError("The id is of another jurisdiction.");
      return { of: name };
    },
    place,
  });
  const namespaces = Object.fromEntries(NAMES.map((name) => [name, part(name, "")]));
  return { vars: { ...env, ...namespaces, JURISDICTION: jurisdiction } as unknown as Env, asked };
}

test("where none is configured, nothing is asked for one", () => {
  const { vars, asked } = played("");
  expect(located(vars)).toBe(vars);
  expect(asked).toEqual([]);
});

test("all objects are kept in the one that is configured", () => {
  const { vars, asked } = played("eu");
  const inside = located(vars);
  for (const name of NAMES) expect(inside[name]).toMatchObject({ place: "eu" });
  expect(inside.AUTH_ISSUER).toBe(env.AUTH_ISSUER);
  // Once for all requests, and for the requests in a batch.
  expect([located(vars), located(inside)]).toEqual([inside, inside]);
  expect(asked).toEqual([...NAMES]);
});

test("an id of another one is nobody's", () => {
  const { DEVICES } = located(played("eu").vars);
  expect(objectId(DEVICES, "eu:1")).not.toBeNull();
  expect(objectId(DEVICES, "us:1")).toBeNull();
});

test("one that the platform does not know stops the service, and the log says which var it is", async () => {
  const log = vi.spyOn(console, "error").mockReturnValue();
  const headers = { Authorization: `Bearer ${await signToken(newAccount())}` };
  const request = new Request(`${ORIGIN}/v1.0/me/devices`, { headers });
  const vars = { ...env, JURISDICTION: "atlantis" };
  const answer = await answerOf(await app.fetch(request, vars, createExecutionContext()));
  expect([answer.status, answer.body.error.code]).toEqual([503, "serviceNotAvailable"]);
  expect(answer.headers.get("Retry-After")).toMatch(/^\d+$/);
  expect(JSON.stringify(answer.body)).not.toContain("atlantis");
  expect(log).toHaveBeenCalledOnce();
  expect(String(log.mock.calls[0])).toContain('JURISDICTION is \\"atlantis\\"');
  log.mockRestore();
});
