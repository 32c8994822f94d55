import { text } from "node:stream/consumers";
import { type Command, InvalidArgumentError } from "commander";
import type { DeviceEntity, NewCommand } from "../../client/entities.ts";
import { parseJson } from "../../json-fault.ts";
import type { GlobalOptions } from "./address.ts";
import { EXIT, Exit } from "./exit.ts";
import { findDevice } from "./find.ts";
import { follow, outcomeCode, outcomeLine } from "./follow.ts";
import { err, out, type Screen } from "./screen.ts";
import { Session } from "./session.ts";
import { shown } from "./shown.ts";
import { jsonText, nameOf, shortId } from "./text.ts";

/** `appia send` and `appia call`: a command goes out, and is followed to its end. */

interface SendOptions extends GlobalOptions {
  /** Seconds to follow for; false: not at all. */
  wait?: number | false;
  failOffline?: boolean;
  deliveryTimeout?: string;
  executionTimeout?: string;
  postBack?: string;
  key?: string;
}

export function addSend(program: Command): void {
  const command = program
    .command("send <device> <uri>")
    .summary("open a URI on a device")
    .description("Opens a URI on a device (LaunchUri), and follows the command to its end.");
  withSendOptions(command).addHelpText(
    "after",
    `
Examples:
  appia send pc https://example.com/
  appia send "Ann's phone" tel:+15550100 --fail-offline
  appia send pc https://example.com/ --wait 30 || echo "exit code $?"`,
  );
  command.action(async (device: string, uri: string) => {
    if (!URL.canParse(uri)) {
      throw new Exit(EXIT.usage, `A URI is absolute, like https://example.com/; "${uri}" is not.`);
    }
    const options = command.optsWithGlobals<SendOptions>();
    const session = await Session.open(options);
    const target = await findDevice(session, device);
    const order = { ...orderOf(options), type: "LaunchUri" as const, payload: { uri } };
    const ended = await sent(session, target, order, options, { screen: out, json: session.json });
    if (ended !== null && !session.json) out.print(outcomeLine(out, ended));
    if (ended !== null) process.exitCode = outcomeCode(ended);
  });
}

export function addCall(program: Command): void {
  const command = program
    .command("call <device> <service> [json]")
    .summary("ask a device's app service, print the answer")
    .description("Calls an app service on a device, and prints its answer as JSON.")
    .option("--package <name>", "the package family of the app service", "Appia");
  withSendOptions(command).addHelpText(
    "after",
    `
The payload is JSON; "-" reads it from standard input, and none is null. The answer goes to standard output,
the statuses to standard error. With --json the whole command is printed instead of its answer.

Examples:
  appia call pc appia.systemInfo | jq .hostname
  appia call pc appia.ping '{"hello":"device"}'
  appia call pc resize - --package Example.Images < job.json`,
  );
  command.action(async (device: string, service: string, json: string | undefined) => {
    const options = command.optsWithGlobals<SendOptions & { package: string }>();
    const payload = await payloadOf(json, options);
    const session = await Session.open(options);
    const target = await findDevice(session, device);
    const ended = await sent(
      session,
      target,
      {
        ...orderOf(options),
        type: "AppService",
        appServiceName: service,
        packageFamilyName: options.package,
        payload,
      },
      options,
      // What is shown meanwhile is never mistaken for the answer.
      { screen: err, json: false },
    );
    if (ended === null) return;
    process.exitCode = outcomeCode(ended);
    if (session.json) out.print(jsonText(ended));
    else if (ended.status === "completed") out.print(answerText(ended.responsePayload));
    else err.print(outcomeLine(err, ended));
  });
}

function answerText(answer: unknown): string {
  return jsonText(answer, out.isTerminal ? 2 : undefined);
}

async function payloadOf(json: string | undefined, { token }: GlobalOptions): Promise<unknown> {
  if (json === undefined) return null;
  if (json === "-" && token === "-") {
    throw new Exit(EXIT.usage, "Standard input is either the payload or the token.");
  }
  try {
    return parseJson(json === "-" ? await text(process.stdin) : json);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Exit(EXIT.usage, error.message);
    throw error;
  }
}

function withSendOptions(command: Command): Command {
  return command
    .option(
      "--wait <seconds>",
      "follow it for so long; exit code 9 where it has not ended then",
      parseSeconds,
    )
    .option("--no-wait", "do not follow it; print its id")
    .option("--fail-offline", "fail at once where the device is not online, instead of waiting for it")
    .option("--delivery-timeout <duration>", "ISO 8601, like PT5M: the time to reach the device (PT24H)")
    .option("--execution-timeout <duration>", "ISO 8601: the time to carry it out (PT10M)")
    .option("--post-back <uri>", "where the service posts each change of its status")
    .option("--key <key>", "makes repeats the same command: the same key is one command, however often sent");
}

export function parseSeconds(words: string): number {
  const seconds = Number(words);
  if (words.trim() === "" || !(seconds > 0 && seconds < 2 ** 31 / 1_000)) {
    throw new InvalidArgumentError("It is a number of seconds, above 0.");
  }
  return seconds;
}

function orderOf(options: SendOptions): Partial<NewCommand> {
  return {
    ...(options.failOffline && { whenOffline: "fail" }),
    ...(options.deliveryTimeout !== undefined && { deliveryTimeout: options.deliveryTimeout }),
    ...(options.executionTimeout !== undefined && { executionTimeout: options.executionTimeout }),
    ...(options.postBack !== undefined && { postBackUri: options.postBack }),
  };
}

/** Sends a command and follows it to its end; null where it was not to be followed, and its id was printed. */
async function sent(
  session: Session,
  device: DeviceEntity,
  order: NewCommand,
  { wait, key }: SendOptions,
  show: { screen: Screen; json: boolean },
) {
  const command = await session.ask((client) =>
    client.send(device.id, order, key === undefined ? {} : { key }),
  );
  if (wait === false) {
    out.print(session.json ? jsonText(command) : command.id);
    return null;
  }
  if (!show.json) {
    const { screen } = show;
    const what = order.type === "LaunchUri" ? (order.payload as { uri: string }).uri : order.appServiceName;
    const about = screen.style("dim", `(command ${shortId(command.id)})`);
    screen.print(shown`${screen.style("bold", `${what} on ${nameOf(device)}`)} ${about}`);
  }
  return await follow(session, { device, command }, { ...show, seconds: wait ?? null });
}
