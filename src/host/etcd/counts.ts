/** What the engine counts. */

/** Calls by their kind and outcome. All that can occur are in the figures from the beginning. */
const OUTCOMES = {
  reads: ['ok', 'failed'],
  replaces: ['ok', 'refused', 'unavailable', 'silent'],
  removals: ['ok', 'refused', 'unavailable', 'silent'],
  lists: ['ok', 'failed'],
} as const;

export class CallCounts {
  readonly #counts = new Map<string, number>(
    Object.entries(OUTCOMES).flatMap(([kind, outcomes]) => outcomes.map((outcome) => [`${kind}-${outcome}`, 0])),
  );

  count<Kind extends keyof typeof OUTCOMES>(kind: Kind, outcome: (typeof OUTCOMES)[Kind][number]): void {
    const name = `${kind}-${outcome}`;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  read(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}

/** How many groups were sent, with how many calls: the mean is `calls` by `groups`. */
export class GroupCounts {
  #groups = 0;
  #calls = 0;
  #callsMax = 0;

  count(calls: number): void {
    this.#groups++;
    this.#calls += calls;
    this.#callsMax = Math.max(this.#callsMax, calls);
  }

  /** @param kind `read`, `write` */
  read(kind: string): Readonly<Record<string, number>> {
    return {
      [`${kind}-groups`]: this.#groups,
      [`${kind}-group-calls`]: this.#calls,
      [`${kind}-group-calls-max`]: this.#callsMax,
    };
  }
}
