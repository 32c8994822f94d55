/**
 * Paths as clients write them, and as the routes read them: a version in front, words in lower case and in their
 * canonical spelling, ids untouched and behind a slash, no trailing slash.
 */

/** The two profiles of the service. No prefix means `beta`, as the old clients expect. */
export const PROFILES = ["beta", "v1.0"] as const;
export type Profile = (typeof PROFILES)[number];

const ALIASES = new Map([["command", "commands"]]);
/** What comes before an id. */
const COLLECTIONS = new Set(["devices", "commands"]);

/** A key in parentheses, as OData's own clients write it: `devices('…')` (OData 4.01 URL conventions, 4.3.1). */
const KEYED = /^(\w+)\((?:\w+=)?(?:'|%27)(.*)(?:'|%27)\)$/i;
/** What those clients put before an action's name (4.5.1). */
const NAMESPACE = /^microsoft\.graph\./;

/** Scheme and host of a request's URL; the runtime has parsed it, and writes it in one way (WHATWG URL, 4.5). */
export function originOf(url: string): string {
  return url.slice(0, pathAt(url));
}

/** The path of a request's URL, as it was sent. */
export function pathOf(url: string): string {
  const path = url.slice(pathAt(url));
  const end = path.search(/[?#]/);
  return end < 0 ? path : path.slice(0, end);
}

function pathAt(url: string): number {
  const at = url.indexOf("/", url.indexOf("://") + 3);
  return at < 0 ? url.length : at;
}

/** A path that is in its canonical spelling already, but perhaps for its version and its aliases. */
const PLAIN = /^(?:\/[a-z\d.$-]+)+$/;
const PREFIXES = PROFILES.map((profile) => `/${profile}/`);

/** The path that the routes match, of a request's URL. */
export function canonicalPath(request: Request): string {
  const path = pathOf(request.url);
  // Nearly all of them, and sooner said than spelled out.
  if (PLAIN.test(path) && !path.includes("microsoft.") && !path.includes("/command/"))
    if (PREFIXES.some((prefix) => path.startsWith(prefix)) && !path.endsWith("/command")) return path;
  return spelledOut(path);
}

function spelledOut(sent: string): string {
  const segments = sent
    .split("/")
    .filter((segment) => segment !== "")
    .flatMap((segment) => KEYED.exec(segment)?.slice(1) ?? segment);
  const first = segments[0]?.toLowerCase();
  const profile = PROFILES.find((name) => name === first);
  const path: string[] = [];
  for (const segment of profile === undefined ? segments : segments.slice(1)) {
    const word = segment.toLowerCase().replace("%24", "$").replace(NAMESPACE, "");
    path.push(COLLECTIONS.has(path.at(-1) ?? "") ? segment : (ALIASES.get(word) ?? word));
  }
  return `/${[profile ?? "beta", ...path].join("/")}`;
}

/** Whether an address names a version itself, instead of being given the usual one. */
export function isVersioned(url: string): boolean {
  const first = pathOf(url)
    .split("/")
    .find((segment) => segment !== "");
  return PROFILES.some((profile) => profile === first?.toLowerCase());
}
