import type { Context, Hono } from "hono";
import { readText } from "../json.ts";
import { bearerToken } from "../jwt.ts";
import { FRAME_LENGTH_MAX } from "../limits.ts";
import { objectId, reach } from "../reach.ts";
import { requireJsonType } from "./body.ts";
import { refusalOf } from "./connection.ts";
import type { Edge } from "./edge.ts";
import { ApiError, notFound } from "./errors.ts";
import { readWait } from "./prefer.ts";
import { limitByDevice } from "./rate-limits.ts";
import { requireJsonAccepted, resource } from "./resource.ts";

/** The device's way in without a socket: the same JSON-RPC messages, over HTTP. */
export function serveMessages(app: Hono<Edge>): void {
  resource(app, "/:profile/devices/:device/messages", {
    GET: async (c) => {
      const { id, token, audience } = await openDevice(c);
      requireJsonAccepted(c);
      // What is answered counts as handed over, and the answer to HEAD would drop it: it says only whether GET would do.
      if (c.req.method === "HEAD") {
        const admitted = await reach(c.env.DEVICES, id, (stub) => stub.admit(token, audience));
        if (!admitted.ok) throw refusalOf(admitted);
        return c.body(null, 200, { "Content-Type": "application/json" });
      }
      const wait = readWait(c);
      const polled = await reach(c.env.DEVICES, id, (stub) => stub.poll(token, audience, wait));
      if (!polled.ok) throw refusalOf(polled);
      return c.body(`[${polled.frames.join(",")}]`, 200, { "Content-Type": "application/json" });
    },
    POST: async (c) => {
      const { id, token, audience } = await openDevice(c);
      requireJsonAccepted(c);
      requireJsonType(c.req.header("Content-Type"));
      const body = await readText(c.req.raw.body, { bytesMax: FRAME_LENGTH_MAX });
      if (!body.ok) {
        throw body.reason === "notUtf8"
          ? new ApiError("invalidRequest", "The body is not UTF-8.")
          : new ApiError("requestTooLarge", `The body is larger than ${FRAME_LENGTH_MAX} bytes.`);
      }
      const heard = await reach(c.env.DEVICES, id, (stub) => stub.hear(token, audience, body.text));
      if (!heard.ok) throw refusalOf(heard);
      if (heard.answer === null) return c.body(null, 204);
      return c.body(heard.answer, 200, { "Content-Type": "application/json" });
    },
  });
}

async function openDevice(
  c: Context<Edge>,
): Promise<{ id: DurableObjectId; token: string; audience: string }> {
  const token = bearerToken(c.req.header("Authorization"));
  if (token === null)
    throw refusalOf({ status: 401, message: 'Send the device\'s token as "Authorization: Bearer …".' });
  const id = objectId(c.env.DEVICES, c.req.param("device") ?? "");
  if (id === null) throw notFound();
  await limitByDevice(c, id.toString());
  return { id, token, audience: new URL(c.req.url).origin };
}
