import { type Command, type Entry, hasEnded } from "./command.ts";
import type { CommandView } from "./handover.ts";

/** The command's wire form: what callers, watchers and receivers of post-backs read. */

/** The members of a command as an entity. */
export const COMMAND_MEMBERS = [
  "id",
  "status",
  "type",
  "appServiceName",
  "packageFamilyName",
  "error",
  "permissionTicket",
  "postBackUri",
  "payload",
  "responsePayload",
  "createdDateTime",
  "lastModifiedDateTime",
  "expirationDateTime",
  "statusDetail",
] as const;

/** A command as an entity: absent values are null. */
export function commandEntity({
  order,
  state,
  detail,
  createdAt,
  modifiedAt,
  expiresAt,
}: CommandView): Record<(typeof COMMAND_MEMBERS)[number], unknown> {
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
    responsePayload: responseOf(state) ?? null,
    createdDateTime: dateTime(createdAt),
    lastModifiedDateTime: dateTime(modifiedAt),
    expirationDateTime: dateTime(expiresAt),
    statusDetail: detail,
  };
}

/** What the device returned, parsed; undefined where there is nothing. */
export function responseOf(state: CommandView["state"]): unknown {
  return state.status === "completed" && state.responsePayload
    ? JSON.parse(state.responsePayload)
    : undefined;
}

/** A command as it was at an entry of its history. An end has its error and result, what came before has neither. */
export function commandAt(command: Command, entry: Entry): CommandView {
  const { history: _, ...view } = command;
  const { status, detail, expiresAt } = entry;
  if (hasEnded(command.state) && status === command.state.status) return view;
  return { ...view, modifiedAt: entry.at, detail, expiresAt, state: { status } as CommandView["state"] };
}

/** RFC 3339, in UTC. */
export function dateTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
