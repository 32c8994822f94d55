import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { configFolder, type Surroundings, writePrivately } from "../config-folder.ts";
import { Exit } from "./exit.ts";

/** What the command line remembers for its user. */
export interface Settings {
  /** The origin of the service that is meant where none is named; null: the one on this machine. */
  service: string | null;
  /** Callers' tokens, by their service's origin. */
  tokens: Record<string, string>;
}

export function settingsPath(surroundings: Surroundings = {}): string {
  return join(configFolder(surroundings), "settings.json");
}

/** The settings; empty ones where there is no such file. Throws `Exit` where the file holds something else. */
export async function readSettings(path: string = settingsPath()): Promise<Settings> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { service: null, tokens: {} };
    throw error;
  }
  const settings = parseSettings(text);
  if (settings === null) throw new Exit(1, `${path} holds no settings of appia; mend it or delete it.`);
  return settings;
}

function parseSettings(text: string): Settings | null {
  try {
    const settings: unknown = JSON.parse(text);
    if (typeof settings !== "object" || settings === null) return null;
    const { service = null, tokens = {} } = settings as Partial<Settings>;
    const whole =
      (service === null || typeof service === "string") &&
      typeof tokens === "object" &&
      tokens !== null &&
      Object.values(tokens).every((token) => typeof token === "string");
    return whole ? { service, tokens } : null;
  } catch {
    return null;
  }
}

/** Changes the settings; whoever else can read the file would be this user to the services. */
export async function changeSettings(
  change: (settings: Settings) => Settings,
  path: string = settingsPath(),
): Promise<void> {
  await writePrivately(path, change(await readSettings(path)));
}
