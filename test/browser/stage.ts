import { existsSync } from "node:fs";
import axe from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { describe, expect, onTestFinished } from "vitest";

/** The pages in a real Chromium, which tells of whatever is not as it should be. */

const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const MISSING = `No Chromium at ${CHROMIUM}: install it, or name another with CHROMIUM_PATH.`;
/** Without these, it looks for servers of its maker at every start. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // It draws little, and one process less is started.
  "--in-process-gpu",
];

const isMissing = !existsSync(CHROMIUM);
if (isMissing && process.env.CI) throw new Error(MISSING);

/** Tests that need Chromium; skipped, and said so, where there is none. */
export function inChromium(name: string, tests: () => void): void {
  if (isMissing) console.warn(MISSING);
  describe.skipIf(isMissing)(name, tests);
}

/** One for a file of tests; its user closes it. */
export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}

export interface TabOptions {
  /** Width and height, in CSS pixels. */
  viewport?: { width: number; height: number };
  /** What the console may complain of in this test, such as an answer 400 that the test provokes. */
  expects?: RegExp[];
  permissions?: string[];
  /** Whom the tab may call besides the service, such as an issuer. */
  origins?: string[];
}

/**
 * A new person's tab; more of theirs come from `page.context()`. When the test is over, it fails if the console or
 * the policy had anything to complain of, or anything but the service was called.
 */
export async function openTab(
  browser: Browser,
  service: string,
  { viewport = { width: 1_200, height: 800 }, expects = [], permissions = [], origins = [] }: TabOptions = {},
): Promise<Page> {
  const context = await browser.newContext({ viewport, permissions, locale: "en-GB" });
  const complaints: string[] = [];
  const complain = (text: string): void => {
    if (!expects.some((expected) => expected.test(text))) complaints.push(text);
  };
  listen(context, [new URL(service).origin, ...origins], complain);
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample }) => {
      console.error(`The policy forbids (${effectiveDirective}): ${blockedURI} ${sample}`);
    });
  });
  onTestFinished(async () => {
    await context.close();
    expect(complaints, "what the tabs complained of").toEqual([]);
  });
  return await context.newPage();
}

function listen(context: BrowserContext, origins: string[], complain: (text: string) => void): void {
  context.on("console", (message) => {
    if (message.type() === "error") complain(`Console: ${message.text()} (${message.location().url})`);
  });
  context.on("weberror", (error) => complain(`Page: ${String(error.error())}`));
  context.on("request", (request) => {
    const url = new URL(request.url());
    // What is handed on to another app is no call.
    if (!origins.includes(url.origin) && !/^(data|mailto):$/.test(url.protocol))
      complain(`Request: ${request.url()}`);
  });
  context.on("page", (page) => {
    page.on("websocket", (socket) => {
      if (!origins.some((origin) => new URL(origin).host === new URL(socket.url()).host))
        complain(`Socket: ${socket.url()}`);
    });
  });
}

/** Fails where axe finds something that keeps people out, in what the tab shows now: in the light and in the dark. */
export async function isAccessible(page: Page): Promise<void> {
  // The dark differs in its colours only.
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await violationsIn(page, { type: "rule", values: ["color-contrast"] });
  await page.emulateMedia({ colorScheme: "light" });
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const light = await violationsIn(page, { type: "tag", values: tags });
  expect({ light, dark }, `axe at ${page.url()}`).toEqual({ light: [], dark: [] });
}

async function violationsIn(page: Page, runOnly: axe.RunOnly): Promise<string[]> {
  // The debugger's own scripts run whatever the page's policy says, and the policy stays as it is.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe.source);
  return await page.evaluate(async (only) => {
    const { axe: auditor } = window as unknown as { axe: typeof axe };
    const { violations } = await auditor.run({ runOnly: only, resultTypes: ["violations"] });
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(({ html }) => `  ${html}`).join("\n")}`);
  }, runOnly);
}
