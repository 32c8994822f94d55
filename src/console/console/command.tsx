import type { VNode } from "preact";
import { type Client, hasEnded } from "../../client/client.ts";
import type { CommandEntity, HistoryEntity } from "../../client/entities.ts";
import { ServiceGone } from "../../client/service-error.ts";
import { ActionButton, Loading, Time } from "../components.tsx";
import { ForeignText } from "../foreign-text.tsx";
import { StatusBadge } from "./badges.tsx";
import { CommandActions } from "./command-actions.tsx";
import { subjectOf } from "./commands.tsx";
import type { Devices } from "./devices-live.ts";
import { type Draft, draftOf } from "./draft.ts";
import { Percent } from "./percent.tsx";
import { PostBacks } from "./post-backs.tsx";
import { RequestCard, ResponseCard } from "./request.tsx";
import { DEVICES, deviceAddress, go } from "./route.ts";
import { Timeline } from "./timeline.tsx";
import { NotThere, Refusal, TopLine, ViewHeading } from "./view.tsx";
import { clocksOf, useWatched } from "./watched.ts";

/** One command, as it happens. */
export function CommandView({
  client,
  devices,
  device,
  id,
  onAgain,
}: {
  client: Client;
  devices: Devices;
  device: string;
  id: string;
  onAgain: (draft: Draft) => void;
}): VNode {
  const watched = useWatched(client, device, id, devices.returns);
  const { command, sightings, history, refusal, isBroken } = watched;
  const trail = [
    { href: DEVICES, text: "Devices" },
    { href: deviceAddress(device), text: devices.seen.get(device)?.name ?? "Device" },
  ];
  const top = <TopLine trail={trail} error={unlessUnregistered(devices.error)} readAt={devices.readAt} />;
  if (refusal?.status === 404) {
    return <NotThere title="No such command">It was erased, or never was one of yours.</NotThere>;
  }
  if (command === undefined) {
    return (
      <>
        {top}
        <ViewHeading title="Command" />
        {refusal === null ? (
          <Loading what="Reading the command" />
        ) : (
          <>
            <Refusal error={refusal} gone="" />
            <ActionButton action={async () => watched.restart()}>Try again</ActionButton>
          </>
        )}
      </>
    );
  }
  const clocks = clocksOf(sightings);
  return (
    <>
      {top}
      <header class="view-header">
        <ViewHeading title={`${command.type} ${subjectOf(command)}`}>
          <span class="eyebrow">{command.type}</span>{" "}
          <span class="three-lines">
            <ForeignText>{subjectOf(command)}</ForeignText>
          </span>
        </ViewHeading>
      </header>
      <div class="columns">
        <div class="column">
          <Now command={command} history={history}>
            <CommandActions
              client={client}
              device={device}
              command={command}
              onChange={watched.refresh}
              onAgain={() => onAgain(draftOf(command, clocks))}
              onErased={() => go(deviceAddress(device))}
            />
          </Now>
          {hasEnded(command) && <ResponseCard command={command} />}
        </div>
        <div class="column">
          <Timeline
            sightings={sightings}
            entries={history?.value ?? []}
            isBroken={!hasEnded(command) && (isBroken || devices.error instanceof ServiceGone)}
            hasEnded={hasEnded(command)}
          />
          {history?.postBacks != null && (
            <PostBacks attempts={history.postBacks} sightings={sightings} uri={command.postBackUri} />
          )}
        </div>
      </div>
      <RequestCard command={command} clocks={clocks} />
    </>
  );
}

/** The command outlives its device. */
function unlessUnregistered(error: Error | null): Error | null {
  return error !== null && "status" in error && error.status === 404 ? null : error;
}

/** Where the command stands, why, and what happens next. */
function Now({
  command,
  history,
  children,
}: {
  command: CommandEntity;
  history: HistoryEntity | undefined;
  children: VNode;
}): VNode {
  const { status, statusDetail, error } = command;
  // The history is read after the event that it explains.
  const current = history?.status === status ? history : undefined;
  return (
    <section class={hasEnded(command) ? "card now" : "card now live"} aria-label="Now">
      <div class="row" role="status">
        <StatusBadge status={status} />
        {error !== null && <code class="wrap">{error}</code>}
      </div>
      <div class="reason">
        <p class="wrap">
          <ForeignText>{statusDetail?.message ?? current?.explanation ?? ""}</ForeignText>
        </p>
        {statusDetail?.percent != null && <Percent percent={statusDetail.percent} />}
      </div>
      <p class="quiet small next">
        {current !== undefined && (
          <>
            Next, <Time at={current.nextActionDateTime} seconds />: {current.nextAction}
          </>
        )}
      </p>
      {children}
    </section>
  );
}
