import type { VNode } from "preact";
import type { DeviceEntity } from "../../client/entities.ts";
import { ForeignText } from "../foreign-text.tsx";
import { ArrivalHeading } from "../heading.tsx";

/** Characters of a name that a heading has room for. */
const NAME_LENGTH = 60;

export type Decision = { type: "approved"; device: DeviceEntity } | { type: "denied"; name: string };

/** What a decision came to, and where to go from there. */
export function Decided({ decision, onAnother }: { decision: Decision; onAnother: () => void }): VNode {
  const another = (
    <button type="button" onClick={onAnother}>
      Pair another
    </button>
  );
  if (decision.type === "denied") {
    return (
      <section class="card" aria-labelledby="decided">
        <ArrivalHeading id="decided">
          “<ForeignText most={NAME_LENGTH}>{decision.name}</ForeignText>” was denied
        </ArrivalHeading>
        <p>It is told so, and its code is used up. Nothing in your account has changed.</p>
        <div class="row">{another}</div>
      </section>
    );
  }
  const { id, name } = decision.device;
  return (
    <section class="card" aria-labelledby="decided">
      <ArrivalHeading id="decided">
        “<ForeignText most={NAME_LENGTH}>{name}</ForeignText>” is now your device
      </ArrivalHeading>
      <p>It hears of it within a few seconds and connects. What you send until then waits for it.</p>
      <div class="row">
        <a class="button primary" href={`/#/devices/${id}`}>
          Send it a page now
        </a>
        {another}
      </div>
    </section>
  );
}
