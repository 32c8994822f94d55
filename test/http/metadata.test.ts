import { exports } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { type Answer, Api, answerOf, Device, type Json, LAUNCH_URI, ORIGIN } from "../stage.ts";

/** What OData clients read of the API, and that the answers are as it says. */

async function read(path: string, accept?: string): Promise<Answer> {
  const init = accept === undefined ? {} : { headers: { Accept: accept } };
  return await answerOf(await exports.default.fetch(`${ORIGIN}${path}`, init));
}

describe("the metadata", () => {
  test.each(["/$metadata", "/$Metadata/", "/beta/$metadata", "/v1.0/$METADATA"])("is at %s", async (path) => {
    const { status, headers, body } = await read(path);
    expect([status, headers.get("Content-Type")]).toEqual([200, "application/xml"]);
    expect(headers.get("OData-Version")).toBe("4.0");
    const isBeta = !path.startsWith("/v1.0");
    const [, name] = /<EntityType Name="device">.*?<Property Name="(name)"/is.exec(body) ?? [];
    expect(name).toBe(isBeta ? "Name" : "name");
  });

  test.each([
    ["", undefined, "xml"],
    ["", "*/*", "xml"],
    ["", "application/xml", "xml"],
    ["", "application/json", "json"],
    ["", "application/json;odata.metadata=minimal", "json"],
    ["", "application/xml;q=0.5, application/json", "json"],
    ["", "application/json;q=0.5, application/*", "xml"],
    ["?$format=json", undefined, "json"],
    ["?$format=json", "application/xml", "json"],
    ["?$format=application/json;odata.metadata=minimal", undefined, "json"],
    ["?$format=XML", "application/json", "xml"],
    ["?$format=application/xml", "text/html", "xml"],
  ])("asked for with %j and Accept %j is %s", async (query, accept, form) => {
    const { status, headers } = await read(`/v1.0/$metadata${query}`, accept);
    expect([status, headers.get("Content-Type")]).toEqual([200, `application/${form}`]);
  });

  test.each([
    ["", "text/html"],
    ["", "application/xml;q=0"],
    ["?$format=yaml", undefined],
    ["?$format=", "application/json"],
  ])("asked for with %j and Accept %j is not to be had", async (query, accept) => {
    expect(await read(`/$metadata${query}`, accept)).toMatchObject({
      status: 406,
      body: { error: { code: "notAcceptable" } },
    });
  });

  test("has no other query options", async () => {
    expect((await read("/$metadata?$top=1")).status).toBe(400);
  });

  test("says the same in both forms", async () => {
    for (const profile of ["beta", "v1.0"]) {
      const { body: xml } = await read(`/${profile}/$metadata`);
      const { body: json } = await read(`/${profile}/$metadata?$format=json`);
      const inJson = Object.entries<Json>(json["microsoft.graph"]).flatMap(([name, one]) => [
        name,
        ...Object.keys(Array.isArray(one) ? {} : one).filter((member) => !/^[$@]/.test(member)),
      ]);
      const inXml = [
        ...xml.matchAll(
          /<(?:EntityType|ComplexType|Action|EntityContainer|Singleton|\w*Property) Name="(\w+)"/g,
        ),
      ].map(([, name]) => name);
      expect(inXml).toEqual(inJson);
    }
  });
});

