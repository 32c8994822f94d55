import type { Context, Hono } from "hono";
import { readPublicKey } from "../device/public-key.ts";
import { readText } from "../json.ts";
import {
  PAIRING_INTERVAL_SECONDS,
  PAIRING_MS,
  PAIRING_QUESTION_BYTES_MAX,
  SECOND,
  USER_CODE_DRAWS_MAX,
  USER_CODE_LENGTH,
} from "../limits.ts";
import {
  digestOf,
  readDeviceCode,
  readUserCode,
  userCodeOf,
  writeDeviceCode,
  writeUserCode,
} from "../pairing/codes.ts";
import type { PairingRequest } from "../pairing/pairing.ts";
import { objectId, reach, Unreachable } from "../reach.ts";
import { authorize } from "./auth.ts";
import { readBody } from "./body.ts";
import { noDevice } from "./devices.ts";
import type { Edge } from "./edge.ts";
import { deviceEntity } from "./entities.ts";
import { ApiError } from "./errors.ts";
import { countEach } from "./rate-limits.ts";
import { addressOf, contextOf, profileOf, readOptions, requireJsonAccepted, resource } from "./resource.ts";
import { Registration } from "./schemas.ts";
import { whereaboutsOf } from "./whereabouts.ts";

/** Pairing: a device asks to be let in, a person who is signed in elsewhere lets it (after RFC 8628). */

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";

export function servePairings(app: Hono<Edge>): void {
  resource(app, "/:profile/pairings", {
    POST: async (c) => {
      const { address, network, place } = whereaboutsOf(c);
      await countEach(c.env.PAIRING_REQUESTS, address);
      requireJsonAccepted(c);
      readOptions(c, []);
      const { publicKey, ...properties } = await readBody(c, Registration);
      const read = await readPublicKey(publicKey);
      if (!read.ok) throw new ApiError("invalidRequest", read.message);
      const secret = crypto.getRandomValues(new Uint8Array(32));
      const letters = await begin(c, {
        properties: { ...properties, publicKey: read.key },
        digest: await digestOf(secret),
        place,
        network,
      });
      const page = `${new URL(c.req.url).origin}/pair`;
      return c.json({
        device_code: writeDeviceCode(c.env.PAIRINGS.idFromName(letters).toString(), secret),
        user_code: writeUserCode(letters),
        verification_uri: page,
        verification_uri_complete: `${page}#${writeUserCode(letters)}`,
        expires_in: PAIRING_MS / SECOND,
        interval: PAIRING_INTERVAL_SECONDS,
      });
    },
  });

  resource(app, "/:profile/pairings/token", {
    POST: async (c) => {
      const question = await readQuestion(c);
      if (!question.ok) return c.json(question.error, 400);
      const { id, secret } = question;
      const digest = await digestOf(secret);
      const outcome = await reach(c.env.PAIRINGS, id, (stub) => stub.ask(digest));
      if (outcome.type === "approved") return c.json({ device_id: outcome.device, name: outcome.name });
      return c.json(REFUSALS[outcome.type], 400);
    },
  });

  resource(app, "/:profile/me/pairings/:code", {
    GET: async (c) => {
      const { id, letters, network } = await openPairing(c);
      requireJsonAccepted(c);
      const found = await reach(c.env.PAIRINGS, id, (stub) => stub.describe());
      if (!found.ok) throw noSuchCode();
      const { properties, place, network: origin, createdAt, expiresAt } = found.pairing;
      const { name, kind, platform, manufacturer, model } = properties;
      return c.json({
        "@odata.context": contextOf(c, "me/pairings/$entity"),
        userCode: writeUserCode(letters),
        ...{ name, kind, platform, manufacturer, model, place },
        sameAddress: origin !== null && origin === network,
        createdDateTime: new Date(createdAt).toISOString(),
        expirationDateTime: new Date(expiresAt).toISOString(),
      });
    },
  });

  resource(app, "/:profile/me/pairings/:code/approve", {
    POST: async (c) => {
      const { id, account } = await openPairing(c);
      requireJsonAccepted(c);
      const approved = await reach(c.env.PAIRINGS, id, (stub) => stub.approve(account));
      if (!approved.ok) throw approved.reason === "unknown" ? noSuchCode() : noDevice(approved);
      const { device } = approved;
      return c.json(deviceEntity(profileOf(c), device), 201, {
        Location: addressOf(c, `/me/devices/${device.id}`),
      });
    },
  });

  resource(app, "/:profile/me/pairings/:code/deny", {
    POST: async (c) => {
      const { id, account } = await openPairing(c);
      const denied = await reach(c.env.PAIRINGS, id, (stub) => stub.deny(account));
      if (!denied.ok) throw denied.reason === "unknown" ? noSuchCode() : noDevice(denied);
      return c.body(null, 204);
    },
  });
}

