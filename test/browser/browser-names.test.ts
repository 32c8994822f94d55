import { expect, test } from "vitest";
import { browserAsDevice } from "../../src/console/device/browser.ts";

/** What a browser is called as a device, before its person says otherwise. */

const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)";
const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)";
const WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)";

test.each([
  [`${WINDOWS} ${WEBKIT} Chrome/140.0.0.0 Safari/537.36`, "Chrome on Windows", "Windows"],
  [`${WINDOWS} ${WEBKIT} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0`, "Edge on Windows", "Windows"],
  [
    `${MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15`,
    "Safari on macOS",
    "MacOS",
  ],
  ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux", "Linux"],
  [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1",
    "Chrome on iPhone",
    "Ios",
  ],
  [
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
    "Samsung Internet on Android",
    "Android",
  ],
  ["Something/1.0", "Browser", "Web"],
])("by its user agent: %s", (userAgent, name, platform) => {
  expect(browserAsDevice({ userAgent })).toEqual({ name, kind: "Browser", platform });
});

test("by its client hints, where it has some: they do not pretend", () => {
  const userAgent = `${WINDOWS} ${WEBKIT} Chrome/140.0.0.0 Safari/537.36`;
  const brands = [{ brand: "Not)A;Brand" }, { brand: "Chromium" }, { brand: "Brave" }];
  const hinted = (platform: string, list = brands) =>
    browserAsDevice({ userAgent, userAgentData: { brands: list, platform } });
  expect(hinted("macOS")).toMatchObject({ name: "Brave on macOS", platform: "MacOS" });
  expect(hinted("Chrome OS")).toMatchObject({ name: "Brave on ChromeOS", platform: "Linux" });
  expect(hinted("Android", [{ brand: "Google Chrome" }])).toMatchObject({ name: "Chrome on Android" });
  expect(hinted("Windows", [{ brand: "Microsoft Edge" }])).toMatchObject({ name: "Edge on Windows" });
});
