import { type Command, InvalidArgumentError, Option } from "commander";
import type { CommandEntity, HistoryEntity } from "../../client/entities.ts";
import { ENDED, LIVE, type Status } from "../../command/command.ts";
import { COMMANDS_PER_PAGE_MAX } from "../../limits.ts";
import type { GlobalOptions } from "./address.ts";
import { EXIT, Exit } from "./exit.ts";
import { type Found, findCommand, findDevice } from "./find.ts";
import { follow, outcomeCode, outcomeLine, statusLine, styleOf } from "./follow.ts";
import { out } from "./screen.ts";
import { parseSeconds } from "./send.ts";
import { Session } from "./session.ts";
import { type Shown, shown } from "./shown.ts";
import { jsonText, lengthOf, nameOf, paintedTable, shortIds } from "./text.ts";

/** What was sent: `appia status`, `watch`, `cancel`, `history` and `commands`. */

interface FindOptions extends GlobalOptions {
  device?: string;
  wait?: number | false;
}

const NAMING = `
COMMAND is a command's id or the beginning of one (4 digits or more), looked for in the newest
${COMMANDS_PER_PAGE_MAX} commands of each device. Without it, the newest command is meant.`;

const COMMANDS_SHOWN = 20;

export function addStatus(program: Command): void {
  const status = program
    .command("status [command]")
    .summary("where a command stands")
    .description("Shows where a command stands.")
    .option("--device <device>", "look only in this device's commands")
    .addHelpText("after", `${NAMING}\n\nExamples:\n  appia status\n  appia status 3f2a9c1b --json`);
  status.action(async (words: string | undefined) => {
    const options = status.optsWithGlobals<FindOptions>();
    const session = await Session.open(options);
    const found = await findCommand(session, words, options.device);
    if (session.json) out.print(jsonText(found.command));
    else for (const line of stateLines(found)) out.print(line);
  });
}

export function addWatch(program: Command): void {
  const watch = program
    .command("watch [command]")
    .summary("follow a command to its end")
    .description("Shows a command's statuses from the first on, and follows it to its end.")
    .option("--device <device>", "look only in this device's commands")
    .option(
      "--wait <seconds>",
      "follow it for so long; exit code 9 where it has not ended then",
      parseSeconds,
    )
    .addHelpText(
      "after",
      `${NAMING}\n\nExamples:\n  appia watch\n  appia watch 3f2a9c1b --json | jq .status`,
    );
  watch.action(async (words: string | undefined) => {
    const options = watch.optsWithGlobals<FindOptions>();
    const session = await Session.open(options);
    const found = await findCommand(session, words, options.device);
    process.exitCode = outcomeCode(await followed(session, found, options));
  });
}

export function addCancel(program: Command): void {
  const cancel = program
    .command("cancel [command]")
    .summary("cancel a command")
    .description("Asks to cancel a command, and follows it to its end; exit code 0 where it was cancelled.")
    .option("--device <device>", "look only in this device's commands")
    .option(
      "--wait <seconds>",
      "follow it for so long; exit code 9 where it has not ended then",
      parseSeconds,
    )
    .option("--no-wait", "do not follow it")
    .addHelpText("after", `${NAMING}\n\nExamples:\n  appia cancel\n  appia cancel 3f2a9c1b`);
  cancel.action(async (words: string | undefined) => {
    const options = cancel.optsWithGlobals<FindOptions>();
    const session = await Session.open(options);
    const found = await findCommand(session, words, options.device);
    const asked = await session.ask((client) => client.cancel(found.device.id, found.command.id));
    if (options.wait === false) {
      out.print(session.json ? jsonText(asked) : `Asked to cancel; it is ${asked.status}.`);
      return;
    }
    const ended = await followed(session, { ...found, command: asked }, options);
    if (ended.status === "completed") throw new Exit(EXIT.failed, "The device was faster: it completed.");
    process.exitCode = ended.status === "canceled" ? EXIT.done : outcomeCode(ended);
  });
}

async function followed(session: Session, found: Found, { wait }: FindOptions): Promise<CommandEntity> {
  const { json } = session;
  if (!json) out.print(heading(found));
  const ended = await follow(session, found, { screen: out, json, seconds: wait || null });
  if (!json) out.print(outcomeLine(out, ended));
  return ended;
}

