import { expect } from "vitest";
import { type Api, type Device, type Json, LAUNCH_URI } from "../stage.ts";

/** What batches are made of in tests, and what is answered to them. */

export const DEVICES = { id: "1", method: "GET", url: "/me/devices" };

/** A request that sends a command to a device, unless its address says otherwise. */
export function sending(device: Device, id: string, more: object = {}): object {
  return { id, method: "POST", url: `/me/devices/${device.id}/commands`, body: LAUNCH_URI, ...more };
}

export interface BatchOptions {
  path?: string;
  headers?: Record<string, string>;
}

/** The responses of a batch that is answered, by their ids. */
export async function responsesOf(
  api: Api,
  requests: object[],
  { path = "/v1.0/$batch", headers = {} }: BatchOptions = {},
): Promise<Record<string, Json>> {
  const { status, body } = await api.post(path, { requests }, headers);
  expect(status, JSON.stringify(body)).toBe(200);
  expect(body.responses.map(({ id }: Json) => id)).toEqual(requests.map((request) => (request as Json).id));
  return Object.fromEntries(body.responses.map((response: Json) => [response.id, response]));
}

/** A device's commands, the newest first. */
export async function commandsOf(api: Api, { id }: Device): Promise<Json[]> {
  return (await api.get(`/v1.0/me/devices/${id}/commands`)).body.value;
}
