/** What a device has seen and said of one command: the truth that the service's words are held against. */
export interface Account {
  /** Deliveries. */
  seen: number;
  /** Times that its handler was run. */
  runs: number;
  /** What the device has said; of a kill nobody knows whether the service heard it. */
  said: Set<"executing" | "progress" | "result" | "error" | "cancelled" | "dropped">;
}

/** What one device has seen and said, by command. */
export class Ledger {
  readonly accounts = new Map<string, Account>();

  of(id: string): Account {
    const known = this.accounts.get(id);
    if (known !== undefined) return known;
    const account: Account = { seen: 0, runs: 0, said: new Set() };
    this.accounts.set(id, account);
    return account;
  }
}

/** How a device is to behave: part of each command's payload. */
export interface Errand {
  /** Which of the load's orders this is. */
  label: string;
  act: Act;
  /** How long it takes. */
  ms: number;
}

export type Act = "quick" | "slow" | "progress" | "fail" | "drop" | "patient" | "silent";

/** How often each is asked for. */
export const ACTS: Record<Act, number> = {
  quick: 50,
  slow: 20,
  progress: 12,
  fail: 8,
  drop: 3,
  /** Runs until it is cancelled, or its time is over. */
  patient: 5,
  /** Never answered: it expires. */
  silent: 2,
};
