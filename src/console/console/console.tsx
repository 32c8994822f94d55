import type { VNode } from "preact";
import { useCallback, useState } from "preact/hooks";
import type { Client } from "../../client/client.ts";
import { CommandView } from "./command.tsx";
import { DeviceView } from "./device.tsx";
import { DevicesView } from "./devices.tsx";
import { useDevices } from "./devices-live.ts";
import type { Draft } from "./draft.ts";
import { deviceAddress, go, useRoute } from "./route.ts";
import { NotThere } from "./view.tsx";

/** The console: a person's devices, and what becomes of the commands that are sent to them. */
export function Console({ client }: { client: Client }): VNode {
  const route = useRoute();
  const devices = useDevices(client, "device" in route ? route.device : null);
  // A command that is to be sent again, on its way to the form.
  const [again, setAgain] = useState<{ device: string; draft: Draft } | null>(null);
  const sendAgain = useCallback((device: string, draft: Draft) => {
    setAgain({ device, draft });
    go(deviceAddress(device));
  }, []);
  switch (route.view) {
    case "devices":
      return <DevicesView client={client} devices={devices} />;
    case "device":
      return (
        <DeviceView
          key={route.device}
          client={client}
          devices={devices}
          id={route.device}
          draft={again?.device === route.device ? again.draft : null}
          onTaken={() => setAgain(null)}
        />
      );
    case "command":
      return (
        <CommandView
          key={route.command}
          client={client}
          devices={devices}
          device={route.device}
          id={route.command}
          onAgain={(draft) => sendAgain(route.device, draft)}
        />
      );
    case "nowhere":
      return <NotThere title="Nothing here">The console has no such page.</NotThere>;
  }
}
