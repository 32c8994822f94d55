import { createParser, type EventSourceMessage } from "eventsource-parser";
import { ENDED, type Status } from "../command/command.ts";
import { WATCH_HEARTBEAT_MS } from "../limits.ts";
import type {
  CommandEntity,
  DeviceEntity,
  HistoryEntity,
  NewCommand,
  Page,
  PairingEntity,
} from "./entities.ts";
import { ServiceError, ServiceGone } from "./service-error.ts";

export interface ClientOptions {
  /** The service's URL; only its origin counts. */
  service: string | URL;
  /** A caller's token; asked for before each call, so that it can be renewed. */
  token: () => string | Promise<string>;
  /** Told when the service does not accept the token (401), before the call throws. */
  onRefused?: (error: ServiceError) => void;
}

/** Whether nothing more will happen to a command. */
export function hasEnded({ status }: { status: Status }): boolean {
  return ENDED.some((ended) => ended === status);
}

/** Milliseconds of silence after which a watch is taken for broken: the service gives a sign of life every 15 s. */
const WATCH_SILENCE_MS = 3 * WATCH_HEARTBEAT_MS;
/** Milliseconds before a broken watch is taken up again, and at most. */
const WATCH_AGAIN_MS = 1_000;
const WATCH_AGAIN_MS_MAX = 15_000;
/** Milliseconds, the most that a watch waits because a busy service asks it to. */
const WATCH_RETRY_AFTER_MS_MAX = 300_000;

/** Milliseconds before a watch that failed so often before is taken up again: what a busy service asks for, at least. */
export function watchPauseMs(error: unknown, failures: number): number {
  const asked = error instanceof ServiceError ? (error.retryAfter ?? 0) * 1_000 : 0;
  const own = Math.min(WATCH_AGAIN_MS_MAX, WATCH_AGAIN_MS * 2 ** failures);
  return Math.max(own, Math.min(asked, WATCH_RETRY_AFTER_MS_MAX));
}

/**
 * A caller of the service, for browsers and Node: one user, their devices and commands. Every call throws
 * `ServiceError` where the service refuses it, and `ServiceGone` where the service cannot be reached.
 */
export class Client {
  readonly origin: string;
  readonly #token: () => string | Promise<string>;
  readonly #onRefused: (error: ServiceError) => void;

  constructor({ service, token, onRefused = () => {} }: ClientOptions) {
    this.origin = new URL(service).origin;
    this.#token = token;
    this.#onRefused = onRefused;
  }

  /** All the account's devices, with their presence. */
  async devices(): Promise<DeviceEntity[]> {
    const devices: DeviceEntity[] = [];
    let next: string | null = "/me/devices";
    while (next !== null) {
      const page: Page<DeviceEntity> = await this.#page(next);
      devices.push(...page.value);
      next = page.nextLink;
    }
    return devices;
  }

  async device(id: string): Promise<DeviceEntity> {
    return await this.#json("GET", `/me/devices/${id}`);
  }

  async rename(id: string, name: string): Promise<DeviceEntity> {
    return await this.#json("PATCH", `/me/devices/${id}`, { name });
  }

  async unregister(id: string): Promise<void> {
    await this.#request("DELETE", `/me/devices/${id}`);
  }

