import { CommandError } from "../../agent/command-error.ts";
import { safeUri } from "../../agent/safe-uri.ts";
import { type AppService, appServices, ping } from "../../agent/services.ts";
import type { Handlers } from "../../agent/task.ts";
import { RPC_ERROR } from "../../device/protocol.ts";
import { notificationPermission, showNotification } from "./notifications.ts";
import { type NotAtOnce, notAuthorized, type Questions } from "./questions.ts";
import type { Settings } from "./settings.ts";

/** What a browser tab does as a device. */

/** The names of a tab's app services. */
export const SERVICES = ["appia.ping", "appia.notify", "appia.clipboard"] as const;
const [, NOTIFY, CLIPBOARD] = SERVICES;

/**
 * What a browser hands on to the app for it: the schemes that pages may ask to be the app for (HTML standard,
 * 8.9.1.3). Of any other it may follow the link, or do nothing, and the page is not told.
 */
const HANDED_ON =
  /^(bitcoin|ftps?|geo|im|ircs?|magnet|mailto|matrix|mms|news|nntp|openpgp4fpr|sftp|sips?|sms|smsto|ssh|tel|urn|webcal|wtai|xmpp|web\+[a-z]+):$/;

/** Characters, the longest title and text of a notification; browsers cut off far less. */
const TITLE_LENGTH_MAX = 200;
const BODY_LENGTH_MAX = 2_000;

/** `settings` are read anew for each command. */
export function tabHandlers(questions: Questions, settings: () => Settings): Handlers {
  const notify: AppService = {
    name: NOTIFY,
    packageFamilyName: null,
    run: async ({ id, payload }, context) => {
      const { title = "Appia", body } = membersOf(payload);
      if (typeof body !== "string" || typeof title !== "string")
        throw invalid('"appia.notify" takes {"title"?: text, "body": text}.');
      const message = { title: title.slice(0, TITLE_LENGTH_MAX), body: body.slice(0, BODY_LENGTH_MAX) };
      const permission = notificationPermission();
      if (permission === "unsupported") throw notAuthorized("This browser shows no notifications.");
      if (permission === "denied") throw notAuthorized("Notifications are blocked in this browser.");
      if (permission === "default") await questions.ask(id, { type: "notify", ...message }, context);
      await showNotification({ ...message, tag: id });
      return { shown: true };
    },
  };

  const clipboard: AppService = {
    name: CLIPBOARD,
    packageFamilyName: null,
    run: async ({ id, payload }, context) => {
      const { text } = membersOf(payload);
      if (text === undefined) {
        throw new CommandError(
          "DisabledByPolicy",
          'This device tells nobody what is on its clipboard. {"text": …} writes to it.',
        );
      }
      if (typeof text !== "string") throw invalid('"appia.clipboard" takes {"text": text}.');
      const written = settings().copyAtOnce && (await copies(text));
      if (!written) await questions.ask(id, { type: "copy", text }, context);
      return { written: true };
    },
  };

  return {
    launchUri: async ({ id, uri }, context) => {
      const safe = safeUri(uri);
      const { protocol, origin } = new URL(safe);
      const isPage = /^https?:$/.test(protocol);
      if (!isPage && !HANDED_ON.test(protocol))
        throw new CommandError("ProtocolUnavailable", `A browser tab cannot open "${protocol}" URIs.`);
      const ask = async (notAtOnce: NotAtOnce | null): Promise<void> =>
        await questions.ask(id, { type: "open", uri: safe, notAtOnce }, context);
      if (!isPage || !settings().openAtOnce) await ask(null);
      // A page of this service can sign in, and let devices in: nobody else opens one for the person.
      else if (origin === location.origin) await ask("ownPage");
      else if (!opens(safe)) await ask("blocked");
      // Whether there is an app for it, and what that does, no page is told.
      return isPage ? { opened: true } : { handedOn: true };
    },
    appService: appServices([ping, notify, clipboard]),
  };
}

/** Opens a page in a new tab; false where the browser does not let a page do so that nobody clicked on. */
function opens(uri: string): boolean {
  // "noopener" would answer null either way. A page of another origin is cut off from this one all the same, by the
  // Cross-Origin-Opener-Policy that this page is served with.
  const tab = window.open(uri, "_blank");
  if (tab === null) return false;
  tab.opener = null;
  return true;
}

/** Writes to the clipboard; false where the browser does not let it: without focus, or without permission. */
async function copies(text: string): Promise<boolean> {
  if (!document.hasFocus()) return false;
  return await navigator.clipboard.writeText(text).then(
    () => true,
    () => false,
  );
}

function membersOf(payload: unknown): Record<string, unknown> {
  return typeof payload === "object" && payload !== null ? (payload as Record<string, unknown>) : {};
}

function invalid(message: string): CommandError {
  return new CommandError(null, message, RPC_ERROR.invalidParams);
}
