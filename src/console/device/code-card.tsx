import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { PairingCode } from "../../agent/pairing.ts";
import { ActionButton, Notice } from "../components.tsx";
import { ForeignText } from "../foreign-text.tsx";
import { ArrivalHeading } from "../heading.tsx";
import { explain } from "../live.ts";
import { minutesAndSeconds, useNow } from "../now.ts";
import type { Person } from "../use-session.ts";
import { AccountName } from "../who.tsx";
import { QrPicture } from "./qr-picture.tsx";

/** Characters of the name that are shown. */
const NAME_LENGTH = 60;

/** The code that lets this browser into an account, for as long as it is good. */
export function CodeCard({
  person,
  code,
  name,
  onApproved,
  onRenew,
  onCancel,
}: {
  person: Person | null;
  code: PairingCode;
  name: string;
  /** The person let it in from here; told with the device's id. */
  onApproved: (deviceId: string) => void;
  onRenew: () => void;
  onCancel: () => void;
}): VNode {
  const now = useNow(1_000);
  const address = code.verificationUri.replace(/^https?:\/\//, "");
  return (
    <section class="card" aria-labelledby="pairing">
      <ArrivalHeading id="pairing">Add this browser to your account</ArrivalHeading>
      <div class="code-grid">
        <div class="stack">
          <p>
            On a device where you are signed in, open{" "}
            <a class="wrap" href={code.verificationUriComplete} target="_blank" rel="noopener">
              {address}
            </a>{" "}
            and enter this code, or scan the picture.
          </p>
          <p class="code" role="status">
            <span class="visually-hidden">Your code is </span>
            {code.userCode}
          </p>
          <p class="quiet">
            Good for <span class="digits">{minutesAndSeconds(code.expiresAt - now)}</span>. It joins as{" "}
            <ForeignText most={NAME_LENGTH}>{name}</ForeignText>.
          </p>
        </div>
        <QrPicture
          text={code.verificationUriComplete}
          label={`QR code of the address with ${code.userCode}`}
        />
      </div>
      {person !== null && <AddNow person={person} userCode={code.userCode} onApproved={onApproved} />}
      <div class="row">
        <button type="button" onClick={onRenew}>
          Get a new code
        </button>
        <button type="button" class="plain" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </section>
  );
}

/** The short way, for whoever is signed in in this very browser. */
function AddNow({
  person,
  userCode,
  onApproved,
}: {
  person: Person;
  userCode: string;
  onApproved: (deviceId: string) => void;
}): VNode {
  const [error, setError] = useState<Error | null>(null);
  const approve = async (): Promise<void> => {
    try {
      const { id } = await person.client.approve(userCode);
      onApproved(id);
    } catch (failure) {
      setError(failure as Error);
    }
  };
  return (
    <div class="stack short-way">
      <p>
        You are signed in in this browser as{" "}
        <strong>
          <AccountName account={person.account} />
        </strong>
        .
      </p>
      <div class="row">
        <ActionButton class="primary" action={approve}>
          Add it to my account now
        </ActionButton>
      </div>
      {error !== null && (
        <Notice tone="bad" title={explain(error).title}>
          {error.message}
        </Notice>
      )}
    </div>
  );
}
