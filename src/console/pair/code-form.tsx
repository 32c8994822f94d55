import type { TargetedInputEvent, VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Field, Notice } from "../components.tsx";
import { useNow } from "../now.ts";
import { caretAfter, problemWithCode, writtenAsCode } from "./code.ts";

export type CodeProblem =
  /** It is the code's fault. */
  | { type: "field"; text: string }
  /** Milliseconds since the epoch until which the service answers no more. */
  | { type: "tooMany"; until: number }
  | { type: "elsewhere"; title: string; text: string };

/** The field for the code that a device shows. */
export function CodeForm({
  code,
  onCode,
  problem,
  onSubmit,
}: {
  code: string;
  onCode: (code: string) => void;
  problem: CodeProblem | null;
  onSubmit: (code: string) => Promise<void>;
}): VNode {
  const [mistake, setMistake] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const msLeft = useTimeLeft(problem?.type === "tooMany" ? problem.until : null);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const wrong = problemWithCode(code);
    setMistake(wrong);
    if (wrong === null && !busy && msLeft === 0) {
      setBusy(true);
      await onSubmit(code);
      setBusy(false);
    }
    field.current?.focus();
  };

  const typed = ({ currentTarget }: TargetedInputEvent<HTMLInputElement>): void => {
    const { value, selectionStart } = currentTarget;
    currentTarget.value = writtenAsCode(value);
    const caret = caretAfter(value, selectionStart ?? value.length);
    currentTarget.setSelectionRange(caret, caret);
    setMistake(null);
    onCode(currentTarget.value);
  };

  return (
    <section class="card" aria-labelledby="pair">
      <h1 id="pair">Pair a device</h1>
      <p>
        A device that wants to join your account shows a code: open <code>{location.host}/device</code> in a
        browser, or run <code>appia device</code> on a computer.
      </p>
      <form class="stack code-form" onSubmit={(event) => void submit(event)}>
        <Field
          label="Code"
          hint="Eight letters, such as WDJB-MJHT."
          problem={mistake ?? (problem?.type === "field" ? problem.text : null)}
        >
          {(control) => (
            <input
              {...control}
              ref={field}
              class="code-field"
              inputMode="text"
              autocomplete="off"
              autocapitalize="characters"
              autocorrect="off"
              spellcheck={false}
              value={writtenAsCode(code)}
              onInput={typed}
            />
          )}
        </Field>
        {problem?.type === "tooMany" && (
          <Notice tone="warning" title="These were too many tries">
            <p>
              {msLeft === 0
                ? "You can try again now."
                : `Wait ${Math.ceil(msLeft / 1_000)} seconds, and enter the code again.`}
            </p>
          </Notice>
        )}
        {problem?.type === "elsewhere" && (
          <Notice tone="bad" title={problem.title}>
            {problem.text}
          </Notice>
        )}
        <div class="row">
          <button type="submit" class={`primary ${busy ? "loading" : ""}`} disabled={busy || msLeft > 0}>
            Continue
          </button>
        </div>
      </form>
    </section>
  );
}

/** Milliseconds until a time, as they go by; 0 where it is past, or there is none. */
function useTimeLeft(until: number | null): number {
  const now = useNow(1_000, until !== null);
  return until === null ? 0 : Math.max(0, until - now);
}
