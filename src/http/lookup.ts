import type { Asker, CommandView } from "../command/handover.ts";
import { MOVED_OUT_MAX } from "../limits.ts";
import { reach } from "../reach.ts";
import { notFound } from "./errors.ts";

/** Where a command is to be found: in its device's list, or in an object of its own. */
export interface CommandAddress {
  asker: Asker;
  device: DurableObjectId;
  command: DurableObjectId;
}

/** Commands that were found in objects of their own. None ever moves back, so their devices need not be asked first. */
const movedOut = new Set<string>();

/** A command as it stands, at its end if that comes within so many milliseconds. Throws 404 where it is not the asker's. */
export async function readCommand(
  { DEVICES, COMMANDS }: Env,
  { asker, device, command }: CommandAddress,
  milliseconds: number,
): Promise<CommandView> {
  const id = command.toString();
  const until = Date.now() + milliseconds;
  const resident = movedOut.has(id)
    ? null
    : await reach(DEVICES, device, (stub) => stub.read(asker.account, id, milliseconds));
  if (resident !== null) return JSON.parse(resident) as CommandView;
  const left = Math.max(0, until - Date.now());
  const found = await reach(COMMANDS, command, (stub) =>
    milliseconds === 0 ? stub.read(asker) : stub.wait(asker, left),
  );
  if (!found.ok) throw notFound();
  if (movedOut.size >= MOVED_OUT_MAX) movedOut.clear();
  movedOut.add(id);
  return found.command;
}
