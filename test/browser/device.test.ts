import { chromium, type Page } from "playwright-core";
import { expect, test } from "vitest";
import { Stage } from "./console-stage.ts";
import { addsItself, becomesDevice, isConnected, joins, webSite } from "./people.ts";
import { inChromium, isAccessible, openTab } from "./stage.ts";

/** A tab of a real browser as a device. */

inChromium("a tab that is a device", () => {
  const stage = Stage.forTests();

  test("is a browser of the account, with a key that no script can read", async () => {
    const { tab, id, owner } = await becomesDevice(stage);
    expect(await owner.get(`/me/devices/${id}`)).toMatchObject({
      name: expect.stringMatching(/^Chrom\w+ on Linux$/),
      kind: "Browser",
      platform: "Linux",
      status: "Online",
    });
    const key = await tab.evaluate(async () => {
      const opening = indexedDB.open("appia");
      await new Promise((resolve) => {
        opening.onsuccess = resolve;
      });
      const reading = opening.result.transaction("device").objectStore("device").get("own");
      await new Promise((resolve) => {
        reading.onsuccess = resolve;
      });
      opening.result.close();
      const { deviceId, privateKey } = reading.result as { deviceId: string; privateKey: CryptoKey };
      const readOut = await crypto.subtle.exportKey("jwk", privateKey).catch((error: Error) => error.name);
      return { deviceId, extractable: privateKey.extractable, usages: privateKey.usages, readOut };
    });
    expect(key).toEqual({
      deviceId: id,
      extractable: false,
      usages: ["sign"],
      readOut: "InvalidAccessError",
    });
    await isAccessible(tab);
  });

  test("is the same device after a reload, and never puts its token into an address", async () => {
    const { tab, id, owner } = await becomesDevice(stage);
    const addresses: string[] = [];
    tab.on("websocket", (socket) => addresses.push(socket.url()));
    await tab.reload();
    await isConnected(tab);
    expect(addresses).toEqual([`${stage.service.origin.replace("http", "ws")}/devices/${id}/connection`]);
    const ping = await owner.send(id, appService("appia.ping", { hello: "tab" }));
    expect(await owner.reaches(ping, "completed")).toMatchObject({
      responsePayload: { pong: true, echo: { hello: "tab" } },
    });
    expect((await owner.get("/me/devices")).value).toHaveLength(1);
    await received(tab, "appia.ping", "Done");
  });

  test("can be installed as an app", async () => {
    const tab = await stage.tab();
    await tab.goto(`${stage.service.origin}/device`);
    const devTools = await tab.context().newCDPSession(tab);
    expect((await devTools.send("Page.getAppManifest")).errors).toEqual([]);
    const { installabilityErrors: errors } = await devTools.send("Page.getInstallabilityErrors");
    // Nothing else is wrong: each test has a private window, which installs nothing.
    expect(errors.map(({ errorId }) => errorId)).toEqual(["in-incognito"]);
  });

  test("opens a page when the person says so, and nothing when they decline", async () => {
    const site = await webSite();
    const { tab, id, owner } = await becomesDevice(stage, { origins: [site] });
    const command = await owner.send(id, launchUri(`${site}/wanted`));
    await tab.getByRole("heading", { name: `Open a page of ${new URL(site).host}?` }).waitFor();
    await expect.poll(() => tab.title()).toMatch(/^\(1\) /);
    await isAccessible(tab);
    expect(await owner.reaches(command, "custom")).toMatchObject({
      statusDetail: { message: "The person at the device is asked." },
    });
    const opened = tab.context().waitForEvent("page");
    await tab.getByRole("link", { name: "Open", exact: true }).click();
    const page = await opened;
    await expect.poll(() => page.title()).toBe("/wanted");
    // The page that opened knows nothing of the one that opened it.
    expect(await page.evaluate(() => [window.opener, document.referrer])).toEqual([null, ""]);
    expect(await owner.reaches(command, "completed")).toMatchObject({ responsePayload: { opened: true } });
    await received(tab, `Open ${site}/wanted`, "Done");
    await expect.poll(() => tab.title()).toMatch(/^This tab/);
    await page.close();

    const unwanted = await owner.send(id, launchUri("https://example.com/unwanted"));
    await tab.getByRole("button", { name: "Decline" }).click();
    expect(await owner.reaches(unwanted, "executionFailed")).toMatchObject({ error: "DeniedByRemoteSystem" });
    await received(tab, "Open https://example.com/unwanted", "Failed");
    expect(tab.context().pages()).toHaveLength(1);
  });

  test("asks no more for what was cancelled, or has expired", async () => {
    const { tab, id, owner } = await becomesDevice(stage);
    const cancelled = await owner.send(id, launchUri("https://example.com/cancelled"));
    const expiring = await owner.send(id, {
      ...launchUri("https://example.com/expiring"),
      executionTimeout: "PT1S",
    });
    await tab.getByRole("link", { name: "Open", exact: true }).nth(1).waitFor();
    await expect.poll(() => tab.title()).toMatch(/^\(2\) /);
    expect((await owner.request("POST", `${cancelled}/cancel`)).status).toBe(202);
    await owner.reaches(cancelled, "canceled");
    await owner.reaches(expiring, "expired");
    await tab.getByText("Nothing. You are asked here").waitFor();
    await received(tab, "Open https://example.com/cancelled", "Cancelled");
  });

  test("opens pages at once where the person wants that, but none of the service itself", async () => {
    const site = await webSite();
    const { tab, id, owner } = await becomesDevice(stage, { origins: [site] });
    await tab.getByLabel("Open pages at once").check();
    const opened = tab.context().waitForEvent("page");
    const command = await owner.send(id, launchUri(`${site}/at-once`));
    const page = await opened;
    await expect.poll(() => page.title()).toBe("/at-once");
    expect(await page.evaluate(() => window.opener)).toBeNull();
    expect(await owner.reaches(command, "completed")).toMatchObject({ responsePayload: { opened: true } });
    await tab.reload();
    await isConnected(tab);
    expect(await tab.getByLabel("Open pages at once").isChecked()).toBe(true);

    // A link to the service itself may sign somebody in.
    await page.close();
    const own = await owner.send(id, launchUri(`${stage.service.origin}/#token=x.y.z`));
    await owner.reaches(own, "custom");
    await tab.getByText("It is a page of this very service").waitFor();
    expect(tab.context().pages()).toHaveLength(1);
  });

  test("hands on what a browser has apps for, and claims no more than that", async () => {
    const { tab, id, owner } = await becomesDevice(stage);
    await tab.getByLabel("Open pages at once").check();
    const mail = await owner.send(id, launchUri("mailto:alice@example.com"));
    await tab.getByRole("heading", { name: "Open this with the app for “mailto:”?" }).waitFor();
    await tab.getByRole("link", { name: "Open", exact: true }).click();
    expect(await owner.reaches(mail, "completed")).toMatchObject({ responsePayload: { handedOn: true } });
    for (const uri of ["chrome://settings", "x-somebodys-app:run"]) {
      const command = await owner.send(id, launchUri(uri));
      expect(await owner.reaches(command, "executionFailed")).toMatchObject({ error: "ProtocolUnavailable" });
      await received(tab, `Open ${uri}`, "Failed");
    }
    expect(await tab.getByRole("article").count()).toBe(0);
  });

  test("asks where the browser blocks what nobody clicked on, and claims nothing before", async () => {
    const strict = await chromium.launch({
      executablePath: process.env.CHROMIUM_PATH ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
      ],
      ignoreDefaultArgs: ["--disable-popup-blocking"],
    });
    try {
      const site = await webSite();
      const tab = await openTab(strict, stage.service.origin, { origins: [site] });
      const { id, owner } = await joins(tab, stage.service);
      await tab.getByLabel("Open pages at once").check();
      // A click counts for some seconds, and whatever a test asks a page counts as one; a reload ends that.
      await tab.reload();
      const command = await owner.send(id, launchUri(`${site}/blocked`));
      await owner.reaches(command, "custom");
      await tab.getByText("The browser did not let it open by itself").waitFor();
      expect(tab.context().pages()).toHaveLength(1);
      await tab.getByRole("link", { name: "Open", exact: true }).click();
      expect(await owner.reaches(command, "completed")).toMatchObject({ responsePayload: { opened: true } });
    } finally {
      await strict.close();
    }
  });

  test("shows notifications where they are allowed", async () => {
    const { tab, id, owner } = await becomesDevice(stage, { permissions: ["notifications"] });
    await leavesNotificationsToWorker(tab);
    const command = await owner.send(id, appService("appia.notify", { title: "Tea", body: "It is ready." }));
    expect(await owner.reaches(command, "completed")).toMatchObject({ responsePayload: { shown: true } });
    expect(await notificationsOf(tab)).toEqual([{ title: "Tea", body: "It is ready." }]);

    const silent = await owner.send(id, appService("appia.notify", { title: "Nothing" }));
    expect(await owner.reaches(silent, "executionFailed")).toMatchObject({
      statusDetail: { message: expect.stringContaining('"body"') },
    });

    // What waits for the person is told with one, while nobody looks.
    const seen = await owner.send(id, launchUri("https://example.com/seen"));
    await owner.reaches(seen, "custom");
    await isHidden(tab, true);
    await owner.send(id, launchUri("https://example.com/unseen"));
    const told = { title: "Open a page of example.com?", body: "https://example.com/unseen" };
    // The browser lists them in no order.
    await expect.poll(() => notificationsOf(tab)).toContainEqual(told);
    expect(await notificationsOf(tab)).toHaveLength(2);
  });

  test("asks whether notifications may be shown, and shows none without permission", async () => {
    const { tab, id, owner } = await becomesDevice(stage);
    // Neither granted nor blocked, as browsers begin.
    await tab.context().clearPermissions();
    const unwanted = await owner.send(id, appService("appia.notify", { body: "Hello" }));
    await tab.getByRole("heading", { name: "Show this notification?" }).waitFor();
    await tab.getByRole("button", { name: "Decline" }).click();
    expect(await owner.reaches(unwanted, "executionFailed")).toMatchObject({ error: "NotAuthorized" });

    const wanted = await owner.send(id, appService("appia.notify", { body: "Hello" }));
    await tab.getByRole("button", { name: "Allow notifications" }).waitFor();
    await tab.context().grantPermissions(["notifications"]);
    await tab.getByRole("button", { name: "Allow notifications" }).click();
    expect(await owner.reaches(wanted, "completed")).toMatchObject({ responsePayload: { shown: true } });
    await tab.getByText("Apps may show notifications").waitFor();

    await isDeniedEverything(tab);
    const blocked = await owner.send(id, appService("appia.notify", { body: "Hello" }));
    expect(await owner.reaches(blocked, "executionFailed")).toMatchObject({ error: "NotAuthorized" });
    await tab.getByText("They are blocked.").waitFor();
  });

  test("writes to the clipboard when the person says so, and never reads it", async () => {
    const permissions = ["clipboard-read", "clipboard-write"];
    const { tab, id, owner } = await becomesDevice(stage, { permissions });
    const clipboard = (): Promise<string> => tab.evaluate(() => navigator.clipboard.readText());
    const wanted = await owner.send(id, appService("appia.clipboard", { text: "two\nlines" }));
    await tab.getByText("two\nlines").waitFor();
    await tab.getByRole("article").getByRole("button", { name: "Copy" }).click();
    expect(await owner.reaches(wanted, "completed")).toMatchObject({ responsePayload: { written: true } });
    expect(await clipboard()).toBe("two\nlines");

    const unwanted = await owner.send(id, appService("appia.clipboard", { text: "unwanted" }));
    await tab.getByRole("button", { name: "Decline" }).click();
    expect(await owner.reaches(unwanted, "executionFailed")).toMatchObject({ error: "NotAuthorized" });
    const curious = await owner.send(id, appService("appia.clipboard", {}));
    expect(await owner.reaches(curious, "executionFailed")).toMatchObject({ error: "DisabledByPolicy" });
    expect(await clipboard()).toBe("two\nlines");

    await tab.getByLabel("Copy to the clipboard at once").check();
    const atOnce = await owner.send(id, appService("appia.clipboard", { text: "at once" }));
    await owner.reaches(atOnce, "completed");
    expect(await clipboard()).toBe("at once");

    // Where the browser does not let it, the person is asked, and the truth is told.
    await isDeniedEverything(tab);
    const impossible = await owner.send(id, appService("appia.clipboard", { text: "impossible" }));
    await tab.getByRole("article").getByRole("button", { name: "Copy" }).click();
    expect(await owner.reaches(impossible, "executionFailed")).toMatchObject({ error: "NotAuthorized" });
  });

  test("is in standby while nobody looks at it, and offline when it is closed", async () => {
    const { tab, id, owner } = await becomesDevice(stage);
    await isHidden(tab, true);
    await owner.showsDevice(id, "Standby", performance.now());
    // It asks all the same.
    const command = await owner.send(id, launchUri("https://example.com/"));
    await owner.reaches(command, "custom");
    await isHidden(tab, false);
    await owner.showsDevice(id, "Online", performance.now());
    // Whoever waits for it is told when it is closed.
    await tab.close();
    expect(await owner.reaches(command, "executionFailed")).toMatchObject({ error: "AppUnavailable" });
    await owner.showsDevice(id, "Offline", performance.now());
  });

  test("one of two tabs is the device, and the other can take over", async () => {
    const { tab, id, owner } = await becomesDevice(stage);
    const other = await tab.context().newPage();
    await other.goto(`${stage.service.origin}/device`);
    await other.getByRole("heading", { name: "Another tab is the device" }).waitFor();
    await isAccessible(other);
    await other.getByRole("button", { name: "Use this tab instead" }).click();
    await isConnected(other);
    await tab.getByRole("heading", { name: "Another tab is the device" }).waitFor();
    const ping = await owner.send(id, appService("appia.ping", null));
    await owner.reaches(ping, "completed");
    await received(other, "appia.ping", "Done");
    await other.close();
    await isConnected(tab);
  });

  test("says when it was unregistered, and becomes another device with another key", async () => {
    const { tab, id, owner } = await becomesDevice(stage, { expects: [/404/, /WebSocket/] });
    expect((await owner.request("DELETE", `/me/devices/${id}`)).status).toBe(204);
    await tab.getByText("This device was unregistered").waitFor();
    await isAccessible(tab);
    await tab.getByRole("button", { name: "Pair again" }).click();
    await addsItself(tab);
    const { value } = await owner.get("/me/devices");
    expect(value).toEqual([expect.objectContaining({ status: "Online" })]);
    expect(value[0].id).not.toBe(id);
    // It learns so on coming back, too.
    await tab.goto("about:blank");
    await owner.request("DELETE", `/me/devices/${value[0].id}`);
    await tab.goto(`${stage.service.origin}/device`);
    await tab.getByText("This device was unregistered").waitFor();
  });

  test("is forgotten here, and unregistered for the person who is signed in", async () => {
    const { tab, id, owner } = await becomesDevice(stage);
    await tab.getByRole("button", { name: "Forget this device" }).click();
    await tab.getByText("It is unregistered from your account, too.").waitFor();
    await isAccessible(tab);
    await tab.getByRole("button", { name: "Forget", exact: true }).click();
    await tab.getByRole("heading", { name: "Make this browser a device" }).waitFor();
    expect((await owner.request("GET", `/me/devices/${id}`)).status).toBe(404);
    await tab.reload();
    await tab.getByRole("button", { name: "Get a code" }).waitFor();
  });

  test("is told apart from a browser that is new, where that keeps nothing", async () => {
    const tab = await stage.tab();
    await tab.addInitScript(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException("Not here.", "SecurityError");
      };
    });
    await tab.goto(`${stage.service.origin}/device`);
    await tab.getByText("This browser keeps nothing").waitFor();
  });

  test("is for everybody", async () => {
    const viewport = { width: 390, height: 844 };
    const { tab, id, owner } = await becomesDevice(stage, { viewport });
    await owner.send(id, launchUri(`https://example.com/${"long".repeat(300)}`));
    await owner.send(id, appService("appia.clipboard", { text: "\u202Eevil <b>bold</b>" }));
    await owner.send(id, appService("none", null));
    await received(tab, "none", "Failed");
    await tab.getByText("\u{FFFD}evil <b>bold</b>").waitFor();
    await isAccessible(tab);
    expect(await tab.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    // By keyboard alone: what was answered hands the focus on.
    await tab.getByRole("button", { name: "Decline" }).first().focus();
    await tab.keyboard.press("Enter");
    await tab.getByRole("button", { name: "Decline" }).nth(1).waitFor({ state: "detached" });
    expect(await tab.evaluate(() => document.activeElement?.id)).toBe("received");
  });
});

