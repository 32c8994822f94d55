import { expect, test } from "vitest";
import { Caller, type Json } from "../e2e/stage.ts";
import { looksNow, reads, type Stage, statusesIn } from "./console-stage.ts";
import { asksNow, codeOf, isConnected, webSite } from "./people.ts";
import { isAccessible } from "./stage.ts";

/** Somebody new: from the link that `npm start` prints to the first page that opens elsewhere, and what they read. */

export function newcomers(stage: Stage): void {
  test("makes a second tab a device, opens a page on it, and calls another off", async () => {
    const site = await webSite();
    const console = await stage.tab({ origins: [site] });
    const { token } = await Caller.of(stage.service);
    await console.clock.install();
    await console.goto(`${stage.service.origin}/#token=${token}`);
    await console.getByText("You have no devices yet").waitFor();

    // A second tab of the same browser: whose it is, it knows from the first.
    const device = await console.context().newPage();
    await device.goto(stage.service.origin);
    await device.getByRole("link", { name: "This browser" }).click();
    await device.getByLabel("Name").fill("Second tab");
    await isAccessible(device);
    await device.getByRole("button", { name: "Add it to my account now" }).click();
    await isConnected(device);

    await console.bringToFront();
    await looksNow(console);
    await console.getByRole("link", { name: "Second tab" }).click();
    await console.getByLabel("URI", { exact: true }).fill(`${site}/recipe`);
    await console.getByRole("button", { name: "Send", exact: true }).click();
    await reads(console, "custom");
    const opened = device.context().waitForEvent("page");
    await device.getByRole("link", { name: "Open", exact: true }).click();
    const page = await opened;
    await expect.poll(() => page.title()).toBe("/recipe");
    await reads(console, "completed");
    expect(await statusesIn(console)).toEqual([
      "requesting",
      "sentToTarget",
      "executing",
      "custom",
      "completed",
    ]);
    await isAccessible(console);

    await console.goBack();
    await console.getByLabel("URI", { exact: true }).fill(`${site}/regretted`);
    await console.getByRole("button", { name: "Send", exact: true }).click();
    await device.getByText("/regretted").first().waitFor();
    await console.getByRole("button", { name: "Cancel" }).click();
    await reads(console, "canceled");
    await device.getByText("Nothing. You are asked here").waitFor();
    await isAccessible(device);
  });

  test("lets a browser in that is not theirs, by the code it shows", async () => {
    const device = await stage.tab({ expects: [/400/] });
    await device.clock.install();
    await device.goto(`${stage.service.origin}/device`);
    await device.getByRole("button", { name: "Get a code" }).click();
    await device.locator(".code").waitFor();
    const console = await stage.signedIn(await Caller.of(stage.service));
    await console.getByRole("link", { name: "A device that shows a code" }).click();
    await console.getByLabel("Code").fill(await codeOf(device));
    await console.keyboard.press("Enter");
    await console.getByRole("button", { name: "Approve" }).click();
    await console.getByText("is now your device").waitFor();
    await asksNow(device);
    await isConnected(device);
    await console.getByRole("link", { name: "Send it a page now" }).click();
    await console.getByLabel("URI", { exact: true }).waitFor();
  });

  test("reads the API page: in the light and in the dark, on a screen and on a phone", async () => {
    const page = await stage.tab();
    await page.goto(`${stage.service.origin}/docs`);
    const background = (): Promise<string> =>
      page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    for (const width of [1_200, 400, 320]) {
      await page.setViewportSize({ width, height: 800 });
      // Nothing is cut off, and nothing is to be looked for sideways.
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      if (width !== 400) await isAccessible(page);
    }
    const light = await background();
    await page.emulateMedia({ colorScheme: "dark" });
    const [lightRed, darkRed] = [light, await background()].map((color) => Number(/\d+/.exec(color)?.[0]));
    expect(lightRed).toBeGreaterThan(128);
    expect(darkRed).toBeLessThan(128);
  });

  test("finds every operation on it, and each of its links leads somewhere", async () => {
    const page = await stage.tab();
    await page.goto(`${stage.service.origin}/docs`);
    const { paths } = (await (await fetch(`${stage.service.origin}/openapi.json`)).json()) as Json;
    const operations: Json[] = Object.values<Json>(paths).flatMap((item) => Object.values<Json>(item));
    for (const { operationId, summary } of operations) {
      const section = page.getByRole("region", { name: summary, exact: true });
      expect(await section.getByRole("heading", { level: 3 }).getAttribute("id")).toBe(operationId);
      expect(await section.getByText("curl ").count(), operationId).toBeGreaterThan(0);
    }
    const { broken, twice, headings, scripts } = await page.evaluate(() => {
      const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
      const links = [...document.querySelectorAll<HTMLAnchorElement>('a[href^="#"]')];
      return {
        broken: links.map(({ hash }) => hash).filter((hash) => !ids.includes(hash.slice(1))),
        twice: ids.filter((id, index) => ids.indexOf(id) !== index),
        headings: [...document.querySelectorAll("h1, h2, h3, h4")].map(({ tagName }) => Number(tagName[1])),
        scripts: document.scripts.length,
      };
    });
    expect({ broken, twice, scripts }).toEqual({ broken: [], twice: [], scripts: 0 });
    // No rank is left out on the way down.
    headings.forEach((rank, index) => void expect(rank).toBeLessThanOrEqual((headings[index - 1] ?? 0) + 1));
  });

  test("goes through it with the keyboard, from the first link to an operation", async () => {
    const page = await stage.tab();
    await page.goto(`${stage.service.origin}/docs`);
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to the content");
    const skip = page.getByRole("link", { name: "Skip to the content" });
    expect((await skip.boundingBox())?.y).toBeGreaterThanOrEqual(0);
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("content");
    const contents = page.getByRole("navigation", { name: "Contents" });
    await contents.getByRole("link", { name: "Send a command to a device" }).focus();
    await page.keyboard.press("Enter");
    await expect
      .poll(() => page.locator("#sendCommand").evaluate((node) => node.getBoundingClientRect().top))
      .toBeLessThan(200);
    expect(new URL(page.url()).hash).toBe("#sendCommand");
  });
}
