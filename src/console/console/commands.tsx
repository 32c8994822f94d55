import type { VNode } from "preact";
import { useCallback } from "preact/hooks";
import type { Client } from "../../client/client.ts";
import type { CommandEntity, Page } from "../../client/entities.ts";
import { ServiceError } from "../../client/service-error.ts";
import { ENDED, LIVE, type Status } from "../../command/command.ts";
import { Loading, Time } from "../components.tsx";
import { ForeignText } from "../foreign-text.tsx";
import { useLive } from "../live.ts";
import { StatusBadge } from "./badges.tsx";
import { uriOf } from "./draft.ts";
import { useKept } from "./kept.ts";
import { commandAddress } from "./route.ts";
import { Refusal } from "./view.tsx";

/** Commands on a page. */
const PAGE = 10;
/** Milliseconds between looks at the newest commands, and at older ones, which change seldom. */
const LOOK_MS = 3_000;
const LOOK_AT_OLDER_MS = 15_000;

/** What is listed: the commands of one status or of all, and the links that led from page to page. */
interface Place {
  status: Status | null;
  links: string[];
}

/** The commands that a device was sent, the newest first. */
export function Commands({ client, device }: { client: Client; device: string }): VNode {
  const [place, setPlace] = useKept<Place>("commands", { status: null, links: [] });
  const { status, links } = place;
  const next = links.at(-1) ?? null;
  const read = useCallback(
    async (signal: AbortSignal) => ({ status, next, ...(await page(client, device, status, next, signal)) }),
    [client, device, status, next],
  );
  const { value, error } = useLive(read, links.length === 0 ? LOOK_MS : LOOK_AT_OLDER_MS);
  const shown = value?.status === status && value.next === next ? value : undefined;
  const filter = (chosen: string): void =>
    setPlace({ status: [...LIVE, ...ENDED].find((one) => one === chosen) ?? null, links: [] });
  return (
    <section class="card commands" aria-labelledby="commands">
      <div class="row">
        <h2 id="commands">Commands</h2>
        <select
          class="end"
          aria-label="Status"
          value={status ?? ""}
          onChange={({ currentTarget }) => filter(currentTarget.value)}
        >
          <option value="">all statuses</option>
          <StatusOptions label="Under way" statuses={LIVE} />
          <StatusOptions label="Ended" statuses={ENDED} />
        </select>
      </div>
      {error instanceof ServiceError && <Refusal error={error} gone="" />}
      {shown === undefined && error === null && <Loading what="Reading" />}
      {shown === undefined && error !== null && !(error instanceof ServiceError) && (
        <p class="quiet">They are shown as soon as the service answers.</p>
      )}
      {shown?.value.length === 0 && (
        <p class="quiet">
          {status === null
            ? links.length === 0
              ? "Nothing was sent to this device yet."
              : "There are no older ones."
            : `No command is in the status ${status}.`}
        </p>
      )}
      <ul class="entries">
        {shown?.value.map((command) => (
          <li key={command.id}>
            <a class="entry" href={commandAddress(device, command.id)}>
              <span class="subject clip">
                <ForeignText>{subjectOf(command)}</ForeignText>
              </span>
              <span class="quiet small clip">
                <Time at={command.createdDateTime} seconds /> · <ForeignText>{kindOf(command)}</ForeignText>
              </span>
              <StatusBadge status={command.status} />
            </a>
          </li>
        ))}
      </ul>
      {(links.length > 0 || shown?.nextLink) && (
        <div class="row">
          <button
            type="button"
            disabled={links.length === 0}
            onClick={() => setPlace({ status, links: links.slice(0, -1) })}
          >
            Newer
          </button>
          <button
            type="button"
            disabled={!shown?.nextLink}
            onClick={() => shown?.nextLink && setPlace({ status, links: [...links, shown.nextLink] })}
          >
            Older
          </button>
        </div>
      )}
    </section>
  );
}

function StatusOptions({ label, statuses }: { label: string; statuses: readonly Status[] }): VNode {
  return (
    <optgroup label={label}>
      {statuses.map((status) => (
        <option key={status} value={status}>
          {status}
        </option>
      ))}
    </optgroup>
  );
}

/** The next page that has something on it: of live statuses, the service knows only while reading which they are. */
async function page(
  client: Client,
  device: string,
  status: Status | null,
  next: string | null,
  signal: AbortSignal,
): Promise<Page<CommandEntity>> {
  let found = await client.commands(device, { status: status ?? undefined, top: PAGE, next });
  while (found.value.length === 0 && found.nextLink !== null && !signal.aborted) {
    found = await client.commands(device, { next: found.nextLink });
  }
  return found;
}

/** What a command is about: the address to open, or the service to call. */
export function subjectOf(command: CommandEntity): string {
  return command.type === "LaunchUri" ? uriOf(command.payload) : (command.appServiceName ?? "");
}

function kindOf({ type, packageFamilyName }: CommandEntity): string {
  return packageFamilyName === null ? type : `${type} · ${packageFamilyName}`;
}
