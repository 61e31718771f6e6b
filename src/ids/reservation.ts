/**
 * The reservation port: a holder of a node number claims timestamps before it uses them.
 *
 * There is one bound for each holder of a node number, and it survives the process. Membership is static, so a number
 * has one holder. The caller that moves the bound from `from` to `to` by compare-and-set owns the timestamps `from <= t
 * < to`, alone and for ever. No two winners share a `from`, so their ranges are disjoint. No clock and no long sleep of
 * a holder can change that. It is the scheme of Percolator's timestamp oracle (OSDI 2010), which also writes the
 * highest timestamp of a range before it hands one out.
 */

export interface RaiseResult {
  readonly won: boolean;
  /**
   * The bound now in force, in unix ms. If lost: the bound that another holder set. If won: the end of what the caller
   * owns. That is `to`, or the result of an earlier raise of its own whose reply was lost.
   */
  readonly bound: number;
}

/**
 * Invariant: a stored bound is never lowered.
 *
 * Both calls settle sooner or later: an adapter over a network has its own deadline. A rejected `raise` may have
 * happened. That costs only the range: the caller's next `raise` from the old bound is lost, and it goes on from the
 * bound returned.
 */
export interface Reservation {
  /** The stored bound in unix ms; undefined if there is none. */
  read(): Promise<number | undefined>;
  /**
   * Compare-and-set upwards: durable before it resolves. Lost if the stored bound is not `from` (undefined: there is
   * none). `to` must be above `from`; otherwise it throws a RangeError.
   */
  raise(from: number | undefined, to: number): Promise<RaiseResult>;
}

/** Throws a RangeError for a raise that would not raise. Every adapter calls it, so none can lower a bound. */
export function requireUpwards(from: number | undefined, to: number): void {
  if (!Number.isSafeInteger(to)) throw new RangeError(`a bound must be an integer, not ${to}`);
  if (from !== undefined && !(to > from))
    throw new RangeError(`a bound is only ever raised, not moved from ${from} to ${to}`);
}
