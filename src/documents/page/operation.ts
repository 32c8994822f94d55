import { html } from "hono/html";
import type { Content, OpenApi, Operation, Parameter } from "../document.ts";
import { nameOf, resolved } from "../document.ts";
import { type Html, inline } from "./prose.ts";
import { entry, members, typeInWords } from "./schema.ts";

/** One operation: what it does, what it takes and answers, and how to try it. */
export function operationSection(
  document: OpenApi,
  path: string,
  method: string,
  operation: Operation,
): Html {
  const { operationId, summary, description, parameters, requestBody } = operation;
  const known = parameters
    .map((parameter) => resolved<Parameter>(document, parameter))
    // It is the same everywhere, and told at the beginning.
    .filter(({ name }) => name !== "client-request-id");
  const [about = "", access] = description.split("\n\n");
  return html`<section class="card operation" aria-labelledby="${operationId}">
<div class="stack">
<h3 id="${operationId}"><a href="#${operationId}">${summary}</a></h3>
<p class="address"><span class="method ${method}">${method.toUpperCase()}</span> <code>${breakable(path)}</code></p>
</div>
<p>${inline(about)}</p>
${access === undefined ? "" : html`<p class="quiet">${inline(access)}</p>\n`}${
  known.length === 0
    ? ""
    : html`<h4>Parameters</h4>
<dl class="members">${known.map((parameter) =>
        entry(
          parameter.name,
          { ...parameter.schema, ...(parameter.example !== undefined && { examples: [parameter.example] }) },
          parameter.in === "header" ? "header" : parameter.in,
          parameter.description,
        ),
      )}</dl>\n`
}${requestBody === undefined ? "" : bodyPart(document, requestBody.content)}
${answersPart(document, operation)}
${operationId === "receivePostBack" ? "" : html`<h4>Try it</h4>\n${code("Shell", curl(path, method, operation))}`}
</section>\n`;
}

/** A path that may be broken after its slashes. */
function breakable(path: string): Html[] {
  return path.split(/(?<=\/)/).map((segment) => html`${segment}<wbr>`);
}

function bodyPart(document: OpenApi, content: Content): Html {
  const [first] = Object.values(content);
  const types = Object.keys(content);
  const schema = first?.schema ?? {};
  return html`<h4>Body</h4>
<p>${types.map((type, index) => html`${index === 0 ? "" : " or "}<code>${type}</code>`)}: ${typeInWords(schema)}</p>
${schema.$ref === undefined ? "" : members(resolved(document, { $ref: schema.$ref }))}`;
}

function answersPart(document: OpenApi, { responses }: Operation): Html {
  // Its own stand in it, the common ones are referred to.
  const isCommon = (answer: object): boolean => "$ref" in answer;
  const refused = Object.entries(responses).filter(([, answer]) => isCommon(answer));
  const own = Object.entries(responses)
    .filter(([, answer]) => !isCommon(answer))
    .map(([status, answer]) => ({ status, answer: resolved(document, answer) }))
    .sort((one, other) => one.status.localeCompare(other.status));
  return html`<h4>Answers</h4>
<dl class="members answers">${own.map(
    ({ status, answer }) => html`<div>
<dt><span class="status">${status}</span> ${contentInWords(answer.content ?? {})}</dt>
<dd>${inline(answer.description)}</dd>
${headersInWords(Object.keys(answer.headers ?? {}))}${examplesOf(answer.content ?? {})}</div>\n`,
  )}${
    refused.length === 0
      ? ""
      : html`<div>
<dt><span class="type">Errors</span></dt>
<dd class="row">${refused.map(([status]) => html`<a class="status" href="#error-${status}">${status}</a> `)}</dd>
</div>\n`
  }</dl>`;
}

function contentInWords(content: Content): Html[] {
  return Object.entries(content).map(
    ([type, { schema }], index) =>
      html`${index === 0 ? "" : " or "}<span class="type">${type === "application/json" ? typeInWords(schema) : type}</span>`,
  );
}

/** Headers besides those of every answer. */
function headersInWords(names: string[]): Html | string {
  const own = names.filter((name) => !["request-id", "client-request-id", "OData-Version"].includes(name));
  if (own.length === 0) return "";
  return html`<dd class="quiet">With ${own.map((name, index) => html`${index === 0 ? "" : ", "}<code>${name}</code>`)}.</dd>\n`;
}

function examplesOf(content: Content): Html[] {
  return Object.values(content)
    .filter(({ example }) => example !== undefined)
    .map(
      ({ example, schema }) =>
        html`<dd>${code(
          schema.$ref === undefined ? "Example" : `Example: ${nameOf(schema.$ref)}`,
          typeof example === "string" ? example.trimEnd() : JSON.stringify(example, null, 2),
        )}</dd>\n`,
    );
}

/** Text as it is. Long lines are broken: what would have to be scrolled could not be by everyone. */
export function code(label: string, text: string): Html {
  return html`<pre role="group" aria-label="${label}"><code>${text}</code></pre>`;
}

/** A request as one types it; `$APPIA`, `$TOKEN` and the ids are the reader's own. */
function curl(
  path: string,
  method: string,
  { security, parameters, requestBody, operationId }: Operation,
): string {
  const address = path
    .replace("$", "\\$")
    .replace("{deviceId}", "$DEVICE")
    .replace("{commandId}", "$COMMAND")
    .replace("{userCode}", "$CODE");
  const [type, { example } = {}] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const isForm = type === "application/x-www-form-urlencoded";
  const isDevice = security.some((scheme) => "device" in scheme);
  const waits = parameters.some((parameter) => "$ref" in parameter && parameter.$ref.endsWith("/prefer"));
  const parts = [
    `curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}"$APPIA${address}"`,
    ...(security.length === 0 ? [] : [`-H "Authorization: Bearer $${isDevice ? "DEVICE_TOKEN" : "TOKEN"}"`]),
    ...(waits ? ['-H "Prefer: wait=30"'] : []),
    ...(operationId === "connectDevice"
      ? ['-H "Connection: Upgrade" -H "Upgrade: websocket"', '-H "Sec-WebSocket-Protocol: appia.device.v1"']
      : []),
    ...(type === undefined || isForm ? [] : [`-H "Content-Type: ${type}"`]),
    ...(example === undefined
      ? []
      : [
          `-d '${isForm ? new URLSearchParams(example as Record<string, string>) : JSON.stringify(example)}'`,
        ]),
  ];
  return parts.join(" \\\n  ");
}
