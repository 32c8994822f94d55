import { text } from "node:stream/consumers";
import { type Command, InvalidArgumentError, Option } from "commander";
import { decodeJwt } from "jose";
import { localVars } from "../../../scripts/local-vars.ts";
import { signToken } from "../../../scripts/token.ts";
import { type GlobalOptions, isLocal, serviceOf } from "./address.ts";
import { answerTo } from "./confirm.ts";
import { howToGetToken, LOCAL_ACCOUNT, LOCAL_SCOPE, tokenIn } from "./credentials.ts";
import { EXIT, Exit } from "./exit.ts";
import { err, out } from "./screen.ts";
import { changeSettings, readSettings, settingsPath } from "./settings.ts";

/** `appia token`: prints a token for the service on this machine, or keeps one for another. */

interface TokenOptions extends GlobalOptions {
  sub: string;
  scope: string;
  minutes: number;
  save?: boolean;
  forget?: boolean;
}

export function addToken(program: Command): void {
  const token = program
    .command("token")
    .summary("print a local token, or keep one for a service")
    .description("Prints a caller's token for the service on this machine, or keeps one for another service.")
    .option("--sub <name>", "the account, any name", LOCAL_ACCOUNT)
    .option("--scope <scopes>", "what it allows: Device.Read, Device.ReadWrite, Device.Command", LOCAL_SCOPE)
    .option("--minutes <count>", "how long it is valid", parseMinutes, 60)
    .addOption(new Option("--save", "keep the token on standard input for the service").conflicts("forget"))
    .option("--forget", "forget the token that is kept for the service")
    .addHelpText(
      "after",
      `
Examples:
  appia token --sub alice --scope "Device.Read Device.Command"
  appia token --save --service https://appia.example.com < token.txt`,
    );
  token.action(async () => {
    const options = token.optsWithGlobals<TokenOptions>();
    const origin = serviceOf(options, await readSettings());
    if (options.save) await save(origin);
    else if (options.forget) await forget(origin);
    else if (!isLocal(origin)) {
      throw new Exit(EXIT.failed, `Tokens for ${origin} are its issuer's to make. ${howToGetToken(origin)}`);
    } else {
      const { sub, scope, minutes } = options;
      out.print(await signToken(await localVars(), sub, scope, minutes));
    }
  });
}

function parseMinutes(words: string): number {
  const minutes = Number(words);
  if (words.trim() === "" || !Number.isFinite(minutes)) throw new InvalidArgumentError("It is a number.");
  return minutes;
}

async function save(origin: string): Promise<void> {
  const read = process.stdin.isTTY ? await answerTo(`The token for ${origin}: `) : await text(process.stdin);
  const token = tokenIn(read, "on standard input");
  await changeSettings((settings) => ({ ...settings, tokens: { ...settings.tokens, [origin]: token } }));
  const expiry = expiryOf(token);
  const until = expiry === null ? "" : `, valid until ${expiry.toISOString()}`;
  out.print(`Kept for ${origin} in ${settingsPath()}${until}.`);
  if (expiry !== null && expiry.getTime() < Date.now()) err.print("It has expired already.");
}

/** When a token expires; null where it is none that tells. */
function expiryOf(token: string): Date | null {
  try {
    const { exp } = decodeJwt(token);
    return exp === undefined ? null : new Date(exp * 1_000);
  } catch {
    return null;
  }
}

async function forget(origin: string): Promise<void> {
  const known = Object.hasOwn((await readSettings()).tokens, origin);
  if (!known) throw new Exit(EXIT.failed, `No token is kept for ${origin}.`);
  await changeSettings(({ tokens: { [origin]: _, ...tokens }, ...settings }) => ({ ...settings, tokens }));
  out.print(`Forgot the token for ${origin}.`);
}
