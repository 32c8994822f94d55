import type { VNode } from "preact";
import { Badge, Time, type Tone } from "../components.tsx";
import { ForeignText } from "../foreign-text.tsx";
import type { Received } from "./state.ts";

const OUTCOMES: Record<Received["outcome"], { tone: Tone; text: string }> = {
  running: { tone: "busy", text: "Under way" },
  cancelling: { tone: "busy", text: "Being cancelled" },
  completed: { tone: "good", text: "Done" },
  failed: { tone: "bad", text: "Failed" },
  canceled: { tone: "quiet", text: "Cancelled" },
  dropped: { tone: "warning", text: "Declined" },
};

/** What the device has received since the page was opened, the newest first. */
export function ReceivedList({
  received,
  deviceId,
}: {
  received: readonly Received[];
  deviceId: string;
}): VNode {
  return (
    <section class="card" aria-labelledby="received">
      <h2 id="received" tabIndex={-1}>
        Received
      </h2>
      {received.length === 0 ? (
        <p class="quiet">
          Nothing yet. <a href={`/#/devices/${deviceId}`}>Send it something from the console</a>.
        </p>
      ) : (
        <ol class="received">
          {received.map(({ id, at, what, outcome, message }) => (
            <li key={id}>
              <span class="quiet small digits">
                <Time at={new Date(at).toISOString()} seconds />
              </span>
              <span class="stack">
                <span class="some-lines">
                  <ForeignText>{what}</ForeignText>
                </span>
                {message !== null && outcome !== "canceled" && (
                  <span class="quiet small">
                    <ForeignText>{message}</ForeignText>
                  </span>
                )}
              </span>
              <Badge tone={OUTCOMES[outcome].tone}>{OUTCOMES[outcome].text}</Badge>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
