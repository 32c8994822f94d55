import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { documents } from "./documents.ts";
import { type Files, publish } from "./publish.ts";

/** `npm run build`: the pages, from src/console into dist/. What they load carries its contents' hash in its name. */

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CONSOLE = `${ROOT}src/console`;
const DIST = `${ROOT}dist`;

/** The pages: their addresses, their titles, and their entry points. */
const PAGES = [
  { name: "index", title: "Appia", entry: "main.tsx" },
  { name: "device", title: "This tab is a device · Appia", entry: "device/main.tsx" },
  { name: "pair", title: "Pair a device · Appia", entry: "pair/main.tsx" },
];

const { metafile, outputFiles } = await build({
  absWorkingDir: ROOT,
  entryPoints: [...PAGES.map(({ entry }) => `${CONSOLE}/${entry}`), `${CONSOLE}/style.css`],
  outdir: `${DIST}/assets/built`,
  outbase: CONSOLE,
  entryNames: "[dir]/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2024",
  jsx: "automatic",
  jsxImportSource: "preact",
  minify: true,
  sourcemap: true,
  metafile: true,
  write: false,
});
const files: Files = new Map(
  outputFiles.map(({ path, contents }) => [path.slice(DIST.length + 1), contents]),
);

/** The address of what an entry point was built into. */
function built(entry: string): string {
  const [output] =
    Object.entries(metafile.outputs).find(([, of]) => of.entryPoint === `src/console/${entry}`) ?? [];
  if (output === undefined) throw new Error(`Nothing was built from src/console/${entry}.`);
  return output.replace(/^dist/, "");
}

const template = await readFile(`${CONSOLE}/page.html`, "utf8");
for (const { name, title, entry } of PAGES) {
  const page = template
    .replace("{{title}}", title)
    .replace("{{style}}", built("style.css"))
    .replace("{{script}}", built(entry));
  files.set(`${name}.html`, page);
}
for (const [name, contents] of await documents()) files.set(name, contents);
for (const name of await readdir(`${CONSOLE}/public`)) {
  files.set(`assets/${name}`, await readFile(`${CONSOLE}/public/${name}`));
}
files.set(
  "_headers",
  "/assets/*\n  X-Content-Type-Options: nosniff\n/assets/built/*\n  Cache-Control: public, max-age=31536000, immutable\n",
);
await publish(DIST, files);
