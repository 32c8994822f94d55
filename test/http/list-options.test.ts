import { beforeAll, describe, expect, test } from "vitest";
import { ENDED, LIVE } from "../../src/command/command.ts";
import { APP_SERVICE, Api, Device, type Json, LAUNCH_URI, ORIGIN } from "../stage.ts";

/** `$filter` and `$select` of a device's list: alone, together, and from page to page. */

const api = new Api();
let list: string;
/** The commands' ids by the status that they stand in, the newest first. */
const standing = new Map<string, string[]>();

/** Brings a new command into a status; what each takes is what a device, or a caller, does. */
type Story = (device: Device) => Promise<string>;

async function taken(device: Device, order: object = APP_SERVICE): Promise<{ command: string; id: string }> {
  const command = await api.send(device, order);
  return { command, id: (await device.receives()).id };
}

const STORIES: Record<string, Story> = {
  sentToTarget: async (device) => (await taken(device)).command,
  executing: async (device) => {
    const { command, id } = await taken(device, LAUNCH_URI);
    device.acknowledges(id);
    return command;
  },
  custom: async (device) => {
    const { command, id } = await taken(device);
    device.notifies("progress", { id, percent: 5 });
    return command;
  },
  cancelling: async (device) => {
    const { command } = await taken(device);
    await api.post(`/v1.0${command}/cancel`, undefined);
    await device.receives();
    return command;
  },
  completed: async (device) => {
    const { command, id } = await taken(device);
    device.answers(id, { answer: 42 });
    return command;
  },
  executionFailed: async (device) => {
    const { command, id } = await taken(device);
    device.fails(id, { code: 1, message: "Out of paper" });
    return command;
  },
  commandDropped: async (device) => {
    const { command, id } = await taken(device);
    device.notifies("dropped", { id, reason: "standby" });
    return command;
  },
  canceled: async (device) => {
    const { command, id } = await taken(device);
    await api.post(`/v1.0${command}/cancel`, undefined);
    await device.receives();
    device.fails(id, { code: -32800, message: "Cancelled" });
    return command;
  },
};

beforeAll(async () => {
  const device = await Device.connected(api);
  list = `/v1.0/me/devices/${device.id}/commands`;
  for (const status of [...LIVE, ...ENDED]) standing.set(status, []);
  for (let round = 0; round < 3; round++) {
    for (const [status, story] of Object.entries(STORIES)) {
      const command = await story(device);
      await api.reaches(command, status);
      standing.get(status)?.unshift(command.split("/").at(-1) ?? "");
    }
  }
});

/** The ids of all pages, and how many there were. */
async function idsFrom(path: string): Promise<{ ids: string[]; pages: number }> {
  const ids: string[] = [];
  let pages = 0;
  for (let next: string | undefined = path; next !== undefined; pages++) {
    const { status, body }: { status: number; body: Json } = await api.get(next);
    expect(status).toBe(200);
    ids.push(...body.value.map(({ id }: Json) => id));
    next = body["@odata.nextLink"]?.slice(ORIGIN.length);
  }
  return { ids, pages };
}

function filtered(status: string, more = ""): string {
  return `${list}?$filter=${encodeURIComponent(`status eq '${status}'`)}${more}`;
}

describe("$filter", () => {
  test.each([...LIVE, ...ENDED])(
    "status eq '%s' shows those that stand so, the newest first",
    async (status) => {
      expect((await idsFrom(filtered(status))).ids).toEqual(standing.get(status));
    },
  );

  test.each([...LIVE, ...ENDED])("status eq '%s' is the same page by page", async (status) => {
    const { ids, pages } = await idsFrom(filtered(status, "&$top=1"));
    expect(ids).toEqual(standing.get(status));
    expect(pages).toBeGreaterThanOrEqual(ids.length);
  });

  test.each([
    "$filter=status eq 'completed'",
    "$FILTER=  status  EQ  'completed'  ",
    "$filter=Status%20eq%20%27completed%27",
  ])("reads %j", async (query) => {
    expect((await idsFrom(`${list}?${query}`)).ids).toEqual(standing.get("completed"));
  });

  test.each([
    "",
    "status",
    "status eq",
    "status eq completed",
    'status eq "completed"',
    "status eq 'Completed'",
    "status eq 'finished'",
    "status eq ''",
    "status eq 'completed",
    "status ne 'completed'",
    "status eq 'completed' or status eq 'canceled'",
    "status eq 'completed''",
    "statuseq'completed'",
    "(status eq 'completed')",
    "type eq 'LaunchUri'",
    "'completed' eq status",
    "status eq 'completed' --",
    "status eq 'x' OR 1=1",
  ])("refuses %j, and says what it reads", async (filter) => {
    const { status, body } = await api.get(`${list}?$filter=${encodeURIComponent(filter)}`);
    expect([status, body.error.code]).toEqual([400, "invalidRequest"]);
    expect(body.error.message).toContain('"$filter"');
    expect(body.error.message).toContain("completed");
  });

  test("refuses a second one", async () => {
    expect((await api.get(`${filtered("completed")}&$filter=status eq 'canceled'`)).status).toBe(400);
  });

  test("shows only what is the caller's", async () => {
    expect((await new Api().get(filtered("completed"))).status).toBe(404);
  });
});

