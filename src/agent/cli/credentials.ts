import { text } from "node:stream/consumers";
import { DEV_VARS, localVars, readOrNull } from "../../../scripts/local-vars.ts";
import { signToken } from "../../../scripts/token.ts";
import { type GlobalOptions, isLocal } from "./address.ts";
import { EXIT, Exit } from "./exit.ts";
import { type Settings, settingsPath } from "./settings.ts";

/** The account and the scope of the tokens that are made for the service on this machine. */
export const LOCAL_ACCOUNT = "me";
export const LOCAL_SCOPE = "Device.ReadWrite Device.Command";
/** Minutes that such a token is valid, and after which the next is made: a long watch outlives the first. */
const LOCAL_MINUTES = 60;
const RENEW_AFTER_MS = 50 * 60_000;

/** A caller's token, and where it came from, in words. */
export interface Credentials {
  source: string;
  token: () => Promise<string>;
}

/** What a header can carry as a token (RFC 6750, 2.1). */
const TOKEN = /^[\w.~+/-]+=*$/;

/** A token as it was given, without the blanks around it. Throws `Exit` where no token looks so. */
export function tokenIn(given: string, place: string): string {
  const token = given.trim();
  if (!TOKEN.test(token)) throw new Exit(EXIT.usage, `There is no token ${place}.`);
  return token;
}

/** The token named with --token, or in the environment; undefined where there is none. */
export function namedToken({ token }: GlobalOptions): Credentials | undefined {
  if (token === "-") {
    let read: Promise<string> | undefined;
    return {
      source: "the one on standard input",
      token: async () => {
        read ??= text(process.stdin);
        return tokenIn(await read, "on standard input");
      },
    };
  }
  const { APPIA_TOKEN } = process.env;
  if (token) return { source: "the one of --token", token: async () => tokenIn(token, "after --token") };
  if (APPIA_TOKEN) {
    return { source: "the one in APPIA_TOKEN", token: async () => tokenIn(APPIA_TOKEN, "in APPIA_TOKEN") };
  }
  return undefined;
}

/** The token for a service. Throws `Exit` that says how to get one where there is none. */
export async function credentialsFor(
  origin: string,
  options: GlobalOptions,
  settings: Settings,
): Promise<Credentials> {
  const named = namedToken(options);
  if (named !== undefined) return named;
  const saved = settings.tokens[origin];
  if (saved !== undefined) {
    return { source: `the one saved in ${settingsPath()}`, token: () => Promise.resolve(saved) };
  }
  if (isLocal(origin) && (await readOrNull(DEV_VARS)) !== null) return localCredentials();
  throw new Exit(EXIT.failed, `There is no token for ${origin}. ${howToGetToken(origin)}`);
}

/** Fresh tokens of the service on this machine. */
function localCredentials(): Credentials {
  let latest: { token: string; renewAt: number } | null = null;
  return {
    source: "one made with the keys in this project's .dev.vars",
    token: async () => {
      if (latest === null || Date.now() >= latest.renewAt) {
        const token = await signToken(await localVars(), LOCAL_ACCOUNT, LOCAL_SCOPE, LOCAL_MINUTES);
        latest = { token, renewAt: Date.now() + RENEW_AFTER_MS };
      }
      return latest.token;
    },
  };
}

export function howToGetToken(origin: string): string {
  return isLocal(origin)
    ? 'Where this project\'s "npm start" or "npm run dev" is that service, none is needed; otherwise name one with --token or APPIA_TOKEN.'
    : `Get one with the scopes "${LOCAL_SCOPE}" from the service's token issuer, and name it with --token or APPIA_TOKEN, or keep it: appia token --save --service ${origin}`;
}
