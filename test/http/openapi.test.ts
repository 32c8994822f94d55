import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { openApiDocument } from "../../src/documents/openapi.ts";
import { app } from "../../src/http/app.ts";
import { answerOf, ORIGIN } from "../stage.ts";

/** The API's description: it is of this service, and is served by it. */

/** Pages for people, which no program calls. */
const PAGES = ["", "/device", "/pair", "/docs"];

test("every route is described, and whatever is described is a route", () => {
  const routes = app.routes
    // What stands for every method is the refusal of those that a resource does not have, or is no resource.
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => ({ method, path: path.replace("/:profile", "").replaceAll(/:\w+/g, "{}") }))
    .filter(({ path }) => !PAGES.includes(path))
    .map(({ method, path }) => `${method} ${path}`);
  const described = Object.entries(openApiDocument("1").paths).flatMap(([path, item]) =>
    Object.keys(item).map(
      (method) => `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, "{}").toLowerCase()}`,
    ),
  );
  expect(new Set(described)).toEqual(new Set(routes));
  expect(routes.length).toBeGreaterThan(20);
});

test.each(["/openapi.json", "/beta/openapi.json", "/v1.0/OpenAPI.json/"])("it is at %s", async (path) => {
  const { status, headers, body } = await answerOf(await exports.default.fetch(`${ORIGIN}${path}`));
  expect([status, headers.get("Content-Type")]).toEqual([200, "application/json"]);
  expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
  expect(body).toEqual(JSON.parse(JSON.stringify(openApiDocument(body.info.version))));
});

test("it is JSON only", async () => {
  const init = { headers: { Accept: "application/yaml" } };
  const { status } = await answerOf(await exports.default.fetch(`${ORIGIN}/openapi.json`, init));
  expect(status).toBe(406);
});
