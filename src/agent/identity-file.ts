import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { importJWK, type JWK } from "jose";
import { configFolder, type Surroundings, writePrivately } from "./config-folder.ts";
import type { DeviceIdentity } from "./identity.ts";

/** What a computer keeps to be the same device tomorrow. */
export interface StoredIdentity {
  /** The origin of the service that knows the device. */
  service: string;
  deviceId: string;
  name: string;
  /** ES256; whoever reads it is this device. */
  privateKey: JWK;
}

/** Where the identity for a service is kept: one file a service, in the user's folder for Appia. */
export function identityPath(service: string | URL, surroundings: Surroundings = {}): string {
  const { protocol, host } = new URL(service);
  // A colon is a stream on Windows' file system, and brackets are for the shells to misread.
  const file = `${protocol.slice(0, -1)}-${host.replaceAll(/[^a-z0-9.-]/g, "_")}.json`;
  return join(configFolder(surroundings), file);
}

/** The identity in a file; null where there is no such file. Throws where the file holds something else. */
export async function readIdentity(path: string): Promise<StoredIdentity | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  const identity = parseIdentity(text);
  if (identity === null) throw new Error(`${path} holds no device identity; move it away to register anew.`);
  return identity;
}

function parseIdentity(text: string): StoredIdentity | null {
  try {
    const { service, deviceId, name, privateKey } = JSON.parse(text);
    const whole = [service, deviceId, name, privateKey.d].every((member) => typeof member === "string");
    return whole ? { service, deviceId, name, privateKey } : null;
  } catch {
    return null;
  }
}

/** Writes an identity for its owner's eyes only (0600), at once or not at all. */
export async function writeIdentity(path: string, identity: StoredIdentity): Promise<void> {
  await writePrivately(path, identity);
}

/** The identity as the device library takes it. Throws where the key is no ES256 key. */
export async function importIdentity({ deviceId, privateKey }: StoredIdentity): Promise<DeviceIdentity> {
  const key = await importJWK(privateKey, "ES256");
  if (key instanceof Uint8Array) throw new TypeError("The device's private key is no ES256 key.");
  return { deviceId, privateKey: key, algorithm: "ES256" };
}
