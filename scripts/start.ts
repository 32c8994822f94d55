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
import { localVars } from "./local-vars.ts";
import { bold, dim, green, step } from "./screen.ts";
import { optionsFromEnvironment, type Service, startService } from "./service.ts";
import { signToken } from "./token.ts";

/** `npm start`: the service, a demo device, and one command of each type on its way there and back. */

const ACCOUNT = "me";
const SCOPE = "Device.ReadWrite Device.Command";
const ENDED = [
  "completed",
  "executionFailed",
  "commandDropped",
  "canceled",
  "failedToSend",
  "expired",
  "error",
];
/** Milliseconds between looks at a command's history. */
const LOOK_MS = 50;

interface HistoryAnswer {
  status: string;
  value: { sequence: number; dateTime: string; status: string; cause: string }[];
}

const COMMANDS = [
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
    const api = new Api(service.origin, await signToken(await localVars(), ACCOUNT, SCOPE));
    const identity = await step("Registering a demo device", () => demoIdentity(api, options.persistTo));
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
    for (const { title, body } of COMMANDS) await show(api, identity.deviceId, title, body);
    console.log(closingWords(service, api.token, identity.deviceId));
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A caller of the local service. */
class Api {
  readonly origin: string;
  readonly token: string;

  constructor(origin: string, token: string) {
    this.origin = origin;
    this.token = token;
  }

  async request(method: string, path: string, body?: object): Promise<Response> {
    return await fetch(`${this.origin}/v1.0${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
  }
}

/** The demo device of an earlier start, if the service still knows it, or a new one. */
async function demoIdentity(api: Api, persistTo = ".wrangler"): Promise<StoredIdentity> {
  const file = `${persistTo}/demo-device.json`;
  const stored = await readIdentity(file).catch(() => null);
  if (stored !== null) {
    const known = await api.request("GET", `/me/devices/${stored.deviceId}`);
    if (known.ok) return stored;
  }
  const { privateKey, publicKey } = await createKeyPair(true);
  const name = `Demo device on ${hostname()}`;
  const registration = { name, kind: "Desktop", platform: "Unknown", publicKey };
  const deviceId = await registerDevice(api.origin, api.token, registration);
  const identity = { service: api.origin, deviceId, name, privateKey: await exportJWK(privateKey) };
  await writeIdentity(file, identity);
  return identity;
}

/** Sends a command and prints each of its statuses as it comes, and the response payload at the end. */
async function show(api: Api, device: string, title: string, body: object): Promise<void> {
  console.log(`\n${bold(title)} ${dim(JSON.stringify(body))}`);
  const sent = await api.request("POST", `/me/devices/${device}/commands`, body);
  if (sent.status !== 201) throw new Error(`Sending answered ${sent.status}: ${await sent.text()}`);
  const { id } = (await sent.json()) as { id: string };
  const path = `/me/devices/${device}/commands/${id}`;
  let shown = 0;
  for (;;) {
    const { status, value } = (await (await api.request("GET", `${path}/history`)).json()) as HistoryAnswer;
    const accepted = Date.parse(value[0]?.dateTime ?? "");
    for (const entry of value.slice(shown)) {
      const after = `+${Date.parse(entry.dateTime) - accepted} ms`.padStart(10);
      console.log(`${dim(after)}  ${green(entry.status.padEnd(15))} ${entry.cause}`);
    }
    shown = value.length;
    if (ENDED.includes(status)) break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  const response = await api.request("GET", `${path}/responsePayload`);
  console.log(
    `            ${bold("response payload")} ${response.status === 204 ? "none" : await response.text()}`,
  );
}

function closingWords({ origin }: Service, token: string, device: string): string {
  const post = `curl -X POST ${origin}/me/devices/$DEVICE/commands -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json'`;
  return `
${bold("The service stays up.")} Ctrl+C ends it. Paste these into another terminal:

TOKEN=${token}
DEVICE=${device}
curl ${origin}/me/devices -H "Authorization: Bearer $TOKEN"
${post} -d '{"type":"LaunchUri","payload":{"uri":"https://example.com/"}}'
${post} -d '{"type":"AppService","appServiceName":"appia.ping","packageFamilyName":"Appia.Demo","payload":{"hello":"device"}}'
curl ${origin}/me/devices/$DEVICE/commands -H "Authorization: Bearer $TOKEN"

${dim("The token is good for an hour; npm run -s token prints a new one.")}`;
}

try {
  await main();
} catch (error) {
  console.error(`\n${(error as Error).message}`);
  process.exitCode = 1;
}
