import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import { Caller } from "../e2e/stage.ts";
import type { Stage } from "./console-stage.ts";
import type { TabOptions } from "./stage.ts";

/** People with their tabs: one in which they are signed in, and one that is a device of theirs. */

/** A tab that has become a device. */
export interface TabDevice {
  tab: Page;
  id: string;
  /** Whose it is. */
  owner: Caller;
}

/**
 * The header that tells the service a network that nobody else is in (RFC 3849), as Cloudflare's edge would: it counts
 * pairings, and looks at them, by network.
 */
export function ownNetwork(): Record<string, string> {
  const [, group, other] = crypto.randomUUID().split("-");
  return { "CF-Connecting-IP": `2001:db8:${group}:${other}::1` };
}

/** The tab's person comes from a network of their own. */
export async function comesFromElsewhere(tab: Page): Promise<void> {
  await tab.context().setExtraHTTPHeaders(ownNetwork());
}

/** A tab at a page of the service, with its person signed in. */
export async function signsIn(tab: Page, { origin, token }: Caller, path: string): Promise<void> {
  await tab.goto(`${origin}${path}#token=${token}`);
  await expect.poll(() => tab.url()).not.toContain(token);
}

/** A new person's tab becomes a device, by the short way: they are signed in in it, and click once. */
export async function becomesDevice(stage: Stage, options: TabOptions = {}): Promise<TabDevice> {
  const tab = await stage.tab(options);
  return { tab, ...(await joins(tab, stage.service)) };
}

/** The same in a tab that is open. */
export async function joins(tab: Page, service: { origin: string }): Promise<Omit<TabDevice, "tab">> {
  const owner = await Caller.of(service);
  await comesFromElsewhere(tab);
  await signsIn(tab, owner, "/device");
  await addsItself(tab);
  const { value } = await owner.get("/me/devices");
  expect(value).toHaveLength(1);
  return { id: value[0].id, owner };
}

/** A tab at /device keeps the name that it was given, and is added to the account that is signed in in it. */
export async function addsItself(tab: Page): Promise<void> {
  await tab.getByRole("button", { name: "Add it to my account now" }).click();
  await isConnected(tab);
}

export async function isConnected(tab: Page): Promise<void> {
  await tab.getByText("Connected", { exact: true }).waitFor();
}

/** The code that a tab at /device shows. */
export async function codeOf(tab: Page): Promise<string> {
  const text = await tab.locator(".code").textContent();
  return /[A-Z]{4}-[A-Z]{4}/.exec(text ?? "")?.[0] ?? "";
}

/** A tab that shows a code asks whether somebody has decided: by its own clock, which is installed, it is time to. */
export async function asksNow(tab: Page): Promise<void> {
  await tab.clock.fastForward(5_000);
}

/** A web site on loopback, gone when the test is over; each of its pages is titled with its path. */
export async function webSite(): Promise<string> {
  const server = createServer((request, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end(`<!doctype html><link rel="icon" href="data:,"><title>${request.url}</title>`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
