import type { Context } from "hono";

/** What the edge's handlers share. */
export interface Edge {
  Bindings: Env;
  Variables: { requestId: string; clientRequestId: string | undefined };
}

/** The headers of every answer. */
export function commonHeaders(c: Context<Edge>): [name: string, value: string][] {
  const clientRequestId = c.get("clientRequestId");
  return [
    ["request-id", c.get("requestId")],
    ...(clientRequestId === undefined ? [] : [["client-request-id", clientRequestId] as [string, string]]),
    ["OData-Version", "4.0"],
    ["Cache-Control", "no-store"],
  ];
}
