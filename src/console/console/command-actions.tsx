import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { type Client, hasEnded } from "../../client/client.ts";
import type { CommandEntity } from "../../client/entities.ts";
import { ActionButton, Dialog } from "../components.tsx";
import { Refusal } from "./view.tsx";

/** What can be done with a command. */
export function CommandActions({
  client,
  device,
  command,
  onChange,
  onAgain,
  onErased,
}: {
  client: Client;
  device: string;
  command: CommandEntity;
  onChange: () => void;
  onAgain: () => void;
  onErased: () => void;
}): VNode {
  const [error, setError] = useState<Error | null>(null);
  const [erasing, setErasing] = useState(false);
  const ended = hasEnded(command);
  const isCancelling = command.status === "cancel" || command.status === "cancelling";
  const why = ended ? "It has ended." : isCancelling ? "Cancellation is under way." : "";
  const cancel = async (): Promise<void> => {
    setError(null);
    try {
      await client.cancel(device, command.id);
      onChange();
    } catch (failure) {
      setError(failure as Error);
    }
  };
  return (
    <>
      <div class="row buttons">
        <button type="button" onClick={onAgain}>
          Send again
        </button>
        <ActionButton action={cancel} disabled={ended || isCancelling} aria-describedby="no-cancel">
          Cancel
        </ActionButton>
        <button
          type="button"
          class="danger"
          disabled={!ended}
          aria-describedby="no-erase"
          onClick={() => setErasing(true)}
        >
          Erase
        </button>
      </div>
      <p class="quiet small">
        <span id="no-cancel">{why === "" ? "" : `Nothing to cancel: ${lowered(why)}`}</span>
        <span id="no-erase">{ended ? "" : " It can be erased once it has ended."}</span>
      </p>
      {error !== null && (
        <Refusal error={error} gone="Whether it is being cancelled is not known. Try again." />
      )}
      {erasing && (
        <EraseDialog
          client={client}
          device={device}
          command={command.id}
          onErased={onErased}
          onClose={() => setErasing(false)}
        />
      )}
    </>
  );
}

function lowered(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

function EraseDialog({
  client,
  device,
  command,
  onErased,
  onClose,
}: {
  client: Client;
  device: string;
  command: string;
  onErased: () => void;
  onClose: () => void;
}): VNode {
  const [error, setError] = useState<Error | null>(null);
  const erase = async (): Promise<void> => {
    try {
      await client.erase(device, command);
      onErased();
    } catch (failure) {
      setError(failure as Error);
    }
  };
  return (
    <Dialog title="Erase this command?" onClose={onClose}>
      <p>What was sent, what the device answered and how it came to that are gone for good.</p>
      {error !== null && <Refusal error={error} gone="It may still be there. Try again." />}
      <div class="row">
        <ActionButton class="danger" action={erase}>
          Erase
        </ActionButton>
        <button type="button" onClick={onClose}>
          Keep it
        </button>
      </div>
    </Dialog>
  );
}
