import { expect, test, vi } from "vitest";
import { APP_SERVICE, Caller, LAUNCH_URI, registers } from "../e2e/stage.ts";
import { PATIENTLY } from "../patience.ts";
import { connected, leadsTo, listed, looksNow, reads, Stage, statusesIn, viewOf } from "./console-stage.ts";
import { inChromium } from "./stage.ts";

/** The console as people use it, with real devices on real sockets. */

inChromium("the console", () => {
  const stage = Stage.forTests();

  test("a device that comes, rests and goes is seen to do so", async () => {
    const caller = await Caller.of(stage.service);
    const { device } = await registers(caller);
    const tab = await stage.signedIn(caller);
    const card = tab.getByRole("listitem").filter({ hasText: "Test device" });
    const reads = (presence: string): Promise<void> =>
      vi.waitFor(async () => {
        await looksNow(tab);
        expect(await card.textContent()).toContain(presence);
      }, PATIENTLY);
    await tab.clock.install();
    await tab.reload();
    await card.getByText("Never connected").waitFor();
    device.start();
    await reads("Online");
    await device.connected();
    device.presence("standby");
    await reads("Standby");
    await device.stop();
    await reads("Offline");
  });

  test("a device is renamed, and unregistered once one knows what that means", async () => {
    const caller = await Caller.of(stage.service);
    const { id } = await registers(caller);
    const tab = await stage.signedIn(caller);
    await tab.getByRole("button", { name: "Rename Test device" }).click();
    await tab.getByRole("textbox", { name: "Name" }).fill("Desk lamp");
    await tab.keyboard.press("Enter");
    await tab.getByRole("link", { name: "Desk lamp" }).waitFor();
    expect(await caller.get(`/me/devices/${id}`)).toMatchObject({ name: "Desk lamp" });
    await tab.getByRole("button", { name: "Unregister Desk lamp" }).click();
    await tab.getByRole("dialog").getByText("never come back").waitFor();
    await tab.getByRole("button", { name: "Keep it" }).click();
    expect(await tab.getByRole("link", { name: "Desk lamp" }).count()).toBe(1);
    await tab.getByRole("button", { name: "Unregister Desk lamp" }).click();
    await tab.getByRole("button", { name: "Unregister", exact: true }).click();
    await tab.getByText("You have no devices yet").waitFor();
  });

  test("a URI is sent, and its timeline followed to the end", async () => {
    const caller = await Caller.of(stage.service);
    await connected(caller, { launchUri: ({ uri }) => ({ opened: uri }) });
    const tab = await stage.signedIn(caller);
    await tab.getByRole("link", { name: "Test device" }).click();
    await tab.getByLabel("URI", { exact: true }).fill("https://example.com/recipe");
    await tab.getByRole("button", { name: "Send", exact: true }).click();
    await reads(tab, "completed");
    expect(await statusesIn(tab)).toEqual(["requesting", "sentToTarget", "executing", "completed"]);
    await tab.getByText("The device has begun.").waitFor();
    await tab.getByText('"opened": "https://example.com/recipe"').waitFor();
    await tab.getByText("The command is erased.").waitFor();
    expect(await tab.title()).toBe("LaunchUri https://example.com/recipe · Appia");
    expect(await tab.evaluate(() => document.activeElement?.tagName)).toBe("H1");
    await tab.goBack();
    await tab.getByRole("heading", { name: "Test device" }).waitFor();
    const line = expect.stringMatching(/example\.com\/recipe.*completed/);
    await expect.poll(() => listed(tab).allTextContents()).toEqual([line]);
  });

  test("an app service tells its progress while it works, and its answer can be copied", async () => {
    const caller = await Caller.of(stage.service);
    const half = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const { id } = await connected(caller, {
      appService: async ({ payload }, { progress }) => {
        await half.promise;
        progress({ message: "Copying pictures", percent: 40 });
        await end.promise;
        return { copied: payload };
      },
    });
    const permissions = ["clipboard-read", "clipboard-write"];
    const tab = await stage.signedIn(caller, { permissions }, `#/devices/${id}`);
    await tab.getByRole("radio", { name: "AppService" }).check();
    await tab.getByLabel("App service", { exact: true }).fill("com.example.copy");
    await tab.getByLabel("Payload").fill('{"pictures": 12}');
    await tab.getByRole("button", { name: "Send", exact: true }).click();
    await reads(tab, "executing");
    await tab.getByText("It expires unless the device answers.").waitFor();
    half.resolve();
    await reads(tab, "custom");
    const now = tab.getByRole("region", { name: "Now" });
    await now.getByText("Copying pictures").waitFor();
    expect(await now.getByRole("progressbar").getAttribute("value")).toBe("40");
    expect(await statusesIn(tab)).toEqual(["requesting", "sentToTarget", "executing", "custom"]);
    end.resolve();
    await reads(tab, "completed");
    await tab.getByRole("region", { name: "Response", exact: true }).getByText("Copy").click();
    await tab.getByRole("button", { name: "Copied" }).waitFor();
    const copied = await tab.evaluate(() => navigator.clipboard.readText());
    expect(JSON.parse(copied)).toEqual({ copied: { pictures: 12 } });
  });

  test("an answer that came too late is kept, and marked so", async () => {
    const caller = await Caller.of(stage.service);
    const end = Promise.withResolvers<void>();
    const { id } = await connected(caller, { appService: () => end.promise });
    const command = await caller.send(id, { ...APP_SERVICE, executionTimeout: "PT1S" });
    await caller.reaches(command, "expired");
    end.resolve();
    await expect.poll(async () => (await caller.get(`${command}/history`)).value.at(-1).late).toBe(true);
    const tab = await stage.signedIn(caller, {}, viewOf(command));
    await reads(tab, "expired");
    await tab.getByText("ExecutionTimedOut").waitFor();
    await expect
      .poll(() => statusesIn(tab))
      .toEqual([...["requesting", "sentToTarget", "executing", "expired"], ...["expired", "late"]]);
  });

  test("a command is cancelled, sent again as it was, and erased", async () => {
    const caller = await Caller.of(stage.service);
    const { id } = await connected(caller, {
      appService: (_, { signal }) =>
        new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined))),
    });
    const command = await caller.send(id, { ...APP_SERVICE, deliveryTimeout: "PT1H" });
    await caller.reaches(command, "executing");
    // It may be read once more while it is being erased.
    const tab = await stage.signedIn(caller, { expects: [/404/] }, viewOf(command));
    await reads(tab, "executing");
    expect(await tab.getByRole("button", { name: "Erase" }).isDisabled()).toBe(true);
    await tab.getByRole("button", { name: "Cancel" }).click();
    await reads(tab, "canceled");
    expect(await statusesIn(tab)).toEqual([
      ...["requesting", "sentToTarget", "executing"],
      ...["cancel", "cancelling", "canceled"],
    ]);
    expect(await tab.getByRole("button", { name: "Cancel" }).isDisabled()).toBe(true);
    await tab.getByText("Nothing to cancel: it has ended.").waitFor();

    await tab.getByRole("button", { name: "Send again" }).click();
    await tab.getByRole("button", { name: "Send", exact: true }).click();
    await expect.poll(() => tab.url()).not.toContain(command.split("/").at(-1));
    await reads(tab, "executing");
    const again = `/me${new URL(tab.url()).hash.slice(1)}`;
    const { createdDateTime, ...sent } = await caller.get(again);
    expect(sent).toMatchObject(APP_SERVICE);
    const [first] = (await caller.get(`${again}/history`)).value;
    expect(first.dateTime).toBe(createdDateTime);
    await tab.getByRole("region", { name: "Request" }).getByText("60 minutes").waitFor();

    await leadsTo(tab, viewOf(command));
    await reads(tab, "canceled");
    await tab.getByRole("button", { name: "Erase" }).click();
    await tab.getByRole("dialog").getByRole("button", { name: "Erase" }).click();
    await expect.poll(() => listed(tab).count()).toBe(1);
    expect((await caller.request("GET", command)).status).toBe(404);
  });

  test("commands are listed by their status and from page to page, and one is found again by going back", async () => {
    const caller = await Caller.of(stage.service);
    const { id } = await connected(caller, {
      launchUri: () => {},
      appService: ({ payload }, { progress }) => {
        if (payload === "tells") progress({ message: "Here I am" });
        return new Promise(() => {});
      },
    });
    const telling = await caller.send(id, { ...APP_SERVICE, payload: "tells" });
    await caller.reaches(telling, "custom");
    // More than a page of others under way: the first page of those that tell is empty.
    await Promise.all(
      Array.from({ length: 11 }, (_, number) => caller.send(id, { ...APP_SERVICE, payload: number })),
    );
    const launched: string[] = [];
    for (let number = 0; number < 12; number++) {
      const payload = { uri: `https://example.com/${number}` };
      launched.push(await caller.send(id, { ...LAUNCH_URI, payload }));
    }
    await Promise.all(launched.map((command) => caller.reaches(command, "completed")));
    const tab = await stage.signedIn(caller, {}, `#/devices/${id}`);
    await tab.clock.install();
    await tab.reload();
    const status = tab.getByRole("combobox", { name: "Status" });
    await expect.poll(() => listed(tab).count()).toBe(10);
    expect(await listed(tab).first().textContent()).toContain("https://example.com/11");

    await status.selectOption("custom");
    await expect.poll(() => listed(tab).allTextContents()).toEqual([expect.stringContaining("custom")]);
    await status.selectOption("expired");
    await tab.getByText("No command is in the status expired.").waitFor();

    await status.selectOption("completed");
    await expect.poll(() => listed(tab).count()).toBe(10);
    expect(await tab.getByRole("button", { name: "Newer" }).isDisabled()).toBe(true);
    await tab.getByRole("button", { name: "Older" }).click();
    await expect.poll(() => listed(tab).count()).toBe(2);
    await listed(tab).getByText("https://example.com/0").click();
    await reads(tab, "completed");
    await tab.goBack();
    await expect.poll(() => listed(tab).count()).toBe(2);
    expect(await status.inputValue()).toBe("completed");
    await tab.getByRole("button", { name: "Newer" }).click();
    await expect.poll(() => listed(tab).count()).toBe(10);

    // The newest come by themselves.
    await caller.send(id, { ...LAUNCH_URI, payload: { uri: "https://example.com/new" } });
    await looksNow(tab);
    await listed(tab).getByText("https://example.com/new").waitFor();
  });
});
