import { Command, CommanderError } from "commander";
import manifest from "../../../package.json" with { type: "json" };
import { LOCAL_SERVICE } from "./address.ts";
import { addCancel, addCommands, addHistory, addStatus, addWatch } from "./commands.ts";
import { addDevice } from "./device.ts";
import { addDevices } from "./devices.ts";
import { EXIT, EXIT_CODES_HELP, Exit, messageOf } from "./exit.ts";
import { addPair } from "./pair.ts";
import { err } from "./screen.ts";
import { addCall, addSend } from "./send.ts";
import { addService } from "./service.ts";
import { addToken } from "./token.ts";

/** The command line `appia`, with all its commands. */
function appia(): Command {
  const program = new Command("appia")
    .description("Sends commands to your devices, tells what became of them, and makes computers devices.")
    .version(manifest.version, "--version", "print the version")
    .helpOption("-h, --help", "print this")
    .option("--service <url>", `the service (APPIA_SERVICE, "appia service", ${LOCAL_SERVICE})`)
    .option(
      "--token <token>",
      'a caller\'s token (APPIA_TOKEN, "appia token --save"); "-" reads standard input',
    )
    .option("--json", "JSON for programs; while following, a line for each entry")
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("(--help lists what there is.)")
    .exitOverride()
    .addHelpText(
      "after",
      `
DEVICE is a device's name in any case, its id, or the beginning of either (of an id, four digits or more).

${EXIT_CODES_HELP}

Examples:
  appia device                                make this computer a device
  appia devices                               list your devices
  appia send pc https://example.com/          open a page on one
  appia call pc appia.systemInfo | jq .memory ask one a question`,
    );
  program.commandsGroup("Send and call:");
  for (const add of [addSend, addCall, addStatus, addWatch, addCancel, addHistory, addCommands]) add(program);
  program.commandsGroup("Devices:");
  for (const add of [addDevices, addDevice, addPair]) add(program);
  program.commandsGroup("Set up:");
  for (const add of [addToken, addService]) add(program);
  program.helpCommand("help [command]", "print a command's help");
  return program;
}

/** Runs the command line; what went wrong is told in a sentence on standard error, and in the exit code. */
export async function run(args: readonly string[]): Promise<void> {
  try {
    await appia().parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      // It has said so itself; asked for help or the version, it has done what it should.
      process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage;
      return;
    }
    err.print(messageOf(error));
    process.exitCode = error instanceof Exit ? error.code : EXIT.failed;
  }
}
