import http, { type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { roadsOfBullmq } from "./bullmq-roads.ts";
import { roadsOfMqtt } from "./mqtt-roads.ts";

/** A program: the same small HTTP server before each peer. `node server.ts mqtt|bullmq PORT`; tells its parent its port. */

/** What a peer does for each road. The bodies are handed on as they are. */
export interface Roads {
  /** Keeps a command for a device; resolves with its id when it is as safe as the peer makes it. */
  create: (device: "away" | "there", body: string) => Promise<string>;
  /** What has become of a command; null where the peer does not know. */
  status: (id: string) => Promise<string | null>;
  /** Sends to the device, and resolves with its answer. */
  call: (body: string) => Promise<unknown>;
}

const [kind, port] = process.argv.slice(2);
const roads = await (kind === "mqtt" ? roadsOfMqtt : roadsOfBullmq)(Number(port));

async function answer(request: IncomingMessage): Promise<[status: number, body: object]> {
  const [, road = "", name = ""] = (request.url ?? "").split("/");
  if (request.method === "GET") return [200, { status: await roads.status(name) }];
  const body = await textOf(request);
  if (road === "calls") return [201, { result: await roads.call(body) }];
  return [201, { id: await roads.create(name === "there" ? "there" : "away", body) }];
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}

const server = http.createServer(async (request, response) => {
  const [status, body] = await answer(request).catch((error: Error): [number, object] => [
    500,
    { error: error.message },
  ]);
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
});
server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
process.once("disconnect", () => process.exit());
