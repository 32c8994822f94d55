import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";

/**
 * The heading of a view that takes another's place: it takes the focus, so that who hears the page learns of the
 * change, and the keyboard goes on from here.
 */
export function ArrivalHeading({ id, children }: { id: string; children: ComponentChildren }): VNode {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <h1 id={id} class="wrap" tabIndex={-1} ref={heading}>
      {children}
    </h1>
  );
}
