import type { Command } from "commander";
import type { DeviceEntity } from "../../client/entities.ts";
import type { GlobalOptions } from "./address.ts";
import { confirmed } from "./confirm.ts";
import { EXIT, Exit } from "./exit.ts";
import { findDevice, NO_DEVICES } from "./find.ts";
import { err, out } from "./screen.ts";
import { Session } from "./session.ts";
import type { Shown } from "./shown.ts";
import { jsonText, nameOf, paintedTable, quoted, shortIds } from "./text.ts";

/** `appia devices`: the account's devices, listed, renamed and removed. */
export function addDevices(program: Command): void {
  const devices = program
    .command("devices")
    .summary("list your devices; rename, remove")
    .description("Lists your devices and whether they are there.")
    .addHelpText("after", "\nExamples:\n  appia devices\n  appia devices --json | jq -r '.[].name'");
  devices.action(async () => {
    const session = await Session.open(devices.optsWithGlobals<GlobalOptions>());
    const all = await session.ask((client) => client.devices());
    if (session.json) out.print(jsonText(all));
    else if (all.length === 0) err.print(NO_DEVICES);
    else for (const line of linesOf(all)) out.print(line);
  });

  const remove = devices
    .command("remove <device>")
    .description("Unregisters a device; what waits for it fails.")
    .option("--yes", "do not ask")
    .addHelpText("after", "\nExample:\n  appia devices remove 1a2b3c4d");
  remove.action(async (words: string) => {
    const options = remove.optsWithGlobals<GlobalOptions & { yes?: boolean }>();
    const session = await Session.open(options);
    const device = await findDevice(session, words);
    if (!(await confirmed(`Remove ${quoted(device.name)}?`, options.yes === true))) {
      throw new Exit(EXIT.failed, "Nothing was changed.");
    }
    await session.ask((client) => client.unregister(device.id));
    out.print(session.json ? jsonText(device) : `Removed ${quoted(device.name)}.`);
  });

  const rename = devices
    .command("rename <device> <name>")
    .description("Gives a device another name.")
    .addHelpText("after", '\nExample:\n  appia devices rename pc "The one in the kitchen"');
  rename.action(async (words: string, name: string) => {
    const session = await Session.open(rename.optsWithGlobals<GlobalOptions>());
    const device = await findDevice(session, words);
    const renamed = await session.ask((client) => client.rename(device.id, name));
    const told = `${quoted(device.name)} is ${quoted(renamed.name)} now.`;
    out.print(session.json ? jsonText(renamed) : told);
  });
}

const PRESENCE_COLUMN = 3;

function linesOf(devices: readonly DeviceEntity[]): Shown[] {
  const ids = shortIds(devices.map(({ id }) => id));
  const rows = devices.map((device, index) => [
    nameOf(device),
    device.kind,
    device.platform,
    device.status,
    ids[index] ?? "",
  ]);
  return paintedTable([["NAME", "KIND", "PLATFORM", "PRESENCE", "ID"], ...rows], (cell, row, column) => {
    if (row === 0) return out.style("dim", cell);
    if (column !== PRESENCE_COLUMN) return cell;
    return out.style(cell.startsWith("Online") ? "green" : "dim", cell);
  });
}
