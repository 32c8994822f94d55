import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { unstable_readConfig } from "wrangler";

/** The Worker as it is deployed: one module, and what wrangler.toml says of it. */
export interface Bundle {
  /** The module's path. */
  module: string;
  /** The Durable Object classes, by the names of their bindings. */
  classes: Record<string, string>;
  /** The vars, by name. */
  bindings: Record<string, string>;
  compatibilityDate: string;
  compatibilityFlags: string[];
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Builds what `npm run deploy` would upload, into a folder. */
export async function deployedBundle(outdir: string): Promise<Bundle> {
  const config = unstable_readConfig({ config: join(ROOT, "wrangler.toml") });
  const bindings = config.durable_objects.bindings as { name: string; class_name: string }[];
  const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js");
  await promisify(execFile)(process.execPath, [wrangler, "deploy", "--dry-run", "--outdir", outdir], {
    cwd: ROOT,
    env: { ...process.env, WRANGLER_HIDE_BANNER: "true", WRANGLER_SEND_METRICS: "false" },
  });
  return {
    module: join(outdir, "index.js"),
    classes: Object.fromEntries(bindings.map(({ name, class_name }) => [name, class_name])),
    bindings: Object.fromEntries(Object.entries(config.vars).map(([name, value]) => [name, String(value)])),
    compatibilityDate: config.compatibility_date ?? "",
    compatibilityFlags: config.compatibility_flags,
  };
}