export function addHistory(program: Command): void {
  const history = program
    .command("history [command]")
    .summary("what became of a command, and why")
    .description("Shows what became of a command so far: each entry, why, and what happens next.")
    .option("--device <device>", "look only in this device's commands")
    .addHelpText("after", `${NAMING}\n\nExamples:\n  appia history\n  appia history 3f2a9c1b --json`);
  history.action(async (words: string | undefined) => {
    const options = history.optsWithGlobals<FindOptions>();
    const session = await Session.open(options);
    const found = await findCommand(session, words, options.device);
    const entity = await session.ask((client) => client.history(found.device.id, found.command.id));
    if (session.json) out.print(jsonText(entity));
    else for (const line of [heading(found), ...historyLines(found, entity)]) out.print(line);
  });
}

export function addCommands(program: Command): void {
  const commands = program
    .command("commands <device>")
    .summary("a device's newest commands")
    .description("Lists a device's commands, the newest first.")
    .addOption(new Option("--status <status>", "only those in this status").choices([...LIVE, ...ENDED]))
    .option("--top <count>", `how many (${COMMANDS_SHOWN}; at most ${COMMANDS_PER_PAGE_MAX})`, parseCount)
    .addHelpText("after", "\nExamples:\n  appia commands pc\n  appia commands pc --status expired --json");
  commands.action(async (words: string) => {
    const options = commands.optsWithGlobals<GlobalOptions & { status?: Status; top?: number }>();
    const session = await Session.open(options);
    const device = await findDevice(session, words);
    const { status, top = COMMANDS_SHOWN } = options;
    const { value } = await session.ask((client) => client.commands(device.id, { status, top }));
    if (session.json) out.print(jsonText(value));
    else for (const line of listLines(value)) out.print(line);
  });
}

function parseCount(words: string): number {
  const count = Number(words);
  if (!Number.isInteger(count) || count < 1 || count > COMMANDS_PER_PAGE_MAX) {
    throw new InvalidArgumentError(`It is a number from 1 to ${COMMANDS_PER_PAGE_MAX}.`);
  }
  return count;
}

/** What a command asks, in words. */
function subjectOf({ type, payload, appServiceName }: CommandEntity): string {
  if (type === "AppService") return appServiceName ?? "";
  return String((payload as { uri?: unknown } | null)?.uri ?? "");
}

function heading({ device, command }: Found): Shown {
  const about = out.style("dim", `(command ${command.id})`);
  return shown`${out.style("bold", `${subjectOf(command)} on ${nameOf(device)}`)} ${about}`;
}

function stateLines(found: Found): Shown[] {
  const { command } = found;
  const { status, error, statusDetail, createdDateTime, expirationDateTime, responsePayload } = command;
  const percent = statusDetail?.percent ?? null;
  const words = [statusDetail?.message ?? "", percent === null ? "" : `${percent} %`]
    .filter(Boolean)
    .join(", ");
  const named = error === null ? "" : ` (${error})`;
  const facts: [string, Shown | string][] = [
    ["status", shown`${out.style(["bold", styleOf(status)], status)}${named}`],
    ["detail", words],
    ["sent", `${lengthOf(Math.max(0, Date.now() - Date.parse(createdDateTime)))} ago, ${createdDateTime}`],
    ["expires", outcomeCode(command) === EXIT.notEnded ? expirationDateTime : ""],
    ["answer", responsePayload === null ? "" : jsonText(responsePayload)],
  ];
  const told = facts.filter(([, value]) => value !== "");
  return [heading(found), ...told.map(([name, value]) => shown`  ${name.padEnd(8)} ${value}`)];
}

function historyLines(
  { command }: Found,
  { value, nextAction, nextActionDateTime, postBacks }: HistoryEntity,
): (Shown | string)[] {
  const acceptedAt = value[0]?.dateTime ?? command.createdDateTime;
  const posts = (postBacks ?? []).map(({ sequence, dateTime, status, outcome, reason }) => {
    const answer = [status, outcome, reason].filter((word) => word !== null).join(" ");
    return `  post-back of entry ${sequence} at ${dateTime}: ${answer}`;
  });
  return [
    ...value.map((entry) => statusLine(out, entry, acceptedAt)),
    ...posts,
    `Next, by ${nextActionDateTime}: ${nextAction}`,
  ];
}

const STATUS_COLUMN = 2;

function listLines(commands: readonly CommandEntity[]): (Shown | string)[] {
  if (commands.length === 0) return ["No such command."];
  const ids = shortIds(commands.map(({ id }) => id));
  const rows = commands.map((command, index) => [
    ids[index] ?? "",
    command.createdDateTime.replace(/\.\d+Z$/, "Z"),
    command.status,
    subjectOf(command),
  ]);
  return paintedTable([["ID", "SENT", "STATUS", "WHAT"], ...rows], (cell, row, column) => {
    if (row === 0) return out.style("dim", cell);
    const status = commands[row - 1]?.status;
    return column === STATUS_COLUMN && status !== undefined ? out.style(styleOf(status), cell) : cell;
  });
}
