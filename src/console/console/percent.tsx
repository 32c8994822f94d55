import type { VNode } from "preact";

/** How far the device says that it is. */
export function Percent({ percent }: { percent: number }): VNode {
  return (
    <span class="percent">
      <progress max={100} value={percent} aria-label="Progress" />
      <span>{Math.round(percent)} %</span>
    </span>
  );
}
