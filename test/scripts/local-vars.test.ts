import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseEnv } from "node:util";
import { jwtVerify } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { localVars } from "../../scripts/local-vars.ts";
import { signToken } from "../../scripts/token.ts";
import { run } from "./program.ts";

async function folder(): Promise<{ path: string; file: URL }> {
  const path = await mkdtemp(join(tmpdir(), "appia-"));
  onTestFinished(() => rm(path, { recursive: true }));
  return { path, file: pathToFileURL(join(path, ".dev.vars")) };
}

test("of eight first starts at once, one makes the keys and all have them", async () => {
  const { path, file } = await folder();
  const program = `
    import { localVars } from "./scripts/local-vars.ts";
    console.log(JSON.stringify(await localVars(new URL("${file}"))));
  `;
  const starts = Array.from({ length: 8 }, () => run("--input-type=module", ["--eval", program]));
  const all = await Promise.all(starts.map(({ ended }) => ended));
  const written = await readFile(file, "utf8");
  const { AUTH_ISSUER, LOCAL_SIGNING_KEY } = parseEnv(written);
  const signingKey = JSON.parse(LOCAL_SIGNING_KEY ?? "");
  for (const { out } of all) expect(JSON.parse(out)).toMatchObject({ issuer: AUTH_ISSUER, signingKey });
  expect(await readdir(path)).toEqual([".dev.vars"]);
  await localVars(file);
  expect(await readFile(file, "utf8")).toBe(written);
});

test("the service's key checks what the scripts' key signs, and cannot sign", async () => {
  const { file } = await folder();
  const vars = await localVars(file);
  const [key] = JSON.parse(parseEnv(await readFile(file, "utf8")).AUTH_JWKS ?? "").keys;
  expect(key).not.toHaveProperty("d");
  const { payload } = await jwtVerify(await signToken(vars, "alice", "Device.Read"), key, {
    issuer: vars.issuer,
    audience: vars.audience,
  });
  expect(payload).toMatchObject({ sub: "alice", scp: "Device.Read" });
});

test.skipIf(process.platform === "win32")("nobody else on the machine can read the keys", async () => {
  const { file } = await folder();
  await localVars(file);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test("vars that were written by someone else are left as they are", async () => {
  const { path, file } = await folder();
  const own = 'AUTH_ISSUER="https://issuer.example"\nAUTH_AUDIENCE="me"\n';
  await writeFile(file, own);
  await expect(localVars(file)).rejects.toThrow("written by someone else");
  expect(await readFile(file, "utf8")).toBe(own);
  expect(await readdir(path)).toEqual([".dev.vars"]);
});
