import type { Asker, CommandView } from "../command/handover.ts";
import { reach } from "../reach.ts";
import { notFound } from "./errors.ts";

/** Where a command is to be found: in its device's list, or in an object of its own. */
export interface CommandAddress {
  asker: Asker;
  device: DurableObjectId;
  command: DurableObjectId;
}

/** A command as it stands, at its end if that comes within so many milliseconds. Throws 404 where it is not the asker's. */
export async function readCommand(
  { DEVICES, COMMANDS }: Env,
  { asker, device, command }: CommandAddress,
  milliseconds: number,
): Promise<CommandView> {
  const until = Date.now() + milliseconds;
  const resident = await reach(DEVICES, device, (stub) =>
    stub.read(asker.account, command.toString(), milliseconds),
  );
  if (resident !== null) return resident;
  const left = Math.max(0, until - Date.now());
  const found = await reach(COMMANDS, command, (stub) =>
    milliseconds === 0 ? stub.read(asker) : stub.wait(asker, left),
  );
  if (!found.ok) throw notFound();
  return found.command;
}