// ---- The device's side ----

/** Begins a pairing under a code that nobody else has, and answers its letters. */
async function begin(c: Context<Edge>, request: PairingRequest): Promise<string> {
  for (let drawn = 0; drawn < USER_CODE_DRAWS_MAX; drawn++) {
    const letters = userCodeOf(crypto.getRandomValues(new Uint32Array(USER_CODE_LENGTH)));
    const begun = await reach(c.env.PAIRINGS, c.env.PAIRINGS.idFromName(letters), (stub) =>
      stub.begin(request),
    );
    if (begun.ok) return letters;
  }
  throw new Unreachable("No user code is free.");
}

/** An error as OAuth's token endpoints answer it (RFC 6749, 5.2). */
interface OAuthError {
  error: string;
  error_description: string;
}

const REFUSALS = {
  pending: { error: "authorization_pending", error_description: "Nobody has decided yet. Ask again." },
  askedTooSoon: {
    error: "slow_down",
    error_description: `This was sooner than the interval, which is ${PAIRING_INTERVAL_SECONDS} seconds longer from now on.`,
  },
  denied: { error: "access_denied", error_description: "The device was refused." },
  expired: {
    error: "expired_token",
    error_description:
      "This code has expired, or never was: nothing is kept by which to tell. Ask for a new one.",
  },
} as const satisfies Record<string, OAuthError>;

/** The device code in a request as forms (RFC 8628, 3.4) or JSON carry it. */
async function readQuestion(
  c: Context<Edge>,
): Promise<{ ok: true; id: DurableObjectId; secret: Uint8Array } | { ok: false; error: OAuthError }> {
  const invalid = (error_description: string): { ok: false; error: OAuthError } => ({
    ok: false,
    error: { error: "invalid_request", error_description },
  });
  const body = await readText(c.req.raw.body, { bytesMax: PAIRING_QUESTION_BYTES_MAX });
  if (!body.ok) return invalid(`The body is UTF-8, of at most ${PAIRING_QUESTION_BYTES_MAX} bytes.`);
  const members = membersOf(c.req.header("Content-Type") ?? "", body.text);
  if (members === null)
    return invalid('Send the body as "application/x-www-form-urlencoded" or "application/json".');
  const [code = "", ...more] = valuesOf(members, "device_code");
  if (typeof code !== "string" || code === "" || more.length > 0)
    return invalid('Send one "device_code", a text.');
  const [grantType = GRANT_TYPE, ...others] = valuesOf(members, "grant_type");
  if (others.length > 0) return invalid('"grant_type" is given twice.');
  if (grantType !== GRANT_TYPE) {
    const error_description = `"grant_type" is "${GRANT_TYPE}", or left out.`;
    return { ok: false, error: { error: "unsupported_grant_type", error_description } };
  }
  const read = readDeviceCode(code);
  const id = read && objectId(c.env.PAIRINGS, read.pairing);
  if (id) return { ok: true, id, secret: read.secret };
  const error_description = "No device was ever given this code.";
  return { ok: false, error: { error: "invalid_grant", error_description } };
}

type Members = readonly (readonly [name: string, value: unknown])[];

/** The members of a form or of a JSON object; null where it is neither. */
function membersOf(contentType: string, text: string): Members | null {
  switch (contentType.split(";")[0]?.trim().toLowerCase()) {
    case "application/x-www-form-urlencoded":
      return [...new URLSearchParams(text)];
    case "application/json":
      try {
        const value: unknown = JSON.parse(text);
        return typeof value === "object" && value !== null ? Object.entries(value) : null;
      } catch {
        return null;
      }
    default:
      return null;
  }
}

/** The values under a name; one that is empty counts as left out (RFC 6749, 3.2). */
function valuesOf(members: Members, name: string): unknown[] {
  return members.flatMap(([key, value]) => (key === name && value !== "" && value !== null ? [value] : []));
}

// ---- The person's side ----

/** Checks who asks, and counts the look at a code before it is taken: what is not counted can be guessed. */
async function openPairing(
  c: Context<Edge>,
): Promise<{ account: string; network: string | null; letters: string; id: DurableObjectId }> {
  const { account } = await authorize(c, "Device.ReadWrite");
  readOptions(c, []);
  const { address, network } = whereaboutsOf(c);
  await countEach(c.env.PAIRING_GUESSES, account, address);
  const letters = readUserCode(c.req.param("code") ?? "");
  if (letters === null) throw noSuchCode();
  return { account, network, letters, id: c.env.PAIRINGS.idFromName(letters) };
}

function noSuchCode(): ApiError {
  return new ApiError(
    "itemNotFound",
    "This code is wrong, has expired or was used. Codes are good for ten minutes; the device shows a new one when asked.",
  );
}
