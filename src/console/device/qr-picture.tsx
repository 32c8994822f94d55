import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { encode } from "uqr";

/** A text as a QR code (ISO/IEC 18004): always dark on light, with the quiet zone of four modules that readers need. */
export function QrPicture({ text, label }: { text: string; label: string }): VNode {
  const { size, path } = useMemo(() => {
    const code = encode(text, { ecc: "M", border: 4 });
    return { size: code.size, path: code.data.map(pathOfRow).join("") };
  }, [text]);
  return (
    <svg
      class="qr"
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label={label}
      shape-rendering="crispEdges"
    >
      <path d={path} />
    </svg>
  );
}

function pathOfRow(row: readonly boolean[], y: number): string {
  return row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : "")).join("");
}