function launchUri(uri: string): object {
  return { type: "LaunchUri", payload: { uri } };
}

function appService(appServiceName: string, payload: unknown): object {
  return { type: "AppService", appServiceName, packageFamilyName: "Appia.Test", payload };
}

/** The tab lists what it received, with this outcome. */
async function received(tab: Page, what: string, outcome: string): Promise<void> {
  await tab.getByRole("listitem").filter({ hasText: what }).filter({ hasText: outcome }).first().waitFor();
}

/** As Android's browsers do, which refuse the constructor: only a service worker can be asked what it shows. */
async function leavesNotificationsToWorker(tab: Page): Promise<void> {
  await tab.addInitScript(() => {
    window.Notification = new Proxy(window.Notification, {
      construct: () => {
        throw new TypeError("Illegal constructor.");
      },
    });
  });
  await tab.reload();
  await isConnected(tab);
}

async function notificationsOf(tab: Page): Promise<{ title: string; body: string }[]> {
  return await tab.evaluate(async () => {
    const registration = await navigator.serviceWorker.getRegistration("/assets/");
    const notifications = (await registration?.getNotifications()) ?? [];
    return notifications.map(({ title, body }) => ({ title, body }));
  });
}

/** The browser blocks whatever takes a permission. */
async function isDeniedEverything(tab: Page): Promise<void> {
  await tab.context().clearPermissions();
  await tab.context().grantPermissions([]);
}

/** The tab goes to the background, or is looked at again. Playwright keeps every tab visible: the page is told so. */
async function isHidden(tab: Page, hidden: boolean): Promise<void> {
  await tab.evaluate((isNow) => {
    Object.defineProperty(document, "hidden", { value: isNow, configurable: true });
    Object.defineProperty(document, "visibilityState", {
      value: isNow ? "hidden" : "visible",
      configurable: true,
    });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}
