import type { Page } from "playwright-core";
import { expect } from "vitest";
import { CommandDropped } from "../../src/agent/command-error.ts";
import { createKeyPair, registerDevice } from "../../src/agent/identity.ts";
import { APP_SERVICE, become, Caller } from "../e2e/stage.ts";
import { leadsTo, listed, type Stage, viewOf } from "./console-stage.ts";
import { becomesDevice } from "./people.ts";

/** Markup in all the words that others write, and what becomes of it on the pages. */

const MARKUP = [
  `"'><img src=x onerror="planted=1"><script>planted=1</script><svg onload="planted=1">`,
  `</script></style></textarea></title><iframe srcdoc="<script>top.planted=1</script>"></iframe>`,
  `<base href="//evil.example/"><style>*{display:none!important}</style><form action=/x><button autofocus onfocus=planted=1>`,
  `<a href="javascript:planted=1">x</a> javascript:planted=1 \${planted=1} {{constructor.constructor("planted=1")()}}`,
].join("");
/** The same where no blank may stand. */
const ADDRESS = `"'><img/src=x/onerror=planted=1><svg/onload=planted=1></a><a/href=javascript:planted=1>`;

/** Fails where any of it has become more than text. */
async function isText(tab: Page): Promise<void> {
  const { planted, made, hidden } = await tab.evaluate(() => {
    const elements = document.querySelectorAll(
      "img, iframe, object, embed, base, form[action], #app script, #app style, [srcdoc]",
    );
    const others = [...document.querySelectorAll("*")].filter((element) =>
      [...element.attributes].some(
        ({ name, value }) => name.startsWith("on") || /^\s*(javascript|data|vbscript):/i.test(value),
      ),
    );
    return {
      planted: "planted" in window,
      made: [...elements, ...others].map((element) => element.outerHTML),
      hidden: getComputedStyle(document.body).display === "none",
    };
  });
  expect({ planted, made, hidden }, tab.url()).toEqual({ planted: false, made: [], hidden: false });
}

/** Plants markup wherever words go, and looks at every view that shows them. What the policy says, the tab tells. */
export async function markupStaysText(stage: Stage): Promise<void> {
  const caller = await Caller.of(stage.service);
  const { privateKey, publicKey } = await createKeyPair(false);
  const name = MARKUP.slice(0, 256);
  const registration = { name, kind: "Desktop", platform: "Linux", publicKey };
  const id = await registerDevice(caller.origin, caller.token, registration);
  const { device } = become(caller.origin, {
    identity: { deviceId: id, privateKey, algorithm: "ES256" },
    handlers: {
      launchUri: () => {
        throw new CommandDropped(MARKUP);
      },
      appService: ({ payload }, { progress }) => {
        progress({ message: MARKUP });
        if (payload === "fail") throw new Error(MARKUP);
        return { [MARKUP]: payload };
      },
    },
  });
  device.start();
  await device.connected();
  const words = {
    appServiceName: MARKUP.slice(0, 512),
    packageFamilyName: MARKUP.slice(0, 512),
    permissionTicket: MARKUP,
    // Nobody listens there.
    postBackUri: `http://127.0.0.1:1/${ADDRESS}`,
  };
  const order = { ...APP_SERVICE, ...words };
  const address = `https://example.com/${ADDRESS}`;
  const commands = [
    await caller.send(id, { ...order, payload: { [MARKUP]: MARKUP } }),
    await caller.send(id, { ...order, payload: "fail" }),
    await caller.send(id, { type: "LaunchUri", payload: { uri: address, [MARKUP]: [MARKUP] } }),
  ];
  for (const [index, status] of ["completed", "executionFailed", "commandDropped"].entries())
    await caller.reaches(commands[index] ?? "", status);

  const tab = await stage.signedIn(caller);
  await tab.getByRole("link", { name }).waitFor();
  await isText(tab);
  await tab.getByRole("button", { name: `Unregister ${name}` }).click();
  await tab.getByRole("dialog").waitFor();
  await isText(tab);
  await tab.keyboard.press("Escape");
  await tab.getByRole("link", { name }).click();
  await tab.getByRole("heading", { name }).waitFor();
  await expect.poll(() => listed(tab).count()).toBe(commands.length);
  await isText(tab);
  for (const command of commands) {
    await leadsTo(tab, viewOf(command));
    await tab.getByRole("region", { name: "Timeline" }).getByText("planted=1").first().waitFor();
    await tab.getByText("Ended", { exact: true }).waitFor();
    await isText(tab);
  }

  // A tab that is asked to open it, and to show it.
  const own = await becomesDevice(stage);
  await own.owner.send(own.id, { type: "LaunchUri", payload: { uri: address } });
  await own.owner.send(own.id, {
    ...APP_SERVICE,
    appServiceName: "appia.clipboard",
    payload: { text: MARKUP },
  });
  await own.tab.getByRole("heading", { name: "Open a page of example.com?" }).waitFor();
  await own.tab.getByRole("heading", { name: "Copy this to the clipboard?" }).waitFor();
  await isText(own.tab);
  const link = own.tab.getByRole("link", { name: "Open", exact: true });
  expect(await link.getAttribute("href")).toBe(new URL(address).href);
}
