import { hasEnded } from "../../client/client.ts";
import type { CommandEntity, HistoryEntry } from "../../client/entities.ts";
import { ServiceError, ServiceGone } from "../../client/service-error.ts";
import type { EndedStatus } from "../../command/command.ts";
import { EXIT, Exit, OUTCOME_CODES } from "./exit.ts";
import type { Found } from "./find.ts";
import { err, type Screen } from "./screen.ts";
import type { Session } from "./session.ts";
import { type Shown, shown } from "./shown.ts";
import { jsonText, lengthOf, padded, shortId } from "./text.ts";

/** Following a command: a line for each of its statuses as it happens, and how it ended. */

const STATUS_COLUMNS = 16;
const TIME_COLUMNS = 13;

export interface FollowOptions {
  /** Where the statuses are shown: as JSON lines, one an entry, where `json` is set. */
  screen: Screen;
  json: boolean;
  /** Seconds after which following ends without the command's end; null: none. */
  seconds: number | null;
}

/**
 * Follows a command to its end, and answers it as it is then. Throws `Exit`: 9 where the time is over before,
 * 130 on Ctrl+C; the command goes on in both cases, and the words say so.
 */
export async function follow(
  session: Session,
  { device, command }: Found,
  { screen, json, seconds }: FollowOptions,
): Promise<CommandEntity> {
  const entries = new Entries(session, device.id, command);
  const giveUp = new AbortController();
  let interrupted = false;
  const interrupt = (): void => {
    interrupted = true;
    giveUp.abort();
  };
  process.once("SIGINT", interrupt);
  const timer = seconds === null ? undefined : setTimeout(() => giveUp.abort(), seconds * 1_000);
  let now = command;
  try {
    const { signal } = giveUp;
    const watching = session.client.watch(device.id, command.id, { signal, onGone: told(session) });
    for await (const { sequence, command: seen } of watching) {
      now = seen;
      const entry = await entries.entry(sequence, seen);
      if (json) screen.print(jsonText({ ...entry, command: seen }));
      else screen.print(statusLine(screen, entry, entries.acceptedAt));
      if (!json && !hasEnded(seen)) screen.running(() => runningLine(seen, entry.dateTime));
    }
  } catch (error) {
    throw session.explained(error);
  } finally {
    clearTimeout(timer);
    process.off("SIGINT", interrupt);
    screen.stops();
  }
  if (hasEnded(now)) return now;
  throw interrupted
    ? new Exit(EXIT.interrupted, `The command goes on. ${waysOn(session, command.id)}`)
    : new Exit(
        EXIT.notEnded,
        `It has not ended in ${lengthOf((seconds ?? 0) * 1_000)}, and goes on. ${waysOn(session, command.id)}`,
      );
}

function waysOn(session: Session, id: string): string {
  const watch = session.proposal(`watch ${shortId(id)}`);
  return `Follow it: ${watch}; cancel it: ${session.proposal(`cancel ${shortId(id)}`)}`;
}

/** What a broken line to the service is told with. */
function told({ origin }: Session): (gone: ServiceGone | null) => void {
  let gone = false;
  return (error) => {
    const goes = error instanceof ServiceGone;
    if (goes !== gone) {
      err.print(goes ? `${origin} went away; trying to go on ...` : `${origin} is back.`);
    }
    gone = goes;
  };
}

/** The entries of a command's history, read when a new one is seen: a watch tells the command, and not why. */
class Entries {
  readonly #session: Session;
  readonly #device: string;
  readonly #command: CommandEntity;
  #known: readonly HistoryEntry[] = [];

  constructor(session: Session, device: string, command: CommandEntity) {
    this.#session = session;
    this.#device = device;
    this.#command = command;
  }

  get acceptedAt(): string {
    return this.#known[0]?.dateTime ?? this.#command.createdDateTime;
  }

  /** The entry of this number; what the command itself tells of it where the history cannot be read. */
  async entry(sequence: number, seen: CommandEntity): Promise<HistoryEntry> {
    const isKnown = (): HistoryEntry | undefined => this.#known.find((entry) => entry.sequence === sequence);
    if (isKnown() === undefined) {
      this.#known = await this.#session.client.history(this.#device, this.#command.id).then(
        ({ value }) => value,
        (error: unknown) => {
          if (error instanceof ServiceGone || (error instanceof ServiceError && error.isPassing))
            return this.#known;
          throw error;
        },
      );
    }
    return (
      isKnown() ?? {
        sequence,
        dateTime: seen.lastModifiedDateTime,
        status: seen.status,
        attempt: null,
        cause: seen.statusDetail?.message ?? "",
        late: false,
      }
    );
  }
}

/** An entry on a line: how long after the command was accepted, its status, and why. */
export function statusLine(
  screen: Screen,
  { dateTime, status, cause, late }: HistoryEntry,
  acceptedAt: string,
): Shown {
  const after = `+${lengthOf(Date.parse(dateTime) - Date.parse(acceptedAt))}`.padStart(TIME_COLUMNS);
  const then = screen.style(styleOf(status), padded(status, STATUS_COLUMNS));
  const remark = late ? screen.style("dim", " (late; it changes nothing)") : "";
  return shown`${screen.style("dim", after)}  ${then} ${cause}${remark}`;
}

/** What a waiting person sees between two entries. */
function runningLine({ status, statusDetail }: CommandEntity, since: string): string {
  const percent = statusDetail?.percent ?? null;
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(since)) / 1_000));
  const waited = `${" ".repeat(TIME_COLUMNS)}  ${status} for ${seconds} s`;
  return percent === null ? waited : `${waited} (${percent} %)`;
}

export function styleOf(status: CommandEntity["status"]): "green" | "red" | "yellow" | "cyan" {
  switch (status) {
    case "completed":
      return "green";
    case "canceled":
    case "commandDropped":
    case "retry":
    case "cancel":
    case "cancelling":
      return "yellow";
    case "executionFailed":
    case "failedToSend":
    case "expired":
    case "error":
      return "red";
    default:
      return "cyan";
  }
}

/** The exit code of a command that has ended. */
export function outcomeCode(command: CommandEntity): number {
  return hasEnded(command) ? OUTCOME_CODES[command.status as EndedStatus] : EXIT.notEnded;
}

/** How a command ended, on a line. */
export function outcomeLine(screen: Screen, command: CommandEntity): Shown {
  const { status, error, responsePayload, createdDateTime, lastModifiedDateTime } = command;
  const took = lengthOf(Date.parse(lastModifiedDateTime) - Date.parse(createdDateTime));
  const named = error === null ? "" : ` (${error})`;
  const answer = responsePayload === null ? "" : `: ${jsonText(responsePayload)}`;
  return shown`${screen.style(["bold", styleOf(status)], status)}${named} after ${took}${answer}`;
}
