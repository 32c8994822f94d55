import { once } from "node:events";
import { Client, GraphError, ResponseType } from "@microsoft/microsoft-graph-client";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { JSONRPCClient, JSONRPCErrorException, JSONRPCServer, JSONRPCServerAndClient } from "json-rpc-2.0";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { localVars } from "../../scripts/local-vars.ts";
import { signToken } from "../../scripts/token.ts";
import { APP_SERVICE, type Json, LAUNCH_URI, ownService } from "./stage.ts";
import { type Terminator, terminateTls } from "./tls.ts";

/**
 * Both ends are software that knows nothing of Appia: Microsoft's own Graph client calls, with its authentication,
 * retries and telemetry as it comes; a plain JSON-RPC library on a plain WebSocket is the device.
 */

const NOWHERE = "0".repeat(64);
/** As a GUID is written (RFC 9562, section 4). */
const GUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

const service = ownService();
let terminator: Terminator;
beforeAll(async () => {
  terminator = await terminateTls(service.origin);
});
afterAll(() => terminator.close());

/** Graph's client of a user whom no other test knows. It gives its token to nobody but its hosts, over https. */
async function graph({
  version = "beta",
  token,
}: {
  version?: string;
  token?: string;
} = {}): Promise<Client> {
  const own =
    token ?? (await signToken(await localVars(), crypto.randomUUID(), "Device.ReadWrite Device.Command"));
  return Client.initWithMiddleware({
    baseUrl: `${terminator.origin}/`,
    customHosts: new Set([terminator.host]),
    defaultVersion: version,
    authProvider: { getAccessToken: () => Promise.resolve(own) },
  });
}

type Methods = Record<string, (params: Json) => unknown>;

/** A device that is registered through Graph's client and answers these methods; `heard` are the requests it got. */
async function device(
  client: Client,
  methods: Methods,
): Promise<{ id: string; socket: WebSocket; heard: Json[] }> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const { id } = await client
    .api("/me/devices")
    .post({ name: "Their PC", kind: "Laptop", platform: "Linux", publicKey: await exportJWK(publicKey) });
  const token = await new SignJWT()
    .setProtectedHeader({ alg: "ES256" })
    .setIssuer(id)
    .setSubject(id)
    .setAudience(service.origin)
    .setExpirationTime("10 minutes")
    .sign(privateKey);
  const socket = new WebSocket(`${service.origin.replace("http", "ws")}/devices/${id}/connection`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  const errorListener = (): void => {};
  const peer = new JSONRPCServerAndClient(
    new JSONRPCServer({ errorListener }),
    new JSONRPCClient((message) => socket.send(JSON.stringify(message))),
    { errorListener },
  );
  for (const [name, method] of Object.entries(methods)) peer.addMethod(name, method);
  const heard: Json[] = [];
  socket.on("message", (data) => {
    const message = JSON.parse(data.toString());
    heard.push(message);
    void peer.receiveAndSend(message);
  });
  await once(socket, "open");
  return { id, socket, heard };
}

/** Sends a command, and answers its path. */
async function sends(client: Client, id: string, order: object): Promise<string> {
  const sent = await client.api(`/me/devices/${id}/commands`).post(order);
  return `/me/devices/${id}/commands/${sent.id}`;
}

async function reaches(client: Client, command: string, status: string): Promise<Json> {
  return await vi.waitFor(
    async () => {
      const body = await client.api(command).get();
      expect(body).toMatchObject({ status });
      return body;
    },
    { timeout: 20_000, interval: 20 },
  );
}

async function statusesOf(client: Client, command: string): Promise<string[]> {
  const { value } = await client.api(`${command}/history`).get();
  return value.map(({ status }: { status: string }) => status);
}

describe.concurrent("Graph's client and a device on a JSON-RPC library", () => {
  test("find each other", async () => {
    const client = await graph();
    const { id, socket } = await device(client, {});
    const listed = await client.api("/me/devices").get();
    expect(listed["@odata.context"]).toBe(
      `${terminator.origin.replace("https", "http")}/beta/$metadata#me/devices`,
    );
    expect(listed.value).toEqual([
      {
        id,
        Name: "Their PC",
        Manufacturer: null,
        Model: null,
        Kind: "Laptop",
        Status: "Online",
        Platform: "Linux",
      },
    ]);
    await client.api(`/me/devices/${id}`).patch({ name: "Our PC" });
    expect(await client.api(`/me/devices/${id}`).get()).toMatchObject({ Name: "Our PC" });
    socket.close();
  });

  test("open a URI: nothing is acknowledged, and the result completes it", async () => {
    const client = await graph();
    const opened: string[] = [];
    const { id, socket } = await device(client, { launchUri: ({ uri }) => void opened.push(uri) });
    const command = await sends(client, id, LAUNCH_URI);
    const ended = await reaches(client, command, "completed");
    expect(ended).toMatchObject({ type: "LaunchUri", error: null, responsePayload: null });
    expect(ended.value).toMatchObject({ id: ended.id, status: "completed" });
    expect(opened).toEqual(["https://example.com/"]);
    expect(await statusesOf(client, command)).not.toContain("executing");
    expect(await client.api(`${command}/responsePayload`).get()).toBeUndefined();
    socket.close();
  });

  test.each([
    ["beta", { MsIgnoredParameter: 0 }],
    ["v1.0", {}],
  ])("ask and answer, in %s", async (version, added) => {
    const client = await graph({ version });
    const { id, socket, heard } = await device(client, {
      appService: ({ appServiceName, payload }) => ({ by: appServiceName, yes: payload.question }),
    });
    const command = await sends(client, id, APP_SERVICE);
    await reaches(client, command, "completed");
    const payload = await client.api(`${command}/responsePayload`).get();
    expect(payload).toEqual({
      "@odata.context": expect.stringContaining(`/${version}/$metadata#microsoft.graph.PayloadResponse`),
      ...added,
      by: "com.example.ask",
      yes: "Are you there?",
    });
    expect(heard).toMatchObject([
      { method: "appService", params: { packageFamilyName: "Example_abc", attempt: 1 } },
    ]);
    socket.close();
  });

  test.each([
    ["words", new Error("The disk is full."), "Unknown"],
    [
      "a Rome name",
      new JSONRPCErrorException("Not for you.", 1, { status: "NotAuthorized" }),
      "NotAuthorized",
    ],
  ])("fail: an error thrown with %s", async (_, thrown, error) => {
    const client = await graph();
    const { id, socket } = await device(client, {
      appService: () => {
        throw thrown;
      },
    });
    const command = await sends(client, id, APP_SERVICE);
    expect(await reaches(client, command, "executionFailed")).toMatchObject({
      error,
      statusDetail: { message: thrown.message },
    });
    socket.close();
  });

  test.each([
    { order: LAUNCH_URI, error: "ProtocolUnavailable" },
    { order: APP_SERVICE, error: "AppServiceUnavailable" },
  ])("fail: without a method for $order.type it is $error", async ({ order, error }) => {
    const client = await graph();
    const { id, socket } = await device(client, {});
    const command = await sends(client, id, order);
    expect(await reaches(client, command, "executionFailed")).toMatchObject({ error });
    socket.close();
  });
});

