import { type ErrorCode, STATUS_OF } from "../http/error-codes.ts";
import type { Answer } from "./document.ts";
import { contentOf, type HeaderName, headersOf } from "./operation.ts";

/** The errors: one answer for each status. */

interface Refusal {
  when: string;
  message: string;
  headers?: HeaderName[];
}

const REFUSALS: Record<ErrorCode, Refusal> = {
  invalidRequest: {
    when: "Malformed JSON, a member that is missing or wrong, or an unknown query option.",
    message: '"payload" is missing.',
  },
  InvalidAuthenticationToken: {
    when: "No token, or one that is malformed, expired or wrongly signed.",
    message: "The token has expired.",
    headers: ["WWW-Authenticate"],
  },
  accessDenied: {
    when: "The token lacks the scope.",
    message: "This call needs a token with the scope Device.Command.",
    headers: ["WWW-Authenticate"],
  },
  itemNotFound: {
    when: "There is no such thing, or it is not the caller's: both read the same.",
    message: "There is no such item, or it is not yours.",
  },
  notAllowed: {
    when: "The resource does not have the method.",
    message: "This resource allows GET, HEAD.",
    headers: ["Allow"],
  },
  notAcceptable: {
    when: "The `Accept` header rules the answer out.",
    message: 'The answer is JSON; accept "application/json".',
  },
  conflict: {
    when: "The command's status does not allow it, or the account is being deleted.",
    message: "The command has ended; there is nothing to cancel.",
  },
  requestTooLarge: {
    when: "The body or the payload is larger or deeper than it may be.",
    message: '"payload" is larger than 262144 bytes as JSON.',
  },
  unsupportedMediaType: {
    when: "The body is not declared as JSON in UTF-8.",
    message: 'Send the body as "Content-Type: application/json", in UTF-8.',
  },
  unprocessable: {
    when: "The idempotency key was used with another body.",
    message: "This Idempotency-Key was used with another body. Use a new key for another command.",
  },
  failedDependency: {
    when: "In a batch: what the request depends on failed.",
    message: 'This was not done, because what it depends on failed: "1".',
  },
  upgradeRequired: {
    when: "A plain GET on the connection.",
    message: "This is a WebSocket: connect with a WebSocket client.",
    headers: ["Upgrade"],
  },
  activityLimitReached: {
    when: "Too many requests of an address, of an account or for a device, or another limit is reached.",
    message: "These were too many requests within a minute. Wait for as long as Retry-After says.",
    headers: ["Retry-After"],
  },
  internalServerError: {
    when: "The service failed.",
    message: "The service failed. The request-id leads to the reason in its log.",
  },
  serviceNotAvailable: {
    when: "A part of the service could not be reached in time; nothing was half-done.",
    message: "A part of the service could not be reached. Try again.",
    headers: ["Retry-After"],
  },
};

/** All of them, by their statuses. */
export function refusals(): (Refusal & { code: ErrorCode; status: number })[] {
  const codes = Object.keys(REFUSALS) as ErrorCode[];
  return codes
    .map((code) => ({ code, status: STATUS_OF[code], ...REFUSALS[code] }))
    .sort((one, other) => one.status - other.status);
}

/** The answers as OpenAPI has them, by their status. */
export function refusalResponses(): Record<string, Answer> {
  return Object.fromEntries(
    refusals()
      // It is told inside a batch's answer only.
      .filter(({ code }) => code !== "failedDependency")
      .map(({ code, status, when, message, headers = [] }) => [
        String(status),
        {
          description: `\`${code}\`: ${when}`,
          headers: headersOf(headers),
          content: contentOf([
            {
              schema: "error",
              example: {
                error: {
                  code,
                  message,
                  innerError: {
                    date: "2026-11-21T22:54:31.123Z",
                    "request-id": "2c5f8c3e-0f37-4c6a-9a55-7d3f0c1f9b11",
                  },
                },
              },
            },
          ]),
        },
      ]),
  );
}
