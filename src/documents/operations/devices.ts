import {
  DEVICES_PER_ACCOUNT_MAX,
  DEVICES_PER_PAGE,
  MINUTE,
  PAIRING_INTERVAL_SECONDS,
  PAIRING_MS,
  SECOND,
} from "../../limits.ts";
import { EXAMPLE_KEY } from "../bodies.ts";
import { ID_EXAMPLE } from "../entities.ts";
import type { Operation } from "../operation.ts";

const DEVICE = {
  id: ID_EXAMPLE,
  name: "My computer",
  manufacturer: null,
  model: null,
  kind: "Laptop",
  status: "Online",
  platform: "Linux",
};

const REGISTRATION = { name: "My computer", kind: "Laptop", platform: "Linux", publicKey: EXAMPLE_KEY };

export const DEVICE_OPERATIONS: readonly Operation[] = [
  {
    method: "get",
    path: "/me/devices",
    id: "listDevices",
    tag: "Devices",
    summary: "List the account's devices",
    description: `The account's devices with their presence, at most ${DEVICES_PER_PAGE} on a page.`,
    access: "Device.Read",
    parameters: ["devicesTop", "skipToken"],
    answers: {
      200: {
        description: "The devices.",
        content: [
          {
            schema: "devicePage",
            example: { "@odata.context": "https://appia.example/v1.0/$metadata#me/devices", value: [DEVICE] },
          },
        ],
      },
    },
    errors: [400, 401, 403, 406],
  },
  {
    method: "post",
    path: "/me/devices",
    id: "registerDevice",
    tag: "Devices",
    summary: "Register a device",
    description: `Adds a device, which from then on proves itself with its own key. An account has at most ${DEVICES_PER_ACCOUNT_MAX}.`,
    access: "Device.ReadWrite",
    body: [{ schema: "registration", example: REGISTRATION }],
    answers: {
      201: {
        description: "The device.",
        headers: ["Location"],
        content: [{ schema: "device", example: { ...DEVICE, status: "Unknown" } }],
      },
    },
    errors: [400, 401, 403, 406, 409, 413, 415],
  },
  {
    method: "get",
    path: "/me/devices/{deviceId}",
    id: "getDevice",
    tag: "Devices",
    summary: "Read a device",
    description: "One device and its presence.",
    access: "Device.Read",
    parameters: ["deviceId"],
    answers: { 200: { description: "The device.", content: [{ schema: "device", example: DEVICE }] } },
    errors: [400, 401, 403, 404, 406],
  },
  {
    method: "patch",
    path: "/me/devices/{deviceId}",
    id: "renameDevice",
    tag: "Devices",
    summary: "Rename a device",
    description: "Changes what the device is called.",
    access: "Device.ReadWrite",
    parameters: ["deviceId"],
    body: [{ schema: "renaming", example: { name: "Our computer" } }],
    answers: {
      200: {
        description: "The device.",
        content: [{ schema: "device", example: { ...DEVICE, name: "Our computer" } }],
      },
    },
    errors: [400, 401, 403, 404, 406, 413, 415],
  },
  {
    method: "delete",
    path: "/me/devices/{deviceId}",
    id: "unregisterDevice",
    tag: "Devices",
    summary: "Unregister a device",
    description:
      "Ends the registration. The device's connection is closed, and its open commands end as `failedToSend` with the error `DeviceRemoved`.",
    access: "Device.ReadWrite",
    parameters: ["deviceId"],
    answers: { 204: { description: "It is unregistered." } },
    errors: [400, 401, 403, 404],
  },
];

const USER_CODE = {
  user_code: "WDJB-MJHT",
  expires_in: PAIRING_MS / SECOND,
  interval: PAIRING_INTERVAL_SECONDS,
};
const DEVICE_CODE = "WDJBMJHT.GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS2M";

export const PAIRING_OPERATIONS: readonly Operation[] = [
  {
    method: "post",
    path: "/pairings",
    id: "requestPairing",
    tag: "Pairing",
    summary: "Ask to be let in, as a device",
    description: `After RFC 8628: the device shows the code, a person who is signed in elsewhere decides, and the device asks for the outcome. Codes are good for ${PAIRING_MS / MINUTE} minutes and for one use. Requests are limited by address.`,
    access: "anyone",
    body: [{ schema: "registration", example: REGISTRATION }],
    answers: {
      200: {
        description: "The codes.",
        content: [
          {
            schema: "pairingCode",
            example: {
              device_code: DEVICE_CODE,
              verification_uri: "https://appia.example/pair",
              verification_uri_complete: "https://appia.example/pair#WDJB-MJHT",
              ...USER_CODE,
            },
          },
        ],
      },
    },
    errors: [400, 406, 413, 415],
  },
  {
    method: "post",
    path: "/pairings/token",
    id: "redeemPairing",
    tag: "Pairing",
    summary: "Ask for the outcome of a pairing, as the device",
    description: `Every \`interval\` seconds. What is asked sooner is answered \`slow_down\`, and the interval is then ${PAIRING_INTERVAL_SECONDS} seconds longer.`,
    access: "anyone",
    body: [
      {
        type: "application/x-www-form-urlencoded",
        schema: "tokenQuestion",
        example: { device_code: DEVICE_CODE },
      },
      { schema: "tokenQuestion", example: { device_code: DEVICE_CODE } },
    ],
    answers: {
      200: {
        description: "A person let the device in: it is registered.",
        content: [{ schema: "pairedDevice", example: { device_id: ID_EXAMPLE, name: "My computer" } }],
      },
      400: {
        description: "Not yet, or never.",
        content: [
          {
            schema: "oauthError",
            example: {
              error: "authorization_pending",
              error_description: "Nobody has decided yet. Ask again.",
            },
          },
        ],
      },
    },
    errors: [],
  },
  {
    method: "get",
    path: "/me/pairings/{userCode}",
    id: "getPairing",
    tag: "Pairing",
    summary: "See what asks to be let in",
    description:
      "What a person decides by. Looks at codes are limited by account and by address, so that nobody guesses one.",
    access: "Device.ReadWrite",
    parameters: ["userCode"],
    answers: {
      200: {
        description: "What asks.",
        content: [
          {
            schema: "pairing",
            example: {
              "@odata.context": "https://appia.example/v1.0/$metadata#me/pairings/$entity",
              userCode: "WDJB-MJHT",
              name: "My computer",
              kind: "Laptop",
              platform: "Linux",
              manufacturer: null,
              model: null,
              place: "Leipzig, Saxony, DE",
              sameAddress: true,
              createdDateTime: "2026-11-21T22:54:31.123Z",
              expirationDateTime: "2026-11-21T23:04:31.123Z",
            },
          },
        ],
      },
    },
    errors: [400, 401, 403, 404, 406],
  },
  {
    method: "post",
    path: "/me/pairings/{userCode}/approve",
    id: "approvePairing",
    tag: "Pairing",
    summary: "Let the device in",
    description: "Registers the device for the account.",
    access: "Device.ReadWrite",
    parameters: ["userCode"],
    answers: {
      201: {
        description: "The device.",
        headers: ["Location"],
        content: [{ schema: "device", example: { ...DEVICE, status: "Unknown" } }],
      },
    },
    errors: [400, 401, 403, 404, 406, 409],
  },
  {
    method: "post",
    path: "/me/pairings/{userCode}/deny",
    id: "denyPairing",
    tag: "Pairing",
    summary: "Refuse the device",
    description: "The device is told that it was refused.",
    access: "Device.ReadWrite",
    parameters: ["userCode"],
    answers: { 204: { description: "It is refused." } },
    errors: [400, 401, 403, 404, 409],
  },
];
