import { execFile } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import {
  BatchRequestContent,
  type BatchRequestStep,
  BatchResponseContent,
  Client,
} from "@microsoft/microsoft-graph-client";
import { FetchClient } from "@odata2ts/http-client-fetch";
import { OpenAPIClientAxios } from "openapi-client-axios";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { APP_SERVICE, Caller, type Json, LAUNCH_URI, ownService, registers } from "./stage.ts";
import { type Terminator, terminateTls } from "./tls.ts";

/** Clients that others' tools build from what the service says of itself, and Microsoft's own. */

const service = ownService();
const NODE_MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));

/** A caller and their device, which answers every question with it. */
async function stage(): Promise<{ caller: Caller; device: string }> {
  const caller = await Caller.of(service);
  const { id, device } = await registers(caller, {
    handlers: {
      appService: ({ payload }) => ({ asked: payload }),
      launchUri: () => ({ opened: true }),
    },
  });
  device.start();
  await caller.showsDevice(id, "Online", performance.now());
  return { caller, device: id };
}

describe("a client that odata2ts generates from the metadata", () => {
  /** The generated module of a version. */
  async function generated(version: string): Promise<Json> {
    const folder = join(service.folder, `odata-${version}`);
    const response = await fetch(`${service.origin}/${version}/$metadata`);
    await mkdir(folder);
    await writeFile(join(folder, "metadata.xml"), await response.text());
    await writeFile(join(folder, "tsconfig.json"), "{}");
    await symlink(NODE_MODULES, join(folder, "node_modules"));
    await promisify(execFile)(
      process.execPath,
      [
        ...["--import", fileURLToPath(new URL("their-typescript.ts", import.meta.url))],
        join(NODE_MODULES, "@odata2ts/odata2ts/lib/run-cli.js"),
        ...["--source", "metadata.xml", "--output", "out", "--mode", "all", "--emit-mode", "ts"],
      ],
      { cwd: folder },
    );
    return await import(join(folder, "out", "MicrosoftGraphService.ts"));
  }

  /** What the generated client calls the account. */
  async function me(version: string, { token }: Caller): Promise<Json> {
    const { MicrosoftGraphService } = await generated(version);
    const client = new FetchClient({ headers: { Authorization: `Bearer ${token}` } });
    return new MicrosoftGraphService(client, `${service.origin}/${version}`).me();
  }

  test("sends a command, reads it, its history and its answer, and cancels", async () => {
    const { caller, device } = await stage();
    const account = await me("v1.0", caller);

    const { data: devices } = await account.devices().query();
    expect(devices.value).toMatchObject([{ id: device, status: "Online" }]);
    const commands = account.devices(device).commands();
    const { status, data: sent } = await commands.create(APP_SERVICE, { headers: { Prefer: "wait=30" } });
    expect([status, sent.status]).toEqual([201, "completed"]);

    const command = account.devices(device).commands(sent.id);
    expect((await command.query()).data).toMatchObject({ id: sent.id, type: "AppService", error: null });
    const { data: answer } = await command.responsePayload().query();
    expect(answer).toMatchObject({ asked: APP_SERVICE.payload });
    const { data: history } = await command.history().query();
    expect(history.value.at(-1)).toMatchObject({ status: "completed", late: false });
    const { data: found } = await commands.query((builder: Json, { status: its }: Json) =>
      builder.select("id", "status").filter(its.eq("completed")).top(1),
    );
    expect(found.value).toEqual([{ id: sent.id, status: "completed" }]);

    const { data: doomed } = await commands.create({
      ...LAUNCH_URI,
      whenOffline: "queue",
      deliveryTimeout: "PT1H",
    });
    await caller.reaches(`/me/devices/${device}/commands/${doomed.id}`, "completed");
    await expect(account.devices(device).commands(doomed.id).cancel()).rejects.toMatchObject({ status: 409 });
  });

  test("knows the other names under /beta", async () => {
    const { caller, device } = await stage();
    const account = await me("beta", caller);
    const { data } = await account.devices(device).query();
    expect(data).toMatchObject({ id: device, Name: "Test device", Status: "Online" });
    await account.devices(device).patch({ Name: "Renamed" });
    const { data: listed } = await account.devices().query();
    expect(listed.value).toMatchObject([{ Name: "Renamed" }]);
  });
});

