/**
 * Schemes that would run or read something on a device instead of opening it. The service
 * refuses them; a device does not rely on others for its safety, and refuses them as well.
 */
const REFUSED_SCHEMES = [
  ...["javascript:", "data:", "vbscript:", "file:", "about:", "blob:", "filesystem:"],
  // These hold another URI, which may be one of those.
  ...["view-source:", "jar:", "feed:", "help:"],
  // These have run what they were given (CVE-2022-30190 and its kin).
  ...["ms-msdt:", "search-ms:"],
];

/** What is wrong with the scheme of an absolute URI: none that opens something; null where nothing is. */
export function schemeFault(protocol: string | undefined): "missing" | "refused" | null {
  // No scheme has one letter only: that is a drive, and a path on it is opened like a "file:".
  if (protocol === undefined || /^[a-z]:$/i.test(protocol)) return "missing";
  return REFUSED_SCHEMES.includes(protocol) ? "refused" : null;
}
