import { beforeAll, describe, expect, test } from "vitest";
import { APP_SERVICE, Api, Device, LAUNCH_URI, ORIGIN } from "../stage.ts";

/** The list of a device's commands: newest first, page by page. */

const api = new Api();

describe("the list of a device's commands", () => {
  let list: string;
  /** The newest first. */
  const sent: string[] = [];

  beforeAll(async () => {
    const away = await Device.registered(api);
    list = `/v1.0/me/devices/${away.id}/commands`;
    for (let index = 0; index < 25; index++) {
      sent.unshift((await api.post(list, { ...APP_SERVICE, payload: index })).body.id);
    }
  });

  /** Follows the list to its end; answers the ids of each page. */
  async function pagesFrom(path: string): Promise<string[][]> {
    const { status, body } = await api.get(path);
    expect(status).toBe(200);
    const ids = body.value.map(({ id }: { id: string }) => id);
    const next: string | undefined = body["@odata.nextLink"];
    if (next === undefined) return [ids];
    expect(next).toMatch(new RegExp(`^${ORIGIN}${list}\\?`));
    return [ids, ...(await pagesFrom(next.slice(ORIGIN.length)))];
  }

  test.each([
    ["", [20, 5]],
    ["?$top=10", [10, 10, 5]],
    ["?$TOP=25", [25]],
    ["?%24top=24", [24, 1]],
    ["?$top=100000000", [25]],
    ["?other=1&$top=13", [13, 12]],
  ])("%s comes newest first, in pages of %j", async (query, sizes) => {
    const pages = await pagesFrom(`${list}${query}`);
    expect(pages.flat()).toEqual(sent);
    expect(pages.map(({ length }) => length)).toEqual(sizes);
  });

  test("goes on where it was, whatever was sent meanwhile", async () => {
    const { body: first } = await api.get(`${list}?$top=20`);
    const { body: newer } = await api.post(list, LAUNCH_URI);
    const { body: second } = await api.get(first["@odata.nextLink"].slice(ORIGIN.length));
    expect(second.value.map(({ id }: { id: string }) => id)).toEqual(sent.slice(20));
    sent.unshift(newer.id);
    expect((await pagesFrom(list)).flat()).toEqual(sent);
  });

  test("ends a page early that would grow too large, and leaves nothing out", async () => {
    const { id } = await Device.registered(api);
    const path = `/v1.0/me/devices/${id}/commands`;
    const large = { ...LAUNCH_URI, payload: { ...LAUNCH_URI.payload, filling: "x".repeat(250_000) } };
    const all: string[] = [];
    for (let count = 0; count < 30; count++) {
      const { body } = await api.post(path, count < 10 ? large : LAUNCH_URI);
      all.unshift(body.id);
    }
    const pages: string[][] = [];
    for (let next = `${ORIGIN}${path}?$top=100`; next !== undefined; ) {
      const { body } = await api.get(next.slice(ORIGIN.length));
      pages.push(body.value.map((command: { id: string }) => command.id));
      next = body["@odata.nextLink"];
    }
    expect(pages.flat()).toEqual(all);
    expect(pages.map(({ length }) => length)).toEqual([24, 4, 2]);
  });

  test("is empty where nothing was sent", async () => {
    const { id } = await Device.registered(api);
    const { body } = await api.get(`/v1.0/me/devices/${id}/commands`);
    expect(body).toEqual({ "@odata.context": expect.any(String), value: [] });
  });

  test.each([
    ["$top=0", "$top"],
    ["$top=-1", "$top"],
    ["$top=1.5", "$top"],
    ["$top=ten", "$top"],
    ["$top=", "$top"],
    ["$top=1&$top=2", "$top"],
    ["$top=1&$Top=2", "$top"],
    ["$skiptoken=nonsense", "$skiptoken"],
    ["$orderby=id", "$orderby"],
    ["$expand=x", "$expand"],
    ["$", "$"],
  ])("refuses ?%s", async (query, named) => {
    const { status, body } = await api.get(`${list}?${query}`);
    expect([status, body.error.code]).toEqual([400, "invalidRequest"]);
    expect(body.error.message).toContain(`"${named}`);
  });

  test("refuses an endless option in a short sentence", async () => {
    const { status, body } = await api.get(`${list}?$${"x".repeat(5_000)}=1`);
    expect(status).toBe(400);
    expect(body.error.message).toContain('"$xxx');
    expect(body.error.message.length).toBeLessThan(300);
  });
});
