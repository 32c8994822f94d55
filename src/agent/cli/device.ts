import { hostname } from "node:os";
import { type Command, InvalidArgumentError } from "commander";
import { schemeFault } from "../../uri-schemes.ts";
import { Device } from "../device.ts";
import type { DeviceEvent } from "../device-event.ts";
import { lineOf } from "../event-lines.ts";
import { identityPath, importIdentity } from "../identity-file.ts";
import { launcher, WEB_SCHEMES } from "../launch.ts";
import { appServices, ping } from "../services.ts";
import { loadServices, systemInfo } from "../services-folder.ts";
import { type GlobalOptions, serviceOf } from "./address.ts";
import { namedToken } from "./credentials.ts";
import { enrolled } from "./enroll.ts";
import { EXIT, Exit } from "./exit.ts";
import { Log } from "./log.ts";
import { readSettings } from "./settings.ts";

/** `appia device`: this computer as a device, until it is asked to stop. */

interface DeviceCommandOptions extends GlobalOptions {
  name: string;
  poll?: boolean;
  open?: boolean;
  openSchemes?: string[];
  services?: string;
  identity?: string;
}

export function addDevice(program: Command): void {
  const device = program
    .command("device")
    .summary("make this computer a device")
    .description("Makes this computer a device: it connects to the service and carries out commands.")
    .option("--name <name>", "how the device is called, on the first run", hostname())
    .option("--poll", "ask for messages over HTTP, where a network allows no WebSocket")
    .option("--open", "open the http and https URIs of LaunchUri commands; all others are only shown")
    .option("--open-schemes <list>", "open those of these schemes, too, like tel,mailto", parseSchemes)
    .option("--services <folder>", "more app services: the default export of each module in the folder")
    .option("--identity <file>", "where its key is kept (one file a service in your configuration folder)")
    .addHelpText(
      "after",
      `
On the first run it shows a code, and waits until someone enters it at the service's page /pair or with
"appia pair"; then it is a device of theirs. A token with the scope Device.ReadWrite (--token, APPIA_TOKEN;
"--token -" reads it from standard input) makes it one at once. The app services appia.ping and
appia.systemInfo are built in. Ctrl+C stops the device.

Examples:
  appia device --name "The one in the kitchen" --open
  appia device --services ./services --service https://appia.example.com`,
    );
  device.action(async () => {
    const options = device.optsWithGlobals<DeviceCommandOptions>();
    await run(serviceOf(options, await readSettings()), options);
  });
}

/** Schemes between commas, with their colons or without. */
function parseSchemes(words: string): string[] {
  return words.split(",").map((word) => {
    const scheme = word.trim().toLowerCase().replace(/:$/, "");
    const fault = /^[a-z][a-z\d+.-]*$/.test(scheme) ? schemeFault(`${scheme}:`) : "missing";
    if (fault === "missing") throw new InvalidArgumentError(`"${word}" is no scheme.`);
    if (fault === "refused") throw new InvalidArgumentError(`"${scheme}" URIs are never opened.`);
    return scheme;
  });
}

/** The schemes of the URIs that are opened; those that are named mean --open, too. */
function openedSchemes({ open, openSchemes }: DeviceCommandOptions): string[] {
  return open || openSchemes ? [...WEB_SCHEMES, ...(openSchemes ?? [])] : [];
}

/** Runs until it is asked to stop; throws `Exit` where the service will not have this device. */
async function run(service: string, options: DeviceCommandOptions): Promise<void> {
  const log = new Log(options.json === true);
  const own =
    options.services === undefined ? { services: [], broken: [] } : await loadServices(options.services);
  for (const { file, message } of own.broken)
    log.say({ text: `${file} was not loaded: ${message}`, tone: "bad" });
  const services = [...own.services, ping, systemInfo];
  const path = options.identity ?? identityPath(service);
  const credentials = namedToken(options);
  const stored = await enrolled({ service, path, name: options.name, credentials, log });
  const { promise: over, resolve: finish, reject: fail } = Promise.withResolvers<void>();
  const anew = `delete ${path} and run again to register anew.`;
  const device = new Device({
    service: stored.service,
    identity: await importIdentity(stored),
    transport: options.poll ? "poll" : "socket",
    handlers: {
      launchUri: launcher({
        open: openedSchemes(options),
        show: (uri) => log.say({ text: `open: ${uri}`, tone: "good" }),
      }),
      appService: appServices(services),
    },
    onEvent: (event: DeviceEvent) => {
      log.tell(event, lineOf(event));
      if (event.type === "rejected" && event.reason === "tokenRefused") {
        const refused = `${stored.service} does not let this device in: ${event.message}`;
        fail(new Exit(EXIT.failed, `${refused} If this computer's clock is right, ${anew}`));
      } else if (event.type === "stopped") {
        if (event.cause === "asked") finish();
        else if (event.cause === "unregistered")
          fail(new Exit(EXIT.failed, `${event.message} To go on, ${anew}`));
        else fail(new Exit(EXIT.failed, event.message));
      }
    },
  });
  const names = services.map(({ name }) => name).join(", ");
  log.say({ text: `"${stored.name}" at ${stored.service} with ${names}`, tone: "quiet" });
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
