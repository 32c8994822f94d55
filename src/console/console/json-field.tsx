import type { ComponentChildren, VNode } from "preact";
import { useRef } from "preact/hooks";
import { faultIn } from "../../json-fault.ts";
import { Field } from "../components.tsx";

/** An editor of JSON: it says where a mistake is, and puts the text in order. The Tab key leaves it, as any field. */
export function JsonField({
  label,
  hint,
  problem,
  value,
  rows,
  onInput,
}: {
  label: string;
  hint?: ComponentChildren;
  problem: string | null;
  value: string;
  rows: number;
  onInput: (value: string) => void;
}): VNode {
  const editor = useRef<HTMLTextAreaElement>(null);
  const fault = value.trim() === "" ? null : faultIn(value);
  const goToFault = (): void => {
    const area = editor.current;
    if (area === null || fault === null) return;
    area.focus();
    area.setSelectionRange(fault.offset, fault.offset + 1);
  };
  const format = (): void => onInput(JSON.stringify(JSON.parse(value), null, 2));
  return (
    <div class="json-field">
      <Field label={label} hint={hint} problem={problem}>
        {(control) => (
          <textarea
            {...control}
            ref={editor}
            rows={rows}
            value={value}
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            onInput={({ currentTarget }) => onInput(currentTarget.value)}
          />
        )}
      </Field>
      {fault === null ? (
        <button type="button" class="plain lesser" disabled={value.trim() === ""} onClick={format}>
          Format
        </button>
      ) : (
        <button type="button" class="plain lesser" onClick={goToFault}>
          Go to the mistake
        </button>
      )}
    </div>
  );
}
