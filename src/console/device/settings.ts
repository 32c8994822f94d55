/** What the person lets commands do without being asked; kept by this browser. */
export interface Settings {
  openAtOnce: boolean;
  copyAtOnce: boolean;
}

const KEY = "appia.device.settings";
const CAREFUL: Settings = { openAtOnce: false, copyAtOnce: false };

export function readSettings(): Settings {
  try {
    const { openAtOnce, copyAtOnce } = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return { openAtOnce: openAtOnce === true, copyAtOnce: copyAtOnce === true };
  } catch {
    return CAREFUL;
  }
}

export function keepSettings(settings: Settings): void {
  localStorage.setItem(KEY, JSON.stringify(settings));
}

export function forgetSettings(): void {
  localStorage.removeItem(KEY);
}
