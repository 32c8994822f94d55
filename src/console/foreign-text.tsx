import type { VNode } from "preact";

/** Control characters but for line breaks, halves of characters, and marks that turn what follows (Unicode TR 9). */
const OBEYED = /(?!\n)[\p{Cc}\p{Cs}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu;

/** Words that others wrote: shown as they are, in a direction of their own, and never obeyed. */
export function ForeignText({ children, most }: { children: string; most?: number }): VNode {
  const isCut = most !== undefined && children.length > most;
  const shown = isCut ? children.slice(0, most) : children;
  return (
    <bdi class="wrap">
      {shown.replaceAll(OBEYED, "\u{FFFD}")}
      {isCut && "…"}
    </bdi>
  );
}
