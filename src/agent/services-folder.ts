import { readdir } from "node:fs/promises";
import { arch, cpus, freemem, hostname, platform, release, totalmem, uptime } from "node:os";
import { join, parse, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { AppService } from "./services.ts";

/** `appia.systemInfo`: what this computer is and how it fares. Memory in bytes, uptime in seconds. */
export const systemInfo: AppService = {
  name: "appia.systemInfo",
  packageFamilyName: null,
  run: () => ({
    hostname: hostname(),
    platform: platform(),
    arch: arch(),
    release: release(),
    cpus: cpus().length,
    memory: { total: totalmem(), free: freemem() },
    uptime: uptime(),
    node: process.version,
  }),
};

/** What a folder of app services came to. */
export interface LoadedServices {
  services: AppService[];
  /** The modules that could not be loaded, and why. */
  broken: { file: string; message: string }[];
}

/**
 * Loads app services: the default export of each `*.ts`, `*.js` and `*.mjs` module of a folder, under its
 * exported `name` or its file's. A broken module is told, and takes no other down. Throws where there is no
 * such folder.
 */
export async function loadServices(folder: string): Promise<LoadedServices> {
  const files = (await readdir(folder)).filter(isModule).sort();
  const loaded: LoadedServices = { services: [], broken: [] };
  for (const file of files) {
    try {
      loaded.services.push(await loadService(resolve(join(folder, file))));
    } catch (error) {
      loaded.broken.push({ file, message: error instanceof Error ? error.message : String(error) });
    }
  }
  return loaded;
}

function isModule(file: string): boolean {
  return /\.(ts|js|mjs)$/.test(file) && !file.endsWith(".d.ts");
}

async function loadService(path: string): Promise<AppService> {
  const module = await import(pathToFileURL(path).href);
  const { default: run, name = parse(path).name, packageFamilyName = null } = module;
  if (typeof run !== "function") throw new TypeError("Its default export is no function.");
  if (typeof name !== "string") throw new TypeError('Its "name" is no string.');
  if (packageFamilyName !== null && typeof packageFamilyName !== "string") {
    throw new TypeError('Its "packageFamilyName" is no string.');
  }
  return { name, packageFamilyName, run };
}
