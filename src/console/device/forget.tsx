import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { ServiceError } from "../../client/service-error.ts";
import { ActionButton, CopyButton, Dialog, Notice } from "../components.tsx";
import type { Person } from "../use-session.ts";
import { SERVICES } from "./handlers.ts";
import type { OwnDevice } from "./own-device.ts";

/** The end of a device: its key is deleted here, and where the person is signed in it is unregistered as well. */
export function Forget({
  person,
  device,
  onForget,
}: {
  person: Person | null;
  device: OwnDevice;
  onForget: () => Promise<void>;
}): VNode {
  const [asking, setAsking] = useState(false);
  return (
    <section class="card" aria-labelledby="about">
      <h2 id="about">About this device</h2>
      <dl class="facts">
        <dt>Id</dt>
        <dd class="mono wrap">
          {device.deviceId} <CopyButton text={device.deviceId}>Copy</CopyButton>
        </dd>
        <dt>Services</dt>
        <dd class="mono wrap">{SERVICES.join(", ")}</dd>
        <dt>Key</dt>
        <dd>Kept by this browser for this page alone; nothing can read it out.</dd>
      </dl>
      <div class="row">
        <button type="button" class="danger" onClick={() => setAsking(true)}>
          Forget this device
        </button>
      </div>
      {asking && (
        <ForgetDialog person={person} device={device} onForget={onForget} onClose={() => setAsking(false)} />
      )}
    </section>
  );
}

function ForgetDialog({
  person,
  device: { deviceId },
  onForget,
  onClose,
}: {
  person: Person | null;
  device: OwnDevice;
  onForget: () => Promise<void>;
  onClose: () => void;
}): VNode {
  const [failure, setFailure] = useState<string | null>(null);
  const forget = async (): Promise<void> => {
    if (person !== null && failure === null) {
      try {
        await person.client.unregister(deviceId);
      } catch (error) {
        // Unregistered before, or another account's, which it stays.
        if (!(error instanceof ServiceError && error.status === 404)) {
          setFailure((error as Error).message);
          return;
        }
      }
    }
    await onForget();
  };
  return (
    <Dialog title="Forget this device?" onClose={onClose}>
      <p>This device’s key is deleted here. What was sent to it and not yet answered will not be.</p>
      <p>
        {person === null
          ? "You are not signed in in this browser, so it stays in your account until you unregister it in the console."
          : "It is unregistered from your account, too."}
      </p>
      {failure !== null && (
        <Notice tone="bad" title="It could not be unregistered">
          {`${failure} Forgetting it here is still possible; then unregister it in the console.`}
        </Notice>
      )}
      <div class="row">
        <ActionButton class="danger" action={forget}>
          {failure === null ? "Forget" : "Forget it here"}
        </ActionButton>
        <button type="button" onClick={onClose}>
          Keep it
        </button>
      </div>
    </Dialog>
  );
}
