import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type Client, hasEnded } from "../../client/client.ts";
import type { CommandEntity, HistoryEntity } from "../../client/entities.ts";
import { ServiceError } from "../../client/service-error.ts";
import type { Clocks } from "./draft.ts";

/** A command as it happens. */
export interface Watched {
  /** As it is now; undefined before the first word of it. */
  command: CommandEntity | undefined;
  /** As it was at each entry of its history, by the entry's number. */
  sightings: ReadonlyMap<number, CommandEntity>;
  /** Why it is so, and what happens next; undefined before it was read. */
  history: HistoryEntity | undefined;
  /** The service refuses to tell of it. */
  refusal: ServiceError | null;
  /** The line to the service is down; it is taken up again by itself. */
  isBroken: boolean;
  /** Reads the history now. */
  refresh: () => void;
  /** Begins anew after a refusal. */
  restart: () => void;
}

/** Milliseconds after which a history is read again though no event came: at least, and at most. */
const READ_AGAIN_MS_MIN = 1_000;
const READ_AGAIN_MS_MAX = 30_000;
/** Milliseconds that what was due is given to have happened. */
const DUE_GRACE_MS = 300;

/** Follows a command. `returns` counts how often the service came back: a broken line is then taken up at once. */
export function useWatched(client: Client, device: string, id: string, returns: number): Watched {
  const sightings = useRef(new Map<number, CommandEntity>());
  const [, show] = useState(0);
  const [history, setHistory] = useState<HistoryEntity>();
  const [refusal, setRefusal] = useState<ServiceError | null>(null);
  const [isBroken, setBroken] = useState(false);
  const [run, setRun] = useState(0);
  const refresh = useRef(() => {});

  const lastReturns = useRef(returns);
  useEffect(() => {
    if (returns === lastReturns.current) return;
    lastReturns.current = returns;
    setRun((before) => before + 1);
  }, [returns]);

  useEffect(() => {
    const life = new AbortController();
    const { signal } = life;
    const reader = new HistoryReader(() => client.history(device, id), setHistory, signal);
    refresh.current = reader.read;
    let frame = 0;
    const follow = async (): Promise<void> => {
      const onGone = (error: Error | null): void => setBroken(error !== null);
      for await (const { sequence, command } of client.watch(device, id, { signal, onGone })) {
        sightings.current.set(sequence, command);
        setBroken(false);
        // A long history arrives in one go, and is drawn in one.
        cancelAnimationFrame(frame);
        frame = requestAnimationFrame(() => show((before) => before + 1));
        reader.read();
      }
    };
    setRefusal(null);
    follow().catch((error: Error) => {
      if (!signal.aborted && error instanceof ServiceError) setRefusal(error);
    });
    return () => {
      life.abort();
      cancelAnimationFrame(frame);
    };
  }, [client, device, id, run]);

  return {
    command: sightings.current.get(sightings.current.size),
    sightings: sightings.current,
    history,
    refusal,
    isBroken,
    refresh: useCallback(() => refresh.current(), []),
    restart: useCallback(() => setRun((before) => before + 1), []),
  };
}

/** Reads a history when asked to, one reading at a time, and by itself when something was due. */
class HistoryReader {
  readonly #ask: () => Promise<HistoryEntity>;
  readonly #tell: (history: HistoryEntity) => void;
  readonly #signal: AbortSignal;
  #reading = false;
  #again = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    ask: () => Promise<HistoryEntity>,
    tell: (history: HistoryEntity) => void,
    signal: AbortSignal,
  ) {
    this.#ask = ask;
    this.#tell = tell;
    this.#signal = signal;
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  read = (): void => {
    if (this.#reading) this.#again = true;
    else void this.#read();
  };

  async #read(): Promise<void> {
    clearTimeout(this.#timer);
    this.#reading = true;
    let waitMs = READ_AGAIN_MS_MAX;
    try {
      const history = await this.#ask();
      if (this.#signal.aborted) return;
      this.#tell(history);
      waitMs = Date.parse(history.nextActionDateTime) - Date.now() + DUE_GRACE_MS;
    } catch {
      // What the line says of the service holds for this, too.
    } finally {
      this.#reading = false;
    }
    if (this.#signal.aborted) return;
    const isAsked = this.#again;
    this.#again = false;
    if (isAsked) return this.#read();
    const ms = Math.min(READ_AGAIN_MS_MAX, Math.max(READ_AGAIN_MS_MIN, waitMs));
    this.#timer = setTimeout(() => this.#lookAgain(), ms);
  }

  #lookAgain(): void {
    if (document.visibilityState === "visible") this.read();
    // Nobody looks; when somebody does, it is read.
    else
      document.addEventListener("visibilitychange", () => this.read(), { once: true, signal: this.#signal });
  }
}

/** The command's clocks, as its sightings give them away. */
export function clocksOf(sightings: ReadonlyMap<number, CommandEntity>): Clocks {
  const accepted = sightings.get(1);
  const begun = [...sightings.values()].find(({ status }) => status === "executing");
  const left = (from: string, seen: CommandEntity): number =>
    Date.parse(seen.expirationDateTime) - Date.parse(from);
  return {
    deliveryMs:
      accepted === undefined || hasEnded(accepted) ? null : left(accepted.createdDateTime, accepted),
    executionMs: begun === undefined ? null : left(begun.lastModifiedDateTime, begun),
  };
}
