import type { Context } from "hono";
import type { Edge } from "./edge.ts";

/** Where a request comes from: what a person can judge a pairing by, and what those who ask too often are known by. */
export interface Whereabouts {
  /**
   * The network that the request was sent from: an IPv4 address, the /64 of an IPv6 address (one subscriber has at
   * least so many, and a device changes its own within it), or "loopback". Null where that is not known.
   */
  address: string | null;
  /** The same, where it says something of whoever asks; null where somebody else has sent the request for them. */
  network: string | null;
  /** Roughly where whoever asks is, in words; null where that is not known. */
  place: string | null;
}

const LOOPBACK = "loopback";
/** UTF-16 units of a host name (RFC 1035, 2.3.4), and its port. */
const PAGE_LENGTH_MAX = 261;

export function whereaboutsOf(c: Context<Edge>): Whereabouts {
  const address = networkOf(c.req.header("CF-Connecting-IP") ?? "");
  // A browser sends what a page asks it to: the place is that of whoever looks at the page, not of who wrote it.
  const page = foreignPage(c);
  if (page !== null) return { address, network: null, place: `a web page of ${page}` };
  if (address === null) return { address, network: null, place: null };
  if (address !== LOOPBACK && !isPrivate(address)) return { address, network: address, place: cityOf(c) };
  // A proxy stands there, and whoever stands behind it may be anywhere.
  if (c.req.header("X-Forwarded-For") !== undefined || c.req.header("Forwarded") !== undefined) {
    return { address, network: null, place: null };
  }
  return {
    address,
    network: address,
    place: address === LOOPBACK ? "the service's own computer" : "the service's local network",
  };
}

/** The host of the page that had a browser send this (RFC 6454, 7); null where none did, or one of this service. */
function foreignPage(c: Context<Edge>): string | null {
  const origin = c.req.header("Origin");
  if (origin === undefined || origin === new URL(c.req.url).origin) return null;
  return URL.parse(origin)?.host.slice(0, PAGE_LENGTH_MAX) || "unknown origin";
}

/** The network of an address as it stands in a header; null where it is none. */
export function networkOf(address: string): string | null {
  // A URL's host is parsed as an address, and written in one way only (URL standard, 4.5).
  const host = /^[\d.]+$/.test(address)
    ? URL.parse(`http://${address}/`)?.hostname
    : /^[\da-f:.]+$/i.test(address)
      ? URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1)
      : undefined;
  if (host === undefined) return null;
  if (!host.includes(":")) return host.startsWith("127.") ? LOOPBACK : host;
  const groups = groupsOf(host);
  if (host === "::1") return LOOPBACK;
  if (groups.slice(0, 6).join() === "0,0,0,0,0,ffff") return networkOf(mapped(groups));
  return `${groups.slice(0, 4).join(":")}::/64`;
}

/** The eight groups of an IPv6 address, written as short as can be. */
function groupsOf(address: string): string[] {
  const [head = [], tail = []] = address
    .split("::")
    .map((half) => half.split(":").filter((group) => group !== ""));
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => "0"), ...tail];
}

/** The IPv4 address in an IPv6 address (RFC 4291, 2.5.5.2). */
function mapped(groups: readonly string[]): string {
  return groups
    .slice(6)
    .map((group) => Number.parseInt(group, 16))
    .flatMap((number) => [number >> 8, number & 0xff])
    .join(".");
}

/** Whether a network has no place in the world: RFC 1918, 3927, 6598, 4193, 4291. */
function isPrivate(network: string): boolean {
  return /^(10\.|192\.168\.|169\.254\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd][\da-f]{2}:|fe[89ab][\da-f]:)/.test(
    network,
  );
}

/** What Cloudflare knows of the place: "Leipzig, Saxony, DE". Where it is not Cloudflare that says so, it is made up. */
function cityOf(c: Context<Edge>): string | null {
  if (c.req.header("CF-Ray") === undefined) return null;
  const { city, region, country } = (c.req.raw.cf ?? {}) as Partial<IncomingRequestCfProperties>;
  const words = [city, region === city ? undefined : region, country].filter(
    (word) => typeof word === "string",
  );
  return words.length === 0 ? null : words.join(", ");
}
