import type { ComponentChildren, JSX, VNode } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

/** What the pages are made of. */

/** How something is meant: news that is good, wants care, is bad, or goes on. */
export type Tone = "good" | "warning" | "bad" | "busy" | "quiet";

const LINKS = [
  { href: "/", text: "Console" },
  { href: "/device", text: "This device" },
  { href: "/pair", text: "Pair" },
  { href: "/docs", text: "API" },
];

/** A page's frame: where one can go, and the page itself. `end` is what stands at the end of the top row. */
export function Page({
  current,
  narrow = false,
  end,
  children,
}: {
  current: string;
  narrow?: boolean;
  end?: ComponentChildren;
  children: ComponentChildren;
}): VNode {
  return (
    <>
      <button type="button" class="skip" onClick={skipToMain}>
        Skip to the content
      </button>
      <header class="top">
        <a class="brand" href="/">
          Appia
        </a>
        <nav aria-label="Pages">
          {LINKS.map(({ href, text }) => (
            <a key={href} href={href} aria-current={href === current ? "page" : undefined}>
              {text}
            </a>
          ))}
        </nav>
        {end && <div class="end row">{end}</div>}
      </header>
      <main id="main" tabIndex={-1} class={narrow ? "narrow" : undefined}>
        {children}
      </main>
    </>
  );
}

/** No link: the fragment is the console's own address. */
function skipToMain(): void {
  document.getElementById("main")?.focus();
}

/** A message that stands on its own. `bad` and `warning` ones are read out at once. */
export function Notice({
  tone = "quiet",
  title,
  children,
}: {
  tone?: Tone;
  title?: string;
  children?: ComponentChildren;
}): VNode {
  return (
    <div class={`notice ${tone}`} role={tone === "bad" || tone === "warning" ? "alert" : "status"}>
      {title !== undefined && <strong>{title}</strong>}
      {children}
    </div>
  );
}

export function Loading({ what }: { what: string }): VNode {
  return (
    <p class="loading quiet" role="status">
      {what}
    </p>
  );
}

export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }): VNode {
  return <span class={`badge ${tone}`}>{children}</span>;
}

/** What a field gives its control: names, hints and problems are tied to it for those who hear the page. */
export interface ControlProps {
  id: string;
  "aria-describedby": string;
  "aria-invalid": "true" | undefined;
}

/**
 * A labelled control. Where it can have a problem, the problem's line is kept when there is none: nothing jumps.
 * `problem` is left out where there never is one.
 */
export function Field({
  label,
  hint,
  problem,
  children,
}: {
  label: string;
  hint?: ComponentChildren;
  problem?: string | null;
  children: (props: ControlProps) => VNode;
}): VNode {
  const id = useId();
  const control: ControlProps = {
    id,
    "aria-describedby": `${id}-hint ${id}-problem`,
    "aria-invalid": problem == null ? undefined : "true",
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {hint !== undefined && (
        <span class="hint" id={`${id}-hint`}>
          {hint}
        </span>
      )}
      {children(control)}
      {problem !== undefined && (
        <span class="problem" id={`${id}-problem`} aria-live="polite">
          {problem}
        </span>
      )}
    </div>
  );
}

/** A button that shows that its action is under way, and cannot be pressed twice meanwhile. */
export function ActionButton({
  action,
  children,
  class: className,
  ...rest
}: Omit<JSX.IntrinsicElements["button"], "onClick" | "action"> & { action: () => Promise<unknown> }): VNode {
  const [busy, setBusy] = useState(false);
  const here = useRef(true);
  useEffect(() => {
    here.current = true;
    return () => {
      here.current = false;
    };
  }, []);
  const run = async (): Promise<void> => {
    setBusy(true);
    try {
      await action();
    } finally {
      if (here.current) setBusy(false);
    }
  };
  return (
    <button
      type="button"
      {...rest}
      class={[className, busy ? "loading" : ""].filter(Boolean).join(" ")}
      disabled={busy || rest.disabled === true}
      onClick={() => void run()}
    >
      {children}
    </button>
  );
}

/** A dialog over the page; Escape and the back of it close it. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={heading} onClose={onClose}>
      <div class="stack">
        <h2 id={heading}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

/** A time of day as people here write it; the whole of it on pointing at it. */
export function Time({ at, seconds = false }: { at: string; seconds?: boolean }): VNode {
  const time = new Date(at);
  const isToday = time.toDateString() === new Date().toDateString();
  const text = new Intl.DateTimeFormat(undefined, {
    ...(!isToday && { dateStyle: "medium" }),
    timeStyle: seconds ? "medium" : "short",
  }).format(time);
  return (
    <time dateTime={at} title={time.toLocaleString()}>
      {text}
    </time>
  );
}

/** Copies a text, and says that it did. */
export function CopyButton({ text, children }: { text: string; children: string }): VNode {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
  };
  return (
    <button type="button" class="plain" onClick={() => void copy()}>
      {copied ? "Copied" : children}
    </button>
  );
}
