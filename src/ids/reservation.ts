/**
 * The reservation port: where a holder of a node number claims timestamps before it uses them.
 *
 * One bound is kept per holder of a node number, where it survives the process; membership is static, so a number has
 * one holder. Whoever moves the bound from `from` to `to` by compare-and-set owns the timestamps `from <= t < to`,
 * alone and for ever; since no two winners share a `from`, their ranges are disjoint, whatever any clock says and
 * however long a holder was asleep. It is the scheme of Percolator's timestamp oracle (OSDI 2010), which also writes
 * the highest timestamp of a range before it hands one out.
 */

export interface RaiseResult {
  readonly won: boolean;
  /**
   * The bound now in force, in unix ms: what somebody else made it if lost; if won the end of what the caller owns,
   * which is `to`, or what an earlier raise of its own made it, whose answer was lost.
   */
  readonly bound: number;
}

/**
 * Invariant: a stored bound is never lowered.
 *
 * Both calls settle, sooner or later: an adapter over a network brings its own deadline. A rejected `raise` may have
 * happened, which costs the range and nothing else: the caller's next `raise` from the old bound is lost, and it goes
 * on from the bound it is told.
 */
export interface Reservation {
  /** The stored bound in unix ms, or undefined if none. */
  read(): Promise<number | undefined>;
  /**
   * Compare-and-set upwards: durable before it resolves. Lost when the stored bound is not `from` (undefined: none is
   * stored). `to` must be above `from`: anything else is a mistake of the caller and a RangeError.
   */
  raise(from: number | undefined, to: number): Promise<RaiseResult>;
}

/** A RangeError for a raise that would not raise; every adapter asks here, so that none can lower a bound. */
export function requireUpwards(from: number | undefined, to: number): void {
  if (!Number.isSafeInteger(to)) throw new RangeError(`a bound must be an integer, not ${to}`);
  if (from !== undefined && !(to > from))
    throw new RangeError(`a bound is only ever raised, not moved from ${from} to ${to}`);
}

/** Keeps the bound in memory: for tests, and for simulated nodes, whose "disk" it is while they crash and restart. */
export class MemoryReservation implements Reservation {
  /** Invariant: never lowered. */
  #boundMs: number | undefined;

  constructor(boundMs?: number) {
    this.#boundMs = boundMs;
  }

  async read(): Promise<number | undefined> {
    return this.#boundMs;
  }

  async raise(from: number | undefined, to: number): Promise<RaiseResult> {
    requireUpwards(from, to);
    if (this.#boundMs !== undefined && this.#boundMs !== from) return { won: false, bound: this.#boundMs };
    if (from !== undefined && this.#boundMs === undefined) throw new Error(`the bound ${from} is no longer stored`);
    this.#boundMs = to;
    return { won: true, bound: to };
  }
}
