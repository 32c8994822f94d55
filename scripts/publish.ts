import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Files by their paths within a folder. */
export type Files = Map<string, string | Uint8Array>;

/** How files are called until they are written. */
const UNFINISHED = /\.\d+\.unfinished$/;

/**
 * Makes a folder hold these files and no others. What is as it should be is left alone, and what is not is replaced
 * at once: services that serve the folder, and builds of the same at the same time, never find it half done.
 */
export async function publish(folder: string, files: Files): Promise<void> {
  for (const [name, contents] of files) {
    const path = join(folder, name);
    const wanted = Buffer.from(contents);
    const present = await readFile(path).catch(() => null);
    if (present?.equals(wanted)) continue;
    await mkdir(dirname(path), { recursive: true });
    const unfinished = `${path}.${process.pid}.unfinished`;
    await writeFile(unfinished, wanted);
    await rename(unfinished, path);
  }
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory() || UNFINISHED.test(entry.name)) continue;
    if (!files.has(path.slice(folder.length + 1))) await rm(path, { force: true });
  }
}
