import { html, raw } from "hono/html";
import type { OpenApi, Operation } from "../document.ts";
import { refusals } from "../refusals.ts";
import { code, operationSection } from "./operation.ts";
import { type Html, inline, prose } from "./prose.ts";
import { members, typeInWords } from "./schema.ts";

/** The API as a page for people, made from its description: no script, and every text escaped. */

const LINKS = [
  { href: "/", text: "Console" },
  { href: "/device", text: "This device" },
  { href: "/pair", text: "Pair" },
  { href: "/docs", text: "API" },
];

interface Address {
  path: string;
  method: string;
  operation: Operation;
}

/** The page; `style` is the address of its stylesheet. */
export async function apiPage(document: OpenApi, style: string): Promise<string> {
  const { info, tags, components } = document;
  const all = Object.entries(document.paths)
    .concat(Object.entries(components.pathItems).map(([, item]) => ["postBackUri", item]))
    .flatMap(([path, item]) =>
      Object.entries(item).map(([method, operation]): Address => ({ path, method, operation })),
    );
  const sections = tags.map(({ name, description }) => ({
    name,
    description,
    operations: all.filter(({ operation }) => operation.tags.includes(name)),
  }));
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="${info.summary}">
<title>API · Appia</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${style}">
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="top">
<a class="brand" href="/">Appia</a>
<nav aria-label="Pages">${LINKS.map(({ href, text }) => html`<a href="${href}"${href === "/docs" ? raw(' aria-current="page"') : ""}>${text}</a>\n`)}</nav>
</header>
<div class="documents">
${contents(sections)}
<main id="content" tabindex="-1">
<h1>The API</h1>
<p class="lead">${info.summary} Version ${info.version}, also as <a href="/openapi.json">OpenAPI 3.1</a> and as <a href="/$metadata">OData metadata</a>.</p>
${prose(info.description, anchorOf)}
<h2 id="who-may-call">Who may call</h2>
${Object.values(components.securitySchemes).map(({ description }) => html`<p>${inline(description)}</p>\n`)}<p>The examples on this page need these:</p>
${code("Shell", "APPIA=https://appia.example/v1.0\nTOKEN=…    # a caller's token\nDEVICE=…   # a device's id\nCOMMAND=…  # a command's id")}
${sections.map(
  ({ name, description, operations }) => html`<h2 id="${anchorOf(name)}">${name}</h2>
<p>${inline(description)}</p>
${operations.map(({ path, method, operation }) => operationSection(document, path, method, operation))}`,
)}
${errorsPart()}
<h2 id="schemas">Schemas</h2>
<p>What is sent and answered, by the names that the descriptions use.</p>
${Object.entries(components.schemas).map(
  ([name, schema]) => html`<section class="card" aria-labelledby="schema-${name}">
<h3 id="schema-${name}"><a href="#schema-${name}"><code>${name}</code></a></h3>
${schema.description === undefined ? "" : html`<p>${inline(schema.description)}</p>\n`}${
  schema.properties === undefined
    ? html`<p class="type">${typeInWords(schema)}</p>`
    : members(schema, { isAnswer: !isAsked(all, name) })
}
</section>\n`,
)}
</main>
</div>
</body>
</html>
`;
  return String(await page);
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^a-z]+/g, "-")
    .replace(/^-|-$/g, "");
}

/** Where to find what; on a narrow screen the sections only. */
function contents(sections: { name: string; operations: Address[] }[]): Html {
  return html`<nav class="contents" aria-label="Contents">
<ul>
<li><a href="#lifecycle">Lifecycle</a></li>
<li><a href="#who-may-call">Who may call</a></li>
${sections.map(
  ({ name, operations }) => html`<li><a href="#${anchorOf(name)}">${name}</a>
<ul>${operations.map(
    ({ method, operation }) =>
      html`<li><a href="#${operation.operationId}"><span class="method ${method}">${method.toUpperCase()}</span> ${operation.summary}</a></li>\n`,
  )}</ul></li>\n`,
)}<li><a href="#errors">Errors</a></li>
<li><a href="#schemas">Schemas</a></li>
</ul>
</nav>`;
}

function errorsPart(): Html {
  return html`<h2 id="errors">Errors</h2>
<p>Every error has the same shape: <a href="#schema-error">error</a>. Programs go by <code>code</code>, people by <code>message</code>, which says what to change.</p>
<section class="card" aria-labelledby="errors">
<dl class="members">${refusals().map(
    ({ status, code: name, when, headers = [] }) => html`<div id="error-${status}">
<dt><span class="status">${status}</span> <code>${name}</code></dt>
<dd>${inline(when)}</dd>
${headers.length === 0 ? "" : html`<dd class="quiet">With ${headers.map((header, index) => html`${index === 0 ? "" : ", "}<code>${header}</code>`)}.</dd>\n`}</div>\n`,
  )}</dl>
</section>`;
}

/** Whether a schema is of what callers send. */
function isAsked(all: readonly Address[], name: string): boolean {
  return (
    ["batchPart", "publicKey"].includes(name) ||
    all.some(({ operation, path }) =>
      Object.values((path === "postBackUri" ? undefined : operation.requestBody)?.content ?? {}).some(
        ({ schema }) => schema.$ref?.endsWith(`/${name}`),
      ),
    )
  );
}
