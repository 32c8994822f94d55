import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Bundle } from "../../workerd/bundle.ts";

/** Bundles the floor Worker into a folder, to be served with the same platform settings as the service. */
export async function bundleFloor(
  folder: string,
  like: Pick<Bundle, "compatibilityDate" | "compatibilityFlags">,
): Promise<Bundle> {
  const module = join(folder, "floor.js");
  await build({
    entryPoints: [fileURLToPath(new URL("worker.ts", import.meta.url))],
    outfile: module,
    bundle: true,
    format: "esm",
    target: "es2024",
    external: ["cloudflare:workers"],
    logLevel: "warning",
  });
  const { compatibilityDate, compatibilityFlags } = like;
  return {
    module,
    compatibilityDate,
    compatibilityFlags,
    classes: { ROWS: "Row", LINES: "Line" },
    bindings: {},
  };
}
