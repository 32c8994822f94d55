import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

export interface Surroundings {
  platform?: NodeJS.Platform;
  env?: NodeJS.ProcessEnv;
  home?: string;
}

/**
 * Where this computer's user keeps what belongs to Appia: in the folder in which the system's users keep their
 * configuration (XDG Base Directory, `%APPDATA%`, Application Support).
 */
export function configFolder({
  platform = process.platform,
  env = process.env,
  home = homedir(),
}: Surroundings = {}): string {
  return join(userFolder(platform, env, home), "appia");
}

function userFolder(platform: NodeJS.Platform, env: NodeJS.ProcessEnv, home: string): string {
  if (platform === "win32") return env.APPDATA || join(home, "AppData", "Roaming");
  if (platform === "darwin") return join(home, "Library", "Application Support");
  return env.XDG_CONFIG_HOME || join(home, ".config");
}

/** Writes a value as JSON for its owner's eyes only (0600), at once or not at all. */
export async function writePrivately(path: string, value: object): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // In the same folder, as a rename is atomic only within one file system.
  const draft = `${path}.${randomUUID()}`;
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(`${JSON.stringify(value, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}
