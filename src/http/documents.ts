import type { Context, Hono } from "hono";
import { weightOf } from "./accept.ts";
import { readAsset } from "./asset.ts";
import type { Edge } from "./edge.ts";
import { ApiError } from "./errors.ts";
import { profileOf, readOptions, requireJsonAccepted, resource } from "./resource.ts";

/** What tools read of the API. The documents are built before the Worker is (src/documents), and are static. */

const XML = "application/xml";
const JSON_TYPE = "application/json";

export function serveDocuments(app: Hono<Edge>): void {
  resource(app, "/:profile/openapi.json", {
    GET: async (c) => {
      requireJsonAccepted(c);
      return c.body(await readAsset(c, "/openapi.json"), 200, { "Content-Type": JSON_TYPE });
    },
  });

  // Each profile's own: the names of the members differ.
  resource(app, "/:profile/$metadata", {
    GET: async (c) => {
      const type = metadataType(c);
      const file = `/metadata/${profileOf(c)}.${type === XML ? "xml" : "json"}`;
      return c.body(await readAsset(c, file), 200, { "Content-Type": type });
    },
  });
}

/** The form that the caller asks for with `$format`, or else in its Accept header (OData 4.01, 11.2.12). */
function metadataType(c: Context<Edge>): string {
  const { $format: format } = readOptions(c, ["$format"]);
  const wanted = format?.split(";", 1)[0]?.trim().toLowerCase();
  const accept = c.req.header("Accept");
  if (wanted === undefined) {
    const [xml, json] = [weightOf(XML, accept), weightOf(JSON_TYPE, accept)];
    if (xml + json > 0) return xml >= json ? XML : JSON_TYPE;
  }
  if (wanted === "xml" || wanted === XML) return XML;
  if (wanted === "json" || wanted === JSON_TYPE) return JSON_TYPE;
  throw new ApiError("notAcceptable", `The metadata is "${XML}", or "${JSON_TYPE}": accept one of them.`);
}
