import type { VNode } from "preact";
import type { CommandEntity, HistoryEntity } from "../../client/entities.ts";
import { Badge, Time, type Tone } from "../components.tsx";
import { ForeignText } from "../foreign-text.tsx";

type Attempt = NonNullable<HistoryEntity["postBacks"]>[number];

const OUTCOMES: Record<Attempt["outcome"], Tone> = { accepted: "good", failed: "bad", gone: "warning" };

/** The attempts at telling the receiver. */
export function PostBacks({
  attempts,
  sightings,
  uri,
}: {
  attempts: readonly Attempt[];
  sightings: ReadonlyMap<number, CommandEntity>;
  uri: string | null;
}): VNode {
  return (
    <section class="card" aria-labelledby="post-backs">
      <h2 id="post-backs">Post-backs</h2>
      <p class="quiet small three-lines">
        to <ForeignText>{uri ?? ""}</ForeignText>
      </p>
      {attempts.length === 0 && <p class="quiet">None was sent yet.</p>}
      <ol class="timeline">
        {attempts.map(({ sequence, dateTime, status, outcome, reason }, index) => (
          <li key={`${dateTime} ${index}`}>
            <span class="when">
              <Time at={dateTime} seconds />
            </span>
            <span class="what">
              <span class="row">
                <Badge tone={OUTCOMES[outcome]}>{outcome}</Badge>
                <span class="small">
                  #{sequence} {sightings.get(sequence)?.status}
                </span>
                {status !== null && <span class="quiet small">HTTP {status}</span>}
              </span>
              {reason !== null && <ForeignText>{reason}</ForeignText>}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
