import { type Entry, hasEnded } from "../command/command.ts";
import type { CommandView } from "../command/handover.ts";
import type { DeviceView } from "../device/device.ts";
import type { Profile } from "./paths.ts";

/** Entities as the two profiles show them: `beta` as the original's documents and clients know them, `v1.0` clean. */

export function deviceEntity(profile: Profile, device: DeviceView): object {
  const { id, name, manufacturer, model, kind, status, platform } = device;
  return profile === "v1.0"
    ? { id, name, manufacturer, model, kind, status, platform }
    : {
        id,
        Name: name,
        Manufacturer: manufacturer,
        Model: model,
        Kind: kind,
        Status: status,
        Platform: platform,
      };
}

/** A command; in `beta` also once more under `value`, since the original's documents show both shapes. */
export function commandEntity(profile: Profile, command: CommandView): object {
  const entity = plainCommandEntity(command);
  return profile === "v1.0" ? entity : { ...entity, value: entity };
}

/** A command as an item of a collection. */
export function plainCommandEntity(command: CommandView): object {
  const { order, state, detail, createdAt, modifiedAt, expiresAt } = command;
  const { task } = order;
  const service = task.type === "AppService" ? task : null;
  return {
    id: order.id,
    status: state.status,
    type: task.type,
    appServiceName: service?.appServiceName ?? null,
    packageFamilyName: service?.packageFamilyName ?? null,
    error: "error" in state ? state.error : null,
    permissionTicket: order.permissionTicket,
    postBackUri: order.postBackUri,
    payload: JSON.parse(task.payload),
    responsePayload: responseOf(command) ?? null,
    createdDateTime: dateTime(createdAt),
    lastModifiedDateTime: dateTime(modifiedAt),
    expirationDateTime: dateTime(expiresAt),
    statusDetail: detail,
  };
}

/** What the device returned, parsed; undefined where there is nothing. */
export function responseOf({ state }: CommandView): unknown {
  return state.status === "completed" && state.responsePayload !== null
    ? JSON.parse(state.responsePayload)
    : undefined;
}

/** The response payload as an entity: the device's own object, or its other value under `value`. */
export function responseEntity(profile: Profile, context: string, response: unknown): object {
  const isObject = typeof response === "object" && response !== null && !Array.isArray(response);
  const members: object = isObject ? response : { value: response };
  const ignored = profile === "beta" ? { MsIgnoredParameter: 0 } : {};
  // Once for its place, and once over what the device may have called so.
  const address = { "@odata.context": context };
  return { ...address, ...ignored, ...members, ...address };
}

export function historyEntity(
  command: CommandView,
  entries: readonly Entry[],
  wakeAt: number | null,
): object {
  const last = entries.at(-1);
  return {
    status: command.state.status,
    explanation: last === undefined ? null : explanation(command, entries),
    nextActionDateTime: wakeAt === null ? null : dateTime(wakeAt),
    value: entries.map(({ sequence, at, status, attempt, cause, late }) => ({
      sequence,
      dateTime: dateTime(at),
      status,
      attempt,
      cause,
      late,
    })),
  };
}

/** Why the command is in its status: the last entry that brought it there. */
function explanation({ state }: CommandView, entries: readonly Entry[]): string {
  const cause = entries.findLast(({ late }) => !late)?.cause ?? "";
  return hasEnded(state) ? `${cause} Nothing more will happen.` : cause;
}

function dateTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
