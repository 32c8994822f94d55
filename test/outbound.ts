/**
 * All that a test can reach besides the service. Runs on Node, outside workerd, and sends nothing anywhere.
 * Issuers are documents to read; receivers of post-backs are made by the tests, each under an address of its own:
 *
 *   PUT    /<any path>   its answers, as JSON: one for each request, the last for all that follow
 *   GET    /<any path>   what was POSTed to it so far
 *   DELETE /<any path>   lets go of the requests that it leaves without an answer
 *
 * What commands cost is taken down at an address of its own, for the benchmark. Every address that was asked for,
 * whoever's it is, is told at `ASKED`.
 */

/** Tells every address that was asked for, by any test, as a list in JSON. */
export const ASKED = "https://outbound.test/asked";

/** Where receivers are: a public host name, as far as the service can tell. */
const RECEIVER = "https://receiver.example.com/";
/** Where the table of costs is PUT. */
export const COSTS = "https://costs.example.com/";
/** Chunks of an endless answer after which the test has failed anyway. */
const CHUNKS_MAX = 500;

/** How a receiver answers: with a status and headers, with a body that never ends, or not at all. */
export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: "short" | "endless";
  never?: boolean;
}

/** A POST that a receiver got. */
export interface Received {
  body: string;
  headers: Record<string, string>;
}

interface Receiver {
  replies: Reply[];
  received: Received[];
  hanging: (() => void)[];
}

/** A network of such receivers and of these documents, by address; `costs` is given what commands cost. */
export function network(
  documents: ReadonlyMap<string, object>,
  costs: (table: string) => Promise<void>,
): (request: Request) => Promise<Response> {
  const receivers = new Map<string, Receiver>();
  const asked: string[] = [];

  return async (request) => {
    const { method, url } = request;
    if (url === ASKED) return Response.json(asked);
    asked.push(url);
    const document = documents.get(url);
    if (document !== undefined) return Response.json(document);
    if (url === COSTS) {
      await costs(await request.text());
      return new Response(null, { status: 204 });
    }
    if (!url.startsWith(RECEIVER)) return new Response("There is no network in tests.", { status: 599 });
    if (method === "PUT") {
      receivers.set(url, { replies: (await request.json()) as Reply[], received: [], hanging: [] });
      return new Response("Made.", { status: 201 });
    }
    const receiver = receivers.get(url);
    if (receiver === undefined) return new Response("Nobody made this receiver.", { status: 404 });
    if (method === "GET") return Response.json(receiver.received);
    if (method === "DELETE") {
      for (const release of receiver.hanging.splice(0)) release();
      return new Response(null, { status: 204 });
    }
    receiver.received.push({
      body: await request.text(),
      headers: Object.fromEntries([...request.headers]),
    });
    const reply = receiver.replies.length > 1 ? receiver.replies.shift() : receiver.replies[0];
    return await answer(receiver, reply ?? { status: 200 });
  };
}

async function answer(receiver: Receiver, { status, headers = {}, body, never }: Reply): Promise<Response> {
  if (never) await new Promise<void>((resolve) => receiver.hanging.push(resolve));
  if (body === "endless") return new Response(endless(), { status, headers });
  return new Response(body === "short" ? "The receiver's own words." : null, { status, headers });
}

/** A body that goes on for as long as anyone may read it. */
function endless(): ReadableStream<Uint8Array> {
  const chunk = new TextEncoder().encode("The receiver's own words, again and again. ".repeat(20));
  let chunks = 0;
  return new ReadableStream({
    async pull(controller) {
      // Paced: what hands it on need not mind how fast it is read.
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (++chunks > CHUNKS_MAX) controller.close();
      else controller.enqueue(chunk);
    },
  });
}
