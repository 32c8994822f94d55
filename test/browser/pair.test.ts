import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { createKeyPair } from "../../src/agent/identity.ts";
import { Caller } from "../e2e/stage.ts";
import { Stage } from "./console-stage.ts";
import { asksNow, codeOf, comesFromElsewhere, isConnected, ownNetwork, signsIn } from "./people.ts";
import { inChromium, isAccessible, type TabOptions } from "./stage.ts";

/** Pairing as two screens see it: a device that shows a code, and a person who is signed in elsewhere. */

inChromium("pairing", () => {
  const stage = Stage.forTests();

  /** A tab of a new person's at /pair. */
  async function person(options: TabOptions = {}): Promise<{ tab: Page; caller: Caller }> {
    const tab = await stage.tab({ ...options, expects: [/404/, ...(options.expects ?? [])] });
    await comesFromElsewhere(tab);
    const caller = await Caller.of(stage.service);
    await signsIn(tab, caller, "/pair");
    return { tab, caller };
  }

  /** A tab of nobody's that shows a code. Its questions are answered 400 until somebody decides (RFC 8628, 3.5). */
  async function device(name: string, options: TabOptions = {}): Promise<{ tab: Page; code: string }> {
    const tab = await stage.tab({ ...options, expects: [/400/, ...(options.expects ?? [])] });
    await comesFromElsewhere(tab);
    await tab.clock.install();
    await tab.goto(`${stage.service.origin}/device`);
    await tab.getByLabel("Name").fill(name);
    await tab.getByRole("button", { name: "Get a code" }).click();
    await tab.locator(".code").waitFor();
    return { tab, code: await codeOf(tab) };
  }

  test("a code that is typed in lets the device in, and it connects", async () => {
    const { tab: screen, code } = await device("Kitchen tablet");
    expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    await screen.getByRole("img", { name: code }).waitFor();
    await isAccessible(screen);

    const { tab, caller } = await person();
    const field = tab.getByLabel("Code");
    await expect.poll(() => field.evaluate((input) => input === document.activeElement)).toBe(true);
    await isAccessible(tab);
    // In any case, with or without the hyphen; it is written as codes are while one types.
    await field.pressSequentially(code.replace("-", "").toLowerCase());
    expect(await field.inputValue()).toBe(code);
    await tab.keyboard.press("Enter");
    const request = tab.getByRole("region", { name: "Let this device into your account?" });
    await request.getByText("Kitchen tablet").waitFor();
    await request.getByText("Browser, Linux").waitFor();
    await request.getByText("place unknown").waitFor();
    await request.getByText(/^(now|\d+ seconds? ago)/).waitFor();
    await isAccessible(tab);
    await tab.getByRole("button", { name: "Approve" }).click();
    await tab.getByRole("heading", { name: "“Kitchen tablet” is now your device" }).waitFor();
    await isAccessible(tab);
    await asksNow(screen);
    await isConnected(screen);

    const { value } = await caller.get("/me/devices");
    expect(value).toMatchObject([{ name: "Kitchen tablet", status: "Online" }]);
    await tab.getByRole("link", { name: "Send it a page now" }).click();
    await tab.getByRole("heading", { name: "Kitchen tablet" }).waitFor();
    expect(new URL(tab.url()).hash).toBe(`#/devices/${value[0].id}`);
  });

  test("the code of a link is looked up at once, leaves the address bar, and outlasts signing in", async () => {
    const { tab: screen, code } = await device("Hall display");
    const link = await screen.getByRole("link", { name: "/pair" }).getAttribute("href");
    expect(link).toBe(`${stage.service.origin}/pair#${code}`);
    const tab = await stage.tab();
    await comesFromElsewhere(tab);
    await tab.goto(link ?? "");
    const { token } = await Caller.of(stage.service);
    await tab.getByLabel("Link or token").fill(token);
    await tab.getByRole("button", { name: "Sign in" }).click();
    await tab.getByText("Hall display").waitFor();
    expect(tab.url()).toBe(`${stage.service.origin}/pair`);
    // So does another code, opened in the same tab.
    const { code: other } = await asks({ name: "Garden display" });
    await tab.evaluate((hash) => {
      location.hash = hash;
    }, other);
    await tab.getByText("Garden display").waitFor();
    expect(tab.url()).toBe(`${stage.service.origin}/pair`);
  });

  test("whoever comes from the same network is said to", async () => {
    const { code } = await asks({ name: "Neighbour" }, {});
    const tab = await stage.tab();
    await signsIn(tab, await Caller.of(stage.service), "/pair");
    await looksUp(tab, code);
    await tab.getByText("the same as yours").waitFor();
    await tab.getByText("the service's own computer").waitFor();
  });

  test("a device that is denied is told so, and may ask again", async () => {
    const { tab: screen, code } = await device("Stranger");
    const { tab, caller } = await person();
    await looksUp(tab, code);
    await tab.getByRole("button", { name: "Deny" }).click();
    await tab.getByRole("heading", { name: "“Stranger” was denied" }).waitFor();
    await asksNow(screen);
    await screen.getByText("The request was denied").waitFor();
    await isAccessible(screen);
    expect((await caller.get("/me/devices")).value).toEqual([]);
    await screen.getByRole("button", { name: "Get a code" }).click();
    await screen.locator(".code").waitFor();
    expect(await codeOf(screen)).not.toBe(code);
  });

  test("a code that expires is told, and replaced when the person asks", async () => {
    const { tab: screen, code } = await device("Slow one");
    // The service says so after ten minutes; here it says so at once.
    await screen.route("**/pairings/token", (route) =>
      route.fulfill({ status: 400, json: { error: "expired_token", error_description: "It expired." } }),
    );
    await asksNow(screen);
    await screen.getByText("The code has expired").waitFor();
    await screen.unroute("**/pairings/token");
    await screen.getByRole("button", { name: "Get a code" }).click();
    await screen.getByRole("button", { name: "Get a new code" }).click();
    await expect.poll(() => codeOf(screen)).toMatch(/-/);
    expect(await codeOf(screen)).not.toBe(code);
    await screen.getByRole("button", { name: "Cancel" }).click();
    expect(await screen.getByLabel("Name").inputValue()).toBe("Slow one");
  });

  test("the time that is left is counted down", async () => {
    const tab = await stage.tab({ expects: [/400/] });
    await comesFromElsewhere(tab);
    await tab.clock.install();
    await tab.goto(`${stage.service.origin}/device`);
    await tab.clock.runFor(1_000);
    await tab.getByRole("button", { name: "Get a code" }).click();
    await tab.getByText(/Good for (10:00|9:59)/).waitFor();
    await tab.clock.runFor(60_000);
    await tab.getByText(/Good for (9:00|8:59)/).waitFor();
  });

  test("a code that cannot be one is told before anybody is asked", async () => {
    const { tab } = await person();
    const asked: string[] = [];
    tab.on("request", (request) => asked.push(request.url()));
    const lookedUp = (): string[] => asked.filter((url) => url.includes("/pairings/"));
    const field = tab.getByLabel("Code");
    for (const [typed, problem] of [
      ["", "A code has 8 letters."],
      ["WDJB-MJ", "A code has 8 letters."],
      ["WDJB-MJH7", "No code has the character “7”"],
      ["wdjb-mjha", "No code has the character “A”"],
    ] as const) {
      await field.fill(typed);
      await tab.getByRole("button", { name: "Continue" }).click();
      await tab.getByText(problem).waitFor();
      expect(await field.getAttribute("aria-invalid")).toBe("true");
    }
    expect(lookedUp()).toEqual([]);
    // What is changed in the middle stays where it is.
    await field.fill("WDJBMJHT");
    await field.evaluate((input: HTMLInputElement) => input.setSelectionRange(2, 3));
    await field.press("k");
    expect(await field.inputValue()).toBe("WDKB-MJHT");
    expect(await field.evaluate((input: HTMLInputElement) => input.selectionStart)).toBe(3);
  });

  test("a wrong code and a used one are told at the field", async () => {
    const { code } = await asks({ name: "Once only" });
    const { tab } = await person();
    await looksUp(tab, "BCDF-GHJK");
    await tab.getByText("This code is wrong, has expired or was used.").waitFor();
    await isAccessible(tab);
    await tab.getByLabel("Code").fill(code);
    await tab.keyboard.press("Enter");
    await tab.getByRole("button", { name: "Approve" }).click();
    await tab.getByRole("button", { name: "Pair another" }).click();
    expect(await tab.getByLabel("Code").inputValue()).toBe("");
    await looksUp(tab, code);
    await tab.getByText("This code is wrong, has expired or was used.").waitFor();
  });

  test("two who decide at once are told the truth", async () => {
    const { code } = await asks({ name: "Wanted by two" });
    const [first, second] = [await person(), await person()];
    for (const { tab } of [first, second]) await looksUp(tab, code);
    for (const { tab } of [first, second]) await tab.getByRole("button", { name: "Approve" }).waitFor();
    await first.tab.getByRole("button", { name: "Approve" }).click();
    await first.tab.getByText("is now your device").waitFor();
    await second.tab.getByRole("button", { name: "Approve" }).click();
    await second.tab.getByText("This code is wrong, has expired or was used.").waitFor();
    expect((await second.caller.get("/me/devices")).value).toEqual([]);
  });

  test("whoever guesses is stopped, and told for how long", async () => {
    const { tab, caller } = await person({ expects: [/429/] });
    for (let guesses = 0; guesses < 40; guesses++) {
      const { status } = await caller.request("GET", "/me/pairings/BCDF-GHJK");
      if (status === 429) break;
    }
    await looksUp(tab, "BCDF-GHJK");
    await tab.getByText("These were too many tries").waitFor();
    await tab.getByText(/Wait \d+ seconds/).waitFor();
    expect(await tab.getByRole("button", { name: "Continue" }).isDisabled()).toBe(true);
    await isAccessible(tab);
  });

  test("whoever asks for too many codes is told to wait", async () => {
    const tab = await stage.tab({ expects: [/429/] });
    await comesFromElsewhere(tab);
    await tab.route("**/pairings", (route) =>
      route.fulfill({ status: 429, headers: { "Retry-After": "60" }, json: { error: {} } }),
    );
    await tab.goto(`${stage.service.origin}/device`);
    await tab.getByRole("button", { name: "Get a code" }).click();
    await tab.getByText("Too many codes were asked for").waitFor();
    await tab.getByText(/Asking again in (1:00|0:5\d)/).waitFor();
    await isAccessible(tab);
    await tab.getByRole("button", { name: "Cancel" }).click();
    await tab.getByRole("button", { name: "Get a code" }).waitFor();
  });

  test("others' names are text, whatever they hold", async () => {
    const name = "<img src=x onerror=alert(1)>\u061Cgnp.exe ".padEnd(256, "W");
    const { code } = await asks({ name, manufacturer: "<b>Acme</b>", model: "M".repeat(60) });
    const { tab } = await person({ viewport: { width: 390, height: 844 } });
    await looksUp(tab, code);
    await tab.getByText(name.replace("\u061C", "\u{FFFD}")).waitFor();
    await tab.getByText(`<b>Acme</b>, ${"M".repeat(60)}`).waitFor();
    const width = (): Promise<number> => tab.evaluate(() => document.documentElement.scrollWidth);
    expect(await width()).toBeLessThanOrEqual(390);
    await isAccessible(tab);
    await tab.getByRole("button", { name: "Approve" }).click();
    await tab.getByRole("heading", { name: /is now your device/ }).waitFor();
    expect(await width()).toBeLessThanOrEqual(390);
    expect(await tab.locator("main img, main b").count()).toBe(0);
  });

  /** Asks for a code as any device does; from a network of its own, unless its headers say otherwise. */
  async function asks(
    properties: object,
    headers: Record<string, string> = ownNetwork(),
  ): Promise<{ code: string }> {
    const { publicKey } = await createKeyPair(false);
    const response = await fetch(`${stage.service.origin}/pairings`, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify({ kind: "Phone", platform: "Android", publicKey, ...properties }),
    });
    const { user_code: code } = await response.json();
    return { code };
  }
});

async function looksUp(tab: Page, code: string): Promise<void> {
  await tab.getByLabel("Code").fill(code);
  await tab.getByRole("button", { name: "Continue" }).click();
}
