/** What the edge's handlers share. */
export interface Edge {
  Bindings: Env;
  Variables: { requestId: string; clientRequestId: string | undefined };
}
