import { expect, test } from "vitest";
import { APP_SERVICE, Caller } from "../e2e/stage.ts";
import { connected, reads, type Stage, statusesIn, viewOf } from "./console-stage.ts";
import { becomesDevice, codeOf, isConnected, signsIn } from "./people.ts";
import { isAccessible } from "./stage.ts";

/** What the pages do while the service is away, and when it is back. */

/** What a browser itself complains of where nobody answers. */
const expects = [/ERR_CONNECTION|ERR_INTERNET_DISCONNECTED|ERR_EMPTY|WebSocket|Failed to load resource/];

/** What somebody sees of an outage. */
interface Experience {
  whileAway(): Promise<void>;
  whenBack(): Promise<void>;
}

export function outages(stage: Stage): void {
  test("is told everywhere, loses nothing, and is over by itself", async () => {
    const all = await Promise.all([
      ofListing(),
      ofWatching(),
      ofDevice(),
      ofDeviceThatWaits(),
      ofAskingForCode(),
      ofEnteringCode(),
    ]);
    await stage.serviceEnds();
    await Promise.all(all.map((one) => one.whileAway()));
    await stage.serviceReturns();
    await Promise.all(all.map((one) => one.whenBack()));
  });

  /** Somebody looks at their devices. */
  async function ofListing(): Promise<Experience> {
    const { caller } = await connected(await Caller.of(stage.service));
    const tab = await stage.signedIn(caller, { expects });
    await tab.getByText("Online").waitFor();
    return {
      whileAway: async () => {
        await tab.getByText("The service does not answer").waitFor();
        await tab.getByText("Online").waitFor();
      },
      whenBack: async () => {
        await tab.getByText("Live", { exact: true }).waitFor();
        await tab.getByText("Online").waitFor();
      },
    };
  }

  /** Somebody watches a command: what was read stays in its place. */
  async function ofWatching(): Promise<Experience> {
    const end = Promise.withResolvers<void>();
    const { caller, id } = await connected(await Caller.of(stage.service), { appService: () => end.promise });
    const command = await caller.send(id, APP_SERVICE);
    await caller.reaches(command, "executing");
    const tab = await stage.signedIn(
      caller,
      { viewport: { width: 360, height: 740 }, expects },
      viewOf(command),
    );
    await reads(tab, "executing");
    await tab.getByRole("link", { name: "Test device" }).waitFor();
    const heading = tab.getByRole("heading", { level: 1 });
    const place = await heading.boundingBox();
    return {
      whileAway: async () => {
        await tab.getByText("The service does not answer").waitFor();
        await tab.getByText("Broken; trying again").waitFor();
        expect(await heading.boundingBox()).toEqual(place);
        await reads(tab, "executing");
      },
      whenBack: async () => {
        await tab.getByText("Broken; trying again").waitFor({ state: "detached" });
        end.resolve();
        await reads(tab, "completed");
        expect(await statusesIn(tab)).toEqual(["requesting", "sentToTarget", "executing", "completed"]);
      },
    };
  }

  /** A tab is a device, and carries out what waited for it. */
  async function ofDevice(): Promise<Experience> {
    const { tab, id, owner } = await becomesDevice(stage, { expects });
    return {
      whileAway: async () => {
        await tab.getByText("Disconnected").waitFor();
        await tab.getByText(/Trying again in \d:\d\d/).waitFor();
        await isAccessible(tab);
      },
      whenBack: async () => {
        const ping = await owner.send(id, {
          type: "AppService",
          appServiceName: "appia.ping",
          packageFamilyName: "Appia.Test",
          payload: null,
        });
        // The next try may be a minute away; the person need not wait for it.
        const retry = tab.getByRole("button", { name: "Try now" });
        await retry.or(tab.getByText("Connected", { exact: true })).click();
        await isConnected(tab);
        await owner.reaches(ping, "completed");
      },
    };
  }

  /** A device's own clock stands still, and its next try never comes: it is back as soon as the network is. */
  async function ofDeviceThatWaits(): Promise<Experience> {
    const { tab } = await becomesDevice(stage, { expects });
    await tab.clock.install();
    await tab.reload();
    await isConnected(tab);
    await tab.clock.pauseAt(Date.now() + 5_000);
    return {
      whileAway: () => tab.getByText("Disconnected").waitFor(),
      whenBack: async () => {
        await tab.evaluate(() => dispatchEvent(new Event("online")));
        await isConnected(tab);
      },
    };
  }

  /** A browser that is to become a device asks for a code. */
  async function ofAskingForCode(): Promise<Experience> {
    const tab = await stage.tab({ expects });
    await tab.goto(`${stage.service.origin}/device`);
    const ask = tab.getByRole("button", { name: "Get a code" });
    await ask.waitFor();
    return {
      whileAway: async () => {
        await ask.click();
        await tab.getByText("The service does not answer").waitFor();
        await isAccessible(tab);
      },
      whenBack: async () => {
        await ask.click();
        await expect.poll(() => codeOf(tab)).toMatch(/-/);
      },
    };
  }

  /** Somebody enters a code. */
  async function ofEnteringCode(): Promise<Experience> {
    const tab = await stage.tab({ expects });
    await signsIn(tab, await Caller.of(stage.service), "/pair");
    await tab.getByLabel("Code").fill("BCDF-GHJK");
    const enter = tab.getByRole("button", { name: "Continue" });
    return {
      whileAway: async () => {
        await enter.click();
        await tab.getByText("The service does not answer").waitFor();
        await isAccessible(tab);
      },
      whenBack: async () => {
        await enter.click();
        await tab.getByText("This code is wrong").waitFor();
      },
    };
  }
}
