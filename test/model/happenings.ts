import { MINUTE, SECOND } from "../../src/limits.ts";
import { check, end, enter, erase, find, handOver, lose, offer, retry, tellToCancel } from "./lifecycle.ts";
import {
  answerBy,
  DELIVERY_TIMEOUTS,
  deliverBy,
  type Expected,
  executionMs,
  type Happening,
  hasEnded,
  isCancelling,
  isRunning,
  isWaiting,
  type Report,
  type Wish,
  type World,
} from "./world.ts";

/** What becomes of the world when something happens in it. */
export function after(before: World, happening: Happening): World {
  const world = structuredClone(before);
  switch (happening.type) {
    case "sent":
      sent(world, happening.name, happening.wish);
      break;
    case "cancelAsked":
      world.answers[`cancel ${happening.name}`] = cancelAsked(world, happening.name);
      break;
    case "cancelTold":
      cancelTold(world, happening.name);
      break;
    case "deleted":
      world.answers[`delete ${happening.name}`] = deleted(world, happening.name);
      break;
    case "unregistered":
      unregistered(world);
      break;
    case "removalTold":
      removalTold(world);
      break;
    case "connected":
      connected(world);
      break;
    case "claimed":
      claimed(world);
      break;
    case "handedOver":
      handedOver(world);
      break;
    case "disconnected":
      if (world.connection !== null) lose(world, 1000);
      break;
    case "crashed":
      world.connection = null;
      world.frames = [];
      break;
    case "arrived":
      if (world.connection !== null) world.arrived.push(happening.frame);
      break;
    case "said":
      if (world.arrived.includes(happening.frame)) said(world, happening.name, happening.report);
      break;
    case "presenceSaid":
      if (world.connection !== null) world.connection.standby = happening.state === "standby";
      break;
    case "strangerSaid":
      world.answers.stranger = "200 -32602";
      break;
    case "spoke":
      break;
    case "rang":
      rang(world, happening.name);
  }
  const isDevices = ["arrived", "presenceSaid", "spoke"].includes(happening.type);
  if (isDevices && world.connection !== null) world.connection.pingedAt = null;
  return world;
}

// ---- The caller ----

function sent(world: World, name: string, wish: Wish): void {
  const key = wish.idempotencyKey;
  const first = key === null ? undefined : world.commands.find((known) => known.wish.idempotencyKey === key);
  if (world.device === "unregistered") {
    world.answers[`send ${name}`] = "404";
  } else if (first !== undefined) {
    const isSame = JSON.stringify(first.wish) === JSON.stringify(wish);
    world.answers[`send ${name}`] = isSame ? `201 again ${first.name}` : "422";
  } else {
    world.answers[`send ${name}`] = "201 requesting";
    const command: Expected = {
      name,
      wish,
      createdAt: world.now,
      status: "requesting",
      path: ["requesting"],
      error: null,
      result: null,
      progress: null,
      expiresAt: world.now + DELIVERY_TIMEOUTS[wish.deliveryTimeout],
      attempts: 0,
      late: 0,
      inFlight: false,
      resident: true,
      connection: null,
      sentAt: 0,
      alive: false,
      due: null,
      pinged: false,
    };
    world.commands.push(command);
    offer(world, command);
  }
}

function cancelAsked(world: World, name: string): string {
  const command = find(world, name);
  if (command === undefined) return "404";
  if (hasEnded(command)) return "409";
  if (command.status === "requesting" && !command.inFlight) {
    end(world, command, "canceled", null);
  } else if (!isCancelling(command)) {
    enter(command, "cancel", world.now + MINUTE);
  }
  return `202 ${command.status}`;
}

/** The device learns of a cancellation that was asked for just now. */
function cancelTold(world: World, name: string): void {
  const command = find(world, name);
  if (command?.status !== "cancel" || world.connection === null) return;
  tellToCancel(world, command);
  world.answers[`cancel ${name}`] = "202 cancelling";
}

function deleted(world: World, name: string): string {
  const command = find(world, name);
  if (command === undefined) return "404";
  if (!hasEnded(command)) return "409";
  erase(world, command);
  return "204";
}

function unregistered(world: World): void {
  world.answers.unregister = world.device === "registered" ? "204" : "404";
  if (world.device === "unregistered") return;
  world.device = "unregistered";
  if (world.connection !== null) world.closings.push(4004);
  world.connection = null;
  world.frames = [];
}

