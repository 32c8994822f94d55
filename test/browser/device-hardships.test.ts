import { expect, test } from "vitest";
import { Caller } from "../e2e/stage.ts";
import { Stage } from "./console-stage.ts";
import { becomesDevice, codeOf, comesThroughProxy, isConnected, signsIn } from "./people.ts";
import { inChromium, isAccessible } from "./stage.ts";

/** What the pages /device and /pair do while the service is away, or has too much to do. */

/** What a browser itself complains of where nobody answers. */
const GONE = [/ERR_CONNECTION|ERR_INTERNET_DISCONNECTED|ERR_EMPTY|WebSocket|Failed to load resource/];

inChromium("a tab in hardship", () => {
  const stage = Stage.forTests();

  test("a device outlasts the service's absence, and carries out what waited", async () => {
    const { tab, id, owner } = await becomesDevice(stage, { expects: GONE });
    await stage.serviceEnds();
    await tab.getByText("Disconnected").waitFor();
    await tab.getByText(/Trying again in \d:\d\d/).waitFor();
    await isAccessible(tab);
    await stage.serviceReturns();
    const ping = await owner.send(id, {
      type: "AppService",
      appServiceName: "appia.ping",
      packageFamilyName: "Appia.Test",
      payload: null,
    });
    // The next try may be a minute away; the person need not wait for it.
    await tab
      .getByRole("button", { name: "Try now" })
      .or(tab.getByText("Connected", { exact: true }))
      .click();
    await isConnected(tab);
    await owner.reaches(ping, "completed");
  });

  test("a device is back as soon as the network is", async () => {
    const { tab } = await becomesDevice(stage, { expects: GONE });
    await tab.clock.install();
    await tab.reload();
    await isConnected(tab);
    // By its own clock, which stands still from here on, the next try never comes.
    await tab.clock.pauseAt(Date.now() + 5_000);
    await stage.serviceEnds();
    await tab.getByText("Disconnected").waitFor();
    await stage.serviceReturns();
    await tab.evaluate(() => dispatchEvent(new Event("online")));
    await isConnected(tab);
  });

  test("codes are asked for again when the service comes back", async () => {
    const tab = await stage.tab({ expects: GONE });
    await tab.goto(`${stage.service.origin}/device`);
    const person = await stage.tab({ expects: GONE });
    await signsIn(person, await Caller.of(stage.service), "/pair");
    await person.getByLabel("Code").fill("BCDF-GHJK");
    await stage.serviceEnds();
    await tab.getByRole("button", { name: "Get a code" }).click();
    await tab.getByText("The service does not answer").waitFor();
    await isAccessible(tab);
    await person.keyboard.press("Enter");
    await person.getByText("The service does not answer").waitFor();
    await isAccessible(person);
    await stage.serviceReturns();
    await tab.getByRole("button", { name: "Get a code" }).click();
    await expect.poll(() => codeOf(tab)).toMatch(/-/);
    await person.getByRole("button", { name: "Continue" }).click();
    await person.getByText("This code is wrong").waitFor();
  });

  test("whoever asks for too many codes is told to wait", async () => {
    const tab = await stage.tab({ expects: [/429/] });
    await comesThroughProxy(tab);
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

  test("a browser that keeps nothing is told apart from one that is new", async () => {
    const tab = await stage.tab();
    await tab.addInitScript(() => {
      IDBFactory.prototype.open = () => {
        throw new DOMException("Not here.", "SecurityError");
      };
    });
    await tab.goto(`${stage.service.origin}/device`);
    await tab.getByText("This browser keeps nothing").waitFor();
  });
});
