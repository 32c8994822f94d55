/** Project Rome's names for what went wrong, where one fits; others travel as they are. */
export type RomeStatus =
  | "AppUnavailable"
  | "ProtocolUnavailable"
  | "RemoteSystemUnavailable"
  | "AppServiceUnavailable"
  | "AppNotInstalled"
  | "NotAuthorized"
  | "MessageSizeTooLarge"
  | "DeniedByRemoteSystem"
  | "ResourceLimitsExceeded"
  | "DisabledByPolicy"
  | "Unknown"
  // Keeps the names above in an editor's completion, which plain `string` would swallow.
  | (string & {});

/** The code of a handler's own error (JSON-RPC 2.0, section 5.1: -32000 to -32099 are the implementation's). */
const COMMAND_FAILED = -32000;

/** Thrown by a handler: the command has failed, and the app learns `status` and the message. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly status: RomeStatus | null;
  readonly code: number;

  /** `status` is null where no name fits; `code` is the JSON-RPC error code. */
  constructor(status: RomeStatus | null, message: string, code: number = COMMAND_FAILED) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Thrown by a handler: the device received the command and declines it, being in connected standby. */
export class CommandDropped extends Error {
  override readonly name = "CommandDropped";
}
