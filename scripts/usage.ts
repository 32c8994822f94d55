/** Answers `--help`, and refuses whatever else is said to a script that takes no arguments. */
export function takesNoArguments(help: string): void {
  const [first] = process.argv.slice(2);
  if (first === undefined) return;
  if (first === "--help" || first === "-h") {
    console.log(help);
    process.exit(0);
  }
  console.error(`${first}: there are no arguments to this.\n\n${help}`);
  process.exit(2);
}

/** What both scripts read from the environment. */
export const ENVIRONMENT = `Set in the environment:
  PORT            the port on this machine (8787)
  PERSIST_TO      the folder of the storage (.wrangler/state)
  REQUEST_LIMITS  "on" counts requests as a deployment does`;
