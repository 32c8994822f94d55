import { expect, test } from "vitest";
import { Caller } from "../e2e/stage.ts";
import { reads, Stage, statusesIn } from "./console-stage.ts";
import { codeOf, isConnected, webSite } from "./people.ts";
import { inChromium, isAccessible } from "./stage.ts";

/** Somebody new, from the link that `npm start` prints to the first page that opens elsewhere. */

inChromium("somebody new", () => {
  const stage = Stage.forTests();

  test("makes a second tab a device, opens a page on it, and calls another off", async () => {
    const site = await webSite();
    const console = await stage.tab({ origins: [site] });
    const { token } = await Caller.of(stage.service);
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
    await device.goto(`${stage.service.origin}/device`);
    await device.getByRole("button", { name: "Get a code" }).click();
    await device.locator(".code").waitFor();
    const console = await stage.signedIn(await Caller.of(stage.service));
    await console.getByRole("link", { name: "A device that shows a code" }).click();
    await console.getByLabel("Code").fill(await codeOf(device));
    await console.keyboard.press("Enter");
    await console.getByRole("button", { name: "Approve" }).click();
    await isConnected(device);
    await console.getByRole("link", { name: "Send it a page now" }).click();
    await console.getByLabel("URI", { exact: true }).waitFor();
  });
});
