import { hasEnded } from "../../src/client/client.ts";
import type { CommandEntity, HistoryEntity } from "../../src/client/entities.ts";
import { ServiceError } from "../../src/client/service-error.ts";
import { ENDED, type Status } from "../../src/command/command.ts";
import type { LoadedDevice } from "./devices.ts";
import { LibraryDevice } from "./devices.ts";
import type { Findings } from "./findings.ts";
import type { Account, Errand } from "./ledger.ts";
import { DELIVERY_SECONDS, type Load, type Order } from "./load.ts";
import type { Received, Receiver } from "./receiver.ts";
import type { Caller } from "./service.ts";

/** What has to hold of every command after the kills. */
export const INVARIANTS = {
  exists: "A command that was answered 201 exists.",
  once: "One key is one command, one intent at most one.",
  ends: "It reaches its end within its time.",
  seen: "Its device has seen it, unless it ended before.",
  endsOnce: "It ends once: one ending entry, and nothing but late reports behind it.",
  unchanged: "Whatever is read after the end reads the same.",
  history: "The history is numbered without gaps, and in the order of time.",
  watched: "A watcher is told each entry once, as the history has it.",
  ranOnce: "Our library has run it at most once.",
  postBacks: "Each change was posted back, in order, signed, as the history has it.",
  truth: "Its status is what its device has said, or what was asked.",
  erased: "What was erased stays erased.",
  known: "The service knows every command that a device has seen.",
  answers: "No call hangs, and none is answered 500.",
};

/** Commands asked for at once. */
const WINDOW = 16;

/** What there is to hold against each other. */
export interface Evidence {
  load: Load;
  caller: Caller;
  devices: readonly LoadedDevice[];
  receiver: Receiver;
  findings: Findings;
}

/** Looks at every command of a run, and writes what it finds. Answers how they ended. */
export async function examine({
  load,
  caller,
  devices,
  receiver,
  findings,
}: Evidence): Promise<Map<string, number>> {
  const ends = new Map<string, number>();
  const byLabel = new Map(load.orders.map((order) => [order.label, order]));
  const listed = new Map<string, string[]>();
  for (const device of devices) {
    for (const command of await everyCommand(caller, device.id)) {
      const { label } = command.payload as Errand;
      listed.set(label, [...(listed.get(label) ?? []), command.id]);
      byLabel.get(label)?.ids.add(command.id);
    }
  }
  await each(load.orders, async (order) => {
    const { label, key, ids, erased } = order;
    findings.check("once", ids.size > 1 ? `${label} (key ${key}) is ${[...ids].join(", ")}` : null);
    for (const id of ids) {
      const found = await Promise.all([
        caller.command(order.device.id, id),
        caller.history(order.device.id, id),
      ]).catch((error: unknown) => {
        if (error instanceof ServiceError && error.status === 404) return null;
        throw error;
      });
      if (erased) {
        const isThere = found !== null || listed.has(label);
        findings.check("erased", isThere ? `${id} is there again.` : null);
        continue;
      }
      const isListed = listed.get(label)?.includes(id) === true;
      findings.check(
        "exists",
        found === null ? `${id} is not found.` : isListed ? null : `${id} is not listed.`,
      );
      if (found === null) continue;
      const [command, history] = found;
      ends.set(command.status, (ends.get(command.status) ?? 0) + 1);
      const account = order.device.ledger.accounts.get(id) ?? { seen: 0, runs: 0, said: new Set() };
      examineCommand(order, command, history, account, findings);
      if (order.isTold) examinePostBacks(id, history, receiver.received.get(`/${label}`) ?? [], findings);
    }
  });
  for (const device of devices) {
    await each([...device.ledger.accounts.keys()], async (id) => {
      if (load.orders.some((order) => order.ids.has(id))) return findings.check("known", null);
      findings.check("known", `${device.name} was given ${id}, which no list holds.`);
    });
  }
  return ends;
}

function examineCommand(
  order: Order,
  command: CommandEntity,
  history: HistoryEntity,
  account: Account,
  findings: Findings,
): void {
  const { id, status } = command;
  const entries = history.value;
  const told = (): string =>
    JSON.stringify({ act: order.act, device: order.device.name, said: [...account.said], command, entries });
  const check = (name: keyof typeof INVARIANTS, holds: boolean, words: string): void =>
    findings.check(name, holds ? null : `${id} ${words} ${told()}`);

  check("ends", hasEnded(command), `is ${status} still.`);
  const json = JSON.stringify(command);
  check("unchanged", order.end === null || order.end === json, `read ${order.end} before.`);
  const endings = entries.filter((entry) => isEnd(entry.status) && !entry.late);
  const after = entries.slice(entries.findIndex((entry) => isEnd(entry.status)) + 1);
  const endsOnce =
    endings.length === 1 && after.every(({ late, status }) => late && status === command.status);
  check("endsOnce", !hasEnded(command) || endsOnce, "has not ended once.");
  const isNumbered = entries.every(({ sequence, dateTime }, index) => {
    const before = entries[index - 1]?.dateTime ?? "";
    return sequence === index + 1 && dateTime >= before;
  });
  check("history", isNumbered, "is not numbered in order.");
  for (const [sequence, seen] of order.watched ?? [])
    check("watched", entries[sequence - 1]?.status === seen, `was watched as ${seen} at ${sequence}.`);
  if (order.device instanceof LibraryDevice)
    check("ranOnce", account.runs <= 1, `ran ${account.runs} times.`);
  const neverHandedOver = status === "canceled" || status === "expired" || status === "failedToSend";
  check("seen", account.seen > 0 || neverHandedOver, "was not seen by its device.");
  const lie = lieIn(order, command, history, account);
  findings.check("truth", lie === null ? null : `${id} ${lie} ${told()}`);
}

