import type { VNode } from "preact";
import { CopyButton } from "../components.tsx";

/** How something becomes a device of the person's account. */
export function WaysToAdd(): VNode {
  const line = `npx appia device --service ${location.origin}`;
  return (
    <ol class="ways">
      <li>
        <h3>
          <a href="/device">This browser</a>
        </h3>
        <p class="quiet">A tab becomes a device: it opens pages and answers apps while it is open.</p>
      </li>
      <li>
        <h3>
          <a href="/pair">A device that shows a code</a>
        </h3>
        <p class="quiet">Type in the code, see what asks, and let it join.</p>
      </li>
      <li>
        <h3>A computer, from its terminal</h3>
        <p class="quiet">Needs Node; it shows a code to type in at “Pair”.</p>
        <div class="line-to-copy">
          <code class="wrap">{line}</code>
          <CopyButton text={line}>Copy</CopyButton>
        </div>
      </li>
    </ol>
  );
}
