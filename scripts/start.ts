import { hostname } from "node:os";
import { exportJWK } from "jose";
import { Device } from "../src/agent/device.ts";
import { createKeyPair, registerDevice } from "../src/agent/identity.ts";
import {
  importIdentity,
  readIdentity,
  type StoredIdentity,
  writeIdentity,
} from "../src/agent/identity-file.ts";
import { appServices, ping } from "../src/agent/services.ts";
import { systemInfo } from "../src/agent/services-folder.ts";
import { Client } from "../src/client/client.ts";
import type { NewCommand } from "../src/client/entities.ts";
import { localVars } from "./local-vars.ts";
import { bold, dim, green, step } from "./screen.ts";
import { optionsFromEnvironment, type Service, startService } from "./service.ts";
import { signToken } from "./token.ts";
import { ENVIRONMENT, takesNoArguments } from "./usage.ts";

/** `npm start`: the service, a demo device, and one command of each type on its way there and back. */

const ACCOUNT = "me";
const SCOPE = "Device.ReadWrite Device.Command";
/** Minutes that the printed token is good for: a day of trying things out. */
const LINK_MINUTES = 12 * 60;

const COMMANDS: { title: string; body: NewCommand }[] = [
  { title: "LaunchUri", body: { type: "LaunchUri", payload: { uri: "https://example.com/" } } },
  {
    title: "AppService",
    body: {
      type: "AppService",
      appServiceName: "appia.systemInfo",
      packageFamilyName: "Appia.Demo",
      payload: { question: "What kind of computer are you?" },
    },
  },
];

async function main(): Promise<void> {
  takesNoArguments(
    `npm start: the service, a demo device, and one command of each type; then it stays up.\n\n${ENVIRONMENT}`,
  );
  const options = optionsFromEnvironment("kept");
  const service = await step("Starting the service", async () => {
    const started = await startService(options);
    await started.ready;
    return started;
  });
  let device: Device | undefined;
  let stopping = false;
  const stop = async (): Promise<void> => {
    stopping = true;
    await device?.stop();
    await service.stop();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void stop());
  service.process.once("exit", (code) => {
    if (stopping) return;
    void device?.stop();
    console.error(`The service ended by itself:\n${service.said()}`);
    process.exitCode = code || 1;
  });
  try {
    const token = await signToken(await localVars(), ACCOUNT, SCOPE, LINK_MINUTES);
    const client = new Client({ service: service.origin, token: () => token });
    const identity = await step("Registering a demo device", () =>
      demoIdentity(client, token, options.persistTo),
    );
    device = new Device({
      service: service.origin,
      identity: await importIdentity(identity),
      handlers: {
        launchUri: ({ uri }) => {
          console.log(`    ${dim("the device would open")} ${uri}`);
          return { opened: false, note: "The demo device only prints." };
        },
        appService: appServices([systemInfo, ping]),
      },
    });
    await step("Connecting it", async () => {
      device?.start();
      await device?.connected();
    });
    for (const { title, body } of COMMANDS) await show(client, identity.deviceId, title, body);
    console.log(closingWords(service, token, identity.deviceId));
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The demo device of an earlier start, if the service still knows it, or a new one. */
async function demoIdentity(client: Client, token: string, persistTo = ".wrangler"): Promise<StoredIdentity> {
  const file = `${persistTo}/demo-device.json`;
  const stored = await readIdentity(file).catch(() => null);
  if (stored !== null) {
    const known = await client.device(stored.deviceId).catch(() => null);
    if (known !== null) return stored;
  }
  const { privateKey, publicKey } = await createKeyPair(true);
  const name = `Demo device on ${hostname()}`;
  const registration = { name, kind: "Desktop", platform: "Unknown", publicKey };
  const deviceId = await registerDevice(client.origin, token, registration);
  const identity = { service: client.origin, deviceId, name, privateKey: await exportJWK(privateKey) };
  await writeIdentity(file, identity);
  return identity;
}

/** Sends a command and prints each of its statuses as it comes, and the response payload at the end. */
async function show(client: Client, device: string, title: string, command: NewCommand): Promise<void> {
  console.log(`\n${bold(title)} ${dim(JSON.stringify(command))}`);
  const { id } = await client.send(device, command);
  let shown = 0;
  let response: unknown = null;
  for await (const seen of client.watch(device, id)) {
    response = seen.command.responsePayload;
    const { value } = await client.history(device, id);
    const accepted = Date.parse(value[0]?.dateTime ?? "");
    for (const entry of value.slice(shown)) {
      const after = `+${Date.parse(entry.dateTime) - accepted} ms`.padStart(10);
      console.log(`${dim(after)}  ${green(entry.status.padEnd(15))} ${entry.cause}`);
    }
    shown = value.length;
  }
  console.log(`            ${bold("response payload")} ${JSON.stringify(response)}`);
}

function closingWords({ origin }: Service, token: string, device: string): string {
  const post = `curl -X POST ${origin}/me/devices/$DEVICE/commands -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json'`;
  return `
${bold("The service stays up.")} Ctrl+C ends it. Open the console:

  ${bold(`${origin}/#token=${token}`)}

and ${origin}/device in another tab, or on it, to make that tab a device. Or paste these into another terminal:

TOKEN=${token}
DEVICE=${device}
curl ${origin}/me/devices -H "Authorization: Bearer $TOKEN"
${post} -d '{"type":"LaunchUri","payload":{"uri":"https://example.com/"}}'
${post} -d '{"type":"AppService","appServiceName":"appia.ping","packageFamilyName":"Appia.Demo","payload":{"hello":"device"}}'
curl ${origin}/me/devices/$DEVICE/commands -H "Authorization: Bearer $TOKEN"

${dim("The link and the token are good for twelve hours; npm run -s token prints a new one.")}`;
}

try {
  await main();
} catch (error) {
  console.error(`\n${(error as Error).message}`);
  process.exitCode = 1;
}
