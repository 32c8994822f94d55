import type { ContentfulStatusCode } from "hono/utils/http-status";

/** The error codes, each with its status. */
export const STATUS_OF = {
  invalidRequest: 400,
  InvalidAuthenticationToken: 401,
  accessDenied: 403,
  itemNotFound: 404,
  notAllowed: 405,
  notAcceptable: 406,
  conflict: 409,
  requestTooLarge: 413,
  unsupportedMediaType: 415,
  unprocessable: 422,
  failedDependency: 424,
  upgradeRequired: 426,
  activityLimitReached: 429,
  internalServerError: 500,
  serviceNotAvailable: 503,
} as const satisfies Record<string, ContentfulStatusCode>;

export type ErrorCode = keyof typeof STATUS_OF;
export type ErrorStatus = (typeof STATUS_OF)[ErrorCode];
