import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import type { Client } from "../../client/client.ts";
import { ServiceError } from "../../client/service-error.ts";
import { ForeignText } from "../foreign-text.tsx";
import { PresenceBadge } from "./badges.tsx";
import { Commands } from "./commands.tsx";
import { DeviceActions, madeOf } from "./device-actions.tsx";
import type { Devices } from "./devices-live.ts";
import type { Draft } from "./draft.ts";
import { commandAddress, DEVICES, go } from "./route.ts";
import { SendForm } from "./send-form.tsx";
import { NotThere, TopLine, ViewHeading } from "./view.tsx";

/** One device: sending it a command, and the commands that it was sent. */
export function DeviceView({
  client,
  devices,
  id,
  draft,
  onTaken,
}: {
  client: Client;
  devices: Devices;
  id: string;
  /** What the form begins with; null: nothing. */
  draft: Draft | null;
  /** The form has begun with it. */
  onTaken: () => void;
}): VNode {
  useEffect(onTaken, []);
  const { error, readAt, refresh } = devices;
  const device = devices.seen.get(id);
  if (error instanceof ServiceError && error.status === 404) {
    return (
      <NotThere title="No such device">
        This device is not one of yours. It may have been unregistered.
      </NotThere>
    );
  }
  return (
    <>
      <TopLine trail={[{ href: DEVICES, text: "Devices" }]} error={error} readAt={readAt} />
      <header class="view-header">
        <div class="row">
          <ViewHeading title={device?.name ?? "Device"} />
          {device !== undefined && <PresenceBadge status={device.status} />}
        </div>
        <div class="row">
          <p class="quiet wrap">
            <ForeignText>{device === undefined ? "…" : madeOf(device)}</ForeignText>
          </p>
          {device !== undefined && (
            <DeviceActions
              client={client}
              device={device}
              onChange={refresh}
              onGone={async () => go(DEVICES)}
            />
          )}
        </div>
      </header>
      <div class="columns">
        <SendForm
          client={client}
          device={id}
          status={device?.status ?? null}
          draft={draft}
          onSent={(command) => go(commandAddress(id, command))}
        />
        <Commands client={client} device={id} />
      </div>
    </>
  );
}
