import { useCallback, useMemo } from "preact/hooks";
import type { Client } from "../../client/client.ts";
import type { DeviceEntity } from "../../client/entities.ts";
import { ServiceGone } from "../../client/service-error.ts";
import { useLive } from "../live.ts";

/** Milliseconds between looks at who is there. */
const LOOK_MS = 3_000;

/** The account's devices as they are now. One reading serves every view, and tells whether the service is there. */
export interface Devices {
  /** All of them; undefined before they were listed. */
  all: DeviceEntity[] | undefined;
  /** Those that were seen, by their ids. */
  seen: ReadonlyMap<string, DeviceEntity>;
  /** Why the latest look failed; null where it did not. */
  error: Error | null;
  /** When they were last seen, in milliseconds since 1970; null before. */
  readAt: number | null;
  /** How often the service was found again after it had gone. */
  returns: number;
  refresh: () => Promise<void>;
}

interface Memory {
  all: DeviceEntity[] | undefined;
  seen: Map<string, DeviceEntity>;
  readAt: number | null;
  gone: boolean;
  returns: number;
}

/** Looks at all devices, or, where a view is of one, at `only` that one. */
export function useDevices(client: Client, only: string | null): Devices {
  // Another person's client begins with nothing.
  const memory = useMemo<Memory>(() => forget(client), [client]);
  const look = useCallback(async () => {
    try {
      remember(memory, only === null ? await client.devices() : [await client.device(only)], only);
      return { only, error: null };
    } catch (error) {
      memory.gone ||= error instanceof ServiceGone;
      return { only, error: error as Error };
    }
  }, [client, only, memory]);
  const { value, refresh } = useLive(look, LOOK_MS);
  const { all, seen, readAt, returns } = memory;
  // What failed for another view says nothing of this one, unless the service is gone.
  const concerns = value !== undefined && (value.only === only || value.error instanceof ServiceGone);
  return { all, seen, readAt, returns, refresh, error: concerns ? value.error : null };
}

function forget(_: Client): Memory {
  return { all: undefined, seen: new Map(), readAt: null, gone: false, returns: 0 };
}

function remember(memory: Memory, devices: DeviceEntity[], only: string | null): void {
  if (only === null) {
    memory.all = devices;
    memory.seen.clear();
  }
  for (const device of devices) memory.seen.set(device.id, device);
  memory.all = memory.all?.map((device) => memory.seen.get(device.id) ?? device);
  memory.readAt = Date.now();
  if (memory.gone) memory.returns++;
  memory.gone = false;
}
