import { type Command, Option } from "commander";
import type { PairingEntity } from "../../client/entities.ts";
import type { GlobalOptions } from "./address.ts";
import { confirmed } from "./confirm.ts";
import { EXIT, Exit } from "./exit.ts";
import { err, out } from "./screen.ts";
import { Session } from "./session.ts";
import type { Shown } from "./shown.ts";
import { cut, jsonText, lengthOf, quoted, shortId } from "./text.ts";

/** `appia pair`: a person lets what shows a code become one of their devices. */
export function addPair(program: Command): void {
  const pair = program
    .command("pair <code>")
    .summary("let what shows this code become your device")
    .description("Lets the device that shows this code become one of yours; asks before.")
    .addOption(new Option("--yes", "approve without being asked").conflicts("deny"))
    .option("--deny", "refuse it, without being asked")
    .addHelpText("after", "\nExamples:\n  appia pair WDJB-MJHT\n  appia pair wdjbmjht --deny");
  pair.action(async (code: string) => {
    const options = pair.optsWithGlobals<GlobalOptions & { yes?: boolean; deny?: boolean }>();
    const session = await Session.open(options);
    const asking = await session.ask((client) => client.pairing(code));
    for (const line of linesOf(asking)) err.print(line);
    const { userCode } = asking;
    if (options.deny) {
      await session.ask((client) => client.deny(userCode));
      out.print(session.json ? jsonText(asking) : `Refused ${quoted(asking.name)}.`);
      return;
    }
    if (!(await confirmed("Let it become one of your devices?", options.yes === true))) {
      const refuse = session.proposal(`pair ${userCode} --deny`);
      throw new Exit(EXIT.failed, `Nothing was changed. To refuse it for good: ${refuse}`);
    }
    const device = await session.ask((client) => client.approve(userCode));
    const told = `${quoted(device.name)} is one of your devices now, ${shortId(device.id)}.`;
    out.print(session.json ? jsonText(device) : told);
  });
}

/** Columns before what is said of what asks. */
const FACT_COLUMNS = 9;

/**
 * What asks, so that the person can tell whether it is what they have in front of them. Each fact takes one row of
 * the terminal and no more, and what asks has chosen itself comes last: it cannot pass for another fact.
 */
function linesOf(pairing: PairingEntity): (Shown | string)[] {
  const { name, kind, platform, manufacturer, model, place, sameAddress, createdDateTime } = pairing;
  const made = [manufacturer, model].filter((word) => word !== null).join(" ");
  const from = [place, sameAddress ? "the address that you come from, too" : "another address than yours"];
  const age = lengthOf(Math.max(0, Date.now() - Date.parse(createdDateTime)));
  // The last column stays free: in it, some terminals begin the next row.
  const room = err.width - FACT_COLUMNS - 1;
  const facts: [string, string][] = [
    ["asked", `${age} ago, with the code ${pairing.userCode}`],
    ["from", from.filter((word) => word !== null).join("; ")],
    ["kind", `${kind}, ${platform}`],
    ["made", made === "" ? "" : quoted(made, room)],
    ["name", quoted(name, room)],
  ];
  return [
    err.style("bold", "This asks to become one of your devices:"),
    ...facts
      .filter(([, value]) => value !== "")
      .map(([fact, value]) => `  ${fact.padEnd(6)} ${cut(value, room)}`),
    "Agree only if you have just started this yourself, and it shows the same code.",
  ];
}
