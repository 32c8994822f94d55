import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Session } from "../../src/agent/cli/session.ts";

/** How the command line takes a service's refusals; `replies` are what it answers, one after the other. */
async function opened(...replies: ((response: ServerResponse) => void)[]): Promise<Session> {
  const server = createServer((_, response) => replies.shift()?.(response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return await Session.open({ service: `http://127.0.0.1:${port}`, token: "t" });
}

function refuses(status: number, message: string, headers: Record<string, string> = {}) {
  return (response: ServerResponse): void => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify({ error: { code: "c", message } }));
  };
}

const lists = (response: ServerResponse): void => void response.end('{"value":[]}');

test("a service that asks for a little patience is asked again", async () => {
  const busy = refuses(429, "Too many.", { "Retry-After": "0" });
  const session = await opened(busy, busy, lists);
  expect(await session.ask((client) => client.devices())).toEqual([]);
});

test("a service that asks for more is told, and not waited for", async () => {
  const session = await opened(refuses(429, "Too many.", { "Retry-After": "90" }), lists);
  await expect(session.ask((client) => client.devices())).rejects.toThrow(
    "Too many. Try again in 1 min 30 s.",
  );
});

test("a refused token: the service's words, which token it was, and what helps", async () => {
  const session = await opened(refuses(401, "It has expired."), refuses(403, "It is too narrow."));
  const asked = () => session.ask((client) => client.devices());
  await expect(asked()).rejects.toThrow(/^It has expired\. The token was the one of --token\. .*APPIA_TOKEN/);
  await expect(asked()).rejects.toThrow(/^It is too narrow\. .* appia token --scope/);
});

test("what is no answer of the service is told as its status", async () => {
  const session = await opened((response) => response.writeHead(502).end("<html>"));
  await expect(session.ask((client) => client.devices())).rejects.toThrow(
    "The service answered with status 502.",
  );
});

test("what is proposed means the same service", async () => {
  const session = await opened();
  expect(session.proposal("watch 1234")).toBe(`appia watch 1234 --service ${session.origin}`);
});
