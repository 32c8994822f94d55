import type { CommandEntity, DeviceEntity } from "../../client/entities.ts";
import { ServiceError } from "../../client/service-error.ts";
import { COMMANDS_PER_PAGE_MAX } from "../../limits.ts";
import { EXIT, Exit } from "./exit.ts";
import type { Session } from "./session.ts";
import { nameOf, quoted, shortIds, table } from "./text.ts";

/** What a person's words mean: devices by name or id, commands by id, both by their beginnings. */

/** Digits that the beginning of an id has at least. */
const PREFIX_DIGITS_MIN = 4;
const WHOLE_ID = /^[\da-f]{64}$/;
/** Devices whose commands are read at once. */
const READ_AT_ONCE = 8;

export const NO_DEVICES =
  'There are no devices yet. "appia device" makes this computer one; in a browser, the service\'s page /device makes one of a tab.';

/** A command and the device it is for. */
export interface Found {
  device: DeviceEntity;
  command: CommandEntity;
}

/**
 * The one device that words mean: its id, its name in any case, or the beginning of either (of an id, four digits).
 * Throws `Exit` that lists the candidates, or the devices that there are.
 */
export function deviceCalled(words: string, devices: readonly DeviceEntity[]): DeviceEntity {
  const lower = words.toLowerCase();
  const name = (device: DeviceEntity): string => device.name.toLowerCase();
  const [exact] = devices.filter(({ id }) => id === words);
  if (exact !== undefined) return exact;
  const named = devices.filter((device) => name(device) === lower);
  const begun = devices.filter(
    (device) =>
      (lower !== "" && name(device).startsWith(lower)) ||
      (words.length >= PREFIX_DIGITS_MIN && device.id.startsWith(lower)),
  );
  const candidates = named.length > 0 ? named : begun;
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) return only;
  if (only !== undefined) {
    throw new Exit(
      EXIT.failed,
      `"${words}" may be each of these; name its id:\n${listed(candidates, devices)}`,
    );
  }
  if (devices.length === 0) throw new Exit(EXIT.failed, NO_DEVICES);
  const far = (device: DeviceEntity): number =>
    Math.min(distance(name(device), lower), distance(name(device).slice(0, lower.length), lower));
  const near = devices.filter((device) => far(device) <= Math.min(2, lower.length / 3));
  const [nearest] = near;
  const meant = nearest !== undefined && near.length === 1 ? ` Did you mean ${quoted(nearest.name)}?` : "";
  throw new Exit(EXIT.failed, `No device is called "${words}".${meant}\n${listed(devices, devices)}`);
}

function listed(devices: readonly DeviceEntity[], among: readonly DeviceEntity[]): string {
  const ids = shortIds(among.map(({ id }) => id));
  const rows = devices.map((device) => [
    nameOf(device),
    ids[among.indexOf(device)] ?? device.id,
    device.status,
  ]);
  return table(rows)
    .map((line) => `  ${line}`)
    .join("\n");
}

/** Letters to add, take away or change to make one word of the other (Levenshtein). */
function distance(one: string, other: string): number {
  let row = [...Array(other.length + 1).keys()];
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1];
    for (const [column, its] of [...other].entries()) {
      const changed = (row[column] ?? 0) + (letter === its ? 0 : 1);
      next.push(Math.min(changed, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

export async function findDevice(session: Session, words: string): Promise<DeviceEntity> {
  return deviceCalled(words, await session.ask((client) => client.devices()));
}

/**
 * The one command that words mean: an id or its beginning, looked for in the newest hundred commands of each device,
 * or the newest of all where nothing is said. `among` narrows it to one device. Throws `Exit` where there is none.
 */
export async function findCommand(
  session: Session,
  words: string | undefined,
  among: string | undefined,
): Promise<Found> {
  const devices = await session.ask((client) => client.devices());
  const searched = among === undefined ? devices : [deviceCalled(among, devices)];
  if (searched.length === 0) throw new Exit(EXIT.failed, NO_DEVICES);
  if (words === undefined) return await newest(session, searched);
  if (WHOLE_ID.test(words)) return await wholeId(session, words, searched);
  if (!/^[\da-f]+$/i.test(words) || words.length < PREFIX_DIGITS_MIN) {
    const form = `an id, or the first ${PREFIX_DIGITS_MIN} or more of its digits`;
    throw new Exit(EXIT.usage, `A command is named by ${form}, not by "${words}".`);
  }
  const found = (await commandsOf(session, searched, COMMANDS_PER_PAGE_MAX)).filter(({ command }) =>
    command.id.startsWith(words.toLowerCase()),
  );
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (only !== undefined) {
    const ids = found.map(({ command }) => `  ${command.id}`).join("\n");
    throw new Exit(EXIT.failed, `"${words}" may be each of these; name more digits:\n${ids}`);
  }
  const where = `the newest ${COMMANDS_PER_PAGE_MAX} commands of ${among === undefined ? "each device" : "that device"}`;
  throw new Exit(
    EXIT.failed,
    `No id among ${where} begins with "${words}"; older ones are found by their whole id.`,
  );
}

async function newest(session: Session, devices: readonly DeviceEntity[]): Promise<Found> {
  const newestOfEach = await commandsOf(session, devices, 1);
  const at = ({ command }: Found): number => Date.parse(command.createdDateTime);
  const [latest] = newestOfEach.toSorted((one, other) => at(other) - at(one));
  if (latest === undefined) throw new Exit(EXIT.failed, "No command has been sent yet.");
  return latest;
}

async function wholeId(session: Session, id: string, devices: readonly DeviceEntity[]): Promise<Found> {
  const found = await ofEach(devices, async (device) => {
    try {
      return [{ device, command: await session.client.command(device.id, id) }];
    } catch (error) {
      // Not this device's.
      if (error instanceof ServiceError && error.status === 404) return [];
      throw session.explained(error);
    }
  });
  const [only] = found;
  if (only === undefined) throw new Exit(EXIT.failed, `None of the devices has a command ${id}.`);
  return only;
}

/** The newest commands of each device. */
async function commandsOf(session: Session, devices: readonly DeviceEntity[], top: number): Promise<Found[]> {
  return await ofEach(devices, async (device) => {
    const page = await session.ask((client) => client.commands(device.id, { top }));
    return page.value.map((command) => ({ device, command }));
  });
}

async function ofEach(
  devices: readonly DeviceEntity[],
  read: (device: DeviceEntity) => Promise<Found[]>,
): Promise<Found[]> {
  const found: Found[] = [];
  const left = devices.values();
  const reader = async (): Promise<void> => {
    for (const device of left) found.push(...(await read(device)));
  };
  await Promise.all(Array.from({ length: READ_AT_ONCE }, reader));
  return found;
}
