import { expect, test } from "vitest";
import { appServices, ping } from "../../src/agent/services.ts";
import { connected } from "./stage.ts";

/** What a device makes of names that every object of JavaScript's has already. */

const NAMES = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then"];
const PAYLOAD = `{${NAMES.map((name) => `"${name}":{"polluted":true}`).join(",")}}`;

test.each(NAMES)("%s is no method, no member, and no app service", async (name) => {
  const { line } = await connected({ handlers: { launchUri: () => {}, appService: appServices([ping]) } });
  const answered = async (frame: string): Promise<unknown> => {
    line.says(frame);
    return await line.hears();
  };
  const error = (code: number) => ({ error: { code } });
  expect(await answered(`{"jsonrpc":"2.0","id":"x","method":"${name}"}`)).toMatchObject(error(-32601));
  expect(await answered(`{"${name}":{"jsonrpc":"2.0","id":"x","method":"ping"}}`)).toMatchObject(
    error(-32600),
  );
  const inherited = `{"${name}":{"uri":"https://example.com/"}}`;
  expect(
    await answered(`{"jsonrpc":"2.0","id":"x","method":"launchUri","params":${inherited}}`),
  ).toMatchObject(error(-32602));

  const call = (service: string, id: string): string =>
    `{"jsonrpc":"2.0","id":"${id}","method":"appService","params":{"appServiceName":"${service}","packageFamilyName":"${name}","payload":${PAYLOAD}}}`;
  expect(await answered(call(name, "1"))).toMatchObject({ method: "executing" });
  expect(await line.hears()).toMatchObject({ id: "1", error: { data: { status: "AppServiceUnavailable" } } });
  // Its id is a key, too.
  expect(await answered(call("appia.ping", name))).toMatchObject({
    method: "executing",
    params: { id: name },
  });
  const echoed = (await line.hears()) as unknown as { id: string; result: { echo: unknown } };
  expect([echoed.id, JSON.stringify(echoed.result.echo)]).toEqual([name, PAYLOAD]);
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect({}).not.toHaveProperty("polluted");
});
