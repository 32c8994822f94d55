import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { APP_SERVICE, Caller, LAUNCH_URI } from "../e2e/stage.ts";
import { connected, leadsTo, listed, reads, Stage, tabsTo, viewOf } from "./console-stage.ts";
import { markupStaysText } from "./markup.ts";
import { inChromium, isAccessible } from "./stage.ts";

/** What the console does where something is wrong, hostile, or not as most people have it. */

/** What a bidirectional text would be turned by (Unicode TR 9), and what is shown of it. */
const TURNING = "\u202Egnp.exe\u2066\u061C";
const STILL = "\u{FFFD}gnp.exe\u{FFFD}\u{FFFD}";
/** Bytes, gzipped, of what the console loads before it shows anything. */
const INITIAL_BYTES_MAX = 60 * 1024;

inChromium("the console in hardship", () => {
  const stage = Stage.forTests();

  test("a mistake in a payload is told by line and column, and nothing is sent", async () => {
    const { caller, id } = await connected(await Caller.of(stage.service));
    const tab = await stage.signedIn(caller, {}, `#/devices/${id}`);
    await tab.getByRole("radio", { name: "AppService" }).check();
    await tab.getByLabel("App service", { exact: true }).fill("appia.ping");
    const payload = tab.getByLabel("Payload");
    await payload.fill('{\n  "a": 1,\n  b: 2\n}');
    await tab.getByText("at line 3, column 3").waitFor();
    expect(await payload.getAttribute("aria-invalid")).toBe("true");
    await tab.getByRole("button", { name: "Send", exact: true }).click();
    await tab.getByRole("button", { name: "Go to the mistake" }).click();
    expect(await payload.evaluate((area: HTMLTextAreaElement) => area.selectionStart)).toBe(14);
    await payload.fill('{"a":1,"b":[2]}');
    await tab.getByRole("button", { name: "Format" }).click();
    expect(await payload.inputValue()).toBe('{\n  "a": 1,\n  "b": [\n    2\n  ]\n}');
    // The editor is no trap: Tab leaves it.
    await payload.focus();
    await tab.keyboard.press("Tab");
    expect(await payload.evaluate((area) => area === document.activeElement)).toBe(false);
    expect((await caller.get(`/me/devices/${id}/commands`)).value).toEqual([]);
  });

  test("a URI that would be refused is told at its field", async () => {
    const { caller, id } = await connected(await Caller.of(stage.service));
    const tab = await stage.signedIn(caller, {}, `#/devices/${id}`);
    const uri = tab.getByLabel("URI", { exact: true });
    for (const [text, problem] of [
      ["", "Say what to open"],
      ["example.com/recipe", "with its scheme"],
      ["javascript:alert(1)", '"javascript:" is refused'],
      ["data:text/html,x", '"data:" is refused'],
      ["C:/Windows", "with its scheme"],
      ["https://example.com/a b", "no white space"],
    ] as const) {
      await uri.fill(text);
      await tab.getByRole("button", { name: "Send", exact: true }).click();
      await tab.getByText(problem).waitFor();
      await expect.poll(() => uri.evaluate((field) => field === document.activeElement)).toBe(true);
    }
    expect((await caller.get(`/me/devices/${id}/commands`)).value).toEqual([]);
  });

  test("what only the service can judge is told in its words, and leads to the field", async () => {
    const { caller, id } = await connected(await Caller.of(stage.service));
    const tab = await stage.signedIn(caller, { expects: [/400/] }, `#/devices/${id}`);
    await tab.getByLabel("URI", { exact: true }).fill("https://example.com/");
    await tab.getByText("Options").click();
    const receiver = tab.getByLabel("Post-back address");
    await receiver.fill("http://receiver.example.com/");
    await tab.getByRole("button", { name: "Send", exact: true }).click();
    await tab.getByText('"postBackUri" has to be https.').waitFor();
    await expect.poll(() => receiver.evaluate((field) => field === document.activeElement)).toBe(true);
    await receiver.fill("");
    await tab.getByRole("button", { name: "Send", exact: true }).click();
    await reads(tab, "completed");
  });

  test("an answer of the service that is lost, and an impatient finger, make no second command", async () => {
    const { caller, id } = await connected(await Caller.of(stage.service));
    const tab = await stage.signedIn(caller, { expects: [/ERR_FAILED/] }, `#/devices/${id}`);
    let arrived = 0;
    await tab.route("**/commands", async (route) => {
      if (route.request().method() !== "POST") return await route.fallback();
      arrived++;
      const response = await route.fetch();
      return arrived === 1 ? await route.abort() : await route.fulfill({ response });
    });
    await tab.getByLabel("URI", { exact: true }).fill("https://example.com/once");
    await tab.getByRole("button", { name: "Send", exact: true }).click();
    await tab.getByText("it does not become a second command").waitFor();
    await tab.getByRole("button", { name: "Send", exact: true }).dblclick();
    await reads(tab, "completed");
    expect(arrived).toBe(2);
    expect((await caller.get(`/me/devices/${id}/commands`)).value).toHaveLength(1);
  });

  test("markup stays text, whoever wrote it and wherever it is shown", () => markupStaysText(stage));

  test("what turns words around is shown in the words of others, and not obeyed", async () => {
    const { caller, id } = await connected(await Caller.of(stage.service), {
      appService: (_, { progress }) => {
        progress({ message: `Sent to ${TURNING}` });
        throw new Error(`Refused by ${TURNING}`);
      },
    });
    // The service lets a name hold no other.
    await caller.request("PATCH", `/me/devices/${id}`, { name: "PC \u061C" });
    const command = await caller.send(id, {
      ...APP_SERVICE,
      appServiceName: `service.${TURNING}`,
      packageFamilyName: `Package ${TURNING}`,
      payload: { words: TURNING },
    });
    await caller.reaches(command, "executionFailed");
    const tab = await stage.signedIn(caller);
    const turns = (): Promise<boolean> =>
      tab.evaluate((marks) => {
        const attributes = [...document.querySelectorAll("[aria-label]")].map((one) =>
          one.getAttribute("aria-label"),
        );
        return [document.title, document.body.textContent, ...attributes].some(
          (text) => text !== null && [...marks].some((mark) => text.includes(mark)),
        );
      }, "\u202E\u2066\u061C");
    await tab.getByRole("link", { name: "PC \u{FFFD}" }).waitFor();
    expect(await turns()).toBe(false);
    await tab.getByRole("button", { name: "Unregister PC \u{FFFD}" }).click();
    await tab.getByRole("dialog").waitFor();
    expect(await turns()).toBe(false);
    await tab.keyboard.press("Escape");
    await tab.getByRole("link", { name: "PC \u{FFFD}" }).click();
    await listed(tab).getByText(`service.${STILL}`).waitFor();
    expect(await tab.title()).toBe("PC \u{FFFD} · Appia");
    expect(await turns()).toBe(false);
    await listed(tab).getByText(`service.${STILL}`).click();
    await tab.getByRole("region", { name: "Timeline" }).getByText(`Sent to ${STILL}`).waitFor();
    await tab.getByRole("region", { name: "Now" }).getByText(`Refused by ${STILL}`).waitFor();
    // JSON has a way of its own to write them.
    await tab.getByText('"words": "\\u202egnp.exe\\u2066\\u061c"').waitFor();
    expect(await turns()).toBe(false);
  });

  test("attempts at post-backs are shown, failed ones with their reason", async () => {
    const { caller, id } = await connected(await Caller.of(stage.service));
    let asked = 0;
    const receiver = await listens((_, response) => {
      response.statusCode = asked++ === 0 ? 500 : 204;
      response.end();
    });
    const command = await caller.send(id, { ...LAUNCH_URI, postBackUri: receiver });
    const tab = await stage.signedIn(caller, {}, viewOf(command));
    const attempts = tab.getByRole("region", { name: "Post-backs" }).getByRole("listitem");
    await attempts.getByText("HTTP 500").waitFor();
    // sentToTarget again after five seconds, executing, completed.
    await expect.poll(() => attempts.count(), { timeout: 20_000 }).toBe(4);
    expect(await attempts.locator(".badge").allTextContents()).toEqual([
      ...["failed", "accepted", "accepted", "accepted"],
    ]);
    expect(await attempts.first().textContent()).toContain("#2 sentToTarget");
    expect(await attempts.last().textContent()).toContain("#4 completed");
  });

  test("a command is sent with the keyboard alone", async () => {
    const { caller } = await connected(await Caller.of(stage.service));
    const tab = await stage.signedIn(caller);
    await tabsTo(tab, "link", "Test device");
    await tab.keyboard.press("Enter");
    await expect.poll(() => tab.evaluate(() => document.activeElement?.textContent)).toBe("Test device");
    await tabsTo(tab, "radio", "LaunchUri");
    await tab.keyboard.press("ArrowRight");
    await tabsTo(tab, "combobox", "App service");
    await tab.keyboard.type("appia.ping");
    await tabsTo(tab, "textbox", "Payload");
    await tab.keyboard.press("Tab");
    await tabsTo(tab, "button", "Send");
    await tab.keyboard.press("Enter");
    await reads(tab, "completed");
    expect(await tab.evaluate(() => document.activeElement?.textContent)).toContain("appia.ping");
    await tabsTo(tab, "button", "Erase");
    await tab.keyboard.press("Enter");
    await tabsTo(tab, "button", "Keep it");
    await tab.keyboard.press("Escape");
    expect(await tab.getByRole("dialog").count()).toBe(0);
    expect(await tab.evaluate(() => document.activeElement?.textContent)).toBe("Erase");
  });

  test("every view can be used by everybody, and fits a phone", async () => {
    const { caller, id } = await connected(await Caller.of(stage.service));
    await caller.request("PATCH", `/me/devices/${id}`, { name: `Test device ${"long ".repeat(40)}` });
    const long = { type: "LaunchUri", payload: { uri: `https://example.com/${"long".repeat(2_000)}` } };
    const commands = [
      await caller.send(id, { ...LAUNCH_URI, postBackUri: await listens((_, answer) => answer.end()) }),
      await caller.send(id, { ...long, payload: { ...long.payload, words: "word ".repeat(2_000) } }),
      await caller.send(id, { ...APP_SERVICE, appServiceName: "fails" }),
    ];
    const viewport = { width: 360, height: 740 };
    const tab = await stage.tab({ viewport, expects: [/40[04]/] });
    await tab.goto(stage.service.origin);
    await tab.getByRole("button", { name: "Sign in" }).waitFor();
    const isFit = async (): Promise<void> => {
      await isAccessible(tab);
      const tooWide = await tab.evaluate(() => document.body.scrollWidth - document.body.clientWidth);
      expect(tooWide, `too wide at ${tab.url()}`).toBeLessThanOrEqual(0);
    };
    await isFit();
    await tab.goto(`${stage.service.origin}/#token=${(await Caller.of(stage.service)).token}`);
    await tab.getByText("You have no devices yet").waitFor();
    await isFit();
    await tab.goto(`${stage.service.origin}/#token=${caller.token}`);
    await tab.getByRole("heading", { name: "instead?" }).waitFor();
    await isFit();
    await tab.getByRole("button", { name: "Sign in as" }).click();
    await tab.getByRole("link", { name: "Test device" }).waitFor();
    await isFit();
    for (const name of ["Add a device", "Rename Test device", "Unregister Test device"]) {
      await tab.getByRole("button", { name }).click();
      await tab.getByRole("dialog").waitFor();
      await isFit();
      await tab.keyboard.press("Escape");
    }
    for (const command of commands) {
      await leadsTo(tab, viewOf(command));
      await tab.getByText("Ended", { exact: true }).waitFor();
      await isFit();
    }
    await tab.getByRole("button", { name: "Erase" }).click();
    await tab.getByRole("dialog").waitFor();
    await isFit();
    await tab.keyboard.press("Escape");
    await leadsTo(tab, `#/devices/${id}`);
    await expect.poll(() => listed(tab).count()).toBe(3);
    await tab.getByRole("button", { name: "Send", exact: true }).click();
    await tab.getByText("Say what to open").waitFor();
    await isFit();
    await tab.getByRole("radio", { name: "AppService" }).check();
    await tab.getByLabel("Payload").fill("{");
    await tab.getByText("This is no JSON").waitFor();
    await tab.getByText("Options").click();
    await isFit();
    await leadsTo(tab, `#/devices/${"0".repeat(64)}`);
    await tab.getByText("not one of yours").waitFor();
    await isFit();
    await leadsTo(tab, "#/nowhere");
    await tab.getByRole("heading", { name: "Nothing here" }).waitFor();
    await isFit();
  });

  test("it begins with less than 60 KiB", async () => {
    const tab = await stage.tab();
    const bodies: Promise<Buffer>[] = [];
    tab.on("response", (response) => {
      if (/\.(js|css)$/.test(new URL(response.url()).pathname)) bodies.push(response.body());
    });
    await tab.goto(stage.service.origin);
    await tab.getByRole("button", { name: "Sign in" }).waitFor();
    const loaded = await Promise.all(bodies);
    expect(loaded.length).toBeGreaterThan(1);
    const bytes = loaded.reduce((sum, body) => sum + gzipSync(body).byteLength, 0);
    expect(bytes).toBeLessThan(INITIAL_BYTES_MAX);
  });
});

/** A receiver of post-backs on this machine; its address. */
async function listens(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}
