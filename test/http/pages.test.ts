import { env, exports } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { app } from "../../src/http/app.ts";
import { ORIGIN } from "../stage.ts";

/** The pages for people: where they are, what they may load, and how the console learns to sign people in. */

const CONSOLE = { CONSOLE_CLIENT_ID: "console", AUTH_JWKS: "", CONSOLE_SCOPE: "openid Device.Read" };

/** Gets a path from the service as these vars configure it. */
async function get(path: string, vars: Partial<Env> = {}): Promise<Response> {
  return await app.request(`${ORIGIN}${path}`, {}, { ...env, ...vars });
}

/** The directives of a Content-Security-Policy, by name. */
function policyOf(response: Response): Map<string, string> {
  const policy = response.headers.get("Content-Security-Policy") ?? "";
  return new Map(
    policy.split("; ").map((directive) => {
      const [name = "", ...sources] = directive.split(" ");
      return [name, sources.join(" ")];
    }),
  );
}

describe.each(["/", "/device", "/pair", "/docs", "/Device/", "/?code=1&state=2"])("%s", (path) => {
  test("is a page that runs, shows and calls nothing but this service", async () => {
    const response = await exports.default.fetch(`${ORIGIN}${path}`);
    expect([response.status, response.headers.get("Content-Type")]).toEqual([
      200,
      "text/html; charset=utf-8",
    ]);
    const policy = policyOf(response);
    expect(policy.get("default-src")).toBe("'none'");
    for (const name of ["script-src", "style-src", "connect-src"]) expect(policy.get(name)).toBe("'self'");
    for (const name of ["base-uri", "form-action", "frame-ancestors"])
      expect(policy.get(name)).toBe("'none'");
    expect([...policy.values()].join(" ")).not.toMatch(/unsafe|\*|https?:/);
    expect([policy.get("require-trusted-types-for"), policy.get("trusted-types")]).toEqual([
      "'script'",
      "appia",
    ]);
    expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(response.headers.get("Referrer-Policy")).toBe("no-referrer");
    const html = await response.text();
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc="\/assets\/)/);
  });
});

test.each(["/v1.0/device", "/beta/docs", "/V1.0/pair"])(
  "%s is no page: pages belong to no version",
  async (path) => {
    expect((await get(path)).status).toBe(404);
  },
);

test.each([
  ["//", "/"],
  ["//pair", "/pair"],
  ["/device//", "/device"],
])("%s leads to %s, which its own script can work with", async (path, to) => {
  const response = await get(path);
  expect([response.status, response.headers.get("Location")]).toEqual([308, to]);
});

test("a page is only read", async () => {
  const response = await exports.default.fetch(`${ORIGIN}/device`, { method: "POST" });
  expect([response.status, response.headers.get("Allow")]).toEqual([405, "GET, HEAD"]);
});

describe("signing in to the console", () => {
  test("is by token alone where no client is configured", async () => {
    const response = await get("/console/sign-in");
    expect(await response.json()).toEqual({ authorizationServer: null, client: null });
  });

  test("is at the issuer where one is, and its pages may fetch tokens there and nowhere else", async () => {
    const response = await get("/console/sign-in", CONSOLE);
    expect(await response.json()).toMatchObject({
      authorizationServer: { issuer: env.AUTH_ISSUER, token_endpoint: "https://tokens.test/token" },
      client: { client_id: "console", scope: "openid Device.Read", resource: null },
    });
    expect(policyOf(await get("/", CONSOLE)).get("connect-src")).toBe("'self' https://tokens.test");
  });

  test("is not known while the issuer does not answer; the pages are there all the same", async () => {
    using log = vi.spyOn(console, "error").mockReturnValue();
    const vars = { ...CONSOLE, AUTH_ISSUER: "https://down.test" };
    expect((await get("/console/sign-in", vars)).status).toBe(503);
    expect(log).toHaveBeenCalledOnce();
    const page = await get("/", vars);
    expect([page.status, policyOf(page).get("connect-src")]).toEqual([200, "'self'"]);
  });
});
