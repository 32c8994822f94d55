import type { ComponentChildren, VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Badge, Notice, type Tone } from "../components.tsx";
import { ForeignText } from "../foreign-text.tsx";
import { ArrivalHeading } from "../heading.tsx";
import { minutesAndSeconds, useNow } from "../now.ts";
import type { Person } from "../use-session.ts";
import { Forget } from "./forget.tsx";
import { notificationPermission, showNotification } from "./notifications.ts";
import type { OwnDevice } from "./own-device.ts";
import { Permissions } from "./permissions.tsx";
import { QuestionCard, wordsOf } from "./question-card.tsx";
import type { Question } from "./questions.ts";
import { ReceivedList } from "./received-list.tsx";
import type { DeviceState, Link } from "./state.ts";
import { useDevice } from "./use-device.ts";

const TITLE = document.title;
/** Characters of the name that are shown. */
const NAME_LENGTH = 60;

/** This browser as the device it is: connected, and asking the person where a command needs them. */
export function PairedDevice({
  person,
  device,
  arrives,
  onForget,
}: {
  /** Who is signed in in this browser, if anybody is. */
  person: Person | null;
  device: OwnDevice;
  /** It has just been paired. */
  arrives: boolean;
  /** Told with the name that a new device is to begin with; null for none. */
  onForget: (formerName: string | null) => Promise<void>;
}): VNode {
  const { state, questions, connect } = useDevice(device);
  useHeed(questions);
  const isRegistered = !(state.link.type === "stopped" && state.link.cause === "unregistered");
  const Heading = arrives ? ArrivalHeading : PlainHeading;
  return (
    <>
      <section class="card" aria-labelledby="device">
        <Heading id="device">This browser is a device</Heading>
        <Presence link={state.link} onConnect={connect} />
        <p class="quiet">
          It joined as <ForeignText most={NAME_LENGTH}>{device.name}</ForeignText>.
        </p>
      </section>
      <Trouble state={state} onConnect={connect} onPairAgain={() => onForget(device.name)} />
      {isRegistered && <Waiting questions={questions} />}
      <ReceivedList received={state.received} deviceId={device.deviceId} />
      {isRegistered && (
        <>
          <Permissions />
          <Forget person={person} device={device} onForget={() => onForget(null)} />
        </>
      )}
    </>
  );
}

function PlainHeading({ id, children }: { id: string; children: ComponentChildren }): VNode {
  return <h1 id={id}>{children}</h1>;
}

function Waiting({ questions }: { questions: readonly Question[] }): VNode {
  return (
    <section class="card questions" aria-labelledby="questions">
      <h2 id="questions">Waiting for you</h2>
      <div class="stack" aria-live="polite">
        {questions.map((question) => (
          <QuestionCard key={question.id} question={question} />
        ))}
        {questions.length === 0 && <p class="quiet">Nothing. You are asked here when a command needs you.</p>}
      </div>
    </section>
  );
}

/**
 * Draws attention to what waits: in the tab's title, and with a notification where the tab is not looked at. Before
 * the page is painted: a tab in the background is not, and its timers are slow.
 */
function useHeed(questions: readonly Question[]): void {
  useLayoutEffect(() => {
    document.title = questions.length === 0 ? TITLE : `(${questions.length}) ${TITLE}`;
    return () => {
      document.title = TITLE;
    };
  }, [questions.length]);
  const heeded = useRef(new Set<string>());
  useLayoutEffect(() => {
    for (const { id, subject } of questions) {
      if (heeded.current.has(id)) continue;
      heeded.current.add(id);
      if (!document.hidden || notificationPermission() !== "granted") continue;
      const { title, text } = wordsOf(subject);
      // Without the notification the question waits all the same.
      showNotification({ title, body: text, tag: id }).catch(() => {});
    }
  }, [questions]);
}

const PRESENCE: Record<Link["type"], { tone: Tone; text: string }> = {
  connected: { tone: "good", text: "Connected" },
  connecting: { tone: "busy", text: "Connecting" },
  waiting: { tone: "warning", text: "Disconnected" },
  stopped: { tone: "bad", text: "Stopped" },
};

function Presence({ link, onConnect }: { link: Link; onConnect: () => void }): VNode {
  const now = useNow(1_000, link.type === "waiting");
  const { tone, text } = PRESENCE[link.type];
  return (
    <div class="row presence">
      <span role="status">
        <Badge tone={tone}>{text}</Badge>
      </span>
      {link.type === "connected" && <span class="quiet">Keep this tab open: it is the device.</span>}
      {link.type === "connecting" && <span class="quiet">Reaching the service.</span>}
      {link.type === "waiting" && (
        <>
          <span class="quiet">
            Trying again in <span class="digits">{minutesAndSeconds(link.retryAt - now)}</span>
          </span>
          <button type="button" class="plain" onClick={onConnect}>
            Try now
          </button>
        </>
      )}
      {link.type === "stopped" && <span class="quiet">Nothing reaches this device.</span>}
    </div>
  );
}

/** What keeps the device from working, and what to do about it. */
function Trouble({
  state: { link, rejection },
  onConnect,
  onPairAgain,
}: {
  state: DeviceState;
  onConnect: () => void;
  onPairAgain: () => Promise<void>;
}): VNode | null {
  if (link.type === "stopped") {
    switch (link.cause) {
      case "unregistered":
        return (
          <Notice tone="warning" title="This device was unregistered">
            <p>
              The service does not know it any more. Pair again, and it becomes a new device with a new key.
            </p>
            <button type="button" class="primary" onClick={() => void onPairAgain()}>
              Pair again
            </button>
          </Notice>
        );
      case "replaced":
        return (
          <Notice tone="warning" title="It is connected elsewhere">
            <p>Something else is connected as this device, and two would fight over the connection.</p>
            <button type="button" class="primary" onClick={onConnect}>
              Connect here
            </button>
          </Notice>
        );
      case "misconfigured":
        return (
          <Notice tone="bad" title="It cannot connect">
            {link.message}
          </Notice>
        );
      case "asked":
        return null;
    }
  }
  if (rejection === null) return null;
  return (
    <Notice tone="warning" title="The service does not let it in">
      {`If the clock of this computer is wrong, put it right; it is tried again. (${rejection})`}
    </Notice>
  );
}
