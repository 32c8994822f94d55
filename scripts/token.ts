import { parseArgs } from "node:util";
import { SignJWT } from "jose";
import { type LocalVars, localVars } from "./local-vars.ts";

const HELP = `Prints a caller's token for the local service, and nothing else.

  npm run -s token -- [--sub NAME] [--scope "SCOPE …"] [--minutes N]

  --sub      the account, any name (default: me)
  --scope    what the token allows (default: "Device.ReadWrite Device.Command");
             Device.Read, Device.ReadWrite (includes Device.Read), Device.Command
  --minutes  how long it is valid (default: 60)
  --help     prints this
`;

/** Signs a token of the local issuer. `minutes` may be negative, for a token that has expired. */
export async function signToken(vars: LocalVars, sub: string, scope: string, minutes = 60): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  return await new SignJWT({ scp: scope })
    .setProtectedHeader({ alg: "ES256", kid: vars.signingKey.kid ?? "", typ: "JWT" })
    .setIssuer(vars.issuer)
    .setAudience(vars.audience)
    .setSubject(sub)
    .setIssuedAt(now)
    .setExpirationTime(now + Math.round(minutes * 60))
    .sign(vars.signingKey);
}

async function main(): Promise<number> {
  let options: { sub: string; scope: string; minutes: string; help: boolean };
  try {
    options = parseArgs({
      options: {
        sub: { type: "string", default: "me" },
        scope: { type: "string", default: "Device.ReadWrite Device.Command" },
        minutes: { type: "string", default: "60" },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    return 2;
  }
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const minutes = Number(options.minutes);
  if (!Number.isFinite(minutes)) {
    console.error(`--minutes is a number, not "${options.minutes}".`);
    return 2;
  }
  try {
    console.log(await signToken(await localVars(), options.sub, options.scope, minutes));
    return 0;
  } catch (error) {
    console.error((error as Error).message);
    return 1;
  }
}

if (import.meta.main) process.exitCode = await main();
