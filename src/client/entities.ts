import type { Detail, ErrorName, PostBackAttempt, Status } from "../command/command.ts";
import type { DeviceProperties, DeviceStatus } from "../device/device.ts";

/** What the service answers under `/v1.0`, as its callers read it. Times are RFC 3339. */

export interface DeviceEntity extends Omit<DeviceProperties, "publicKey"> {
  id: string;
  status: DeviceStatus;
}

export interface CommandEntity {
  id: string;
  status: Status;
  type: "LaunchUri" | "AppService";
  appServiceName: string | null;
  packageFamilyName: string | null;
  error: ErrorName | null;
  permissionTicket: string | null;
  postBackUri: string | null;
  /** Any JSON value; of a LaunchUri it holds `uri`. */
  payload: unknown;
  responsePayload: unknown;
  createdDateTime: string;
  lastModifiedDateTime: string;
  expirationDateTime: string;
  /** The device's words about its progress, or why the command ended. */
  statusDetail: Detail | null;
}

/** What a caller says when sending a command. */
export interface NewCommand {
  type: "LaunchUri" | "AppService";
  payload: unknown;
  appServiceName?: string;
  packageFamilyName?: string;
  postBackUri?: string;
  /** ISO 8601 durations. */
  deliveryTimeout?: string;
  executionTimeout?: string;
  whenOffline?: "queue" | "fail";
}

export interface HistoryEntry {
  sequence: number;
  dateTime: string;
  status: Status;
  attempt: number | null;
  cause: string;
  late: boolean;
}

export interface HistoryEntity {
  status: Status;
  explanation: string | null;
  nextAction: string;
  nextActionDateTime: string;
  value: HistoryEntry[];
  postBacks: (Omit<PostBackAttempt, "at"> & { dateTime: string })[] | null;
}

/** A page of a collection; `nextLink` leads to the next one, and is null on the last. */
export interface Page<Entity> {
  value: Entity[];
  nextLink: string | null;
}

/** What asks to become a device of the account, as the person who decides is shown it. */
export interface PairingEntity {
  userCode: string;
  name: string;
  kind: DeviceProperties["kind"];
  platform: DeviceProperties["platform"];
  manufacturer: string | null;
  model: string | null;
  /** Roughly where the request came from, in words; null where that is not known. */
  place: string | null;
  /** It came from the address that the person comes from, too. */
  sameAddress: boolean;
  createdDateTime: string;
  expirationDateTime: string;
}
