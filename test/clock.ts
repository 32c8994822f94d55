import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { CommandObject } from "../src/command/command-object.ts";
import type { DeviceObject } from "../src/device/device-object.ts";
import { Api } from "./stage.ts";

/**
 * A clock that stands still until it is told to move. It starts days ahead: the objects' alarms, whose scheduler
 * goes by the real clock, then ring only when a test has them ring. `vi.useRealTimers` ends it.
 */
export class Clock {
  constructor() {
    // Not `useFakeTimers`: with that, vitest's own waiting would move the clock.
    vi.setSystemTime(Date.now() + 7 * 86_400_000);
  }

  moves(milliseconds: number): void {
    vi.setSystemTime(Date.now() + milliseconds);
  }

  /** The caller with a token of now. */
  as({ sub }: Api): Api {
    return new Api(sub);
  }
}

/** The object of a command's device, by the command's address. */
export function deviceOf(command: string): DurableObjectStub<DeviceObject> {
  return env.DEVICES.get(env.DEVICES.idFromString(command.split("/").at(-3) ?? ""));
}

/** The object of a command, by its address. */
export function objectOf(command: string): DurableObjectStub<CommandObject> {
  return env.COMMANDS.get(env.COMMANDS.idFromString(command.split("/").at(-1) ?? ""));
}
