import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { type Service, startService } from "../../scripts/service.ts";
import type { Handlers } from "../../src/agent/device.ts";
import {
  type Caller,
  endsWholly,
  type OwnDevice,
  registers,
  startLocally,
  temporaryFolder,
} from "../e2e/stage.ts";
import { launchBrowser, openTab, type TabOptions } from "./stage.ts";

/** People at the console. */

/** The service and the browser of a file of tests. */
export class Stage {
  #service: Service | undefined;
  #browser: Browser | undefined;
  #folder: Awaited<ReturnType<typeof temporaryFolder>> | undefined;

  /** Both are there while the tests beside it run. */
  static forTests(): Stage {
    const stage = new Stage();
    beforeAll(async () => {
      stage.#folder = await temporaryFolder();
      [stage.#browser, stage.#service] = await Promise.all([
        launchBrowser(),
        startLocally(stage.#folder.path),
      ]);
    });
    afterAll(() => stage.#folder?.[Symbol.asyncDispose]());
    afterAll(() => endsWholly(stage.service));
    afterAll(() => stage.#browser?.close());
    return stage;
  }

  get service(): Service {
    if (this.#service === undefined) throw new Error("The service does not run.");
    return this.#service;
  }

  /** The service goes away, wholly. */
  async serviceEnds(): Promise<void> {
    await endsWholly(this.service);
  }

  /** It comes back, at the same address and with all it had. */
  async serviceReturns(): Promise<void> {
    const port = Number(new URL(this.service.origin).port);
    const service = await startService({ port, persistTo: this.#folder?.path, output: "kept" });
    await service.ready;
    this.#service = service;
  }

  async tab(options: TabOptions = {}): Promise<Page> {
    if (this.#browser === undefined) throw new Error("The browser does not run.");
    return await openTab(this.#browser, this.service.origin, options);
  }

  /** A caller's tab, signed in by the link that `npm start` prints, at the devices or at a view of the console. */
  async signedIn(caller: Caller, options: TabOptions = {}, view = "#/"): Promise<Page> {
    const tab = await this.tab(options);
    await tab.goto(`${this.service.origin}/#token=${caller.token}`);
    await tab.getByRole("heading", { name: "Devices", level: 1 }).waitFor();
    await leadsTo(tab, view);
    return tab;
  }
}

/** The console looks again at what there is: by the tab's clock, which is installed, it is time to. */
export async function looksNow(tab: Page): Promise<void> {
  await tab.clock.fastForward(3_000);
}

/** Opens a view of the console in its tab. */
export async function leadsTo(tab: Page, view: string): Promise<void> {
  await tab.evaluate((hash) => {
    location.hash = hash;
  }, view);
}

/** The view of a command, by its path at the service (`/me/devices/…/commands/…`). */
export function viewOf(command: string): string {
  return `#${command.replace("/me", "")}`;
}

/** The statuses that the timeline shows, from top to bottom. */
export async function statusesIn(tab: Page): Promise<string[]> {
  return await tab.getByRole("region", { name: "Timeline" }).locator(".badge").allTextContents();
}

/** The view's main status, once it reads so. */
export async function reads(tab: Page, status: string): Promise<void> {
  await tab.getByRole("region", { name: "Now" }).getByText(status, { exact: true }).waitFor();
}

/** The listed commands: what each is about. */
export function listed(tab: Page): Locator {
  return tab.getByRole("region", { name: "Commands" }).getByRole("listitem");
}

/** Presses Tab until the focus is on what has this role and name. Fails where the keyboard does not lead there. */
export async function tabsTo(tab: Page, role: Parameters<Page["getByRole"]>[0], name: string): Promise<void> {
  const target = tab.getByRole(role, { name }).first();
  for (let presses = 0; presses < 40; presses++) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await tab.keyboard.press("Tab");
  }
  expect.fail(`The keyboard does not lead to the ${role} "${name}".`);
}

/** A device of this caller that is there, and answers what it is asked. */
export async function connected(
  caller: Caller,
  handlers: Handlers = {
    launchUri: () => {},
    appService: ({ appServiceName }) => {
      if (appServiceName === "fails") throw new Error("It went wrong.");
      return { pong: true };
    },
  },
): Promise<OwnDevice & { caller: Caller }> {
  const own = await registers(caller, { handlers });
  own.device.start();
  await own.device.connected();
  return { ...own, caller };
}
