import type { ComponentChildren, VNode } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import { ActionButton } from "../components.tsx";
import { notificationPermission, type Permission } from "./notifications.ts";
import { keepSettings, readSettings, type Settings } from "./settings.ts";

/** What may happen without asking. */
export function Permissions(): VNode {
  const [settings, setSettings] = useState(readSettings);
  const change = (changed: Partial<Settings>): void => {
    const next = { ...settings, ...changed };
    keepSettings(next);
    setSettings(next);
  };
  return (
    <section class="card" aria-labelledby="permissions">
      <h2 id="permissions">Without asking</h2>
      <Switch
        label="Open pages at once"
        hint="Web pages of others only. Browsers often block pages that nobody clicked on; you are then asked."
        checked={settings.openAtOnce}
        onChange={(openAtOnce) => change({ openAtOnce })}
      />
      <Switch
        label="Copy to the clipboard at once"
        hint="While this tab is in front. What is on the clipboard is never read."
        checked={settings.copyAtOnce}
        onChange={(copyAtOnce) => change({ copyAtOnce })}
      />
      <Notifications />
    </section>
  );
}

function Switch({
  label,
  hint,
  checked,
  onChange,
}: {
  label: string;
  hint: ComponentChildren;
  checked: boolean;
  onChange: (checked: boolean) => void;
}): VNode {
  const id = useId();
  return (
    <div class="switch">
      <input
        id={id}
        type="checkbox"
        aria-describedby={`${id}-hint`}
        checked={checked}
        onChange={({ currentTarget }) => onChange(currentTarget.checked)}
      />
      <label for={id}>{label}</label>
      <span id={`${id}-hint`} class="quiet small">
        {hint}
      </span>
    </div>
  );
}

const NOTIFICATIONS: Record<Permission, string> = {
  granted: "Apps may show notifications, and you are told of what waits for you.",
  default: "They tell you of what waits for you while this tab is in the background, too.",
  denied: "They are blocked. The browser's settings for this page can allow them.",
  unsupported: "This browser shows none for pages. Where it can install this page as an app, that may help.",
};

function Notifications(): VNode {
  const [permission, setPermission] = useState<Permission>(notificationPermission);
  // It changes in the browser's own settings as well, and while a question is answered.
  useEffect(() => {
    const look = (): void => setPermission(notificationPermission());
    let status: PermissionStatus | undefined;
    const watching = new AbortController();
    navigator.permissions
      ?.query({ name: "notifications" })
      .then((found) => {
        status = found;
        status.addEventListener("change", look, { signal: watching.signal });
      })
      .catch(() => {});
    return () => watching.abort();
  }, []);
  const ask = async (): Promise<void> => {
    await Notification.requestPermission();
    setPermission(notificationPermission());
  };
  return (
    <div class="row">
      <span class="stack grows">
        <span>Notifications</span>
        <span class="quiet small" role="status">
          {NOTIFICATIONS[permission]}
        </span>
      </span>
      {permission === "default" && <ActionButton action={ask}>Allow</ActionButton>}
    </div>
  );
}
