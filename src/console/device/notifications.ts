/** Notifications of this browser. */

export interface Message {
  title: string;
  body: string;
  /** A later one with the same tag takes its place. */
  tag: string;
}

const WORKER = "/assets/service-worker.js";

export type Permission = NotificationPermission | "unsupported";

export function notificationPermission(): Permission {
  return "Notification" in globalThis ? Notification.permission : "unsupported";
}

/** Shows it; the permission must have been given. A click on it brings the page back. */
export async function showNotification({ title, body, tag }: Message): Promise<void> {
  const options = { body, tag, icon: "/assets/icon-192.png" };
  let notification: Notification;
  try {
    notification = new Notification(title, options);
  } catch {
    // Android's browsers let only a service worker do it (Notifications API, "illegal constructor").
    await (await serviceWorker()).showNotification(title, options);
    return;
  }
  notification.onclick = () => {
    window.focus();
    notification.close();
  };
}

let registered: Promise<ServiceWorkerRegistration> | undefined;

function serviceWorker(): Promise<ServiceWorkerRegistration> {
  registered ??= registerWorker();
  return registered;
}

async function registerWorker(): Promise<ServiceWorkerRegistration> {
  // Under /assets/ its scope is no page: it shows notifications, and is in no request's way.
  const registration = await navigator.serviceWorker.register(workerAddress());
  const { promise: active, resolve } = Promise.withResolvers<void>();
  const look = (): void => {
    if (registration.active !== null) resolve();
  };
  (registration.waiting ?? registration.installing)?.addEventListener("statechange", look);
  look();
  await active;
  return registration;
}

/** The page's policy lets scripts be named by a policy of trusted types only. */
function workerAddress(): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypePolicies };
  if (trustedTypes === undefined) return WORKER;
  return trustedTypes.createPolicy("appia", { createScriptURL: () => WORKER }).createScriptURL("");
}

/** The part of Trusted Types that is used; what it makes stands wherever a string does. */
interface TrustedTypePolicies {
  createPolicy(
    name: string,
    rules: { createScriptURL: () => string },
  ): { createScriptURL: (input: string) => string };
}
