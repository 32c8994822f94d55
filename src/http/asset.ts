import type { Context } from "hono";
import type { Edge } from "./edge.ts";

/** A file that was built before the Worker (scripts/build.ts). Throws where it was not built. */
export async function readAsset(c: Context<Edge>, path: string): Promise<ReadableStream<Uint8Array>> {
  const { ok, status, body } = await c.env.ASSETS.fetch(new URL(path, c.req.url));
  if (!ok || body === null) throw new Error(`The asset ${path} was not built: ${status}`);
  return body as ReadableStream<Uint8Array>;
}
