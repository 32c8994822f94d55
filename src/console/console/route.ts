import { useEffect, useState } from "preact/hooks";

/** Where in the console one is, by the address's fragment: no view needs the service to be found again. */
export type Route =
  | { view: "devices" }
  | { view: "device"; device: string }
  | { view: "command"; device: string; command: string }
  | { view: "nowhere" };

export const DEVICES = "#/";

/** Ids stand in paths of the service: nothing else may get there. */
const ADDRESS = /^#\/devices\/([0-9a-f]{64})(?:\/commands\/([0-9a-f]{64}))?$/;

export function deviceAddress(device: string): string {
  return `#/devices/${device}`;
}

export function commandAddress(device: string, command: string): string {
  return `${deviceAddress(device)}/commands/${command}`;
}

export function go(address: string): void {
  location.hash = address;
}

let moved = false;

/** Whether a view is come to from another; on the first one, the focus stays where the browser has put it. */
export function hasMoved(): boolean {
  return moved;
}

export function useRoute(): Route {
  const [route, setRoute] = useState(() => routeOf(location.hash));
  useEffect(() => {
    const changed = (): void => {
      moved = true;
      setRoute(routeOf(location.hash));
    };
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

/** A link that signs in (`#token=…`) leads to the devices. */
function routeOf(hash: string): Route {
  if (hash === "" || hash === "#" || hash === DEVICES || hash.startsWith("#token="))
    return { view: "devices" };
  const [, device, command] = ADDRESS.exec(hash) ?? [];
  if (device === undefined) return { view: "nowhere" };
  return command === undefined ? { view: "device", device } : { view: "command", device, command };
}