function removalTold(world: World): void {
  if (world.device === "registered") return;
  for (const command of world.commands.filter((each) => !hasEnded(each))) {
    if (isCancelling(command)) end(world, command, "canceled", "CancelUnconfirmed");
    else end(world, command, "failedToSend", "DeviceRemoved");
  }
}

// ---- The device ----

function connected(world: World): void {
  if (world.device === "unregistered") {
    world.answers.connect = "404";
    return;
  }
  world.answers.connect = "101";
  if (world.connection !== null) world.closings.push(4001);
  const expiresAt = Math.floor(world.now / SECOND) * SECOND + 10 * MINUTE;
  world.connections += 1;
  world.connection = { number: world.connections, expiresAt, standby: false, pingedAt: null };
  world.connectedBefore = true;
  world.frames = [];
}

/** The device comes for what waits for it; what an older connection had taken is lost. */
function claimed(world: World): void {
  if (world.connection === null) return;
  for (const command of world.commands) {
    if (command.status === "sentToTarget" && command.connection !== world.connection.number)
      retry(world, command);
    command.inFlight = isWaiting(command);
  }
}

/** It is given that, in the order of acceptance. */
function handedOver(world: World): void {
  for (const command of world.commands) {
    if (world.connection !== null && command.inFlight) handOver(world, command, world.connection.number);
    if (isCancelling(command)) tellToCancel(world, command);
    command.inFlight = false;
  }
}

function said(world: World, name: string, report: Report): void {
  const command = find(world, name);
  if (command === undefined) {
    world.frames.push("refused");
  } else if (hasEnded(command) || (report.type === "executing" && isRunning(command))) {
    command.late += 1;
    world.frames.push(`late ${name} ${command.status}`);
  } else {
    heard(world, command, report);
  }
}

function heard(world: World, command: Expected, report: Report): void {
  command.attempts = Math.max(command.attempts, 1);
  switch (report.type) {
    case "executing":
    case "progress":
      if (isCancelling(command)) break;
      if (!isRunning(command)) command.expiresAt = world.now + executionMs(command);
      enter(command, report.type === "executing" ? "executing" : "custom", command.expiresAt);
      if (report.type === "progress") command.progress = { message: report.message, percent: report.percent };
      break;
    case "dropped":
      end(world, command, "commandDropped", null);
      break;
    case "result":
      command.result = report.value;
      end(world, command, "completed", null);
      break;
    case "error":
      if (report.code === -32800 && isCancelling(command)) end(world, command, "canceled", null);
      else end(world, command, "executionFailed", errorOf(command, report));
  }
}

function errorOf({ wish }: Expected, { code, status }: Extract<Report, { type: "error" }>): string {
  if (status !== null) return status;
  if (code !== -32601) return "Unknown";
  return wish.type === "LaunchUri" ? "ProtocolUnavailable" : "AppServiceUnavailable";
}

// ---- Time ----

function rang(world: World, name: string | null): void {
  const command = name === null ? undefined : find(world, name);
  if (name === null) deviceRang(world);
  if (command !== undefined) commandRang(world, command);
}

function commandRang(world: World, command: Expected): void {
  if (command.resident) return;
  const isDue = command.due !== null && world.now >= command.due;
  if (hasEnded(command)) {
    if (isDue) erase(world, command);
  } else if (isWaiting(command)) {
    if (world.now >= deliverBy(command)) end(world, command, "expired", "DeliveryTimedOut");
    else if (isDue) offer(world, command);
  } else if (command.status === "sentToTarget") {
    if (world.now >= command.sentAt + executionMs(command))
      end(world, command, "expired", "ExecutionTimedOut");
    else if (world.now >= answerBy(command)) end(world, command, "expired", "DeliveryTimedOut");
    else if (isDue) check(world, command);
  } else if (isDue) {
    if (isCancelling(command)) end(world, command, "canceled", "CancelUnconfirmed");
    else end(world, command, "expired", "ExecutionTimedOut");
  }
}

function deviceRang(world: World): void {
  if (world.connection !== null && world.now >= world.connection.expiresAt) lose(world, 4003);
  for (const command of world.commands.filter(({ resident }) => resident)) {
    if (isWaiting(command) && world.now >= deliverBy(command))
      end(world, command, "expired", "DeliveryTimedOut");
    else if (hasEnded(command) && command.due !== null && world.now >= command.due) erase(world, command);
  }
}
