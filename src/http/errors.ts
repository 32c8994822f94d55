import type { Context } from "hono";
import { KeysUnavailable } from "../jwt.ts";
import { JurisdictionUnknown } from "../operations/jurisdiction.ts";
import { logFault } from "../operations/log.ts";
import { Unreachable } from "../reach.ts";
import type { Edge } from "./edge.ts";
import { type ErrorCode, STATUS_OF } from "./error-codes.ts";

/**
 * A refusal on its way to the client: a code, a sentence that says what to change, headers, and perhaps a more
 * precise code inside (Microsoft's REST API guidelines: `innerError.code`).
 */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: ErrorCode;
  readonly headers: Record<string, string>;
  readonly innerCode: ErrorCode | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    more: { headers?: Record<string, string>; innerCode?: ErrorCode } = {},
  ) {
    super(message);
    this.code = code;
    this.headers = more.headers ?? {};
    this.innerCode = more.innerCode;
  }
}

/** No such thing, or not the caller's: one body for both. */
export function notFound(): ApiError {
  return new ApiError("itemNotFound", "There is no such item, or it is not yours.");
}

/** Answers with an error in Graph's shape. What is not an `ApiError` is told to the log, not to the client. */
export function answerError(error: Error, c: Context<Edge>): Response {
  const refusal = asApiError(error, c.get("requestId"));
  const innerError: Record<string, string> = {
    ...(refusal.innerCode && { code: refusal.innerCode }),
    date: new Date().toISOString(),
    "request-id": c.get("requestId"),
  };
  // Nothing was granted to a request that is refused, and nothing repeated.
  for (const name of ["Preference-Applied", "Idempotency-Replayed"]) c.header(name, undefined);
  const clientRequestId = c.get("clientRequestId");
  if (clientRequestId !== undefined) innerError["client-request-id"] = clientRequestId;
  return c.json(
    { error: { code: refusal.code, message: refusal.message, innerError } },
    STATUS_OF[refusal.code],
    refusal.headers,
  );
}

function asApiError(error: Error, requestId: string): ApiError {
  if (error instanceof ApiError) return error;
  logFault({ event: "requestFailed", requestId, error: String(error), stack: error.stack });
  if (error instanceof JurisdictionUnknown) {
    return new ApiError("serviceNotAvailable", "The service is not set up; its log says what to change.", {
      headers: { "Retry-After": "60" },
    });
  }
  if (error instanceof KeysUnavailable) {
    return new ApiError("serviceNotAvailable", "The token issuer's keys could not be had. Try again.", {
      headers: { "Retry-After": "5" },
    });
  }
  // Of an error that an object passes on, its class is lost and its name is kept.
  return error instanceof Unreachable || error.name === "Unreachable"
    ? new ApiError("serviceNotAvailable", "A part of the service could not be reached. Try again.", {
        headers: { "Retry-After": "1" },
      })
    : new ApiError(
        "internalServerError",
        "The service failed. The request-id leads to the reason in its log.",
      );
}
