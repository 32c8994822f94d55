import type { VNode } from "preact";
import { useState } from "preact/hooks";
import type { Client } from "../../client/client.ts";
import type { DeviceEntity } from "../../client/entities.ts";
import { Dialog, Loading } from "../components.tsx";
import { ForeignText } from "../foreign-text.tsx";
import { PresenceBadge } from "./badges.tsx";
import { DeviceActions, madeOf } from "./device-actions.tsx";
import type { Devices } from "./devices-live.ts";
import { deviceAddress } from "./route.ts";
import { TopLine, ViewHeading } from "./view.tsx";
import { WaysToAdd } from "./ways-to-add.tsx";

/** The devices, and who of them is there. */
export function DevicesView({ client, devices }: { client: Client; devices: Devices }): VNode {
  const { all, error, readAt, refresh } = devices;
  const [adding, setAdding] = useState(false);
  return (
    <>
      <TopLine trail={[]} error={error} readAt={readAt} />
      <div class="row">
        <ViewHeading title="Devices" />
        <button type="button" class="end primary" onClick={() => setAdding(true)}>
          Add a device
        </button>
      </div>
      {all === undefined && error === null && <Loading what="Reading your devices" />}
      {all?.length === 0 && (
        <section class="card" aria-labelledby="none">
          <h2 id="none">You have no devices yet</h2>
          <p class="quiet">A device receives the commands that you send. There are three ways to get one:</p>
          <WaysToAdd />
        </section>
      )}
      {all !== undefined && all.length > 0 && (
        <ul class="cards">
          {all.map((device) => (
            <DeviceCard key={device.id} client={client} device={device} onChange={refresh} />
          ))}
        </ul>
      )}
      {adding && (
        <Dialog title="Add a device" onClose={() => setAdding(false)}>
          <WaysToAdd />
          <form method="dialog" class="row">
            <button type="submit" class="end">
              Close
            </button>
          </form>
        </Dialog>
      )}
    </>
  );
}

function DeviceCard({
  client,
  device,
  onChange,
}: {
  client: Client;
  device: DeviceEntity;
  onChange: () => Promise<void>;
}): VNode {
  return (
    <li class="card">
      <div class="stack about">
        <div class="heading-row">
          <h2>
            <a class="two-lines" href={deviceAddress(device.id)}>
              <ForeignText>{device.name}</ForeignText>
            </a>
          </h2>
          <PresenceBadge status={device.status} />
        </div>
        <p class="quiet small two-lines">
          <ForeignText>{madeOf(device)}</ForeignText>
        </p>
      </div>
      <DeviceActions client={client} device={device} onChange={onChange} onGone={onChange} />
    </li>
  );
}
