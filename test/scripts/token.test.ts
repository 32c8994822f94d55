import { expect, test } from "vitest";
import { run } from "./program.ts";

const TOKEN = "scripts/token.ts";

test("--help explains itself", async () => {
  const { code, out, err } = await run(TOKEN, ["--help"]).ended;
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("--scope");
});

test.each([
  [["--dance"], "--dance"],
  [["alice"], "alice"],
  [["--minutes", "soon"], "--minutes is a number"],
])("%j is bad usage, and prints nothing that could be taken for a token", async (args, words) => {
  const { code, out, err } = await run(TOKEN, args).ended;
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain(words);
  expect(err).not.toContain("    at ");
});
