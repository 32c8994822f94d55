import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { localVars } from "../../scripts/local-vars.ts";
import { signToken } from "../../scripts/token.ts";
import { Caller } from "../e2e/stage.ts";
import { leadsTo, type Stage } from "./console-stage.ts";
import { signsIn } from "./people.ts";

/** Who is signed in, where links with tokens do it, and that nobody else decides it. */

export function sessions(stage: Stage): void {
  /** A caller who is called so, whom no other test knows. */
  async function called(name: string): Promise<{ caller: Caller; name: string }> {
    const own = `${name} ${crypto.randomUUID()}`;
    return { caller: await again(own), name: own };
  }

  /** The caller of this name, with another token. */
  async function again(name: string): Promise<Caller> {
    const token = await signToken(await localVars(), name, "Device.ReadWrite Device.Command");
    return new Caller(stage.service.origin, token);
  }

  test("the link signs in, and its token is neither in the address bar, nor in any URL, nor on disk", async () => {
    const caller = await Caller.of(stage.service);
    const tab = await stage.tab();
    const urls: string[] = [];
    tab.on("request", (request) => urls.push(request.url()));
    await tab.goto(`${stage.service.origin}/#token=${caller.token}`);
    await tab.getByText("You have no devices yet").waitFor();
    expect(tab.url()).toBe(`${stage.service.origin}/`);
    expect(await tab.evaluate(() => history.length)).toBe(2);
    expect(urls.some((url) => url.includes("/v1.0/me/devices"))).toBe(true);
    expect(urls.filter((url) => url.includes(caller.token) && !url.includes("#"))).toEqual([]);
    expect(await tab.context().cookies()).toEqual([]);
    expect(await tab.evaluate(() => localStorage.length)).toBe(0);
    await tab.reload();
    await tab.getByText("You have no devices yet").waitFor();
  });

  test("whoever signs out in one tab is signed out in the other", async () => {
    const first = await stage.signedIn(await Caller.of(stage.service));
    const second = await first.context().newPage();
    await second.goto(stage.service.origin);
    await second.getByRole("heading", { name: "Devices", level: 1 }).waitFor();
    await second.getByRole("button", { name: "Sign out" }).click();
    for (const tab of [first, second]) await tab.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(await first.evaluate(() => sessionStorage.length)).toBe(0);
  });

  test("their account is shown on every page, as text that fits", async () => {
    const { caller, name } = await called(`<img src=x onerror=alert(1)>\u202E${"long".repeat(60)}`);
    const tab = await stage.tab({ viewport: { width: 360, height: 740 } });
    for (const path of ["/", "/pair", "/device"]) {
      await signsIn(tab, caller, path);
      await tab
        .getByRole("banner")
        .getByText(`${name.replace("\u202E", "\u{FFFD}").slice(0, 60)}…`)
        .waitFor();
      await tab.getByRole("button", { name: "Sign out" }).waitFor();
      expect(await tab.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    }
    expect(await tab.locator("img").count()).toBe(0);
  });

  test("a link of another account's changes nothing until the person says so", async () => {
    const [alice, mallory] = [await called("Alice"), await called("Mallory")];
    const first = await stage.signedIn(alice.caller);
    const second = await first.context().newPage();
    await signsIn(second, mallory.caller, "/");
    await second.getByRole("heading", { name: `Sign in as ${mallory.name} instead?` }).waitFor();
    await second.getByText(`You are signed in as ${alice.name}`).waitFor();
    await second.getByRole("button", { name: `Stay ${alice.name}` }).click();
    await isSignedIn(second, alice.name);

    // Also where the page is there already, and where a device would be added.
    await second.goto(`${stage.service.origin}/device`);
    await second.getByText(`signed in in this browser as ${alice.name}`).waitFor();
    await second.goto(`${stage.service.origin}/device#token=${mallory.caller.token}`);
    await second.getByRole("heading", { name: `Sign in as ${mallory.name} instead?` }).waitFor();
    expect(second.url()).toBe(`${stage.service.origin}/device`);
    expect(await second.getByRole("button", { name: "Add it to my account now" }).count()).toBe(0);

    await second.getByRole("button", { name: `Sign in as ${mallory.name}` }).click();
    await second.getByText(`signed in in this browser as ${mallory.name}`).waitFor();
    // No browser is signed in as two.
    await first.getByRole("heading", { name: "Sign in" }).waitFor();
  });

  test("a link of their own takes the old token's place", async () => {
    const { caller, name } = await called("Alice");
    const tab = await stage.signedIn(caller);
    const { token } = await again(name);
    await leadsTo(tab, `#token=${token}`);
    await expect.poll(() => tab.evaluate(() => sessionStorage.getItem("appia.token"))).toBe(token);
    await isSignedIn(tab, name);
  });

  test("a link without a token in it is nobody's, and signs nobody out", async () => {
    const { caller, name } = await called("Alice");
    const tab = await stage.tab();
    await tab.goto(`${stage.service.origin}/#token=x.y.z`);
    await tab.getByText("The link holds no token.").waitFor();
    await signsIn(tab, caller, "/");
    await isSignedIn(tab, name);
    for (const text of ["x.y.z", "", "%E0%A4%A", "a b"]) {
      await leadsTo(tab, `#token=${text}`);
      await expect.poll(() => tab.url()).not.toContain("token");
      await isSignedIn(tab, name);
    }
    await tab.reload();
    await isSignedIn(tab, name);
  });

  test("a token stays in no address, however that is written", async () => {
    for (const path of ["//", "//device", "/?state=1"]) {
      const { caller, name } = await called("Alice");
      const tab = await stage.tab();
      await signsIn(tab, caller, path);
      await tab.getByRole("banner").getByText(name).waitFor();
    }
  });
}

async function isSignedIn(tab: Page, name: string): Promise<void> {
  await tab.getByRole("heading", { name: "Devices", level: 1 }).waitFor();
  expect(await tab.getByRole("banner").textContent()).toContain(name);
}
