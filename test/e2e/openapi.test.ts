import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { Reader } from "./reader.ts";
import { APP_SERVICE, Caller, type Json, LAUNCH_URI, ownService } from "./stage.ts";

/** The API's description against the service itself: what it answers is what it says. */

const service = ownService();

let document: Json;
beforeAll(async () => {
  document = await (await fetch(`${service.origin}/openapi.json`)).json();
});

test("it has nothing that Redocly's linter would change", async () => {
  const config = await createConfig({ extends: ["recommended"] });
  const problems = await lintFromString({ source: JSON.stringify(document), config });
  expect(problems.map(({ ruleId, location }) => [ruleId, location[0]?.pointer])).toEqual([
    // A connection that succeeds is answered 101, which is no 2xx.
    ["operation-2xx-response", "#/paths/~1devices~1{deviceId}~1connection/get/responses"],
  ]);
});

/** A connection is answered 101, which `fetch` cannot ask for: the devices' own tests do. */
const told = new Set(["connectDevice"]);

/** A test in which a new user has all of these operations succeed. */
function story(name: string, operations: string[], tell: (api: Reader) => Promise<void>): void {
  for (const operation of operations) told.add(operation);
  test(name, async () => {
    const api = new Reader(service.origin, document, (await Caller.of(service)).token);
    await tell(api);
    expect([...api.succeeded]).toEqual(expect.arrayContaining(operations));
  });
}

/** A new device's registration, and how it signs its tokens. */
async function newDevice(): Promise<{ registration: object; signs: (id: string) => Promise<string> }> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  return {
    registration: { name: "New", kind: "Tablet", platform: "Web", publicKey: await exportJWK(publicKey) },
    signs: (id) =>
      new SignJWT({ iss: id, sub: id, aud: service.origin })
        .setProtectedHeader({ alg: "ES256" })
        .setExpirationTime("10 minutes")
        .sign(privateKey),
  };
}

/** A registered device without a socket. */
async function registered(api: Reader): Promise<{ deviceId: string; token: string }> {
  const { registration, signs } = await newDevice();
  const { body, status } = await api.calls("registerDevice", {}, { body: registration });
  expect(status).toBe(201);
  return { deviceId: body.id, token: await signs(body.id) };
}

const NOWHERE = "0".repeat(64);

