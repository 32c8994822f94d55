import { randomBytes } from "node:crypto";
import { appendFile, link, readFile, rm, writeFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import { exportJWK, generateKeyPair, type JWK } from "jose";

/** The local service's own token issuer: a key pair in `.dev.vars`, which wrangler reads and git ignores. */

export const DEV_VARS = new URL("../.dev.vars", import.meta.url);

export interface LocalVars {
  issuer: string;
  audience: string;
  /** Signs callers' tokens for the local service, and for no other. */
  signingKey: JWK;
}

/**
 * The local vars; made on the first call. Of several first calls at once, one makes them and all read the same.
 * `file` is a `file:` URL. Throws a sentence for the user where the file is another issuer's.
 */
export async function localVars(file: URL = DEV_VARS): Promise<LocalVars> {
  let text = await readOrNull(file);
  if (text === null) {
    await make(file);
    text = await readFile(file, "utf8");
  }
  const { AUTH_ISSUER, AUTH_AUDIENCE, LOCAL_SIGNING_KEY } = parseEnv(text);
  if (!AUTH_ISSUER || !AUTH_AUDIENCE || !LOCAL_SIGNING_KEY) {
    throw new Error(
      ".dev.vars was written by someone else: it has no LOCAL_SIGNING_KEY. Use that issuer's tokens, or move the file away and start again.",
    );
  }
  // A file that an earlier version wrote lacks what has come since.
  if (!/^POST_BACK_SECRETS=/m.test(text)) await appendFile(file, postBackVars());
  return { issuer: AUTH_ISSUER, audience: AUTH_AUDIENCE, signingKey: JSON.parse(LOCAL_SIGNING_KEY) as JWK };
}

/** A file's text; null where there is no such file. */
export async function readOrNull(file: URL): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

async function make(file: URL): Promise<void> {
  const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
  const named = { kid: crypto.randomUUID(), alg: "ES256", use: "sig" };
  const keys = { keys: [{ ...(await exportJWK(publicKey)), ...named }] };
  const signingKey = { ...(await exportJWK(privateKey)), ...named };
  const text = [
    "# Local only, and made on the first start: whoever has this file can call the local service as anyone.",
    "# Delete it to get new keys; tokens of the old ones are then refused.",
    'AUTH_ISSUER="urn:appia:local"',
    'AUTH_AUDIENCE="urn:appia:service"',
    `AUTH_JWKS='${JSON.stringify(keys)}'`,
    `LOCAL_SIGNING_KEY='${JSON.stringify(signingKey)}'`,
    postBackVars(),
  ].join("\n");
  // Written aside and linked into place: nobody reads half a file, and an existing one is never replaced.
  const aside = new URL(`${file.href}.${crypto.randomUUID()}`);
  await writeFile(aside, text, { mode: 0o600 });
  try {
    await link(aside, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(aside);
  }
}

/** Post-backs are signed with a secret of their own, and may go to this machine. */
function postBackVars(): string {
  return `POST_BACK_SECRETS="${randomBytes(32).toString("base64url")}"\nPOST_BACK_ALLOW_LOOPBACK="true"\n`;
}
