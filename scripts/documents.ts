import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { csdlOf } from "../src/documents/csdl.ts";
import { csdlXml } from "../src/documents/csdl-xml.ts";
import { openApiDocument } from "../src/documents/openapi.ts";
import { apiPage } from "../src/documents/page/page.ts";
import { PROFILES } from "../src/http/paths.ts";
import type { Files } from "./publish.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** What tools and people read of the API: the OpenAPI document, its page and that one's style, and the metadata. */
export async function documents(): Promise<Files> {
  const { version } = JSON.parse(await readFile(`${ROOT}package.json`, "utf8")) as { version: string };
  const document = openApiDocument(version);
  const style = await buildStyle();
  const files: Files = new Map<string, string | Uint8Array>([
    ["openapi.json", JSON.stringify(document)],
    [style.name, style.contents],
    ["docs.html", await apiPage(document, `/${style.name}`)],
  ]);
  for (const profile of PROFILES) {
    const metadata = csdlOf(profile);
    files.set(`metadata/${profile}.json`, JSON.stringify(metadata));
    files.set(`metadata/${profile}.xml`, csdlXml(metadata));
  }
  return files;
}

/** The page's stylesheet. */
async function buildStyle(): Promise<{ name: string; contents: string }> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: ["src/documents/page/docs.css"],
    outdir: "dist",
    entryNames: "assets/built/[name]-[hash]",
    bundle: true,
    minify: true,
    target: "es2024",
    write: false,
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error("The style of the API page was not built.");
  return { name: file.path.slice(file.path.indexOf("assets/built/")), contents: file.text };
}
