import { DAY, MINUTE, SECOND } from "../../src/limits.ts";
import { answerBy, deliverBy, type Expected, isWaiting, type World } from "./world.ts";

/** The steps of a command's life in the model; each changes the world that it is given. */

export function find(world: World, name: string): Expected | undefined {
  return world.commands.find((command) => command.name === name);
}

export function enter(command: Expected, status: string, due: number | null): void {
  command.status = status;
  command.due = due;
  if (command.path.at(-1) !== status) command.path.push(status);
}

export function end(world: World, command: Expected, status: string, error: string | null): void {
  enter(command, status, world.now + 30 * DAY);
  command.error = error;
}

export function erase(world: World, { name }: Expected): void {
  world.commands = world.commands.filter((command) => command.name !== name);
  world.erased.push(name);
}

export function offer(world: World, command: Expected): void {
  if (world.connection !== null) handOver(world, command, world.connection.number);
  else if (command.wish.whenOffline === "fail")
    end(world, command, "failedToSend", "RemoteSystemUnavailable");
  else command.due = null;
}

export function handOver(world: World, command: Expected, connection: number): void {
  command.attempts += 1;
  world.frames.push(`deliver ${command.name} #${command.attempts}`);
  // Elsewhere something has overtaken it on the way.
  if (!isWaiting(command)) return;
  command.connection = connection;
  command.sentAt = world.now;
  command.alive = false;
  command.pinged = false;
  enter(command, "sentToTarget", world.now + 10 * SECOND);
  command.expiresAt = answerBy(command);
}

export function retry(world: World, command: Expected): void {
  if (command.attempts >= 10) {
    end(world, command, "failedToSend", "AttemptsExhausted");
    return;
  }
  const ceiling = Math.min(5 * MINUTE, 2 * SECOND * 2 ** (command.attempts - 1));
  enter(command, "retry", world.now + Math.round(world.chance * ceiling));
  command.expiresAt = deliverBy(command);
}

export function tellToCancel(world: World, command: Expected): void {
  if (world.connection === null) return;
  world.frames.push(`cancel ${command.name}`);
  if (command.status === "cancel") enter(command, "cancelling", command.due);
}

/** The connection is gone, and the commands that it had taken learn of it. */
export function lose(world: World, code: number): void {
  const lost = world.connection?.number;
  world.connection = null;
  world.frames = [];
  world.closings.push(code);
  for (const command of world.commands)
    if (command.status === "sentToTarget" && command.connection === lost) retry(world, command);
}

/** A command that nobody acknowledged asks whether its connection is alive. */
export function check(world: World, command: Expected): void {
  const { connection } = world;
  if (connection === null || connection.number !== command.connection) {
    retry(world, command);
  } else if (connection.pingedAt === null && command.pinged) {
    command.alive = true;
    command.expiresAt = answerBy(command);
    command.pinged = false;
    command.due = world.now + MINUTE;
  } else if (connection.pingedAt === null || world.now < connection.pingedAt + 10 * SECOND) {
    if (connection.pingedAt === null) world.frames.push("ping");
    connection.pingedAt ??= world.now;
    command.pinged = true;
    command.due = world.now + 10 * SECOND;
  } else {
    lose(world, 4008);
  }
}
