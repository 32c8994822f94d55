import type { VNode } from "preact";
import { useCallback, useEffect, useState } from "preact/hooks";
import { Loading, Notice, Page } from "../components.tsx";
import { type Person, useSession } from "../use-session.ts";
import { WhoCard, WhoIsThere } from "../who.tsx";
import { FirstOpening } from "./first-opening.tsx";
import { useOneTab } from "./one-tab.ts";
import { forgetOwnDevice, type OwnDevice, readOwnDevice } from "./own-device.ts";
import { PairedDevice } from "./paired-device.tsx";
import { forgetSettings } from "./settings.ts";

/** What this browser is: not looked up yet, a device, or none (any more). */
type Own =
  | { type: "unknown" }
  | { type: "unreadable"; message: string }
  | { type: "device"; device: OwnDevice; arrives: boolean }
  | { type: "none"; formerName: string | null };

/** This browser as a device. */
export function DevicePage(): VNode {
  const { state, person, signedIn } = useSession();
  return (
    <Page current="/device" narrow end={person !== null && <WhoIsThere person={person} />}>
      {state?.type === "undecided" && <WhoCard state={state} onDecided={signedIn} />}
      {isSecureContext && "locks" in navigator ? (
        <OneTab person={person} />
      ) : (
        <Notice tone="bad" title="This page needs https">
          A browser keeps keys only for pages that came over a safe connection. Open the service's https
          address.
        </Notice>
      )}
    </Page>
  );
}

/** `person` is who is signed in in this browser; null where nobody is. */
function OneTab({ person }: { person: Person | null }): VNode {
  const { place, takeOver } = useOneTab();
  switch (place) {
    case "unknown":
      return <Loading what="Looking for the device in this browser" />;
    case "here":
      return <ThisTab person={person} />;
    case "elsewhere":
      return (
        <section class="card" aria-labelledby="elsewhere">
          <h1 id="elsewhere">Another tab is the device</h1>
          <p role="status">
            One tab of this browser at a time is connected. It is open in another tab or window; when you
            close that, this one takes its place.
          </p>
          <div class="row">
            <button type="button" class="primary" onClick={takeOver}>
              Use this tab instead
            </button>
          </div>
        </section>
      );
  }
}

function ThisTab({ person }: { person: Person | null }): VNode {
  const [own, setOwn] = useState<Own>({ type: "unknown" });
  useEffect(() => {
    readOwnDevice().then(
      (device) =>
        setOwn(
          device === null ? { type: "none", formerName: null } : { type: "device", device, arrives: false },
        ),
      (error: Error) => setOwn({ type: "unreadable", message: error.message }),
    );
  }, []);
  const forget = useCallback(async (formerName: string | null): Promise<void> => {
    await forgetOwnDevice();
    forgetSettings();
    setOwn({ type: "none", formerName });
  }, []);
  switch (own.type) {
    case "unknown":
      return <Loading what="Looking for the device in this browser" />;
    case "unreadable":
      return (
        <Notice tone="bad" title="This browser keeps nothing">
          {`Private windows often do not, and a device needs a place for its key. (${own.message})`}
        </Notice>
      );
    case "device":
      return (
        <PairedDevice
          person={person}
          key={own.device.deviceId}
          device={own.device}
          arrives={own.arrives}
          onForget={forget}
        />
      );
    case "none":
      return (
        <FirstOpening
          person={person}
          formerName={own.formerName}
          onPaired={(device) => setOwn({ type: "device", device, arrives: true })}
        />
      );
  }
}