describe("what the service answers is what is described:", () => {
  story(
    "devices",
    ["listDevices", "registerDevice", "getDevice", "renameDevice", "unregisterDevice", "deleteAccount"],
    async (api) => {
      const { deviceId } = await registered(api);
      await registered(api);
      const { body: page } = await api.calls("listDevices", { $top: "1" });
      expect(page["@odata.nextLink"]).toBeDefined();
      await api.calls("listDevices");
      await api.calls("getDevice", { deviceId, "client-request-id": "mine" });
      await api.calls("renameDevice", { deviceId }, { body: { name: "Old" } });
      await api.calls("unregisterDevice", { deviceId });
      expect((await api.calls("deleteAccount")).status).toBe(204);
    },
  );

  story(
    "commands, from the first to the last of them",
    [
      "sendCommand",
      "listCommands",
      "getCommand",
      "getResponsePayload",
      "getHistory",
      "cancelCommand",
      "eraseCommand",
      "receiveMessages",
      "sendMessages",
    ],
    async (api) => {
      const { deviceId, token } = await registered(api);
      const { body: sent } = await api.calls("sendCommand", { deviceId }, { body: { ...APP_SERVICE } });
      const ids = { deviceId, commandId: sent.id };
      expect((await api.calls("getResponsePayload", ids)).status).toBe(204);
      await api.calls("getHistory", ids);

      const { body: messages } = await api.calls(
        "receiveMessages",
        { deviceId, Prefer: "wait=10" },
        { token },
      );
      expect(messages).toMatchObject([{ id: sent.id, method: "appService" }]);
      const report = {
        jsonrpc: "2.0",
        method: "progress",
        params: { id: sent.id, message: "Half", percent: 50 },
      };
      expect((await api.calls("sendMessages", { deviceId }, { token, body: report })).status).toBe(204);
      expect((await api.calls("getCommand", ids)).body.statusDetail).toEqual({
        message: "Half",
        percent: 50,
      });
      const answers = [
        { jsonrpc: "2.0", id: sent.id, result: { done: true } },
        { jsonrpc: "2.0", id: 1, method: "ping" },
      ];
      const { body: pong } = await api.calls("sendMessages", { deviceId }, { token, body: answers });
      expect(pong).toEqual([{ jsonrpc: "2.0", id: 1, result: "pong" }]);

      expect((await api.calls("getCommand", { ...ids, Prefer: "wait=10" })).body.status).toBe("completed");
      expect((await api.calls("getResponsePayload", ids)).status).toBe(200);
      const { body: history } = await api.calls("getHistory", ids);
      const { body: events } = await api.calls("getCommand", ids, { accept: "text/event-stream" });
      const data = [...events.matchAll(/^data: (.*)$/gm)].map(([, line]) => JSON.parse(line ?? ""));
      expect(data).toHaveLength(history.value.length);
      for (const one of data) api.fits(one, "command");
      const seen = { ...ids, "Last-Event-ID": String(data.length) };
      expect((await api.calls("getCommand", seen, { accept: "text/event-stream" })).status).toBe(204);

      await api.calls("listCommands", { deviceId, $filter: "status eq 'completed'" });
      await api.calls("listCommands", { deviceId, $select: "id,status", $top: "1" });
      expect((await api.calls("cancelCommand", ids)).status).toBe(409);
      await api.calls("eraseCommand", ids);
      const { body: doomed } = await api.calls("sendCommand", { deviceId }, { body: LAUNCH_URI });
      expect((await api.calls("eraseCommand", { deviceId, commandId: doomed.id })).status).toBe(409);
      const { body: cancelled } = await api.calls("cancelCommand", { deviceId, commandId: doomed.id });
      expect(cancelled.status).toBe("canceled");
    },
  );

  story("post-backs, and their secret", ["getPostBackSecret"], async (api) => {
    const received = Promise.withResolvers<{ headers: Json; body: Json }>();
    const server = createServer(async (request, response) => {
      received.resolve({ headers: request.headers, body: await json(request) });
      response.end();
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const postBackUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

    const { deviceId } = await registered(api);
    const body = { ...LAUNCH_URI, postBackUri, whenOffline: "fail" };
    const { body: sent } = await api.calls("sendCommand", { deviceId }, { body });
    const postBack = await received.promise;
    api.fits(postBack.body, "postBack");
    for (const { name, schema } of document.components.pathItems.postBack.post.parameters) {
      expect(postBack.headers[name], name).toMatch(new RegExp(schema.pattern ?? "."));
    }
    await api.calls("getHistory", { deviceId, commandId: sent.id });
    await api.calls("getPostBackSecret");
  });

  story(
    "pairings",
    ["requestPairing", "redeemPairing", "getPairing", "approvePairing", "denyPairing"],
    async (api) => {
      const anyone = { token: null };
      const { registration } = await newDevice();
      const asks = async (): Promise<Json> =>
        (await api.calls("requestPairing", {}, { ...anyone, body: registration })).body;
      const { device_code, user_code: userCode } = await asks();
      await api.calls("getPairing", { userCode });
      await api.calls("approvePairing", { userCode });
      const form = {
        type: "application/x-www-form-urlencoded",
        body: `device_code=${encodeURIComponent(device_code)}`,
      };
      const { status } = await api.calls("redeemPairing", {}, { ...anyone, ...form });
      expect(status).toBe(200);
      const { device_code: undecided } = await asks();
      const pending = await api.calls("redeemPairing", {}, { ...anyone, body: { device_code: undecided } });
      expect([pending.status, pending.body.error]).toEqual([400, "authorization_pending"]);
      expect((await api.calls("getPairing", { userCode: "BBBB-BBBB" })).status).toBe(404);
      const { user_code: refused } = await asks();
      await api.calls("denyPairing", { userCode: refused });
    },
  );

  story(
    "batches, descriptions, and whether it lives",
    ["sendBatch", "getMetadata", "getOpenApi", "getHealth", "getSignIn"],
    async (api) => {
      const requests = [
        { id: "1", method: "GET", url: "/me/devices" },
        { id: "2", method: "GET", url: `/me/devices/${NOWHERE}` },
        { id: "3", method: "GET", url: "/me/devices", dependsOn: ["2"] },
        { id: "4", method: "GET", url: "/$metadata" },
      ];
      const { body } = await api.calls("sendBatch", {}, { body: { requests } });
      expect(body.responses.map(({ status }: Json) => status)).toEqual([200, 404, 424, 200]);
      for (const index of [1, 2]) api.fits(body.responses[index].body, "error");
      await api.calls("getMetadata");
      await api.calls("getMetadata", { $format: "json" });
      await api.calls("getOpenApi");
      await api.calls("getHealth");
      await api.calls("getSignIn");
    },
  );

  story("refusals", [], async (api) => {
    const { deviceId, token } = await registered(api);
    const statuses = async (...calls: Promise<{ status: number; body: Json }>[]): Promise<number[]> => {
      const answers = await Promise.all(calls);
      for (const { body } of answers) api.fits(body, "error");
      return answers.map(({ status }) => status);
    };
    const { body: sent } = await api.calls(
      "sendCommand",
      { deviceId, "Idempotency-Key": "k" },
      { body: LAUNCH_URI },
    );
    expect(sent.status).toBe("requesting");
    expect(
      await statuses(
        api.calls("sendCommand", { deviceId }, { body: "{" }),
        api.calls("listDevices", {}, { token: null }),
        api.calls("listDevices", { $skiptoken: "x" }),
        api.calls("getDevice", { deviceId: NOWHERE }),
        api.calls("getDevice", { deviceId }, { accept: "text/html" }),
        api.calls("sendCommand", { deviceId, "Idempotency-Key": "k" }, { body: APP_SERVICE }),
        api.calls("sendBatch", {}, { body: `{"requests":[${"[".repeat(100)}` }),
        api.calls("connectDevice", { deviceId }, { token }),
        api.calls("receiveMessages", { deviceId }, { token: "none" }),
        api.calls("sendMessages", { deviceId: NOWHERE }, { token, body: { jsonrpc: "2.0", method: "ping" } }),
        api.calls("getMetadata", {}, { accept: "text/html" }),
      ),
    ).toEqual([400, 401, 400, 404, 406, 422, 413, 426, 401, 404, 406]);
  });

  test("all of it", () => {
    const described = Object.values<Json>(document.paths).flatMap((item) =>
      Object.values<Json>(item).map(({ operationId }) => operationId),
    );
    expect(new Set(described)).toEqual(told);
  });
});
