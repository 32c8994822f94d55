/** The routes that need a caller, for tests that hold for all of them. */

export interface Ids {
  device: string;
  command: string;
}

export interface Route {
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** The path without its profile. */
  path: string;
  /** The scopes, each of which is enough. */
  scopes: readonly string[];
  body?: object;
}

const READ = ["Device.Read", "Device.ReadWrite"];
const WRITE = ["Device.ReadWrite"];
const COMMAND = ["Device.Command"];

/** The routes without an id. The empty registration is refused, but only after the caller was let in. */
export const ROUTES_TO_ALL: readonly Route[] = [
  { method: "GET", path: "/me/devices", scopes: READ },
  { method: "POST", path: "/me/devices", scopes: WRITE, body: {} },
  { method: "GET", path: "/me/postBackSecret", scopes: COMMAND },
  { method: "GET", path: "/me/pairings/BCDF-GHJK", scopes: WRITE },
  { method: "POST", path: "/me/pairings/BCDF-GHJK/approve", scopes: WRITE },
  { method: "POST", path: "/me/pairings/BCDF-GHJK/deny", scopes: WRITE },
];

/** The routes to one device and to one command; the one that destroys comes last. */
export function routesTo({ device, command }: Ids): readonly Route[] {
  const one = `/me/devices/${device}`;
  return [
    { method: "GET", path: one, scopes: READ },
    { method: "PATCH", path: one, scopes: WRITE, body: { name: "Renamed" } },
    {
      method: "POST",
      path: `${one}/commands`,
      scopes: COMMAND,
      body: { type: "LaunchUri", payload: { uri: "https://example.com/" } },
    },
    { method: "GET", path: `${one}/commands`, scopes: COMMAND },
    { method: "GET", path: `${one}/commands/${command}`, scopes: COMMAND },
    { method: "GET", path: `${one}/commands/${command}/responsePayload`, scopes: COMMAND },
    { method: "GET", path: `${one}/commands/${command}/history`, scopes: COMMAND },
    { method: "POST", path: `${one}/commands/${command}/cancel`, scopes: COMMAND },
    { method: "DELETE", path: `${one}/commands/${command}`, scopes: COMMAND },
    { method: "DELETE", path: one, scopes: WRITE },
  ];
}
