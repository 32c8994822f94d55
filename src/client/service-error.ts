/** The service refused a call; the message is its own, and says what to change. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  /** The HTTP status. */
  readonly status: number;
  /** The code of the service's error body; empty where the answer was none of the service's. */
  readonly code: string;
  /** Seconds after which to try again, where the service says so. */
  readonly retryAfter: number | null;
  /** Leads to the call in the service's log. */
  readonly requestId: string | null;

  constructor(
    status: number,
    code: string,
    message: string,
    retryAfter: number | null,
    requestId: string | null,
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
    this.requestId = requestId;
  }

  /** Whether the same call may well succeed later: the service is busy, or in trouble. */
  get isPassing(): boolean {
    return this.status === 429 || this.status >= 500;
  }

  /** What an answer that is no success says. */
  static async of(response: Response): Promise<ServiceError> {
    const { code, message } = errorOf(await response.text());
    const retryAfter = Number(response.headers.get("Retry-After") ?? Number.NaN);
    return new ServiceError(
      response.status,
      code,
      message || `The service answered with status ${response.status}.`,
      Number.isNaN(retryAfter) ? null : retryAfter,
      response.headers.get("request-id"),
    );
  }
}

/** The service did not answer: it is down, or the network between is. */
export class ServiceGone extends Error {
  override readonly name = "ServiceGone";
}

function errorOf(body: string): { code: string; message: string } {
  try {
    const { code, message } = JSON.parse(body).error;
    return { code: String(code ?? ""), message: String(message ?? "") };
  } catch {
    return { code: "", message: "" };
  }
}
