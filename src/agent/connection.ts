import type { Rejection } from "./rejection.ts";

/** The line broke without a word (RFC 6455, 7.1.5). */
export const ABNORMAL = 1006;
/** Milliseconds for the last words: those of RFC 6455's closing handshake (7.1.1 leaves it open), or of a last request. */
export const CLOSE_TIMEOUT_MS = 3_000;

/** What a device speaks over. Made, it tries to open at once; its listener learns how it fares. */
export interface Connection {
  /** When a fresh one is to take its place, in milliseconds since the epoch; null where it renews itself. */
  readonly renewAt: number | null;
  /**
   * Says a frame, after those before it. Lost if the connection ends before; `arrived` is called once it is proven
   * that the service has it. Resolves when the frame is on its way as surely as this connection can tell; never rejects.
   */
  send(frame: string, arrived?: () => void): Promise<void>;
  /** Ends it cleanly; resolves when it is closed, with all that was said before, or the peer has taken too long. */
  close(): Promise<void>;
  /** Finds out now, rather than at the next occasion, whether it still lives; one that does not is ended. */
  check(): void;
  /** Another has taken over: what still arrives is received, until the service closes this one. */
  retire(): void;
}

/** Why a connection has ended, or did not come about. */
export interface Ending {
  /** As in RFC 6455, 7.4, or the HTTP status of a request that failed. */
  code: number;
  reason: string;
  /** The service said that it does not let the device in. */
  rejection: Rejection | null;
  /** Milliseconds for which the service wants to be left alone. */
  retryAfterMs: number;
}

export interface ConnectionListener {
  opened(): void;
  /** A JSON-RPC message of the service, or a batch of them. */
  received(text: string): void;
  /** It has proved good for more than its opening. */
  proved(): void;
  /** Called once, whatever ended it; where it had not opened, it never will. */
  ended(ending: Ending): void;
}
