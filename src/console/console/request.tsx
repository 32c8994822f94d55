import type { VNode } from "preact";
import type { CommandEntity } from "../../client/entities.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../../limits.ts";
import { CopyButton, Time } from "../components.tsx";
import { ForeignText } from "../foreign-text.tsx";
import { jsonToRead } from "../foreign-words.ts";
import type { Clocks } from "./draft.ts";

/** What was asked, and what the device answered. */

export function RequestCard({ command, clocks }: { command: CommandEntity; clocks: Clocks }): VNode {
  const { appServiceName, packageFamilyName, postBackUri, payload, id } = command;
  return (
    <section class="card" aria-labelledby="request">
      <h2 id="request">Request</h2>
      <div class="columns">
        <dl class="facts">
          <Fact name="Type">{command.type}</Fact>
          {appServiceName !== null && <Fact name="App service">{appServiceName}</Fact>}
          {packageFamilyName !== null && <Fact name="Package">{packageFamilyName}</Fact>}
          <Fact name="Sent">
            <Time at={command.createdDateTime} seconds />
          </Fact>
          {clocks.deliveryMs !== null && <Fact name="Deliver within">{lengthOf(clocks.deliveryMs)}</Fact>}
          {clocks.executionMs !== null && <Fact name="Execute within">{lengthOf(clocks.executionMs)}</Fact>}
          {postBackUri !== null && <Fact name="Post-backs to">{postBackUri}</Fact>}
          <Fact name="Id">
            <code>{id}</code>
          </Fact>
        </dl>
        <Payload heading={<h3>Payload</h3>} name="Payload" value={payload} />
      </div>
    </section>
  );
}

export function ResponseCard({ command }: { command: CommandEntity }): VNode | null {
  if (command.status !== "completed") return null;
  return (
    <section class="card" aria-label="Response">
      {command.responsePayload === null ? (
        <>
          <h2>Response</h2>
          <p class="quiet">The device returned nothing.</p>
        </>
      ) : (
        <Payload heading={<h2>Response</h2>} name="Response payload" value={command.responsePayload} />
      )}
    </section>
  );
}

function Fact({ name, children }: { name: string; children: VNode | string }): VNode {
  return (
    <>
      <dt>{name}</dt>
      <dd class="wrap">{typeof children === "string" ? <ForeignText>{children}</ForeignText> : children}</dd>
    </>
  );
}

function Payload({ heading, name, value }: { heading: VNode; name: string; value: unknown }): VNode {
  const text = jsonToRead(value);
  return (
    <div class="stack">
      <div class="row">
        {heading}
        <span class="end">
          <CopyButton text={text}>Copy</CopyButton>
        </span>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so one comes to it with the keyboard. */}
      <section class="scroller" tabIndex={0} aria-label={name}>
        <pre>{text}</pre>
      </section>
    </div>
  );
}

const UNITS = [
  { ms: DAY, name: "day" },
  { ms: HOUR, name: "hour" },
  { ms: MINUTE, name: "minute" },
  { ms: SECOND, name: "second" },
];

/** "24 hours", "10 minutes": in the largest unit that fits it wholly; a day is 24 hours here. */
function lengthOf(ms: number): string {
  const { ms: unit, name } = UNITS.find((one) => ms % one.ms === 0 && ms > one.ms) ?? {
    ms: SECOND,
    name: "second",
  };
  const count = ms / unit;
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}