describe.each(["beta", "v1.0"])("the answers under /%s", (profile) => {
  const api = new Api();
  let metadata: Json;
  let device: Device;
  let command: string;
  beforeAll(async () => {
    metadata = (await read(`/${profile}/$metadata`, "application/json")).body;
    device = await Device.connected(api);
    command = await api.send(device, LAUNCH_URI);
    const { id } = await device.receives();
    device.acknowledges(id);
    device.answers(id, { opened: true });
    await api.reaches(command, "completed");
  });

  /** A type of the model; its own members by their names. */
  function type(name: string): Json {
    const found = metadata["microsoft.graph"][name.replace("microsoft.graph.", "")];
    if (found === undefined) throw new Error(`The metadata has no ${name}.`);
    return found;
  }

  /** Fails where an object has a member that its type does not have, lacks one that is never null, or is of another type. */
  function conforms(value: Json, name: string): void {
    const { $OpenType: isOpen, ...members } = type(name);
    for (const member of Object.keys(value).filter((own) => !own.includes("@") && !isOpen)) {
      expect(Object.keys(members), name).toContain(member);
    }
    for (const [member, facets] of Object.entries<Json>(members)) {
      if (/^[$@]/.test(member) || facets.$Kind === "NavigationProperty") continue;
      const found = value[member];
      if (facets["@Core.Permissions"] === "Write") expect(found, `${name}.${member}`).toBeUndefined();
      else if (found === null || found === undefined)
        expect(facets.$Nullable, `${name}.${member}`).toBe(true);
      else for (const one of facets.$Collection ? found : [found]) isOfType(one, facets, `${name}.${member}`);
    }
  }

  function isOfType(value: Json, facets: Json, where: string): void {
    const words = facets["@Validation.AllowedValues"]?.map(({ Value }: Json) => Value);
    if (words !== undefined) expect(words, where).toContain(value);
    const { $Type: typeName = "Edm.String" } = facets;
    if (!typeName.startsWith("Edm.")) conforms(value, typeName);
    else if (typeName === "Edm.DateTimeOffset") expect(new Date(value).toISOString(), where).toBe(value);
    else if (typeName === "Edm.Int32") expect(Number.isInteger(value), where).toBe(true);
    else
      expect(typeof value, where).toBe(
        typeName.slice("Edm.".length).toLowerCase().replace("double", "number"),
      );
  }

  /** Reads a path, and answers the body and what its context says it is. */
  async function get(path: string): Promise<{ body: Json; fragment: string }> {
    const { status, body } = await api.get(`/${profile}${path}`);
    expect(status).toBe(200);
    const [address, fragment = ""] = (body["@odata.context"] ?? "").split("#");
    if (fragment !== "") expect(address).toBe(`${ORIGIN}/${profile}/$metadata`);
    return { body, fragment };
  }

  test("are devices", async () => {
    const { body, fragment } = await get("/me/devices");
    expect(fragment).toBe("me/devices");
    const { me } = type("GraphService");
    expect(type(me.$Type).devices).toMatchObject({ $Type: "microsoft.graph.device", $Collection: true });
    for (const one of body.value) conforms(one, "device");
    conforms((await get(`/me/devices/${device.id}`)).body, "device");
  });

  test("are commands", async () => {
    const { body, fragment } = await get(`/me/devices/${device.id}/commands`);
    expect(fragment).toBe(`me/devices('${device.id}')/commands`);
    expect(type("device").commands).toMatchObject({ $Type: "microsoft.graph.command", $Collection: true });
    for (const one of body.value) conforms(one, "command");
    const { body: one } = await get(command);
    conforms(one, "command");
  });

  test("are what devices answer", async () => {
    const { body, fragment } = await get(`${command}/responsePayload`);
    conforms(body, fragment);
    expect(type("command").responsePayload.$Type).toBe(fragment);
  });

  test("are histories, and the secret", async () => {
    conforms((await get(`${command}/history`)).body, type("command").history.$Type);
    const { fragment } = await get("/me/postBackSecret");
    expect(fragment).toBe("me/postBackSecret");
    expect(type("user")).toHaveProperty("postBackSecret");
  });

  test("are pairings", async () => {
    const key = { kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" };
    const wanted = { name: "New", kind: "Phone", platform: "Android", publicKey: key };
    const { body: asked } = await api.post("/pairings", wanted);
    const { body, fragment } = await get(`/me/pairings/${asked.user_code}`);
    expect(fragment).toBe("me/pairings/$entity");
    expect(type("user").pairings.$Type).toBe("microsoft.graph.pairing");
    conforms(body, "pairing");
  });

  test("to the actions are what these say", () => {
    expect(type("cancel")).toMatchObject([
      { $Kind: "Action", $ReturnType: { $Type: "microsoft.graph.command" } },
    ]);
    expect(type("approve")).toMatchObject([{ $ReturnType: { $Type: "microsoft.graph.device" } }]);
  });
});
