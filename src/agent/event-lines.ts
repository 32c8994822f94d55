import type { DeviceEvent } from "./device-event.ts";

/** How a line is meant: to be glanced over, as good news, as a warning, as bad news. */
export type Tone = "quiet" | "good" | "warning" | "bad";

export interface Line {
  text: string;
  tone: Tone;
}

/** What a person reads of an event; null where the next event says it better. */
export function lineOf(event: DeviceEvent): Line | null {
  switch (event.type) {
    case "connecting":
    case "stopped":
      return null;
    case "connected":
      return event.renewed
        ? { text: "connection renewed", tone: "quiet" }
        : { text: "connected; waiting for commands", tone: "good" };
    case "disconnected":
      return { text: `disconnected (${closing(event)})${retrying(event.retryInMs)}`, tone: "warning" };
    case "renewalFailed":
      return { text: `renewing failed (${closing(event)})${retrying(event.retryInMs)}`, tone: "warning" };
    case "rejected":
      return { text: `not let in: ${event.message}`, tone: "bad" };
    case "delivered": {
      const { task } = event;
      const what = task.type === "LaunchUri" ? `LaunchUri ${task.uri}` : `AppService ${task.appServiceName}`;
      const again = event.repeated ? ` again (attempt ${task.attempt})` : "";
      return { text: `${short(task.id)} ${what}${again}`, tone: "quiet" };
    }
    case "cancelRequested":
      return { text: `${short(event.id)} asked to cancel`, tone: "quiet" };
    case "finished": {
      const tone = event.outcome === "completed" ? "good" : event.outcome === "failed" ? "bad" : "warning";
      return {
        text: `${short(event.id)} ${event.outcome}${event.message ? `: ${event.message}` : ""}`,
        tone,
      };
    }
    case "refused":
      return { text: `${short(event.id)} refused: ${event.message}`, tone: "warning" };
    case "complaint":
      return { text: `${short(event.id)} the service says: ${event.message}`, tone: "warning" };
  }
}

/** The first digits of a command's id: enough to tell commands apart on a screen. */
function short(id: string | number | null): string {
  return id === null ? "-" : String(id).slice(0, 8);
}

function closing({ code, reason }: { code: number; reason: string }): string {
  if (code === 1006 && reason === "") return "the service is not there";
  return reason === "" ? `code ${code}` : `code ${code}: ${reason}`;
}

function retrying(ms: number | null): string {
  return ms === null ? "" : `; trying again in ${(ms / 1_000).toFixed(1)} s`;
}
