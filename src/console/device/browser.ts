import type { Registration } from "../../agent/identity.ts";

/** What this browser is, as far as it says so. */

/** A brand that a browser names (User-Agent Client Hints). */
interface Brand {
  brand: string;
}

export interface BrowserHints {
  userAgent: string;
  userAgentData?: { brands: readonly Brand[]; platform: string };
}

/** Brands that say nothing: the engine's, and those that are there to be ignored ("Not)A;Brand"). */
const NO_BRAND = /^Chromium$|not.?a.?brand/i;

/** In the order in which they are told apart: each pretends to be those after it. */
const BROWSERS: readonly [pattern: RegExp, name: string][] = [
  [/\bEdgA?\/|\bEdgiOS\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\bFirefox\/|\bFxiOS\//, "Firefox"],
  [/Chrome\/|\bCriOS\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];

const SYSTEMS: readonly [pattern: RegExp, platform: string, name: string][] = [
  [/Android/i, "Android", "Android"],
  [/iPhone|iPod/, "Ios", "iPhone"],
  [/iPad/, "Ios", "iPad"],
  [/Windows/i, "Windows", "Windows"],
  [/mac ?OS/i, "MacOS", "macOS"],
  [/CrOS|Chrome OS|ChromeOS/i, "Linux", "ChromeOS"],
  [/Linux/i, "Linux", "Linux"],
];

/** What a browser tells of itself when it becomes a device, and a name for it to begin with: "Chrome on Linux". */
export function browserAsDevice({ userAgent, userAgentData }: BrowserHints): Omit<Registration, "publicKey"> {
  const brand = userAgentData?.brands
    .map((named) => named.brand)
    .find((name) => !NO_BRAND.test(name))
    ?.replace(/^(Google |Microsoft |Headless)/, "");
  const browser = brand ?? BROWSERS.find(([pattern]) => pattern.test(userAgent))?.[1] ?? "Browser";
  const system = [userAgentData?.platform ?? "", userAgent]
    .map((text) => SYSTEMS.find(([pattern]) => pattern.test(text)))
    .find((found) => found !== undefined);
  if (system === undefined) return { name: browser, kind: "Browser", platform: "Web" };
  const [, platform, systemName] = system;
  return { name: `${browser} on ${systemName}`, kind: "Browser", platform };
}
