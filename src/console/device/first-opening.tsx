import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { createKeyPair } from "../../agent/identity.ts";
import { type PairingCode, PairingError, pair } from "../../agent/pairing.ts";
import type { Client } from "../../client/client.ts";
import { ServiceError, ServiceGone } from "../../client/service-error.ts";
import { DEVICE_TEXT_LENGTH_MAX } from "../../limits.ts";
import { Field, Loading, Notice } from "../components.tsx";
import { minutesAndSeconds, useNow } from "../now.ts";
import type { Person } from "../use-session.ts";
import { AccountName } from "../who.tsx";
import { type BrowserHints, browserAsDevice } from "./browser.ts";
import { CodeCard } from "./code-card.tsx";
import { keepOwnDevice, type OwnDevice } from "./own-device.ts";

type Step =
  | { type: "naming"; problem: Problem | null }
  /** No code is there yet; `askedAgainAt` is when the service may be asked again, where it has too much to do. */
  | { type: "asking"; askedAgainAt: number | null }
  | { type: "pairing"; code: PairingCode; approve: (deviceId: string) => void };

interface Problem {
  title: string;
  text: string;
}

/** How a browser becomes a device: it is given a name, and a code that the person enters where they are signed in. */
export function FirstOpening({
  person,
  formerName,
  onPaired,
}: {
  /** Who is signed in in this browser, if anybody is. */
  person: Person | null;
  /** What it was called before it had to pair again; null where it never was. */
  formerName: string | null;
  onPaired: (device: OwnDevice) => void;
}): VNode {
  const itself = browserAsDevice(navigator as BrowserHints);
  const [name, setName] = useState(formerName ?? itself.name);
  const [step, setStep] = useState<Step>({ type: "naming", problem: null });
  const asking = useRef(new AbortController());
  useEffect(() => () => asking.current.abort(), []);

  const giveUp = (problem: Problem | null): void => {
    asking.current.abort();
    setStep({ type: "naming", problem });
  };

  /** Asks for a code. `approver` is the person who lets the device in at once; null where it is to be shown. */
  const begin = async (approver: Client | null): Promise<void> => {
    asking.current.abort();
    asking.current = new AbortController();
    const { signal } = asking.current;
    try {
      const { privateKey, publicKey } = await createKeyPair(false);
      // The service's answer and the person's own may both say that it was let in; the first does.
      const finish = async (deviceId: string, called: string): Promise<void> => {
        if (signal.aborted) return;
        asking.current.abort();
        const device = { deviceId, name: called, privateKey };
        try {
          await keepOwnDevice(device);
          onPaired(device);
        } catch (error) {
          giveUp(problemOf(error as Error));
        }
      };
      const approve = (deviceId: string): void => void finish(deviceId, name);
      const failed = (error: Error): void => {
        if (!signal.aborted) giveUp(problemOf(error));
      };
      setStep({ type: "asking", askedAgainAt: null });
      const paired = await pair({
        service: location.origin,
        registration: { ...itself, name, publicKey },
        onCode: (code) => {
          if (approver === null) setStep({ type: "pairing", code, approve });
          else approver.approve(code.userCode).then(({ id }) => approve(id), failed);
        },
        onWait: (ms) => setStep({ type: "asking", askedAgainAt: Date.now() + ms }),
        signal,
      });
      await finish(paired.deviceId, paired.name);
    } catch (error) {
      if (!signal.aborted) giveUp(problemOf(error as Error));
    }
  };

  if (step.type === "naming") {
    return (
      <NameCard
        person={person}
        name={name}
        onName={setName}
        problem={step.problem}
        onSubmit={(approver) => void begin(approver)}
      />
    );
  }
  if (step.type === "asking") return <AskingCard again={step.askedAgainAt} onCancel={() => giveUp(null)} />;
  return (
    <CodeCard
      person={person}
      code={step.code}
      name={name}
      onApproved={step.approve}
      onRenew={() => void begin(null)}
      onCancel={() => giveUp(null)}
    />
  );
}

function NameCard({
  person,
  name,
  onName,
  problem,
  onSubmit,
}: {
  person: Person | null;
  name: string;
  onName: (name: string) => void;
  problem: Problem | null;
  /** Told with the person who lets it in at once, or with null for a code. */
  onSubmit: (approver: Client | null) => void;
}): VNode {
  const [empty, setEmpty] = useState(false);
  const submit = (approver: Client | null): void => {
    setEmpty(name.trim() === "");
    if (name.trim() !== "") onSubmit(approver);
  };
  const entered = (event: Event): void => {
    event.preventDefault();
    submit(person?.client ?? null);
  };
  return (
    <section class="card" aria-labelledby="joining">
      <h1 id="joining">Make this browser a device</h1>
      <p>
        Your apps can then open pages here, show notifications and more. You are asked before anything
        happens, and can stop at any time.
      </p>
      {problem !== null && (
        <Notice tone="warning" title={problem.title}>
          {problem.text}
        </Notice>
      )}
      <form class="stack" onSubmit={entered}>
        <Field
          label="Name"
          hint="How you tell it from your other devices."
          problem={empty ? "Give it a name." : null}
        >
          {(control) => (
            <input
              {...control}
              autocomplete="off"
              maxLength={DEVICE_TEXT_LENGTH_MAX}
              value={name}
              onInput={({ currentTarget }) => onName(currentTarget.value)}
            />
          )}
        </Field>
        <div class="row">
          {person !== null && (
            <button type="submit" class="primary">
              Add it to my account now
            </button>
          )}
          <button type="button" class={person === null ? "primary" : undefined} onClick={() => submit(null)}>
            Get a code
          </button>
        </div>
        {person !== null && (
          <p class="quiet small">
            You are signed in in this browser as{" "}
            <strong>
              <AccountName account={person.account} />
            </strong>
            . A code lets it join another account, or yours from elsewhere.
          </p>
        )}
      </form>
    </section>
  );
}

function AskingCard({ again, onCancel }: { again: number | null; onCancel: () => void }): VNode {
  const now = useNow(1_000, again !== null);
  return (
    <section class="card" aria-labelledby="pairing">
      <h1 id="pairing">Add this browser to your account</h1>
      {again === null ? (
        <Loading what="Asking the service for a code" />
      ) : (
        <>
          <Notice tone="warning" title="Too many codes were asked for">
            The service gives no more from this network for now. It is asked again by itself.
          </Notice>
          <p class="quiet">
            Asking again in <span class="digits">{minutesAndSeconds(again - now)}</span>
          </p>
        </>
      )}
      <div class="row">
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
    </section>
  );
}

/** What to say of a pairing that came to nothing, and what to do next. */
function problemOf(error: Error): Problem {
  if (error instanceof PairingError) {
    switch (error.reason) {
      case "denied":
        return {
          title: "The request was denied",
          text: "Somebody who was given the code said no. If that was a mistake, get a new code.",
        };
      case "expired":
        return {
          title: "The code has expired",
          text: "Nobody entered it in time. Get a new one when you are ready.",
        };
      case "refused":
        return { title: "The service refused", text: error.message };
    }
  }
  if (error instanceof ServiceError) return { title: "The service refused", text: error.message };
  // What `fetch` throws where nobody answers.
  if (error instanceof TypeError || error instanceof ServiceGone) {
    return {
      title: "The service does not answer",
      text: "It may be down, or this browser offline. Try again in a moment.",
    };
  }
  return {
    title: "This browser cannot keep a key",
    text: `Private windows often cannot. (${error.message})`,
  };
}
