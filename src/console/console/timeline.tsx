import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { CommandEntity, HistoryEntry } from "../../client/entities.ts";
import { Badge, Time } from "../components.tsx";
import { ForeignText } from "../foreign-text.tsx";
import { StatusBadge } from "./badges.tsx";
import { Percent } from "./percent.tsx";

/** Entries shown of a long history before one asks for all: the first ones and the last. */
const FIRST = 5;
const LAST = 12;

/** A line of the timeline: an event, and once the history was read, its cause. */
interface Line {
  sequence: number;
  dateTime: string;
  status: CommandEntity["status"];
  /** Milliseconds since the command was accepted. */
  afterMs: number;
  percent: number | null;
  attempt: number | null;
  /** Why, or what the device says; null while it is not known. */
  cause: string | null;
  late: boolean;
}

/** A command's history as it happens. */
export function Timeline({
  sightings,
  entries,
  isBroken,
  hasEnded,
}: {
  sightings: ReadonlyMap<number, CommandEntity>;
  entries: readonly HistoryEntry[];
  isBroken: boolean;
  hasEnded: boolean;
}): VNode {
  const [all, setAll] = useState(false);
  const lines = linesOf(sightings, entries);
  const hidden = all || lines.length <= FIRST + LAST + 1 ? 0 : lines.length - FIRST - LAST;
  return (
    <section class="card" aria-labelledby="timeline">
      <div class="row">
        <h2 id="timeline">Timeline</h2>
        <p class={`pulse ${isBroken ? "warning" : hasEnded ? "over" : ""}`} role="status">
          {isBroken ? "Broken; trying again" : hasEnded ? "Ended" : "Live"}
        </p>
      </div>
      <ol class="timeline">
        {lines.slice(0, hidden > 0 ? FIRST : undefined).map((line) => (
          <TimelineEntry key={line.sequence} line={line} />
        ))}
        {hidden > 0 && (
          <li class="gap">
            <button type="button" class="plain" onClick={() => setAll(true)}>
              Show {hidden} more
            </button>
          </li>
        )}
        {hidden > 0 && lines.slice(-LAST).map((line) => <TimelineEntry key={line.sequence} line={line} />)}
      </ol>
    </section>
  );
}

function TimelineEntry({ line }: { line: Line }): VNode {
  const { dateTime, status, afterMs, percent, attempt, cause, late } = line;
  return (
    <li class={late ? "late" : undefined}>
      <span class="when">
        <Time at={dateTime} seconds />
        <span class="quiet small">{afterMs === 0 ? "" : `+${spanOf(afterMs)}`}</span>
      </span>
      <span class="what">
        <span class="row">
          <StatusBadge status={status} />
          {late && <Badge tone="warning">late</Badge>}
          {attempt !== null && <span class="quiet small">attempt {attempt}</span>}
        </span>
        <ForeignText>{cause ?? "…"}</ForeignText>
        {percent !== null && <Percent percent={percent} />}
      </span>
    </li>
  );
}

function linesOf(sightings: ReadonlyMap<number, CommandEntity>, entries: readonly HistoryEntry[]): Line[] {
  const count = Math.max(sightings.size, entries.length);
  const acceptedAt = Date.parse(sightings.get(1)?.createdDateTime ?? entries[0]?.dateTime ?? "");
  return Array.from({ length: count }, (_, index) => {
    const sequence = index + 1;
    const entry = entries[index];
    const sighting = sightings.get(sequence);
    const progress = sighting?.status === "custom" ? sighting.statusDetail : null;
    const dateTime = entry?.dateTime ?? sighting?.lastModifiedDateTime ?? "";
    return {
      sequence,
      dateTime,
      status: entry?.status ?? sighting?.status ?? "requesting",
      afterMs: Math.max(0, Date.parse(dateTime) - acceptedAt),
      percent: progress?.percent ?? null,
      attempt: entry?.attempt ?? null,
      cause: progress?.message ?? entry?.cause ?? null,
      late: entry?.late ?? false,
    };
  });
}

/** "5 ms", "1.2 s", "3 min", "2 h": how long after the command was accepted. */
function spanOf(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 3_600_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