describe.concurrent("a refusal, as Graph's client reads it", () => {
  async function refusal(request: Promise<unknown>): Promise<GraphError> {
    const error = await request.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof GraphError)) throw new Error(`This is no refusal: ${String(error)}`);
    return error;
  }

  test("has a status, a code and the request's id, and repeats what the client called it", async () => {
    const client = await graph();
    const error = await refusal(client.api(`/me/devices/${NOWHERE}/commands`).post(LAUNCH_URI));
    expect(error).toMatchObject({ statusCode: 404, code: "itemNotFound" });
    expect(error.requestId).toMatch(GUID);
    expect(error.requestId).toBe(error.headers?.get("request-id"));
    expect(JSON.parse(error.body).innerError["client-request-id"]).toMatch(GUID);
    expect(Math.abs(Date.now() - error.date.getTime())).toBeLessThan(60_000);
  });

  test("names the member that is wrong", async () => {
    const client = await graph();
    const { id, socket } = await device(client, {});
    const order = { type: "LaunchUri", payload: { uri: "javascript:alert(1)" } };
    const error = await refusal(client.api(`/me/devices/${id}/commands`).post(order));
    expect(error).toMatchObject({ statusCode: 400, code: "invalidRequest" });
    expect(error.message).toContain("payload.uri");
    socket.close();
  });

  test("of a token that has expired is 401", async () => {
    const token = await signToken(await localVars(), "someone", "Device.Read", -60);
    const error = await refusal((await graph({ token })).api("/me/devices").get());
    expect(error).toMatchObject({ statusCode: 401, code: "InvalidAuthenticationToken" });
    expect(error.message).toBe("The token has expired.");
  });

  test("of a scope that is missing is 403", async () => {
    const token = await signToken(await localVars(), "someone", "Device.Read");
    const error = await refusal(
      (await graph({ token })).api(`/me/devices/${NOWHERE}/commands`).post(LAUNCH_URI),
    );
    expect(error).toMatchObject({ statusCode: 403, code: "accessDenied" });
  });
});

test.concurrent("Graph's client is answered under the id that it gave its request", async () => {
  const client = await graph();
  const response: Response = await client
    .api("/me/devices")
    .header("client-request-id", "their-own-id")
    .responseType(ResponseType.RAW)
    .get();
  expect(response.status).toBe(200);
  expect(response.headers.get("client-request-id")).toBe("their-own-id");
});

describe.concurrent("a device on a JSON-RPC library", () => {
  test("that answers late, and to ping only that it has no such method, has not lost its command", async () => {
    const client = await graph();
    const pinged = Promise.withResolvers<void>();
    const { id, socket, heard } = await device(client, {
      appService: async () => {
        await pinged.promise;
        return { late: true };
      },
    });
    socket.on("message", (data) => {
      if (JSON.parse(data.toString()).method === "ping") pinged.resolve();
    });
    const command = await sends(client, id, APP_SERVICE);
    expect(await reaches(client, command, "completed")).toMatchObject({ responsePayload: { late: true } });
    expect(heard.map(({ method }) => method)).toEqual(["appService", "ping"]);
    expect(await statusesOf(client, command)).not.toContain("retry");
    socket.close();
  });

  test("that is unregistered is closed with 4004, and its commands are told", async () => {
    const client = await graph();
    const asked = Promise.withResolvers<void>();
    const { id, socket } = await device(client, {
      appService: () => {
        asked.resolve();
        return new Promise(() => {});
      },
    });
    const command = await sends(client, id, APP_SERVICE);
    await asked.promise;
    const closed = once(socket, "close");
    await client.api(`/me/devices/${id}`).delete();
    expect(await reaches(client, command, "failedToSend")).toMatchObject({ error: "DeviceRemoved" });
    expect((await client.api("/me/devices").get()).value).toEqual([]);
    // The platform sends its close frame at once, and ends the TCP connection ten seconds later.
    const [code] = await closed;
    expect(code).toBe(4004);
  });
});
