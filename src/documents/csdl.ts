import type { Profile } from "../http/paths.ts";
import { ASKED } from "./bodies.ts";
import { ANSWERED } from "./exchanges.ts";
import type { JsonSchema } from "./json-schema.ts";

/**
 * The OData metadata: the model that the answers' `@odata.context` speaks of, as CSDL JSON (OData 4.01). Its types are
 * made from the schemas of what is answered, so that the two descriptions agree.
 */

export const NAMESPACE = "microsoft.graph";

/** An element of the model. Members with `$` are its facets, those with `@` annotations, others its own members. */
export interface Element {
  [name: string]: unknown;
}

export interface Csdl {
  $Version: string;
  $EntityContainer: string;
  $Reference: Record<string, { $Include: { $Namespace: string; $Alias: string }[] }>;
  [NAMESPACE]: Record<string, Element | Element[]>;
}

const VOCABULARIES = "https://oasis-tcs.github.io/odata-vocabularies/vocabularies";

/** The model of a profile: in `beta`, a device's members but `id` begin with a capital. */
export function csdlOf(profile: Profile): Csdl {
  const isBeta = profile === "beta";
  const device = {
    ...propertiesOf("device", { computed: ["id", "status"] }),
    ...writeOnly("registration", ["publicKey"]),
  };
  return {
    $Version: "4.01",
    $Reference: Object.fromEntries(
      [
        ["Org.OData.Core.V1", "Core"],
        ["Org.OData.Validation.V1", "Validation"],
      ].map(([$Namespace = "", $Alias = ""]) => [
        `${VOCABULARIES}/${$Namespace}.json`,
        { $Include: [{ $Namespace, $Alias }] },
      ]),
    ),
    $EntityContainer: `${NAMESPACE}.GraphService`,
    [NAMESPACE]: {
      user: {
        $Kind: "EntityType",
        postBackSecret: { "@Core.Description": descriptionOf("postBackSecret"), "@Core.Computed": true },
        devices: contained("device", { $Collection: true }),
        pairings: contained("pairing", { $Collection: true }),
      },
      device: {
        $Kind: "EntityType",
        $Key: ["id"],
        "@Core.Description": "A device of the account.",
        ...(isBeta ? capitalised(device) : device),
        commands: contained("command", { $Collection: true }),
      },
      command: {
        $Kind: "EntityType",
        $Key: ["id"],
        // A single command has the further member `value` there.
        ...(isBeta && { $OpenType: true }),
        "@Core.Description": "A command to a device.",
        ...propertiesOf("command", {
          computed: [
            "id",
            "status",
            "error",
            "responsePayload",
            "createdDateTime",
            "lastModifiedDateTime",
            "expirationDateTime",
            "statusDetail",
          ],
          types: { payload: "payloadRequest", responsePayload: "PayloadResponse" },
        }),
        ...writeOnly("newCommand", ["deliveryTimeout", "executionTimeout", "whenOffline"]),
        history: contained("commandHistory", {}),
      },
      pairing: {
        $Kind: "EntityType",
        $Key: ["userCode"],
        "@Core.Description": descriptionOf("pairing"),
        ...propertiesOf("pairing", { computed: [] }),
      },
      commandHistory: {
        $Kind: "EntityType",
        "@Core.Description": descriptionOf("commandHistory"),
        ...propertiesOf("commandHistory", { computed: [] }),
      },
      statusDetail: complex("statusDetail"),
      historyEntry: complex("historyEntry"),
      postBackAttempt: complex("postBackAttempt"),
      publicKey: { $Kind: "ComplexType", ...propertiesOf("publicKey", { computed: [] }) },
      payloadRequest: {
        $Kind: "ComplexType",
        $OpenType: true,
        "@Core.Description":
          "What travels to the device, as it was sent. An app service may also be sent another JSON value.",
        uri: { $Nullable: true, "@Core.Description": "The URI that a LaunchUri opens." },
      },
      PayloadResponse: {
        $Kind: "ComplexType",
        $OpenType: true,
        "@Core.Description": descriptionOf("PayloadResponse"),
      },
      cancel: boundAction("command", "command"),
      approve: boundAction("pairing", "device"),
      deny: boundAction("pairing", null),
      GraphService: { $Kind: "EntityContainer", me: { $Type: `${NAMESPACE}.user` } },
    },
  };
}

