interface Handover {
  /** The command's id: the same at every redelivery. */
  id: string;
  /** Any JSON value. */
  payload: unknown;
  /** Counted from 1. */
  attempt: number;
  /** RFC 3339; when the command expires unless the device answers. Empty where the service did not say. */
  expirationDateTime: string;
}

/** "Open this": `uri` is absolute; judge its scheme before you open it. */
export interface LaunchUriTask extends Handover {
  type: "LaunchUri";
  uri: string;
}

/** "Ask this app service": the handler's return value is the answer. */
export interface AppServiceTask extends Handover {
  type: "AppService";
  appServiceName: string;
  packageFamilyName: string;
}

/** What a command asks of this device. */
export type Task = LaunchUriTask | AppServiceTask;

/** What a handler is given besides its task. */
export interface TaskContext {
  /** Aborted when the command is cancelled or expires, or the device stops. */
  signal: AbortSignal;
  /** Tells the app how far the command is, in the device's own words; `percent` is from 0 to 100. */
  progress(report: { message?: string; percent?: number }): void;
}

/**
 * Carries out a task. The JSON value that it returns is the response payload; nothing returned is none.
 * Throws `CommandError` to fail under a name, `CommandDropped` to decline. Once `signal` is aborted, a value
 * that is returned says that the task was done all the same, and returning nothing that it was not.
 */
export type Handler<T extends Task> = (task: T, context: TaskContext) => unknown;

/** What this device can do; a command without a handler is answered "method not found". */
export interface Handlers {
  launchUri?: Handler<LaunchUriTask>;
  appService?: Handler<AppServiceTask>;
}
