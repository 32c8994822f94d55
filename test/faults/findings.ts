/** What a run has looked at, and what it found wrong. */

/** A named claim, how often it was checked, and each time that it did not hold. */
export interface Claim {
  words: string;
  checked: number;
  violations: string[];
}

export class Findings {
  readonly claims = new Map<string, Claim>();

  constructor(claims: Record<string, string> = {}) {
    for (const [name, words] of Object.entries(claims))
      this.claims.set(name, { words, checked: 0, violations: [] });
  }

  /** Checks a claim; `violation` says precisely what does not hold, and null that it does. */
  check(name: string, violation: string | null): void {
    const claim = this.claims.get(name);
    if (claim === undefined) throw new Error(`Nobody claims "${name}".`);
    claim.checked++;
    if (violation !== null) claim.violations.push(violation);
  }

  /** All that did not hold, with the claim in front. */
  get violations(): string[] {
    return [...this.claims].flatMap(([name, { violations }]) =>
      violations.map((words) => `${name}: ${words}`),
    );
  }
}
