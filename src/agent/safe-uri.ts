import { CommandError } from "./command-error.ts";

/** The service refuses these as well (contract, section 2); a device does not rely on others for its safety. */
const REFUSED_SCHEMES = new Set(["javascript:", "data:", "vbscript:", "file:", "about:"]);

/**
 * The URI as every opener may be given it: absolute, so it starts with a scheme and never looks like an option;
 * without white space, quotes or control characters. Throws `CommandError` for what is not to be opened.
 */
export function safeUri(uri: string): string {
  const url = URL.canParse(uri) ? new URL(uri) : null;
  // No scheme has one letter only: that is a drive, and a path on it is opened like a "file:".
  if (url === null || /^[a-z]:$/.test(url.protocol))
    throw new CommandError("ProtocolUnavailable", "The URI is not absolute.");
  if (REFUSED_SCHEMES.has(url.protocol)) {
    throw new CommandError("DeniedByRemoteSystem", `This device does not open "${url.protocol}" URIs.`);
  }
  // `rundll32` takes its command line as one string; a non-special URL may still hold quotes and blanks.
  return url.href.replaceAll(/["\s]/g, encodeURIComponent);
}
