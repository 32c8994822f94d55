import { PAIRING_LINGER_MS, SECOND } from "../limits.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Registration } from "./identity.ts";
import { readError } from "./rejection.ts";

/** What a person needs to let the device in: a code, and the page to enter it at. */
export interface PairingCode {
  /** As people are shown it: WDJB-MJHT. */
  userCode: string;
  verificationUri: string;
  /** The same page with the code filled in, for a link or a QR code. */
  verificationUriComplete: string;
  /** Milliseconds since the epoch, by the device's clock. */
  expiresAt: number;
}

export interface PairingOptions {
  /** The service's URL; only its origin counts. */
  service: string | URL;
  registration: Registration;
  /** Called once, as soon as there is a code to show. */
  onCode: (code: PairingCode) => void;
  /** Told when the service has too much to do to give a code, with the milliseconds after which it is asked again. */
  onWait?: (ms: number) => void;
  /** Gives up: `pair` rejects with the signal's reason. */
  signal?: AbortSignal;
  clock?: Clock;
}

/** The device was not let in, and asking on under this code is pointless. */
export class PairingError extends Error {
  override readonly name = "PairingError";
  /**
   * `denied`: a person refused; `expired`: nobody decided in time, ask anew for another code;
   * `refused`: the service does not take the request, and the message says why.
   */
  readonly reason: "denied" | "expired" | "refused";

