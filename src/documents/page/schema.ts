import { html } from "hono/html";
import { nameOf } from "../document.ts";
import type { JsonSchema } from "../json-schema.ts";
import { type Html, inline } from "./prose.ts";

/** Schemas for people: members with their types, bounds and defaults. */

/** The members of an object, or what else a schema says. */
export function members({ properties = {}, required = [] }: JsonSchema, { isAnswer = false } = {}): Html {
  return html`<dl class="members">${Object.entries(properties).map(([name, schema]) =>
    entry(
      name,
      schema,
      // Of an answer it is the exception that a member is missing, of a request that it is needed.
      required.includes(name) === isAnswer ? null : isAnswer ? "may be absent" : "required",
    ),
  )}</dl>`;
}

/** One line of a list of members or parameters. */
export function entry(
  name: string,
  schema: JsonSchema,
  mark: string | null,
  description = schema.description,
): Html {
  return html`<div>
<dt><code>${name}</code> <span class="type">${typeInWords(schema)}</span>${mark === null ? "" : html` <span class="mark">${mark}</span>`}</dt>
${description === undefined ? "" : html`<dd>${inline(description)}</dd>\n`}${values(schema)}</div>\n`;
}

/** Words that a text may be, and what stands where it is left out. */
function values({ enum: words, default: usual, examples, items }: JsonSchema): Html {
  const allowed = (words ?? items?.enum)?.filter((word) => word !== null);
  const example = Array.isArray(examples) ? examples[0] : undefined;
  return html`${
    allowed === undefined
      ? ""
      : html`<dd class="quiet">One of ${allowed.map((word, index) => html`${index === 0 ? "" : ", "}<code>${word}</code>`)}.</dd>\n`
  }${usual === undefined || usual === null ? "" : html`<dd class="quiet">Without it: <code>${String(usual)}</code>.</dd>\n`}${
    example === undefined || allowed !== undefined
      ? ""
      : html`<dd class="quiet">Such as <code>${String(example)}</code>.</dd>\n`
  }`;
}

/** A schema's type and bounds in a few words. */
export function typeInWords(schema: JsonSchema): Html {
  if (schema.$ref !== undefined) return link(schema.$ref);
  if (schema.anyOf !== undefined) {
    const alternatives = (schema.anyOf as JsonSchema[]).map(typeInWords);
    return html`${alternatives.map((one, index) => html`${index === 0 ? "" : " or "}${one}`)}`;
  }
  const types = [schema.type ?? []].flat();
  if (types.length === 0)
    return html`${schema.const === undefined ? "any JSON value" : JSON.stringify(schema.const)}`;
  const words = types.map((type) =>
    type === "array"
      ? html`list of ${schema.items === undefined ? "anything" : typeInWords(schema.items)}`
      : html`${scalarInWords(type, schema)}`,
  );
  return html`${words.map((word, index) => html`${index === 0 ? "" : " or "}${word}`)}`;
}

function link($ref: string): Html {
  const name = nameOf($ref);
  return html`<a href="#schema-${name}">${name}</a>`;
}

const FORMATS: Record<string, string> = {
  "date-time": "time (RFC 3339)",
  duration: "duration (ISO 8601)",
  uri: "URI",
};

function scalarInWords(type: string, schema: JsonSchema): string {
  const { minLength, maxLength, minimum, maximum } = schema;
  switch (type) {
    case "string":
      return `${FORMATS[String(schema.format)] ?? "text"}${range(minLength, maxLength, " characters")}`;
    case "integer":
      return `whole number${range(minimum, maximum, "")}`;
    case "number":
      return `number${range(minimum, maximum, "")}`;
    case "boolean":
      return "true or false";
    default:
      return type;
  }
}

function range(least: unknown, most: unknown, unit: string): string {
  if (most !== undefined)
    return least === undefined ? `, at most ${most}${unit}` : `, ${least} to ${most}${unit}`;
  // That a text is not empty goes without saying.
  return least === undefined || unit !== "" ? "" : `, from ${least} on`;
}
