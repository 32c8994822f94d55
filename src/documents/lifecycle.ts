import { ENDED, type Status } from "../command/command.ts";

/** What each status means, and only means, in the order in which a command meets them. */
export const LIFECYCLE: Record<Status, string> = {
  requesting: "accepted and durable; waiting to be processed, or for the device to come online",
  sentToTarget: "written to a live connection of the device",
  executing: "the device itself said that it has begun",
  custom: "the device reported progress of its own; `statusDetail` holds its words and per cent",
  retry: "an attempt was lost before the device acknowledged it; another is scheduled",
  cancel: "cancellation was asked for and is on its way",
  cancelling: "the device was told to cancel",
  completed: "the device returned a result",
  executionFailed: "the device returned an error; `error` says which",
  commandDropped: "the device received it and declined, being in connected standby",
  canceled: "cancelled; `error` is `CancelUnconfirmed` where the device never answered",
  failedToSend: "attempts used up, device unregistered, or `whenOffline: fail` and offline",
  expired: "delivery (`deliveryTimeout`) or execution (`executionTimeout`) ran past its time",
  error: "internal error; never a stand-in for another",
};

export function ends(status: string): boolean {
  return (ENDED as readonly string[]).includes(status);
}

/** The lifecycle as a table in Markdown. */
export function lifecycleTable(): string {
  const rows = Object.entries(LIFECYCLE).map(
    ([status, meaning]) => `| \`${status}\` | ${ends(status) ? "yes" : ""} | ${meaning} |`,
  );
  return ["| status | ends? | means, and only means |", "| --- | --- | --- |", ...rows].join("\n");
}
