import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { Field } from "../components.tsx";
import { type Draft, EMPTY, type Problems } from "./draft.ts";
import { JsonField } from "./json-field.tsx";

/** What a field needs to be part of the form. */
export interface Bound {
  value: string;
  onInput: (event: { currentTarget: { value: string } }) => void;
  onBlur: () => void;
}

/** What most commands leave as it is; open where this one does not. */
export function SendOptions({
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
  // From then on it is the person who opens and closes it.
  const [opened] = useState(() => isUsed(draft));
  return (
    <details open={opened}>
      <summary>Options</summary>
      <div class="form">
        {draft.type === "LaunchUri" && (
          <JsonField
            label="Beside the URI"
            hint="JSON; what else the payload holds."
            problem={told.beside ?? null}
            rows={3}
            value={draft.beside}
            onInput={(beside) => onChange({ beside })}
          />
        )}
        <div class="pair">
          <Field
            label="Deliver within"
            hint="ISO 8601; PT24H if left out."
            problem={told.deliveryTimeout ?? null}
          >
            {(control) => (
              <input {...control} {...bind("deliveryTimeout")} placeholder="PT24H" autocomplete="off" />
            )}
          </Field>
          <Field
            label="Execute within"
            hint="ISO 8601; PT10M if left out."
            problem={told.executionTimeout ?? null}
          >
            {(control) => (
              <input {...control} {...bind("executionTimeout")} placeholder="PT10M" autocomplete="off" />
            )}
          </Field>
        </div>
        <Field label="When the device is offline">
          {(control) => (
            <select
              {...control}
              value={draft.whenOffline}
              onChange={({ currentTarget }) =>
                onChange({ whenOffline: currentTarget.value === "fail" ? "fail" : "queue" })
              }
            >
              <option value="queue">wait for it (queue)</option>
              <option value="fail">fail at once (fail)</option>
            </select>
          )}
        </Field>
        <Field
          label="Post-back address"
          hint="Each change of status is posted there."
          problem={told.postBackUri ?? null}
        >
          {(control) => (
            <input
              {...control}
              {...bind("postBackUri")}
              type="url"
              inputMode="url"
              autocomplete="off"
              spellcheck={false}
              placeholder="https://"
            />
          )}
        </Field>
      </div>
    </details>
  );
}

function isUsed(draft: Draft): boolean {
  const fields = ["beside", "deliveryTimeout", "executionTimeout", "whenOffline", "postBackUri"] as const;
  return fields.some((field) => draft[field] !== EMPTY[field]);
}
