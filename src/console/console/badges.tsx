import type { VNode } from "preact";
import type { Status } from "../../command/command.ts";
import type { DeviceStatus } from "../../device/device.ts";
import { Badge, type Tone } from "../components.tsx";

/** A status in words, and in a colour that says no more than the words. */

const PRESENCE: Record<DeviceStatus, { tone: Tone; text: string }> = {
  Online: { tone: "good", text: "Online" },
  Standby: { tone: "warning", text: "Standby" },
  Offline: { tone: "quiet", text: "Offline" },
  Unknown: { tone: "quiet", text: "Never connected" },
};

export function PresenceBadge({ status }: { status: DeviceStatus }): VNode {
  const { tone, text } = PRESENCE[status];
  return <Badge tone={tone}>{text}</Badge>;
}

const TONES: Record<Status, Tone> = {
  requesting: "quiet",
  sentToTarget: "busy",
  executing: "busy",
  custom: "busy",
  retry: "warning",
  cancel: "warning",
  cancelling: "warning",
  completed: "good",
  executionFailed: "bad",
  commandDropped: "warning",
  canceled: "quiet",
  failedToSend: "bad",
  expired: "bad",
  error: "bad",
};

export function StatusBadge({ status }: { status: Status }): VNode {
  return <Badge tone={TONES[status]}>{status}</Badge>;
}
