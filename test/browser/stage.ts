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
  colorScheme?: "light" | "dark";
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
  {
    colorScheme = "light",
    viewport = { width: 1_200, height: 800 },
    expects = [],
    permissions = [],
    origins = [],
  }: TabOptions = {},
): Promise<Page> {
  const context = await browser.newContext({ colorScheme, viewport, permissions, locale: "en-GB" });
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
  // An initial script is the browser's own, so the page's policy stays as it is.
  await context.addInitScript({ content: axe.source });
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
    if (!origins.includes(url.origin) && url.protocol !== "data:") complain(`Request: ${request.url()}`);
  });
  context.on("page", (page) => {
    page.on("websocket", (socket) => {
      if (!origins.some((origin) => new URL(origin).host === new URL(socket.url()).host))
        complain(`Socket: ${socket.url()}`);
    });
  });
}

/** Fails where axe finds something that keeps people out, in what the tab shows now. */
export async function isAccessible(page: Page): Promise<void> {
  const violations = await page.evaluate(async () => {
    const { axe: auditor } = window as unknown as { axe: typeof axe };
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations: found } = await auditor.run({ runOnly: { type: "tag", values: tags } });
    return found
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(({ html }) => `  ${html}`).join("\n")}`);
  });
  expect(violations, `axe at ${page.url()}`).toEqual([]);
}
