import { type Csdl, type Element, NAMESPACE } from "./csdl.ts";

/** CSDL JSON as CSDL XML (OData 4.01), as far as our model goes. */

export function csdlXml(csdl: Csdl): string {
  const references = Object.entries(csdl.$Reference).map(([uri, { $Include }]) =>
    element(
      "edmx:Reference",
      { Uri: uri.replace(/json$/, "xml") },
      $Include.map(({ $Namespace, $Alias }) =>
        element("edmx:Include", { Namespace: $Namespace, Alias: $Alias }),
      ),
    ),
  );
  const members = Object.entries(csdl[NAMESPACE]).flatMap(([name, member]) =>
    [member].flat().map((one) => definition(name, one)),
  );
  const schema = element(
    "Schema",
    { xmlns: "http://docs.oasis-open.org/odata/ns/edm", Namespace: NAMESPACE },
    members,
  );
  const edmx = { "xmlns:edmx": "http://docs.oasis-open.org/odata/ns/edmx", Version: csdl.$Version };
  const whole = element("edmx:Edmx", edmx, [...references, element("edmx:DataServices", {}, [schema])]);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${whole}`;
}

/** A type, an action or the container. */
function definition(name: string, one: Element): string {
  const kind = String(one.$Kind);
  switch (kind) {
    case "Action": {
      const parameters = one.$Parameter as Element[];
      const returned = one.$ReturnType as Element | undefined;
      return element(kind, { Name: name, IsBound: true }, [
        ...parameters.map((parameter) =>
          element("Parameter", { Name: parameter.$Name, Type: parameter.$Type, Nullable: false }),
        ),
        ...(returned ? [element("ReturnType", { Type: returned.$Type, Nullable: false })] : []),
      ]);
    }
    case "EntityContainer":
      return element(
        kind,
        { Name: name },
        membersOf(one).map(([singleton, { $Type }]) =>
          element("Singleton", { Name: singleton, Type: $Type }),
        ),
      );
    default: {
      const key = (one.$Key as string[] | undefined)?.map((Name) => element("PropertyRef", { Name }));
      return element(kind, { Name: name, OpenType: one.$OpenType }, [
        ...(key ? [element("Key", {}, key)] : []),
        ...annotationsOf(one),
        ...membersOf(one).map(([property, facets]) => propertyElement(property, facets)),
      ]);
    }
  }
}

function propertyElement(name: string, facets: Element): string {
  const type = String(facets.$Type ?? "Edm.String");
  const isNavigation = facets.$Kind === "NavigationProperty";
  const attributes = {
    Name: name,
    Type: facets.$Collection ? `Collection(${type})` : type,
    // What JSON leaves out is not nullable, what XML leaves out is. A navigation to many says nothing of it.
    Nullable: isNavigation && facets.$Collection ? undefined : facets.$Nullable === true ? undefined : false,
    MaxLength: facets.$MaxLength,
    Precision: facets.$Precision,
    ContainsTarget: facets.$ContainsTarget,
  };
  return element(isNavigation ? "NavigationProperty" : "Property", attributes, annotationsOf(facets));
}

function membersOf(one: Element): [name: string, facets: Element][] {
  return Object.entries(one).filter(([name]) => !/^[$@]/.test(name)) as [string, Element][];
}

function annotationsOf(one: Element): string[] {
  return Object.entries(one)
    .filter(([name]) => name.startsWith("@"))
    .map(([name, value]) => annotation(name.slice(1), value));
}

function annotation(Term: string, value: unknown): string {
  if (Array.isArray(value)) {
    const records = (value as { Value: string }[]).map(({ Value }) =>
      element("Record", {}, [element("PropertyValue", { Property: "Value", String: Value })]),
    );
    return element("Annotation", { Term }, [element("Collection", {}, records)]);
  }
  if (Term === "Core.Permissions")
    return element("Annotation", { Term }, [element("EnumMember", {}, [`Core.Permission/${String(value)}`])]);
  return element("Annotation", { Term, [typeof value === "boolean" ? "Bool" : "String"]: value });
}

function element(
  name: string,
  attributes: Record<string, unknown>,
  children: readonly string[] = [],
): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([attribute, value]) => ` ${attribute}="${escaped(String(value))}"`)
    .join("");
  return children.length === 0 ? `<${name}${written}/>` : `<${name}${written}>${children.join("")}</${name}>`;
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
