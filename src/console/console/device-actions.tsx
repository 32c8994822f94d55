import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { Client } from "../../client/client.ts";
import type { DeviceEntity } from "../../client/entities.ts";
import { DEVICE_TEXT_LENGTH_MAX } from "../../limits.ts";
import { ActionButton, Dialog, Field } from "../components.tsx";
import { ForeignText } from "../foreign-text.tsx";
import { neverObeyed } from "../foreign-words.ts";
import { Refusal } from "./view.tsx";

/** What a device is, in a line: "Desktop · Linux · ACME T14". */
export function madeOf({ kind, platform, manufacturer, model }: DeviceEntity): string {
  const make = [manufacturer, model].filter(Boolean).join(" ");
  const known = [kind, platform].map((word) => (word === "Unknown" ? "" : word));
  return [...known, make].filter(Boolean).join(" · ") || "Unknown kind";
}

interface ActionProps {
  client: Client;
  device: DeviceEntity;
  /** It is called something else now. */
  onChange: () => Promise<void>;
  /** It is no device any more. */
  onGone: () => Promise<void>;
}

/** Renaming and unregistering a device. */
export function DeviceActions(props: ActionProps): VNode {
  const [open, setOpen] = useState<"rename" | "unregister" | null>(null);
  const close = (): void => setOpen(null);
  const name = neverObeyed(props.device.name);
  return (
    <div class="row actions">
      <button
        type="button"
        class="plain lesser"
        aria-label={`Rename ${name}`}
        onClick={() => setOpen("rename")}
      >
        Rename
      </button>
      <button
        type="button"
        class="plain lesser"
        aria-label={`Unregister ${name}`}
        onClick={() => setOpen("unregister")}
      >
        Unregister
      </button>
      {open === "rename" && <RenameDialog {...props} onClose={close} />}
      {open === "unregister" && <UnregisterDialog {...props} onClose={close} />}
    </div>
  );
}

function RenameDialog({ client, device, onChange, onClose }: ActionProps & { onClose: () => void }): VNode {
  const [name, setName] = useState(device.name);
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    try {
      await client.rename(device.id, name);
      await onChange();
      onClose();
    } catch (failure) {
      setError(failure as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog title="Rename" onClose={onClose}>
      <form class="stack" onSubmit={(event) => void submit(event)}>
        <Field label="Name">
          {(control) => (
            <input
              {...control}
              value={name}
              maxLength={DEVICE_TEXT_LENGTH_MAX}
              autocomplete="off"
              onInput={({ currentTarget }) => setName(currentTarget.value)}
            />
          )}
        </Field>
        {error !== null && <Refusal error={error} gone="The name may be the old one. Try again." />}
        <div class="row">
          <button type="submit" class="primary" disabled={busy || name.trim() === ""}>
            Rename
          </button>
          <button type="button" onClick={onClose}>
            Keep the name
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function UnregisterDialog({ client, device, onGone, onClose }: ActionProps & { onClose: () => void }): VNode {
  const [error, setError] = useState<Error | null>(null);
  const unregister = async (): Promise<void> => {
    try {
      await client.unregister(device.id);
      await onGone();
      onClose();
    } catch (failure) {
      setError(failure as Error);
    }
  };
  return (
    <Dialog title="Unregister this device?" onClose={onClose}>
      <p class="wrap">
        <strong>
          <ForeignText>{device.name}</ForeignText>
        </strong>{" "}
        is disconnected and can never come back as this device; to use it again, add it anew.
      </p>
      <p>
        Commands that have not ended end now, as <code>failedToSend</code> or <code>canceled</code>. The list
        of its commands goes with it.
      </p>
      {error !== null && <Refusal error={error} gone="It may still be registered. Try again." />}
      <div class="row">
        <ActionButton class="danger" action={unregister}>
          Unregister
        </ActionButton>
        <button type="button" onClick={onClose}>
          Keep it
        </button>
      </div>
    </Dialog>
  );
}
