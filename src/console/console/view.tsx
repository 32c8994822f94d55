import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { ServiceError, ServiceGone } from "../../client/service-error.ts";
import { Notice, Time } from "../components.tsx";
import { ForeignText } from "../foreign-text.tsx";
import { neverObeyed } from "../foreign-words.ts";
import { hasMoved } from "./route.ts";

/** What all views of the console have. */

/** A view's heading: it takes the focus when the view is come to, and the tab is called after it. */
export function ViewHeading({ title, children }: { title: string; children?: ComponentChildren }): VNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    if (hasMoved()) heading.current?.focus();
  }, []);
  useEffect(() => {
    document.title = `${neverObeyed(title)} · Appia`;
  }, [title]);
  return (
    <h1 ref={heading} tabIndex={-1} class="wrap">
      {children ?? <ForeignText>{title}</ForeignText>}
    </h1>
  );
}

/** The way back, and whether what is shown is live. Its line is kept: what is below does not jump when the service goes. */
export function TopLine({
  trail,
  error,
  readAt,
}: {
  /** The views above this one. */
  trail: { href: string; text: string }[];
  error: Error | null;
  readAt: number | null;
}): VNode {
  return (
    <div class="top-line">
      {trail.length > 0 && (
        <nav aria-label="Above this" class="trail">
          {trail.map(({ href, text }) => (
            <a key={href} href={href} class="clip">
              <ForeignText>{text}</ForeignText>
            </a>
          ))}
        </nav>
      )}
      <p class={error === null ? "pulse" : "pulse warning"} role="status">
        {error === null ? readAt === null ? "Connecting" : "Live" : <Silence error={error} />}
        {error !== null && readAt !== null && (
          <>
            {" Last seen "}
            <Time at={new Date(readAt).toISOString()} seconds />.
          </>
        )}
      </p>
    </div>
  );
}

function Silence({ error }: { error: Error }): VNode {
  if (!(error instanceof ServiceGone)) return <>{error.message}</>;
  return (
    <>
      The service does not answer<span class="on-wide">; it is asked again every few seconds</span>.
    </>
  );
}

/** Why something that was asked for was not done, in the service's words. */
export function Refusal({ error, gone }: { error: Error; gone: string }): VNode {
  if (!(error instanceof ServiceError)) {
    return (
      <Notice tone="warning" title="The service did not answer">
        <p>{gone}</p>
      </Notice>
    );
  }
  return (
    <Notice tone="bad" title="The service refused this">
      <p>
        <ForeignText>{error.message}</ForeignText>
      </p>
      {error.retryAfter !== null && <p>It may be tried again in {error.retryAfter} s.</p>}
      {error.requestId !== null && <p class="quiet small">Request {error.requestId}</p>}
    </Notice>
  );
}

/** A view of something that is not there. */
export function NotThere({ title, children }: { title: string; children: ComponentChildren }): VNode {
  return (
    <section class="card">
      <ViewHeading title={title} />
      <p>{children}</p>
      <p>
        <a href="#/">To your devices</a>
      </p>
    </section>
  );
}
