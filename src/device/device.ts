import type { JWK } from "jose";

/** A device as its object keeps it. */

export const KINDS = [
  "Desktop",
  "Laptop",
  "Phone",
  "Tablet",
  "Hub",
  "Holographic",
  "Xbox",
  "Iot",
  "Browser",
  "Unknown",
] as const;
export const PLATFORMS = ["Windows", "Android", "Ios", "Linux", "MacOS", "Web", "Unknown"] as const;
export const DEVICE_STATUSES = ["Online", "Offline", "Standby", "Unknown"] as const;

export type DeviceStatus = (typeof DEVICE_STATUSES)[number];

/** What the owner says of a device when registering it. */
export interface DeviceProperties {
  name: string;
  kind: (typeof KINDS)[number];
  platform: (typeof PLATFORMS)[number];
  manufacturer: string | null;
  model: string | null;
  /** The public half of the device's key (RFC 7517). */
  publicKey: JWK;
}

/** A device as it is told outside. */
export interface DeviceView extends Omit<DeviceProperties, "publicKey"> {
  id: string;
  status: DeviceStatus;
}

export interface DeviceRecord extends DeviceProperties {
  /** The owner's account object, by id. */
  account: string;
  /** Whether it has ever been connected: what tells Offline from Unknown. */
  connectedBefore: boolean;
  /** It was unregistered, and its commands are still being told, or kept. */
  removed: boolean;
}
