import type { Json } from "../stage.ts";
import type { Reality } from "./reality.ts";
import { type Expected, hasEnded, nextActionAt, presenceOf, type World } from "./world.ts";

/** What can be seen from outside, as words under names: what a world leads one to expect, and what there is. */
export type Facts = Record<string, string>;

/** What one would see if the world were so; `closely` names those whose histories are read. */
export function expectedFacts(world: World, closely: ReadonlySet<string>): Facts {
  const facts: Facts = { presence: presenceOf(world), closings: world.closings.join() };
  for (const [request, answer] of Object.entries(world.answers)) facts[`answer to ${request}`] = answer;
  if (world.connection !== null) tellFrames(facts, world.frames);
  if (world.device === "registered")
    facts.list = world.commands
      .map(({ name }) => name)
      .reverse()
      .join();
  for (const name of world.erased) facts[name] = "404";
  for (const command of world.commands) {
    tellCommand(facts, command);
    if (closely.has(command.name)) tellHistory(facts, command);
  }
  return facts;
}

function tellCommand(facts: Facts, command: Expected): void {
  const { name } = command;
  facts[name] = command.status;
  facts[`${name} error`] = String(command.error);
  facts[`${name} result`] = JSON.stringify(command.result);
  if (command.status === "custom") facts[`${name} detail`] = JSON.stringify(command.progress);
  facts[`${name} expires`] = dateTime(command.expiresAt);
}

function tellHistory(facts: Facts, command: Expected): void {
  const { name } = command;
  facts[`${name} was`] = pathOf(command.path);
  facts[`${name} attempts`] = String(command.attempts);
  facts[`${name} late reports`] = String(command.late);
  facts[`${name} next`] = dateTime(nextActionAt(command));
}

/** What is seen of the service. Throws where it contradicts itself, whatever the model says. */
export async function seenFacts(reality: Reality, closely: ReadonlySet<string>): Promise<Facts> {
  const { api, device, line } = reality;
  const [described, listed] = await Promise.all([
    api.get(`/v1.0/me/devices/${device.id}`),
    api.get(`${reality.commands}?$top=100`),
  ]);
  const facts: Facts = {
    presence: described.status === 200 ? described.body.status : "none",
    closings: reality.closings.join(),
  };
  for (const [request, answer] of Object.entries(reality.answers))
    facts[`answer to ${request}`] = answer.replace(/[\da-f]{64}/, (id) => reality.nameOf(id));
  if (line?.isOpen) tellFrames(facts, line.frames);
  const entities: Json[] = listed.body.value ?? [];
  if (listed.status === 200) facts.list = entities.map(({ id }) => reality.nameOf(id)).join();
  const see = async ([name, id]: [string, string]) => {
    const address = reality.address(name);
    const isListed = (entity: Json) => entity.id === id;
    const entity = entities.find(isListed) ?? (await api.get(address)).body;
    seeCommand(facts, reality, name, entity);
    if (facts[name] !== "404" && closely.has(name))
      seeHistory(facts, name, (await api.get(`${address}/history`)).body);
  };
  await Promise.all([...reality.ids].map(see));
  return facts;
}

function seeCommand(facts: Facts, reality: Reality, name: string, entity: Json): void {
  if (entity.error?.code === "itemNotFound") {
    facts[name] = "404";
    return;
  }
  facts[name] = entity.status;
  facts[`${name} error`] = String(entity.error);
  facts[`${name} result`] = JSON.stringify(entity.responsePayload);
  if (entity.status === "custom") facts[`${name} detail`] = JSON.stringify(entity.statusDetail);
  facts[`${name} expires`] = entity.expirationDateTime;
  reality.requireUnchangedEnd(name, entity);
}

function seeHistory(facts: Facts, name: string, { value: entries, nextActionDateTime }: Json): void {
  facts[`${name} was`] = pathOf(entries.map((entry: Json) => entry.status));
  facts[`${name} attempts`] = String(entries.at(-1).attempt ?? 0);
  facts[`${name} late reports`] = String(entries.filter(({ late }: Json) => late).length);
  facts[`${name} next`] = nextActionDateTime;
  requireGapless(name, entries);
}

/** A history counts from 1, in the order of time, and goes on after the end only with what came late. */
function requireGapless(name: string, entries: Json[]): void {
  for (const [index, entry] of entries.entries()) {
    const before = entries[index - 1];
    const isGapless = entry.sequence === index + 1;
    const isInOrder = before === undefined || before.dateTime <= entry.dateTime;
    const isAfterEnd = before !== undefined && hasEnded(before);
    if (!isGapless || !isInOrder || (isAfterEnd && !(entry.late && entry.status === before.status)))
      throw new Error(
        `The history of ${name} is out of order at entry ${index + 1}: ${JSON.stringify(entries)}`,
      );
  }
}

/** Commands come in order. What is said besides has none, and to be told twice to cancel is harmless. */
function tellFrames(facts: Facts, frames: readonly string[]): void {
  const isDelivery = (frame: string) => frame.startsWith("deliver");
  facts["device is given"] = frames.filter(isDelivery).join(", ");
  const others = frames.filter((frame) => !isDelivery(frame));
  const cancels = new Set(others.filter((frame) => frame.startsWith("cancel")));
  const told = [...others.filter((frame) => !cancels.has(frame)), ...cancels];
  facts["device is told"] = told.sort((one, other) => one.localeCompare(other)).join(", ");
}

function pathOf(statuses: string[]): string {
  return statuses.filter((status, index) => status !== statuses[index - 1]).join(" ");
}

function dateTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** Where two accounts differ, a line each. */
export function differences(expected: Facts, seen: Facts): string[] {
  return [...new Set([...Object.keys(expected), ...Object.keys(seen)])]
    .filter((name) => expected[name] !== seen[name])
    .map((name) => `${name}: expected ${expected[name] ?? "nothing"}, saw ${seen[name] ?? "nothing"}`);
}
