import { schemeFault } from "../uri-schemes.ts";
import { CommandError } from "./command-error.ts";

/**
 * The URI as every opener may be given it: absolute, so it starts with a scheme and never looks like an option;
 * without white space, quotes or control characters. Throws `CommandError` for what is not to be opened.
 */
export function safeUri(uri: string): string {
  const url = URL.canParse(uri) ? new URL(uri) : null;
  const fault = schemeFault(url?.protocol);
  if (url === null || fault === "missing")
    throw new CommandError("ProtocolUnavailable", "The URI is not absolute.");
  if (fault === "refused") {
    throw new CommandError("DeniedByRemoteSystem", `This device does not open "${url.protocol}" URIs.`);
  }
  // `rundll32` takes its command line as one string; a non-special URL may still hold quotes and blanks.
  return url.href.replaceAll(/["\s]/g, encodeURIComponent);
}
