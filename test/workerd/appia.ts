import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { unstable_readConfig as readConfig } from "wrangler";
import type { WorkerSettings } from "./workerd.ts";

/** The service as it is deployed, for workerd: its bundle, its classes and vars, and an issuer of its callers' tokens. */

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const WRANGLER = join(ROOT, "node_modules/wrangler/bin/wrangler.js");

/** Bundles the Worker into a folder as a deployment does, and answers what workerd needs to serve it. */
export async function bundleAppia(
  folder: string,
  bindings: Readonly<Record<string, string>>,
): Promise<WorkerSettings> {
  const args = [WRANGLER, "deploy", "--dry-run", "--outdir", folder];
  // Nothing here is sent anywhere.
  const env = { ...process.env, WRANGLER_HIDE_BANNER: "true", WRANGLER_SEND_METRICS: "false" };
  await promisify(execFile)(process.execPath, args, { cwd: ROOT, env });
  const config = readConfig({ config: join(ROOT, "wrangler.toml") });
  const vars = Object.entries(config.vars).map(([name, value]) => [name, String(value)] as const);
  return {
    module: join(folder, "index.js"),
    compatibilityDate: config.compatibility_date ?? "",
    compatibilityFlags: config.compatibility_flags,
    // Assets, rate limits and the like do not exist in workerd itself: the Worker does without.
    classes: Object.fromEntries(
      config.durable_objects.bindings.map(({ name, class_name }: { name: string; class_name: string }) => [
        name,
        class_name,
      ]),
    ),
    bindings: { ...Object.fromEntries(vars), ...bindings },
  };
}

/** Who signs the callers' tokens. */
export class Issuer {
  /** The vars with which the service trusts this issuer, and no other. */
  readonly vars: Readonly<Record<string, string>>;
  readonly #key: CryptoKey;

  private constructor(key: CryptoKey, vars: Record<string, string>) {
    this.#key = key;
    this.vars = vars;
  }

  /** One with a key that nobody else has. */
  static async create(): Promise<Issuer> {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const keys = [{ ...(await exportJWK(publicKey)), kid: "own", alg: "ES256" }];
    const vars = {
      AUTH_ISSUER: "https://issuer.test",
      AUTH_AUDIENCE: "appia-test",
      AUTH_JWKS: JSON.stringify({ keys }),
    };
    return new Issuer(privateKey, vars);
  }

  /** A token for all that a caller may do, valid for an hour. */
  async token(account: string): Promise<string> {
    return await new SignJWT({ scp: "Device.ReadWrite Device.Command" })
      .setProtectedHeader({ alg: "ES256", kid: "own", typ: "JWT" })
      .setIssuer(this.vars.AUTH_ISSUER ?? "")
      .setAudience(this.vars.AUTH_AUDIENCE ?? "")
      .setSubject(account)
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(this.#key);
  }
}
