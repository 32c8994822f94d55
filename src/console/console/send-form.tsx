import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Client } from "../../client/client.ts";
import { ServiceError } from "../../client/service-error.ts";
import type { DeviceStatus } from "../../device/device.ts";
import { Field } from "../components.tsx";
import { commandOf, type Draft, EMPTY, fieldOf, type Problems, problemsOf } from "./draft.ts";
import { JsonField } from "./json-field.tsx";
import { type Bound, SendOptions } from "./send-options.tsx";
import { Refusal } from "./view.tsx";

/** App services that devices of ours have. */
const KNOWN_SERVICES = ["appia.ping", "appia.notify", "appia.clipboard", "appia.systemInfo"];

/** Sending a device a command. */
export function SendForm({
  client,
  device,
  status,
  draft: first,
  onSent,
}: {
  client: Client;
  device: string;
  /** The device's presence; null while it is not known. */
  status: DeviceStatus | null;
  /** What the form begins with; null: nothing. */
  draft: Draft | null;
  onSent: (command: string) => void;
}): VNode {
  const [draft, setDraft] = useState<Draft>(first ?? EMPTY);
  // Nobody is told of a mistake in a field that they have not come to yet.
  const [seen, setSeen] = useState<ReadonlySet<keyof Draft>>(new Set());
  const [error, setError] = useState<Error | null>(null);
  /** What the service said of a field, and of what was in it. */
  const [said, setSaid] = useState<{ field: keyof Draft; value: string; message: string } | null>(null);
  const form = useRef<HTMLFormElement>(null);
  const { busy, send } = useSending(client, device);
  const problems = problemsOf(draft);
  const change = (part: Partial<Draft>): void => setDraft((before) => ({ ...before, ...part }));
  const bind = (field: keyof Draft): Bound => ({
    value: draft[field],
    onInput: ({ currentTarget }) => change({ [field]: currentTarget.value }),
    onBlur: () => setSeen((before) => new Set(before).add(field)),
  });
  const told: Problems = {
    ...(said !== null && draft[said.field] === said.value && { [said.field]: said.message }),
    // JSON is told of as it is written.
    ...Object.fromEntries(
      Object.entries(problems).filter(
        ([field]) => /payload|beside/.test(field) || seen.has(field as keyof Draft),
      ),
    ),
  };

  /** Counts the refusals, each of which leads to the field that it is about. */
  const [refused, setRefused] = useState(0);
  useEffect(() => {
    if (refused === 0) return;
    const wrong = form.current?.querySelector<HTMLElement>('[aria-invalid="true"]');
    const folded = wrong?.closest("details");
    if (folded) folded.open = true;
    wrong?.focus();
  }, [refused]);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (Object.keys(problems).length > 0) {
      setSeen(new Set(Object.keys(problems) as (keyof Draft)[]));
      setRefused(refused + 1);
      return;
    }
    try {
      const command = await send(draft);
      if (command !== null) onSent(command);
    } catch (failure) {
      const { message } = failure as Error;
      const field = failure instanceof ServiceError ? fieldOf(message) : null;
      setError(field === null ? (failure as Error) : null);
      setSaid(field === null ? null : { field, value: draft[field], message });
      setRefused(refused + 1);
    }
  };

  return (
    <section class="card" aria-labelledby="send">
      <h2 id="send">Send a command</h2>
      <form ref={form} class="form" noValidate onSubmit={(event) => void submit(event)}>
        <TypeChoice type={draft.type} onChange={(type) => change({ type })} />
        {draft.type === "LaunchUri" ? (
          <Field label="URI" hint="What the device is to open." problem={told.uri ?? null}>
            {(control) => (
              <input
                {...control}
                {...bind("uri")}
                type="url"
                inputMode="url"
                autocomplete="off"
                spellcheck={false}
                placeholder="https://example.com/"
              />
            )}
          </Field>
        ) : (
          <AppServiceFields draft={draft} told={told} bind={bind} onChange={change} />
        )}
        <SendOptions draft={draft} told={told} bind={bind} onChange={change} />
        <div class="row">
          <button type="submit" class={busy ? "primary loading" : "primary"} disabled={busy}>
            {busy ? "Sending" : "Send"}
          </button>
          <p class="quiet small">{prospect(status, draft.whenOffline)}</p>
        </div>
        {error !== null && (
          <Refusal
            // Anew each time, so that it is read out again.
            key={refused}
            error={error}
            gone="Whether the command has arrived is not known. Send it again as it is: it does not become a second command."
          />
        )}
      </form>
    </section>
  );
}

/** What becomes of a command that is sent now. */
function prospect(status: DeviceStatus | null, whenOffline: Draft["whenOffline"]): string {
  if (status === null || status === "Online" || status === "Standby") return "";
  return whenOffline === "queue"
    ? "The device is not connected; the command will wait for it."
    : "The device is not connected; the command will fail.";
}

/**
 * Sends a draft, one at a time; answers the command's id, or null while another is under way. The same draft, sent
 * again after an answer that was lost, is the same command.
 */
function useSending(
  client: Client,
  device: string,
): { busy: boolean; send: (draft: Draft) => Promise<string | null> } {
  const [busy, setBusy] = useState(false);
  const underWay = useRef(false);
  const intent = useRef({ body: "", key: "" });
  const send = async (draft: Draft): Promise<string | null> => {
    if (underWay.current) return null;
    const command = commandOf(draft);
    const body = JSON.stringify(command);
    if (intent.current.body !== body) intent.current = { body, key: crypto.randomUUID() };
    underWay.current = true;
    setBusy(true);
    try {
      const { id } = await client.send(device, command, { key: intent.current.key });
      intent.current = { body: "", key: "" };
      return id;
    } finally {
      underWay.current = false;
      setBusy(false);
    }
  };
  return { busy, send };
}

function TypeChoice({
  type,
  onChange,
}: {
  type: Draft["type"];
  onChange: (type: Draft["type"]) => void;
}): VNode {
  const choice = (value: Draft["type"], text: string): VNode => (
    <label class="segment">
      <input
        type="radio"
        name="type"
        value={value}
        checked={type === value}
        onChange={() => onChange(value)}
      />
      <span>
        <strong>{value}</strong>
        <span class="quiet small">{text}</span>
      </span>
    </label>
  );
  return (
    <fieldset class="segments">
      <legend class="visually-hidden">Type</legend>
      {choice("LaunchUri", "open a page")}
      {choice("AppService", "ask an app")}
    </fieldset>
  );
}

function AppServiceFields({
  draft,
  told,
  bind,
  onChange,
}: {
  draft: Draft;
  told: Problems;
  bind: (field: keyof Draft) => Bound;
  onChange: (part: Partial<Draft>) => void;
}): VNode {
  return (
    <>
      <Field label="App service" problem={told.appServiceName ?? null}>
        {(control) => (
          <input
            {...control}
            {...bind("appServiceName")}
            list="known-services"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            placeholder="appia.ping"
          />
        )}
      </Field>
      <datalist id="known-services">
        {KNOWN_SERVICES.map((service) => (
          <option key={service} value={service} />
        ))}
      </datalist>
      <Field label="Package" problem={told.packageFamilyName ?? null}>
        {(control) => (
          <input
            {...control}
            {...bind("packageFamilyName")}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
          />
        )}
      </Field>
      <JsonField
        label="Payload"
        hint="JSON, as the app is to get it."
        problem={told.payload ?? null}
        rows={7}
        value={draft.payload}
        onInput={(payload) => onChange({ payload })}
      />
    </>
  );
}