function schemaNamed(name: string): JsonSchema {
  const schema = ANSWERED[name] ?? ASKED[name];
  if (schema === undefined) throw new Error(`There is no schema "${name}".`);
  return schema;
}

function descriptionOf(name: string): string {
  return schemaNamed(name).description ?? "";
}

function complex(name: string): Element {
  return {
    $Kind: "ComplexType",
    "@Core.Description": descriptionOf(name),
    ...propertiesOf(name, { computed: [] }),
  };
}

function contained(type: string, facets: Element): Element {
  return { $Kind: "NavigationProperty", ...facets, $Type: `${NAMESPACE}.${type}`, $ContainsTarget: true };
}

function boundAction(to: string, returns: string | null): Element[] {
  return [
    {
      $Kind: "Action",
      $IsBound: true,
      $Parameter: [{ $Name: to, $Type: `${NAMESPACE}.${to}` }],
      ...(returns !== null && { $ReturnType: { $Type: `${NAMESPACE}.${returns}` } }),
    },
  ];
}

/** A schema's members as properties; `computed` ones are the service's to write. */
function propertiesOf(
  name: string,
  { computed, types = {} }: { computed: string[]; types?: Record<string, string> },
): Record<string, Element> {
  const { properties = {}, required = [] } = schemaNamed(name);
  return Object.fromEntries(
    Object.entries(properties)
      .filter(([member]) => !member.startsWith("@"))
      .map(([member, schema]) => {
        const property = propertyOf(schema, types[member]);
        if (!required.includes(member)) property.$Nullable = true;
        if (computed.includes(member)) property["@Core.Computed"] = true;
        return [member, property];
      }),
  );
}

/** Members that are sent and never answered. */
function writeOnly(name: string, members: string[]): Record<string, Element> {
  const all = propertiesOf(name, { computed: [] });
  return Object.fromEntries(
    members.map((member) => [member, { ...all[member], $Nullable: true, "@Core.Permissions": "Write" }]),
  );
}

const FORMATS: Record<string, string> = { "date-time": "Edm.DateTimeOffset", duration: "Edm.Duration" };
const TYPES: Record<string, string> = { integer: "Edm.Int32", number: "Edm.Double", boolean: "Edm.Boolean" };

function propertyOf(schema: JsonSchema, complexType?: string): Element {
  const alternatives = (schema.anyOf as JsonSchema[] | undefined) ?? [schema];
  const types = alternatives.flatMap(({ type = [] }) => type);
  const reference = alternatives.find(({ $ref }) => $ref !== undefined)?.$ref;
  const isList = types.includes("array");
  const item = isList ? schema.items?.$ref : reference;
  const named = complexType ?? item?.split("/").at(-1);
  const scalar = FORMATS[String(schema.format)] ?? TYPES[types.find((type) => type !== "null") ?? ""];
  const words = schema.enum?.filter((word) => word !== null);
  return {
    ...(isList && { $Collection: true }),
    ...((named ?? scalar) && { $Type: named === undefined ? scalar : `${NAMESPACE}.${named}` }),
    // A payload is whatever it is, null included.
    ...((types.includes("null") || complexType !== undefined) && { $Nullable: true }),
    ...(typeof schema.maxLength === "number" && { $MaxLength: schema.maxLength }),
    ...(scalar === "Edm.DateTimeOffset" && { $Precision: 3 }),
    ...(schema.description && { "@Core.Description": schema.description }),
    ...(words && { "@Validation.AllowedValues": words.map((Value) => ({ Value })) }),
  };
}

function capitalised(properties: Record<string, Element>): Record<string, Element> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [
      name === "id" ? name : `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
      property,
    ]),
  );
}