  constructor(reason: PairingError["reason"], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Milliseconds for an answer: the service gives it at once. */
const ANSWER_TIMEOUT_MS = 15 * SECOND;
/** Milliseconds, the most that failures in a row put off the next question. */
const WAIT_MS_MAX = 60 * SECOND;
/** Milliseconds, the most that a service is left alone because it asked to be. */
const RETRY_AFTER_MS_MAX = 300 * SECOND;
/** Milliseconds by which questions become rarer when the service asks for it (RFC 8628, 3.5). */
const SLOW_DOWN_MS = 5 * SECOND;
/** As people are shown it: it is pasted into command lines, and holds nothing that they would obey. */
const USER_CODE = /^[A-Z]{4}-[A-Z]{4}$/;
const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";

/**
 * Becomes a device of whoever enters the code that `onCode` is given (after RFC 8628). Resolves with the device's id
 * when they have. Throws `PairingError`, or `TypeError` where the service cannot be reached to begin with; once there
 * is a code, a service that is away is waited for.
 */
export async function pair(options: PairingOptions): Promise<{ deviceId: string; name: string }> {
  const { service, registration, onCode, onWait = () => {}, signal, clock = systemClock } = options;
  const line = new Line(new URL(service).origin, clock, signal);
  const { deviceCode, code, intervalMs } = await begin(line, registration, onWait);
  onCode(code);

  let interval = intervalMs;
  let failures = 0;
  let leastMs = 0;
  for (;;) {
    // Those who hear nothing ask ever more rarely (RFC 8628, 3.5).
    await line.pause(Math.max(leastMs, Math.min(interval * 2 ** failures, Math.max(interval, WAIT_MS_MAX))));
    const answer = await line
      .post("/pairings/token", new URLSearchParams({ grant_type: GRANT_TYPE, device_code: deviceCode }))
      .catch(() => null);
    signal?.throwIfAborted();
    const outcome = outcomeOf(answer);
    switch (outcome.type) {
      case "paired":
        return { deviceId: outcome.deviceId, name: outcome.name };
      case "over":
        throw outcome.error;
      case "tooSoon":
        interval += SLOW_DOWN_MS;
        break;
      case "pending":
        break;
      case "unanswered":
        // The service keeps no code for longer, wherever it is.
        if (clock.now() > code.expiresAt + PAIRING_LINGER_MS) throw expired();
    }
    failures = outcome.type === "unanswered" ? failures + 1 : 0;
    leastMs = outcome.type === "unanswered" ? outcome.retryAfterMs : 0;
  }
}

interface Answer {
  status: number;
  body: string;
  /** 0 where the service says nothing of it. */
  retryAfterMs: number;
}

/** Requests to one service, given up at the owner's signal. */
class Line {
  readonly #origin: string;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;

  constructor(origin: string, clock: Clock, signal: AbortSignal | undefined) {
    this.#origin = origin;
    this.#clock = clock;
    this.#signal = signal;
  }

  get now(): number {
    return this.#clock.now();
  }

  async post(path: string, body: URLSearchParams | object): Promise<Answer> {
    const patience = new AbortController();
    const forget = this.#clock.after(ANSWER_TIMEOUT_MS, () =>
      patience.abort(new TypeError("No answer came in time.")),
    );
    const isForm = body instanceof URLSearchParams;
    try {
      const response = await fetch(new URL(path, this.#origin), {
        method: "POST",
        headers: {
          "content-type": isForm ? "application/x-www-form-urlencoded" : "application/json",
          accept: "application/json",
        },
        body: isForm ? body.toString() : JSON.stringify(body),
        signal: AbortSignal.any([patience.signal, ...(this.#signal ? [this.#signal] : [])]),
      });
      const seconds = Number(response.headers.get("retry-after") ?? 0);
      return {
        status: response.status,
        body: await response.text(),
        retryAfterMs: seconds > 0 ? Math.min(seconds * SECOND, RETRY_AFTER_MS_MAX) : 0,
      };
    } finally {
      forget();
    }
  }

  /** Waits; throws the signal's reason once it is aborted. */
  async pause(ms: number): Promise<void> {
    this.#signal?.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    const forget = this.#clock.after(ms, wake);
    this.#signal?.addEventListener("abort", wake, { once: true });
    await promise;
    forget();
    this.#signal?.removeEventListener("abort", wake);
    this.#signal?.throwIfAborted();
  }
}

/** Asks for a code. A service that has too much to do is asked again when it says so. */
async function begin(
  line: Line,
  registration: Registration,
  onWait: (ms: number) => void,
): Promise<{ deviceCode: string; code: PairingCode; intervalMs: number }> {
  for (;;) {
    const answer = await line.post("/pairings", registration);
    if (answer.retryAfterMs > 0 && (answer.status === 429 || answer.status === 503)) {
      onWait(answer.retryAfterMs);
      await line.pause(answer.retryAfterMs);
      continue;
    }
    const { device_code, user_code, verification_uri, verification_uri_complete, expires_in, interval } =
      membersOf(answer.body);
    const page = webPage(verification_uri);
    if (
      answer.status !== 200 ||
      typeof device_code !== "string" ||
      typeof user_code !== "string" ||
      !USER_CODE.test(user_code) ||
      page === null ||
      typeof expires_in !== "number"
    ) {
      throw new PairingError("refused", readError(answer.body).message || unclear(answer));
    }
    return {
      deviceCode: device_code,
      code: {
        userCode: user_code,
        verificationUri: page,
        // Without it, people type the code themselves; without an interval it is five seconds (RFC 8628, 3.2).
        verificationUriComplete: webPage(verification_uri_complete) ?? page,
        expiresAt: line.now + expires_in * SECOND,
      },
      intervalMs: typeof interval === "number" ? Math.max(1, interval) * SECOND : SLOW_DOWN_MS,
    };
  }
}

type Outcome =
  | { type: "paired"; deviceId: string; name: string }
  | { type: "pending" }
  | { type: "tooSoon" }
  | { type: "over"; error: PairingError }
  /** Nothing that can be made use of, by now. */
  | { type: "unanswered"; retryAfterMs: number };

/** What the service's answer to a question means; null is none. */
function outcomeOf(answer: Answer | null): Outcome {
  if (answer === null) return { type: "unanswered", retryAfterMs: 0 };
  const { status, retryAfterMs } = answer;
  const { device_id, name, error, error_description: description } = membersOf(answer.body);
  if (status === 200 && typeof device_id === "string")
    return { type: "paired", deviceId: device_id, name: typeof name === "string" ? name : "" };
  // A success without a device is a gateway's sign-in page, or the like.
  if (status < 400 || status === 429 || status >= 500) return { type: "unanswered", retryAfterMs };
  switch (error) {
    case "authorization_pending":
      return { type: "pending" };
    case "slow_down":
      return { type: "tooSoon" };
    case "access_denied":
      return { type: "over", error: new PairingError("denied", "Somebody refused the device.") };
    case "expired_token":
      return { type: "over", error: expired() };
    default: {
      const message = typeof description === "string" ? description : readError(answer.body).message;
      return { type: "over", error: new PairingError("refused", message || unclear(answer)) };
    }
  }
}

/** The address of a page, free of what a terminal would obey; null where it is none. */
function webPage(uri: unknown): string | null {
  const url = typeof uri === "string" && URL.canParse(uri) ? new URL(uri) : null;
  return url !== null && /^https?:$/.test(url.protocol) ? url.href : null;
}

function expired(): PairingError {
  return new PairingError("expired", "The code expired before anybody entered it.");
}

function unclear({ status }: Answer): string {
  return `The service answered with status ${status}.`;
}

/** The members of a JSON object; none where it is none. */
function membersOf(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
