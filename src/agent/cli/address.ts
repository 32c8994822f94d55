import { EXIT, Exit } from "./exit.ts";
import type { Settings } from "./settings.ts";

/** Where a service started by `npm start` or `npm run dev` is. */
export const LOCAL_SERVICE = "http://127.0.0.1:8787";

/** The options that every command takes. */
export interface GlobalOptions {
  service?: string;
  token?: string;
  json?: boolean;
}

/** The origin of the service that is meant: named, in the environment, in the settings, or on this machine. */
export function serviceOf({ service }: GlobalOptions, settings: Settings): string {
  if (service !== undefined) return originOf(service, "--service");
  const { APPIA_SERVICE } = process.env;
  if (APPIA_SERVICE) return originOf(APPIA_SERVICE, "APPIA_SERVICE");
  return settings.service ?? LOCAL_SERVICE;
}

/** The origin of an http or https URL; `name` is what took it. Throws `Exit` for anything else. */
export function originOf(url: string, name: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new Exit(EXIT.usage, `${name} takes an http or https URL, not "${url}".`);
  }
  return parsed.origin;
}

/** Whether a service is on this machine. */
export function isLocal(origin: string): boolean {
  const { hostname } = new URL(origin);
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
}
