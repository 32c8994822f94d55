import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { Client } from "../../client/client.ts";
import type { PairingEntity } from "../../client/entities.ts";
import { ServiceError } from "../../client/service-error.ts";
import { ActionButton, Notice } from "../components.tsx";
import { ForeignText } from "../foreign-text.tsx";
import { ArrivalHeading } from "../heading.tsx";
import { explain } from "../live.ts";
import { minutesAndSeconds, useNow } from "../now.ts";
import { ago } from "./ago.ts";
import type { Decision } from "./decided.tsx";

/** What asks to become a device, with all that a person can judge it by. */
export function RequestCard({
  client,
  pairing,
  onDecided,
  onGone,
  onBack,
}: {
  client: Client;
  pairing: PairingEntity;
  onDecided: (decision: Decision) => void;
  /** The code is good no longer, or may not be asked about just now. */
  onGone: (error: Error) => void;
  onBack: () => void;
}): VNode {
  const [error, setError] = useState<Error | null>(null);
  const now = useNow(1_000);

  const { userCode, name, kind, platform, manufacturer, model, place, sameAddress } = pairing;
  const act = async (decide: () => Promise<Decision>): Promise<void> => {
    try {
      onDecided(await decide());
    } catch (failure) {
      if (failure instanceof ServiceError && (failure.status === 404 || failure.status === 429))
        onGone(failure);
      else setError(failure as Error);
    }
  };
  const approve = (): Promise<void> =>
    act(async () => ({ type: "approved", device: await client.approve(userCode) }));
  const deny = (): Promise<void> =>
    act(async () => {
      await client.deny(userCode);
      return { type: "denied", name };
    });

  return (
    <section class="card" aria-labelledby="request">
      <ArrivalHeading id="request">Let this device into your account?</ArrivalHeading>
      <dl class="facts">
        <dt>Name</dt>
        <dd>
          <strong>
            <ForeignText>{name}</ForeignText>
          </strong>
        </dd>
        <dt>Code</dt>
        <dd class="mono">{userCode}</dd>
        <dt>Kind</dt>
        <dd>
          {kind}, {platform}
        </dd>
        {(manufacturer !== null || model !== null) && (
          <>
            <dt>Made by</dt>
            <dd>
              <ForeignText>{[manufacturer, model].filter((word) => word !== null).join(", ")}</ForeignText>
            </dd>
          </>
        )}
        <dt>From</dt>
        <dd>{place ?? "place unknown"}</dd>
        <dt>Network</dt>
        <dd>{sameAddress ? "the same as yours" : "another than yours, or unknown"}</dd>
        <dt>Asked</dt>
        <dd>
          {ago(Date.parse(pairing.createdDateTime), now)}; good for{" "}
          <span class="digits">{minutesAndSeconds(Date.parse(pairing.expirationDateTime) - now)}</span> more
        </dd>
      </dl>
      <p class="caution">
        Approve only if you started this yourself, on a device in front of you, and it shows this very code.
        If somebody sent you the code or the link, deny it.
      </p>
      {error !== null && (
        <Notice tone="bad" title={explain(error).title}>
          {error instanceof ServiceError ? error.message : "Nothing was decided. Try again in a moment."}
        </Notice>
      )}
      <div class="row">
        <ActionButton class="primary" action={approve}>
          Approve
        </ActionButton>
        <ActionButton class="danger" action={deny}>
          Deny
        </ActionButton>
        <button type="button" class="plain end" onClick={onBack}>
          Another code
        </button>
      </div>
    </section>
  );
}