describe("$select", () => {
  const MEMBERS = [
    "id",
    "status",
    "type",
    "appServiceName",
    "packageFamilyName",
    "error",
    "permissionTicket",
    "postBackUri",
    "payload",
    "responsePayload",
    "createdDateTime",
    "lastModifiedDateTime",
    "expirationDateTime",
    "statusDetail",
  ];

  async function membersOf(select: string): Promise<string[][]> {
    const { status, body } = await api.get(`${list}?$select=${encodeURIComponent(select)}&$top=100`);
    expect(status).toBe(200);
    expect(body.value).toHaveLength(24);
    return body.value.map((command: object) => Object.keys(command));
  }

  test.each(MEMBERS)("%s shows that member and no other", async (member) => {
    for (const members of await membersOf(member)) expect(members).toEqual([member]);
  });

  test.each(["id,status", "status, id", "id,id,status"])("%j shows both", async (select) => {
    for (const members of await membersOf(select))
      expect(new Set(members)).toEqual(new Set(["id", "status"]));
  });

  test("of all members is the whole command", async () => {
    for (const members of await membersOf(MEMBERS.join(","))) expect(members).toEqual(MEMBERS);
  });

  test.each([
    "",
    ",",
    "id,",
    "Status",
    "value",
    "history",
    "id status",
    "id;status",
    "constructor",
    "__proto__",
  ])("refuses %j, and names what it knows", async (select) => {
    const { status, body } = await api.get(`${list}?$select=${encodeURIComponent(select)}`);
    expect([status, body.error.code]).toEqual([400, "invalidRequest"]);
    expect(body.error.message).toContain('"$select"');
    expect(body.error.message).toContain("statusDetail");
  });

  test("refuses an endless one in a short sentence", async () => {
    const { status, body } = await api.get(`${list}?$select=${"x".repeat(5_000)}`);
    expect(status).toBe(400);
    expect(body.error.message.length).toBeLessThan(500);
  });
});

test("the next link keeps $filter, $select and $top, to the last page", async () => {
  const seen: Json[] = [];
  let next: string | undefined = filtered("completed", "&$select=id,responsePayload&$top=2&mine=1");
  while (next !== undefined) {
    const { body }: { body: Json } = await api.get(next);
    expect(body.value.length).toBeLessThanOrEqual(2);
    seen.push(...body.value);
    next = body["@odata.nextLink"]?.slice(ORIGIN.length);
    if (next === undefined) break;
    const options = new URL(next, ORIGIN).searchParams;
    expect(Object.fromEntries(options)).toEqual({
      $filter: "status eq 'completed'",
      $select: "id,responsePayload",
      $top: "2",
      $skiptoken: expect.stringMatching(/^\d+$/),
    });
  }
  expect(seen).toEqual(standing.get("completed")?.map((id) => ({ id, responsePayload: { answer: 42 } })));
});

test("a command that ends leaves the live ones and joins its like", async () => {
  const own = new Api();
  const device = await Device.connected(own);
  const at = `/v1.0/me/devices/${device.id}/commands`;
  const count = async (status: string): Promise<number> =>
    (await own.get(`${at}?$filter=status eq '${status}'`)).body.value.length;
  const command = await own.send(device, APP_SERVICE);
  const { id } = await device.receives();
  device.acknowledges(id);
  await own.reaches(command, "executing");
  expect([await count("executing"), await count("completed")]).toEqual([1, 0]);
  device.answers(id, 1);
  await own.reaches(command, "completed");
  // The device's list learns of the end with the receipt of the result.
  await expect.poll(() => count("completed")).toBe(1);
  expect(await count("executing")).toBe(0);
});
