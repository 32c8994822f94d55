import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Json, ownService } from "../e2e/stage.ts";
import { inChromium, isAccessible, launchBrowser, openTab } from "./stage.ts";

/** The API page, as people read it. */

const service = ownService();

inChromium("the API page", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser.close());

  test.each([
    { colorScheme: "light", width: 1_200 },
    { colorScheme: "dark", width: 1_200 },
    { colorScheme: "light", width: 400 },
    { colorScheme: "dark", width: 320 },
  ] as const)("can be read by everyone: $colorScheme, $width pixels wide", async ({ colorScheme, width }) => {
    const page = await openTab(browser, service.origin, { colorScheme, viewport: { width, height: 800 } });
    await page.goto(`${service.origin}/docs`);
    await isAccessible(page);
    // Nothing is cut off, and nothing is to be looked for sideways.
    const [content, screen] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      window.innerWidth,
    ]);
    expect(content).toBeLessThanOrEqual(Number(screen));
    const background = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const [red = Number.NaN] = (background.match(/\d+/g) ?? []).map(Number);
    expect(red < 128).toBe(colorScheme === "dark");
  });

  test("has every operation, and each of its links leads somewhere", async () => {
    const page = await openTab(browser, service.origin);
    await page.goto(`${service.origin}/docs`);
    const { paths } = (await (await fetch(`${service.origin}/openapi.json`)).json()) as Json;
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

  test("is gone through with the keyboard, from the first link to an operation", async () => {
    const page = await openTab(browser, service.origin);
    await page.goto(`${service.origin}/docs`);
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
});
