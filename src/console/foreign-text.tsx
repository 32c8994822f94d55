import type { VNode } from "preact";
import { neverObeyed } from "./foreign-words.ts";

/** Words that others wrote: shown as they are, in a direction of their own, and never obeyed. */
export function ForeignText({ children, most }: { children: string; most?: number }): VNode {
  const isCut = most !== undefined && children.length > most;
  const shown = isCut ? children.slice(0, most) : children;
  return (
    <bdi class="wrap">
      {neverObeyed(shown)}
      {isCut && "…"}
    </bdi>
  );
}