describe("a client that openapi-client-axios builds from the API's description", () => {
  async function built({ token }: Caller): Promise<Json> {
    const definition = `${service.origin}/openapi.json`;
    const { servers } = (await (await fetch(definition)).json()) as Json;
    const api = new OpenAPIClientAxios({
      definition,
      // The servers are relative to the document (OpenAPI 3.1, 4.8.5).
      withServer: { url: new URL(servers[0].url, definition).href },
      axiosConfigDefaults: { headers: { Authorization: `Bearer ${token}` } as Json },
    });
    return await api.getClient();
  }

  test("calls a device, as its operations and parameters are named", async () => {
    const { caller, device } = await stage();
    const client = await built(caller);
    const { data: devices } = await client.listDevices();
    expect(devices.value).toMatchObject([{ id: device, status: "Online" }]);

    const { status, data: sent } = await client.sendCommand(
      { deviceId: device, Prefer: "wait=30" },
      APP_SERVICE,
    );
    expect([status, sent.status]).toEqual([201, "completed"]);
    const ids = { deviceId: device, commandId: sent.id };
    expect((await client.getCommand(ids)).data).toEqual(sent);
    expect((await client.getResponsePayload(ids)).data).toMatchObject({ asked: APP_SERVICE.payload });
    const { data: found } = await client.listCommands({
      deviceId: device,
      $filter: "status eq 'completed'",
      $select: "id,status",
    });
    expect(found.value).toEqual([{ id: sent.id, status: "completed" }]);
    expect((await client.getHistory(ids)).data.value.at(-1).status).toBe("completed");
    expect((await client.eraseCommand(ids)).status).toBe(204);
    await expect(client.getCommand(ids)).rejects.toMatchObject({ response: { status: 404 } });
  });
});

describe("Graph's client", () => {
  let terminator: Terminator;
  beforeAll(async () => {
    terminator = await terminateTls(service.origin);
  });
  afterAll(() => terminator.close());

  test("sends a batch, whose requests depend on each other", async () => {
    const { caller, device } = await stage();
    const client = Client.initWithMiddleware({
      baseUrl: `${terminator.origin}/`,
      customHosts: new Set([terminator.host]),
      defaultVersion: "v1.0",
      authProvider: { getAccessToken: () => Promise.resolve(caller.token) },
    });
    const commands = `${terminator.origin}/me/devices/${device}/commands`;
    const send = (order: object, headers: Record<string, string> = {}): Request =>
      new Request(commands, {
        method: "POST",
        headers: { "Content-Type": "application/json", ...headers },
        body: JSON.stringify(order),
      });
    const sends = async (...steps: BatchRequestStep[]): Promise<BatchResponseContent> => {
      const content = await new BatchRequestContent(steps).getContent();
      return new BatchResponseContent(await client.api("/$batch").post(content));
    };
    const statuses = (answered: BatchResponseContent): number[] =>
      [...answered.getResponses().values()].map(({ status }) => status);

    const answered = await sends(
      { id: "ask", request: send(APP_SERVICE, { Prefer: "wait=30" }) },
      { id: "list", request: new Request(`${commands}?$select=id`), dependsOn: ["ask"] },
      {
        id: "beta",
        request: new Request(`${terminator.origin}/beta/me/devices/${device}`),
        dependsOn: ["ask"],
      },
    );
    expect(statuses(answered)).toEqual([201, 200, 200]);
    const asked = answered.getResponseById("ask");
    const sent = (await asked.json()) as Json;
    expect(sent.status).toBe("completed");
    expect(asked.headers.get("Location")).toMatch(
      new RegExp(`/v1.0/me/devices/${device}/commands/${sent.id}$`),
    );
    expect(await answered.getResponseById("list").json()).toMatchObject({ value: [{ id: sent.id }] });
    expect(await answered.getResponseById("beta").json()).toMatchObject({ Name: "Test device" });

    const failed = await sends(
      { id: "wrong", request: send({ type: "LaunchUri", payload: {} }) },
      { id: "never", request: send(LAUNCH_URI), dependsOn: ["wrong"] },
    );
    expect(statuses(failed)).toEqual([400, 424]);
    expect((await caller.get(`/me/devices/${device}/commands`)).value).toHaveLength(1);
  });
});
