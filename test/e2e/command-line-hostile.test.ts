import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { endAll, Person } from "./person.ts";
import { temporaryFolder } from "./stage.ts";

/** The command line `appia` at a service, and with devices, that mean its reader ill. */

/** What a terminal would obey; of it, only the line's end is ours to say. */
const OBEYED = /[^\n\P{C}]/u;
const ESCAPES = "\u{1B}]0;pwned\u{07}\u{1B}[31m\u{9B}2J\u{202E}";
const DEVICE = "a".repeat(64);
const COMMAND = "c".repeat(64);
/** Rows that are none, made of blanks that a terminal shows as such. */
const FORGED_NAME = [
  "TV in the living room".padEnd(71, "\u{A0}"),
  "  kind   Tablet, Android".padEnd(80, "\u{3000}"),
  "  from   your network; the address that you come from, too",
].join("");

/** `hostile` after each word that a service says, and a name that is longer than any terminal is wide. */
function entityAt(method: string, path: string, hostile: string): [status: number, body: object] {
  const command = {
    id: COMMAND,
    status: `completed${hostile}`,
    type: "LaunchUri",
    appServiceName: null,
    error: `Failed${hostile}`,
    payload: { uri: `https://example.com/${hostile}` },
    responsePayload: { [hostile]: hostile },
    createdDateTime: `2026-01-01T00:00:00Z${hostile}`,
    lastModifiedDateTime: "2026-01-01T00:00:00Z",
    expirationDateTime: hostile,
    statusDetail: { message: hostile, percent: hostile },
  };
  const kind = { name: FORGED_NAME, kind: `Iot${hostile}`, platform: `Linux${hostile}` };
  const made = { manufacturer: FORGED_NAME, model: hostile };
  if (path === "/pairings") {
    const page = `http://127.0.0.1/${hostile}`;
    const codes = { user_code: "WDJB-MJHT", verification_uri: page, verification_uri_complete: page };
    return [200, { device_code: "d", expires_in: 600, interval: 0.01, ...codes }];
  }
  if (path === "/pairings/token") return [400, { error: "refused", error_description: hostile }];
  if (path.includes("/me/pairings/")) {
    const about = { place: FORGED_NAME, sameAddress: false, createdDateTime: hostile };
    return [200, { userCode: `WDJB-MJHT${hostile}`, ...kind, ...made, ...about }];
  }
  if (path === "/v1.0/me/devices") {
    return [200, { value: [{ id: DEVICE, status: `Online${hostile}`, ...kind, ...made }] }];
  }
  if (path.includes("/history")) {
    const entry = {
      sequence: 1,
      dateTime: hostile,
      status: hostile,
      attempt: null,
      cause: hostile,
      late: true,
    };
    const post = { sequence: hostile, dateTime: hostile, status: 1, outcome: hostile, reason: hostile };
    return [200, { value: [entry], nextAction: hostile, nextActionDateTime: hostile, postBacks: [post] }];
  }
  if (path.includes("/commands?")) return [200, { value: [command] }];
  if (path.includes("/commands")) return [method === "POST" ? 201 : 200, command];
  return [404, { error: { code: hostile, message: hostile } }];
}

/** A service that answers as told, and every watch with the command's end. */
async function startService(answers: typeof entityAt): Promise<{ origin: string } & AsyncDisposable> {
  const server = createServer(({ method = "", url = "", headers }, response) => {
    const [status, body] = answers(method, url, ESCAPES);
    if (headers.accept === "text/event-stream") {
      response.end(`id: 1\ndata: ${JSON.stringify({ ...body, status: "completed" })}\n\n`);
    } else response.writeHead(status).end(JSON.stringify(body));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

let service: Awaited<ReturnType<typeof startService>>;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let ann: Person;
beforeAll(async () => {
  [service, folder] = await Promise.all([startService(entityAt), temporaryFolder()]);
  ann = await Person.named({ origin: service.origin, folder: folder.path }, "ann");
});
// The last is done first.
afterAll(() => folder[Symbol.asyncDispose]());
afterAll(() => service[Symbol.asyncDispose]());
afterAll(endAll);

describe.concurrent("no word of a service is obeyed by the terminal", () => {
  test.each([
    "devices",
    "devices remove tv --yes",
    "status",
    "status --json",
    "history",
    "watch",
    "commands tv",
    "cancel --no-wait",
    "send tv https://example.com/",
    "call tv any",
    "send nobody https://example.com/",
    "pair WDJB-MJHT --yes",
    "service",
  ])("appia %s", async (line) => {
    const { out, err } = await ann.does(...line.split(" "));
    expect(out + err).not.toBe("");
    expect(out + err).not.toMatch(OBEYED);
  });

  test("while a computer pairs", async () => {
    const { code, out, err } = await ann.withoutToken.does("device");
    expect(code).toBe(1);
    expect(out).toContain("enter the code WDJB-MJHT at");
    expect(err).toContain("did not make this computer a device: \u{FFFD}]0;pwned");
    expect(out + err).not.toMatch(OBEYED);
  });
});

test("a service that is busy when it is asked why leaves what the command itself tells", async () => {
  const busy = await startService((method, path) =>
    path.includes("/history") ? [429, {}] : entityAt(method, path, ""),
  );
  const { code, out, err } = await ann.with({ APPIA_SERVICE: busy.origin }).does("watch", "--wait", "20");
  await busy[Symbol.asyncDispose]();
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("completed");
});

test("a name cannot pass for other rows of what asks to be paired", async () => {
  const { err } = await ann.does("pair", "WDJB-MJHT");
  const rows = err.split("\n");
  expect(rows.filter((row) => /^ {2}\w+ +/.test(row)).map((row) => row.trim().split(" ")[0])).toEqual([
    "asked",
    "from",
    "kind",
    "made",
    "name",
  ]);
  expect(rows.find((row) => row.startsWith("  name "))).toBe(
    '  name   "TV in the living room kind Tablet, Android from your network; the a…"',
  );
  expect(err).toContain("\n  kind   Iot");
  for (const row of rows.filter((row) => row.startsWith("  "))) expect([...row].length).toBeLessThan(80);
});
