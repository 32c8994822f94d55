import { Hono } from "hono";
import { cors } from "hono/cors";
import { CLIENT_REQUEST_ID_LENGTH_MAX } from "../limits.ts";
import { serveBatch } from "./batch.ts";
import { serveCommand } from "./command.ts";
import { serveCommands } from "./commands.ts";
import { serveConnection } from "./connection.ts";
import { serveDevices } from "./devices.ts";
import { serveDocuments } from "./documents.ts";
import { commonHeaders, type Edge } from "./edge.ts";
import { ApiError, answerError } from "./errors.ts";
import { serveMessages } from "./messages.ts";
import { servePages } from "./pages.ts";
import { servePairings } from "./pairings.ts";
import { canonicalPath } from "./paths.ts";
import { servePostBackSecret } from "./post-back-secret.ts";
import { resource } from "./resource.ts";

/** The edge: every request comes in here, is authenticated, and is passed to the one object it concerns. */
export const app = new Hono<Edge>({ getPath: canonicalPath });

app.use(async (c, next) => {
  c.set("requestId", crypto.randomUUID());
  c.set("clientRequestId", echoable(c.req.header("client-request-id")));
  await next();
  // The headers of an upgrade are the device's object's own.
  if (c.res.status === 101) return;
  for (const [name, value] of commonHeaders(c)) c.header(name, value);
});

const allowAnyOrigin = cors({
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
  exposeHeaders: ["Location", "Retry-After", "Preference-Applied", "request-id", "client-request-id"],
  maxAge: 86_400,
});
app.use((c, next) => (c.req.header("Upgrade") === undefined ? allowAnyOrigin(c, next) : next()));

resource(app, "/:profile/healthz", { GET: (c) => c.json({ status: "ok" }) });
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