  /**
   * Sends a command; waits up to so many seconds for its end (0: not at all). `key` makes repeats the same command:
   * the same key and body is one command, however often it is sent.
   */
  async send(
    device: string,
    command: NewCommand,
    { wait = 0, key }: { wait?: number; key?: string } = {},
  ): Promise<CommandEntity> {
    return await this.#json("POST", `/me/devices/${device}/commands`, command, {
      ...(wait > 0 && { Prefer: `wait=${wait}` }),
      ...(key !== undefined && { "Idempotency-Key": key }),
    });
  }

  /** A page of a device's commands, the newest first; `next` is the `nextLink` of the page before. */
  async commands(
    device: string,
    { status, top, next }: { status?: Status | undefined; top?: number; next?: string | null } = {},
  ): Promise<Page<CommandEntity>> {
    if (next) return await this.#page(next);
    const options = new URLSearchParams({
      ...(top !== undefined && { $top: String(top) }),
      ...(status !== undefined && { $filter: `status eq '${status}'` }),
    });
    return await this.#page(`/me/devices/${device}/commands?${options}`);
  }

  async command(device: string, command: string): Promise<CommandEntity> {
    return await this.#json("GET", commandPath(device, command));
  }

  async history(device: string, command: string): Promise<HistoryEntity> {
    return await this.#json("GET", `${commandPath(device, command)}/history`);
  }

  /** Asks to cancel. What it came to is read, or watched. */
  async cancel(device: string, command: string): Promise<CommandEntity> {
    return await this.#json("POST", `${commandPath(device, command)}/cancel`);
  }

  /** Erases a command that has ended. */
  async erase(device: string, command: string): Promise<void> {
    await this.#request("DELETE", commandPath(device, command));
  }

  /**
   * The command as it was at each entry of its history, from the first on and as it happens, until it has ended or
   * `signal` is aborted. A broken line is taken up where it broke; `onGone` learns of each break, and of its end
   * with null. A busy service (429) is asked again when it says so. Throws `ServiceError` where the service refuses.
   */
  async *watch(
    device: string,
    command: string,
    {
      signal,
      onGone = () => {},
    }: { signal?: AbortSignal; onGone?: (error: ServiceGone | null) => void } = {},
  ): AsyncGenerator<{ sequence: number; command: CommandEntity }> {
    let last = 0;
    let failures = 0;
    let isGone = false;
    while (!signal?.aborted) {
      try {
        const response = await this.#request("GET", commandPath(device, command), undefined, {
          headers: { Accept: "text/event-stream", ...(last > 0 && { "Last-Event-ID": String(last) }) },
          ...(signal && { signal }),
        });
        if (isGone) onGone(null);
        isGone = false;
        failures = 0;
        for await (const { id, data } of eventsIn(response)) {
          // What had come already is not wanted any more either.
          if (signal?.aborted) return;
          last = Number(id ?? last + 1);
          const seen = JSON.parse(data) as CommandEntity;
          yield { sequence: last, command: seen };
          if (hasEnded(seen)) return;
        }
        // Nothing will follow (204), where it has ended and all was seen.
        if (response.status === 204) return;
      } catch (error) {
        if (signal?.aborted) return;
        if (error instanceof ServiceError && !error.isPassing) throw error;
        const isBusy = error instanceof ServiceError && error.status === 429;
        if (!isBusy) onGone(new ServiceGone("The service went away.", { cause: error }));
        isGone ||= !isBusy;
        await pause(watchPauseMs(error, failures++), signal);
      }
    }
  }

  /** What asks under this code to become a device of the account. */
  async pairing(userCode: string): Promise<PairingEntity> {
    return await this.#json("GET", pairingPath(userCode));
  }

  /** Lets it become a device of the account, and answers that device. */
  async approve(userCode: string): Promise<DeviceEntity> {
    return await this.#json("POST", `${pairingPath(userCode)}/approve`);
  }

  async deny(userCode: string): Promise<void> {
    await this.#request("POST", `${pairingPath(userCode)}/deny`);
  }

  async #page<Entity>(path: string): Promise<Page<Entity>> {
    const body = await this.#json<{ value: Entity[]; "@odata.nextLink"?: string }>("GET", path);
    return { value: body.value, nextLink: body["@odata.nextLink"] ?? null };
  }

  async #json<T>(
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const response = await this.#request(method, path, body, { headers });
    return (await response.json()) as T;
  }

  /** `path` is one under `/v1.0`, or a whole address that the service gave out, of which the origin counts for nothing. */
  async #request(
    method: string,
    path: string,
    body?: object,
    { headers = {}, signal }: { headers?: Record<string, string>; signal?: AbortSignal } = {},
  ): Promise<Response> {
    const address = this.origin + (path.startsWith("/") ? `/v1.0${path}` : pathIn(path));
    const response = await fetch(address, {
      method,
      headers: {
        Authorization: `Bearer ${await this.#token()}`,
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    }).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      throw new ServiceGone(`${this.origin} does not answer.`, { cause: error });
    });
    if (response.ok) return response;
    const error = await ServiceError.of(response);
    if (error.status === 401) this.#onRefused(error);
    throw error;
  }
}

/** What follows the origin: the token goes to nobody but the service, whatever a link says. */
function pathIn(address: string): string {
  const { pathname, search } = new URL(address);
  return pathname + search;
}

function commandPath(device: string, command: string): string {
  return `/me/devices/${device}/commands/${command}`;
}

function pairingPath(userCode: string): string {
  return `/me/pairings/${encodeURIComponent(userCode)}`;
}

/** The server-sent events in an answer (HTML standard, 9.2). Throws once it has been silent for too long. */
async function* eventsIn(response: Response): AsyncGenerator<EventSourceMessage> {
  if (response.body === null) return;
  const events: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => events.push(event) });
  const decoder = new TextDecoder();
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await withinSilence(reader.read());
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* events.splice(0);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** What has come, unless nothing does for longer than the service is ever silent. */
function withinSilence<T>(coming: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("The line fell silent.")), WATCH_SILENCE_MS);
    coming.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
  });
}
