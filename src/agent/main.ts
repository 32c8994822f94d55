import { hostname } from "node:os";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { exportJWK } from "jose";
import { Device } from "./device.ts";
import type { DeviceEvent } from "./device-event.ts";
import { format, type Line, lineOf } from "./event-lines.ts";
import { createKeyPair, registerDevice } from "./identity.ts";
import {
  identityPath,
  importIdentity,
  readIdentity,
  type StoredIdentity,
  writeIdentity,
} from "./identity-file.ts";
import { launcher } from "./launch.ts";
import { appServices, ping } from "./services.ts";
import { loadServices, systemInfo } from "./services-folder.ts";

const HELP = `Turns this computer into a device: it connects to an Appia service and carries out commands.

Usage: npm run device -- [options]

  --service URL      the service (default http://127.0.0.1:8787)
  --name NAME        how the device is called, on the first run (default: this computer's name)
  --token TOKEN      a token with the scope Device.ReadWrite, on the first run; "-" reads it from standard
                     input; the environment variable APPIA_TOKEN does as well
  --poll             ask for messages over HTTP instead of holding a WebSocket, where a network allows none
  --open             open the URIs of LaunchUri commands; otherwise they are only shown
  --services FOLDER  more app services: the default export of each *.ts, *.js and *.mjs module in FOLDER
  --identity FILE    where this device's key is kept (default: one file a service in your configuration folder)
  --help             this text

The app services appia.ping and appia.systemInfo are built in. Ctrl+C stops the device.
`;

const GET_TOKEN = "npm run -s token -- --scope Device.ReadWrite";

/** Ends the program with one helpful sentence: code 2 for bad usage, 1 for everything else. */
class Exit extends Error {
  readonly code: 1 | 2;

  constructor(code: 1 | 2, message: string) {
    super(message);
    this.code = code;
  }
}

interface Options {
  service: string;
  name: string;
  token: string | undefined;
  poll: boolean;
  open: boolean;
  services: string | undefined;
  identity: string;
}

/** The command line, understood; null where it asks for help. Throws `Exit` for what it does not know. */
function parse(args: string[]): Options | null {
  const { values } = parsed(args);
  if (values.help) return null;
  const service = URL.canParse(values.service) ? new URL(values.service) : null;
  if (service === null || !/^https?:$/.test(service.protocol)) {
    throw new Exit(2, `--service takes an http or https URL, not "${values.service}".`);
  }
  const { name = hostname(), token = process.env.APPIA_TOKEN, poll, open, services } = values;
  return {
    service: service.origin,
    name,
    token,
    poll,
    open,
    services,
    identity: values.identity ?? identityPath(service),
  };
}

function parsed(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        service: { type: "string", default: "http://127.0.0.1:8787" },
        name: { type: "string" },
        token: { type: "string" },
        poll: { type: "boolean", default: false },
        open: { type: "boolean", default: false },
        services: { type: "string" },
        identity: { type: "string" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    throw new Exit(2, `${messageOf(error)} (--help lists the options.)`);
  }
}

/** The device that this computer is at the service; on the first run it is registered. */
async function identify(options: Options): Promise<StoredIdentity> {
  const stored = await readIdentity(options.identity);
  if (stored !== null) {
    if (stored.service === options.service) return stored;
    throw new Exit(2, `${options.identity} belongs to ${stored.service}; name another file with --identity.`);
  }
  const token = options.token === "-" ? (await text(process.stdin)).trim() : options.token;
  if (!token) {
    throw new Exit(
      1,
      `This computer is no device of ${options.service} yet: run again with --token "$(${GET_TOKEN})", ` +
        "or with another caller's token that has the scope Device.ReadWrite.",
    );
  }
  const { privateKey, publicKey } = await createKeyPair(true);
  const registration = { name: options.name, kind: "Desktop", platform: platformName(), publicKey };
  const deviceId = await registerDevice(options.service, token, registration).catch((error: unknown) => {
    throw new Exit(1, `${options.service} did not register this computer: ${messageOf(error)}`);
  });
  const identity = {
    service: options.service,
    deviceId,
    name: options.name,
    privateKey: await exportJWK(privateKey),
  };
  await writeIdentity(options.identity, identity);
  say({ text: `registered as "${options.name}", device ${deviceId}`, tone: "good" });
  return identity;
}

function platformName(): string {
  switch (process.platform) {
    case "win32":
      return "Windows";
    case "darwin":
      return "MacOS";
    case "linux":
      return "Linux";
    default:
      return "Unknown";
  }
}

/** Runs until it is asked to stop; throws `Exit` where the service will not have this device. */
async function run(options: Options): Promise<void> {
  const own =
    options.services === undefined ? { services: [], broken: [] } : await loadServices(options.services);
  for (const { file, message } of own.broken)
    say({ text: `${file} was not loaded: ${message}`, tone: "bad" });
  const services = [...own.services, ping, systemInfo];
  const stored = await identify(options);
  const { promise: over, resolve: finish, reject: fail } = Promise.withResolvers<void>();
  const anew = `delete ${options.identity} and run again with --token "$(${GET_TOKEN})" to register anew.`;
  const device = new Device({
    service: stored.service,
    identity: await importIdentity(stored),
    transport: options.poll ? "poll" : "socket",
    handlers: {
      launchUri: launcher({ open: options.open, show: (uri) => say({ text: `open: ${uri}`, tone: "good" }) }),
      appService: appServices(services),
    },
    onEvent: (event: DeviceEvent) => {
      const line = lineOf(event);
      if (line !== null) say(line);
      if (event.type === "rejected" && event.reason === "tokenRefused") {
        const service = `${stored.service} does not let this device in`;
        fail(new Exit(1, `${service}: ${event.message} If this computer's clock is right, ${anew}`));
      } else if (event.type === "stopped") {
        if (event.cause === "asked") finish();
        else
          fail(
            new Exit(
              1,
              event.cause === "unregistered" ? `${event.message} To go on, ${anew}` : event.message,
            ),
          );
      }
    },
  });
  say({
    text: `"${stored.name}" at ${stored.service} with ${services.map(({ name }) => name).join(", ")}`,
    tone: "quiet",
  });
  const stop = (): void => void device.stop();
  process.once("SIGINT", stop).once("SIGTERM", stop);
  device.start();
  try {
    await over;
  } finally {
    await device.stop();
    process.off("SIGINT", stop).off("SIGTERM", stop);
  }
}

function say(line: Line): void {
  const colored = process.stdout.isTTY && !process.env.NO_COLOR;
  process.stdout.write(`${format(line, new Date(), colored)}\n`);
}

/** An error in a sentence; what a failed `fetch` means is in its cause. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== ""
    ? `${error.message} (${error.cause.message})`
    : error.message;
}

try {
  const options = parse(process.argv.slice(2));
  if (options === null) process.stdout.write(HELP);
  else await run(options);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = error instanceof Exit ? error.code : 1;
}
