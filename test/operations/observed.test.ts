import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PATIENTLY } from "../patience.ts";
import { APP_SERVICE, Api, Device, type Json } from "../stage.ts";

/** The service's own log and metrics, while commands go their ways. */

const lines: Json[] = [];
const points: Json[] = [];

beforeEach(async () => {
  lines.length = 0;
  points.length = 0;
  vi.spyOn(console, "log").mockImplementation((line) => void lines.push(JSON.parse(line)));
  // All objects have one environment.
  await runInDurableObject(env.COMMANDS.get(env.COMMANDS.newUniqueId()), (instance) => {
    const vars = (instance as unknown as { env: Env }).env;
    vars.LOG_COMMANDS = "all";
    vars.METRICS = { writeDataPoint: (point) => void points.push(point) };
  });
});
afterEach(() => vi.restoreAllMocks());

/** The names of what was told of a command, and that it is the command's. */
function toldOf(command: string): string[] {
  const id = command.split("/").at(-1);
  return lines.filter((line) => line.command === id).map(({ event }) => event);
}

const kinds = (): string[] => points.map(({ blobs }) => `${blobs[0]} ${blobs[1]}`);

test("a command that is answered at once is told from its acceptance to its end, each thing once", async () => {
  const api = new Api();
  const device = await Device.connected(api);
  const command = await api.send(device, APP_SERVICE);
  const { id } = await device.receives();
  device.acknowledges(id);
  device.answers(id, { answer: 42 });
  await api.reaches(command, "completed");
  expect(toldOf(command)).toEqual([
    "commandAccepted",
    "commandHandedOver",
    "commandAcknowledged",
    "commandEnded",
  ]);
  expect(kinds()).toEqual(["accepted requesting", "ended completed"]);
  expect(lines[0]).toMatchObject({ device: device.id, account: expect.stringMatching(/^[\da-f]{64}$/) });
});

test("so is one that waits, is read meanwhile, and is taken up, cancelled and erased", async () => {
  const api = new Api();
  const device = await Device.registered(api);
  const command = await api.send(device, APP_SERVICE);
  for (let read = 0; read < 3; read++) expect((await api.get(`/v1.0${command}/history`)).status).toBe(200);
  await device.connects();
  const { id } = await device.receives();
  device.acknowledges(id);
  await api.reaches(command, "executing");
  await api.request("POST", `/v1.0${command}/cancel`);
  await device.receives();
  device.fails(id, { code: -32800, message: "Stopped" });
  await api.reaches(command, "canceled");
  await api.request("DELETE", `/v1.0${command}`);
  await vi.waitFor(() => expect(toldOf(command)).toContain("commandErased"), PATIENTLY);
  expect(toldOf(command)).toEqual([
    "commandAccepted",
    "commandWaiting",
    "commandHandedOver",
    "commandAcknowledged",
    "commandCancelRequested",
    "commandCancelSent",
    "commandEnded",
    "commandErased",
  ]);
  expect(kinds()).toEqual(["accepted requesting", "ended canceled"]);
});
