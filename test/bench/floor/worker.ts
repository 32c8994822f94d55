import { DurableObject } from "cloudflare:workers";
import { Hono } from "hono";

/**
 * The least that the platform lets anyone do for the same guarantees: the same router, and objects that write one row.
 * No tokens, no validation, no history.
 */

interface Bindings {
  ROWS: DurableObjectNamespace<Row>;
  LINES: DurableObjectNamespace<Line>;
}

const DAY_MS = 86_400_000;
const ROW = "row";

/** A command with an object of its own. */
export class Row extends DurableObject<Bindings> {
  async create(body: string, alarm: boolean): Promise<void> {
    this.ctx.storage.kv.put(ROW, body);
    if (alarm) await this.ctx.storage.setAlarm(Date.now() + DAY_MS);
  }

  read(): string | null {
    return this.ctx.storage.kv.get<string>(ROW) ?? null;
  }

  override async alarm(): Promise<void> {}
}

/** A device: its socket, which may hibernate, and rows of its own. */
export class Line extends DurableObject<Bindings> {
  readonly #waiting = new Map<string, (result: string) => void>();
  readonly #keeping = new Set<string>();

  override async fetch(): Promise<Response> {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  put(id: string, body: string): void {
    this.ctx.storage.kv.put(id, body);
  }

  /** Sends the body to the device, and resolves with what it answers. */
  async call(id: string, body: string): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.#waiting.set(id, resolve);
    this.ctx.getWebSockets()[0]?.send(JSON.stringify({ id, body }));
    return await promise;
  }

  /** The same, with a row written first. */
  async putAndCall(id: string, body: string): Promise<string> {
    this.put(id, body);
    return await this.call(id, body);
  }

  /** The same, and the answer is written before it is given. */
  async keepAndCall(id: string, body: string): Promise<string> {
    this.#keeping.add(id);
    return await this.putAndCall(id, body);
  }

  override webSocketMessage(_: WebSocket, data: string): void {
    const { id, result } = JSON.parse(data) as { id: string; result: unknown };
    if (this.#keeping.delete(id)) this.put(id, data);
    this.#waiting.get(id)?.(JSON.stringify({ result }));
    this.#waiting.delete(id);
  }
}

const app = new Hono<{ Bindings: Bindings }>();

/** A new object with one row, and an alarm. */
app.post("/rows", async (c) => {
  const id = c.env.ROWS.newUniqueId();
  await c.env.ROWS.get(id).create(await c.req.text(), true);
  return c.json({ id: id.toString() }, 201);
});

app.get("/rows/:id", async (c) => {
  const row = await c.env.ROWS.get(c.env.ROWS.idFromString(c.req.param("id"))).read();
  return c.json({ row });
});

const lineOf = (env: Bindings, name: string) => env.LINES.get(env.LINES.idFromName(name));

app.get("/lines/:name", (c) => lineOf(c.env, c.req.param("name")).fetch(c.req.raw));

/** A row in an object that there is already. */
app.post("/lines/:name/rows", async (c) => {
  const id = crypto.randomUUID();
  await lineOf(c.env, c.req.param("name")).put(id, await c.req.text());
  return c.json({ id }, 201);
});

/** The way there and back, with the row in the device's object. */
app.post("/lines/:name/calls", async (c) => {
  const id = crypto.randomUUID();
  const answer = await lineOf(c.env, c.req.param("name")).putAndCall(id, await c.req.text());
  return c.body(answer, 201, { "Content-Type": "application/json" });
});

/** The way there and back, with a row for the order and a row for the answer, in the device's object. */
app.post("/lines/:name/calls/kept", async (c) => {
  const id = crypto.randomUUID();
  const answer = await lineOf(c.env, c.req.param("name")).keepAndCall(id, await c.req.text());
  return c.body(answer, 201, { "Content-Type": "application/json" });
});

/** The way there and back, with the row in an object of its own. */
app.post("/lines/:name/calls/own", async (c) => {
  const id = c.env.ROWS.newUniqueId();
  const body = await c.req.text();
  await c.env.ROWS.get(id).create(body, false);
  const answer = await lineOf(c.env, c.req.param("name")).call(id.toString(), body);
  return c.body(answer, 201, { "Content-Type": "application/json" });
});

export default app;
