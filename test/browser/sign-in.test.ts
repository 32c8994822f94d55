import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { decodeJwt } from "jose";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Service, startService } from "../../scripts/service.ts";
import { endsWholly, temporaryFolder } from "../e2e/stage.ts";
import { AUDIENCE, CLIENT_ID, type Issuer, startIssuer } from "./issuer.ts";
import { inChromium, isAccessible, launchBrowser, openTab } from "./stage.ts";

/** Signing in to the console at a real OpenID Connect provider. */

inChromium("signing in at an issuer", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let issuer: Issuer;
  let service: Service;
  let browser: Browser;
  beforeAll(async () => {
    folder = await temporaryFolder();
    const port = await freePort();
    issuer = await startIssuer(`http://127.0.0.1:${port}`);
    service = await startService({ port, persistTo: folder.path, output: "kept", vars: issuer.vars });
    [browser] = await Promise.all([launchBrowser(), service.ready]);
  });
  afterAll(() => folder[Symbol.asyncDispose]());
  afterAll(() => issuer[Symbol.asyncDispose]());
  afterAll(() => endsWholly(service));
  afterAll(() => browser.close());

  test("a person signs in, and the service accepts the issuer's token", async () => {
    const tab = await openTab(browser, service.origin, { origins: [issuer.url] });
    await tab.goto(service.origin);
    await tab.getByRole("button", { name: /^Sign in at 127\.0\.0\.1/ }).waitFor();
    await isAccessible(tab);
    await tab.getByRole("button", { name: /^Sign in at/ }).click();
    await tab.getByLabel("Name").waitFor();
    const asked = new URL(issuer.authorizations.at(-1) ?? "");
    expect(Object.fromEntries(asked.searchParams)).toMatchObject({
      client_id: CLIENT_ID,
      response_type: "code",
      code_challenge_method: "S256",
      resource: AUDIENCE,
      redirect_uri: `${service.origin}/`,
    });
    expect(asked.searchParams.get("code_challenge")).toMatch(/^[\w-]{43}$/);
    await tab.getByLabel("Name").fill("alice");
    const answered = tab.waitForResponse(
      (response) => new URL(response.url()).pathname === "/v1.0/me/devices",
    );
    await tab.getByRole("button", { name: "Sign in" }).click();
    const response = await answered;
    expect(response.status()).toBe(200);

    // The code has left the address bar; it was exchanged by the page itself, for a token of this resource.
    await expect.poll(() => tab.url()).toMatch(new RegExp(`^${service.origin}/(#/)?$`));
    const [, token = ""] = (await response.request().headerValue("Authorization"))?.split(" ") ?? [];
    expect(decodeJwt(token)).toMatchObject({ iss: issuer.url, aud: AUDIENCE, sub: "alice" });
    const exchange = issuer.tokenRequests.at(-1);
    expect(exchange?.origin).toBe(service.origin);
    expect(exchange?.body.get("code_verifier")).toMatch(/^[\w-]{43,128}$/);

    // Another tab of the same browser knows the person, too; signing out is for all of them.
    const other = await tab.context().newPage();
    await other.goto(`${service.origin}/pair`);
    await other.getByRole("button", { name: "Sign out" }).waitFor();
    await tab.getByRole("button", { name: "Sign out" }).click();
    for (const page of [tab, other]) await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await tab.reload();
    await tab.getByRole("button", { name: /^Sign in at/ }).waitFor();
  });

  test("who came to pair a device is back at its code after signing in", async () => {
    const tab = await openTab(browser, service.origin, { origins: [issuer.url], expects: [/404/] });
    await tab.goto(`${service.origin}/pair#BCDF-GHJK`);
    await tab.getByRole("button", { name: /^Sign in at/ }).click();
    await tab.getByLabel("Name").fill("bob");
    const lookedUp = tab.waitForResponse((response) => response.url().includes("/me/pairings/"));
    await tab.getByRole("button", { name: "Sign in" }).click();
    expect(new URL((await lookedUp).url()).pathname).toContain("BCDF");
    expect(new URL(tab.url()).pathname).toBe("/pair");
  });

  test("a person who cancels at the issuer is told so, and may try again", async () => {
    const tab = await openTab(browser, service.origin, { origins: [issuer.url] });
    await tab.goto(service.origin);
    await tab.getByRole("button", { name: /^Sign in at/ }).click();
    await tab.getByRole("button", { name: "Cancel" }).click();
    await tab.getByText(/Signing in failed/).waitFor();
    await tab.getByRole("button", { name: /^Sign in at/ }).waitFor();
    expect(tab.url()).toBe(`${service.origin}/`);
  });

  test("an answer that this tab did not ask for signs nobody in", async () => {
    const tab = await openTab(browser, service.origin, { origins: [issuer.url] });
    await tab.goto(`${service.origin}/?code=someone-elses&state=someone-elses`);
    await tab.getByText("This tab did not ask for it").waitFor();
    expect(tab.url()).toBe(`${service.origin}/`);
  });

  test("a forged answer neither signs out whoever is signed in, nor uses up what a tab waits for", async () => {
    const tab = await openTab(browser, service.origin, { origins: [issuer.url] });
    await tab.goto(service.origin);
    await tab.getByRole("button", { name: /^Sign in at/ }).click();
    await tab.getByLabel("Name").waitFor();
    await tab.goto(`${service.origin}/?code=someone-elses&state=someone-elses`);
    await tab.getByText("This tab did not ask for it").waitFor();
    await tab.goBack();
    await signsInAs(tab, "carol");
    await tab.goto(`${service.origin}/?error=access_denied&state=someone-elses`);
    await isSignedInAs(tab, "carol");
    expect(tab.url()).toBe(`${service.origin}/`);
    expect(await tab.getByText("Signing in failed").count()).toBe(0);
  });

  test("a link signs nobody in where the issuer does", async () => {
    const origins = [issuer.url];
    const mallory = await openTab(browser, service.origin, { origins });
    await mallory.goto(service.origin);
    await mallory.getByRole("button", { name: /^Sign in at/ }).click();
    await signsInAs(mallory, "mallory");
    const link = `${service.origin}/#token=${await mallory.evaluate(() => sessionStorage.getItem("appia.token"))}`;
    const tab = await openTab(browser, service.origin, { origins });
    await tab.goto(link);
    await tab.getByText("this service signs nobody in by one").waitFor();
    expect(tab.url()).toBe(`${service.origin}/`);
    await tab.getByRole("button", { name: /^Sign in at/ }).click();
    await signsInAs(tab, "dave");
    await tab.goto(link);
    await isSignedInAs(tab, "dave");
    expect(await tab.getByRole("heading", { name: "instead?" }).count()).toBe(0);
  });

  test("an issuer that is away is told, and found again", async () => {
    const tab = await openTab(browser, service.origin, { origins: [issuer.url], expects: [/ERR_FAILED/] });
    await tab.route("**/console/sign-in", (route) => route.abort(), { times: 1 });
    await tab.goto(service.origin);
    await tab.getByText("How to sign in is not known").waitFor();
    await tab.getByRole("button", { name: "Try again" }).click();
    await tab.getByRole("button", { name: /^Sign in at/ }).waitFor();
  });
});

/** Fills in the issuer's form, and is back at the console. */
async function signsInAs(tab: Page, name: string): Promise<void> {
  await tab.getByLabel("Name").fill(name);
  await tab.getByRole("button", { name: "Sign in" }).click();
  await isSignedInAs(tab, name);
}

async function isSignedInAs(tab: Page, name: string): Promise<void> {
  await tab.getByRole("banner").getByText(name, { exact: true }).waitFor();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
