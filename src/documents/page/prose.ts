import { html } from "hono/html";

/** The little Markdown that the descriptions are written in. */

export type Html = ReturnType<typeof html>;

/** Paragraphs, headings of the second rank, and tables. `anchorOf` names a heading. */
export function prose(markdown: string, anchorOf: (heading: string) => string): Html[] {
  return markdown.split(/\n{2,}/).map((block) => {
    if (block.startsWith("## ")) {
      const heading = block.slice(3);
      return html`<h2 id="${anchorOf(heading)}">${heading}</h2>`;
    }
    return block.startsWith("| ") ? table(block) : html`<p>${inline(block)}</p>`;
  });
}

/** A line with `code` and **bold** in it. */
export function inline(text: string): Html[] {
  return text
    .split(/(`[^`]+`|\*\*[^*]+\*\*)/)
    .map((piece) =>
      piece.startsWith("`")
        ? html`<code>${piece.slice(1, -1)}</code>`
        : piece.startsWith("**")
          ? html`<strong>${piece.slice(2, -2)}</strong>`
          : html`${piece}`,
    );
}

function table(block: string): Html {
  const [head = [], , ...rows] = block.split("\n").map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
  // A table that is wider than the screen is moved by itself, with the keyboard too.
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table: ${head[0] ?? ""}">
<table>
<thead><tr>${head.map((cell) => html`<th scope="col">${inline(cell)}</th>`)}</tr></thead>
<tbody>${rows.map(
    ([first = "", ...cells]) =>
      html`<tr><th scope="row">${inline(first)}</th>${cells.map((cell) => html`<td>${inline(cell)}</td>`)}</tr>\n`,
  )}</tbody>
</table>
</div>`;
}