/** What is not so in a command's status or history; null where all is. */
function lieIn(
  order: Order,
  command: CommandEntity,
  history: HistoryEntity,
  account: Account,
): string | null {
  const { said } = account;
  const { status, error } = command;
  const statuses = new Set<Status>(history.value.map((entry) => entry.status));
  if (statuses.has("executing") && !said.has("executing")) return "was called executing, which nobody said.";
  if (statuses.has("custom") && !said.has("progress")) return "was called custom, which nobody said.";
  const wasAsked =
    order.cancelled || !(statuses.has("cancel") || statuses.has("cancelling") || status === "canceled");
  if (!wasAsked) return "was cancelled, which nobody asked for.";
  switch (status) {
    case "completed": {
      const label = (command.responsePayload as Partial<Errand> | null)?.label;
      return said.has("result") && label === order.label ? null : "completed, which its device did not say.";
    }
    case "executionFailed":
      return said.has("error") || said.has("cancelled") ? null : "failed, which its device did not say.";
    case "commandDropped":
      return said.has("dropped") ? null : "was declined, which its device did not say.";
    case "canceled":
      if (error === "CancelUnconfirmed" || said.has("cancelled")) return null;
      return account.seen === 0 ? null : "is called cancelled before its device saw it, which had seen it.";
    case "expired": {
      const lived = Date.parse(command.lastModifiedDateTime) - Date.parse(command.createdDateTime);
      return error === "DeliveryTimedOut" && lived < DELIVERY_SECONDS * 1_000
        ? `expired after ${lived} ms.`
        : null;
    }
    case "failedToSend":
      return error === "AttemptsExhausted" ? null : `failed to be sent: ${error}.`;
    case "error":
      return "ended by a fault of the service.";
    default:
      return null;
  }
}

function examinePostBacks(
  id: string,
  history: HistoryEntity,
  received: readonly Received[],
  findings: Findings,
): void {
  const check = (violation: string | null): void =>
    findings.check(
      "postBacks",
      violation === null ? null : `${id}: ${violation} ${JSON.stringify(history.postBacks)}`,
    );
  let last = 0;
  for (const { body, fault } of received) {
    const post = JSON.parse(body) as { sequence: number; command: CommandEntity };
    const entry = history.value[post.sequence - 1];
    if (fault !== null) check(`${post.sequence} did not verify: ${fault}.`);
    else if (post.sequence < last) check(`${post.sequence} came after ${last}.`);
    else if (post.command.id !== id) check(`it was told of ${post.command.id}.`);
    else if (entry?.status !== post.command.status)
      check(`${post.sequence} was told as ${post.command.status}, and is ${entry?.status}.`);
    else check(null);
    last = post.sequence;
  }
  const untold = unpostedOf(history, received);
  check(untold.length > 0 ? `nobody was told of ${untold.join(", ")}.` : null);
}

/** The changes of status that no receiver has accepted. */
export function unpostedOf(
  history: HistoryEntity,
  received: readonly { body: string; answered: number | null }[],
): number[] {
  const accepted = new Set(
    received
      .filter(({ answered }) => answered === 200)
      .map(({ body }) => (JSON.parse(body) as { sequence: number }).sequence),
  );
  return history.value
    .filter(({ status }, index) => index > 0 && status !== history.value[index - 1]?.status)
    .map(({ sequence }) => sequence)
    .filter((sequence) => !accepted.has(sequence));
}

async function everyCommand(caller: Caller, device: string): Promise<CommandEntity[]> {
  const all: CommandEntity[] = [];
  for (let next: string | null | undefined; next !== null; ) {
    const page = await caller.commands(device, next === undefined ? { top: 100 } : { next });
    all.push(...page.value);
    next = page.nextLink;
  }
  return all;
}

/** Does something with each, several at a time. */
export async function each<T>(items: readonly T[], step: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) await step(items[next++] as T);
  };
  await Promise.all(Array.from({ length: WINDOW }, work));
}

function isEnd(status: Status): boolean {
  return ENDED.some((end) => end === status);
}
