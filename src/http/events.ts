import type { Context } from "hono";
import type { Sighting } from "../command/watchers.ts";
import { names, weightOf } from "./accept.ts";
import type { Edge } from "./edge.ts";
import { commandInProfile } from "./entities.ts";
import type { Profile } from "./paths.ts";

/** Server-sent events (HTML standard, 9.2): a command's history as it happens. */

const EVENTS = "text/event-stream";

/** Whether an Accept header asks for events, and would not rather have JSON. */
export function wantsEvents(accept: string | undefined): boolean {
  const weight = weightOf(EVENTS, accept);
  return names(EVENTS, accept) && weight > 0 && weight >= weightOf("application/json", accept);
}

/** The sequence after which the watcher goes on; 0, from the first entry, where it names none. */
export function lastEventId(c: Context<Edge>): number {
  const id = c.req.header("Last-Event-ID") ?? "";
  return /^\d{1,9}$/.test(id) ? Number(id) : 0;
}

/** An event for each sighting: `id` is the entry's number, `data` the command as it was then. */
export function eventsOf(
  profile: Profile,
  sightings: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array> {
  let rest = "";
  const toEvents = new TransformStream<string, string>({
    transform(chunk, controller) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      controller.enqueue(lines.map((line) => eventOf(profile, line)).join(""));
    },
  });
  return sightings
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(toEvents)
    .pipeThrough(new TextEncoderStream());
}

function eventOf(profile: Profile, line: string): string {
  // A comment: it tells both ends that the line is up, and watchers pass over it.
  if (line === "") return ":\n\n";
  const { sequence, command } = JSON.parse(line) as Sighting;
  return `id: ${sequence}\ndata: ${JSON.stringify(commandInProfile(profile, command))}\n\n`;
}
