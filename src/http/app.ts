import { Hono } from "hono";
import { cors } from "hono/cors";
import { CLIENT_REQUEST_ID_LENGTH_MAX } from "../limits.ts";
import { located } from "../operations/jurisdiction.ts";
import { serveAccount } from "./account.ts";
import { serveBatch } from "./batch.ts";
import { serveCommand } from "./command.ts";
import { serveCommands } from "./commands.ts";
import { serveConnection } from "./connection.ts";
import { serveDevices } from "./devices.ts";
import { serveDocuments } from "./documents.ts";
import type { Edge } from "./edge.ts";
import { ApiError, answerError } from "./errors.ts";
import { serveHealth } from "./health.ts";
import { serveMessages } from "./messages.ts";
import { servePages } from "./pages.ts";
import { servePairings } from "./pairings.ts";
import { canonicalPath } from "./paths.ts";
import { servePostBackSecret } from "./post-back-secret.ts";
import { limitByAddress } from "./rate-limits.ts";

/** The edge: every request comes in here, is authenticated, and is passed to the one object it concerns. */
export const app = new Hono<Edge>({ getPath: canonicalPath });

const preflight = cors({
  origin: "*",
  allowMethods: ["GET", "HEAD", "POST", "PATCH", "DELETE"],
  allowHeaders: [
    "Authorization",
    "Content-Type",
    "Prefer",
    "Idempotency-Key",
    "client-request-id",
    "SdkVersion",
    "Retry-Attempt",
    "Last-Event-ID",
  ],
  maxAge: 86_400,
});
const EXPOSED = "Location,Retry-After,Preference-Applied,request-id,client-request-id";

// Headers are set before the answer is made: set on one that is made, each costs another Response.
app.use((c, next) => {
  const requestId = crypto.randomUUID();
  const clientRequestId = echoable(c.req.header("client-request-id"));
  c.set("requestId", requestId);
  c.set("clientRequestId", clientRequestId);
  c.header("request-id", requestId);
  if (clientRequestId !== undefined) c.header("client-request-id", clientRequestId);
  c.header("OData-Version", "4.0");
  c.header("Cache-Control", "no-store");
  // Browsers let any page open a WebSocket, and ask nobody.
  if (c.req.header("Upgrade") === undefined) {
    if (c.req.method === "OPTIONS") return preflight(c, next);
    c.header("Access-Control-Allow-Origin", "*");
    c.header("Access-Control-Expose-Headers", EXPOSED);
  }
  c.env = located(c.env);
  return limitByAddress(c, next);
});

serveHealth(app);
serveAccount(app);
serveDevices(app);
serveCommands(app);
serveCommand(app);
serveConnection(app);
serveMessages(app);
servePostBackSecret(app);
serveBatch(app);
serveDocuments(app);
servePairings(app);
servePages(app);

app.notFound((c) => answerError(new ApiError("itemNotFound", "There is nothing at this address."), c));
app.onError(answerError);

/** The caller's own id where it can stand in a header: printable ASCII, and not without end. */
function echoable(id: string | undefined): string | undefined {
  if (id === undefined || id.length > CLIENT_REQUEST_ID_LENGTH_MAX) return undefined;
  return /^[\x20-\x7e]+$/.test(id) ? id : undefined;
}
