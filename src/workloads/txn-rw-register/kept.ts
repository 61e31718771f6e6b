/** Transactions that a node keeps for others, and transactions that came too early. Both are bounded. */

import type { Committed } from './messages.ts';
import type { Registers, Seen } from './registers.ts';

/** Transactions in the order in which they were applied, for nodes that lack them. */
export class KeptTransactions {
  readonly #max: number;
  #kept: Committed[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  get all(): readonly Committed[] {
    return this.#kept;
  }

  add(committed: Committed): void {
    this.#kept.push(committed);
    // Half of them at once, so that it costs little.
    if (this.#kept.length > 2 * this.#max) this.#kept = this.#kept.slice(-this.#max);
  }

  /** Drops those that all of these have seen. */
  drop(seenBy: readonly Seen[]): void {
    const isNeeded = ({ origin, number }: Committed) => seenBy.some((seen) => (seen.get(origin) ?? 0) < number);
    this.#kept = this.#kept.filter(isNeeded);
  }

  /**
   * Those up to `least` that a node with `seen` lacks, in an order in which they can be applied; undefined if some are
   * no longer kept.
   */
  lackedBy(seen: Seen, least: Seen): readonly Committed[] | undefined {
    const next = new Map(seen);
    const lacked = this.#kept.filter(({ origin, number }) => {
      if (number > (least.get(origin) ?? 0) || number !== (next.get(origin) ?? 0) + 1) return false;
      next.set(origin, number);
      return true;
    });
    for (const [origin, number] of least) if ((next.get(origin) ?? 0) < number) return undefined;
    return lacked;
  }
}

/** Transactions that cannot be applied yet. */
export class EarlyTransactions {
  readonly #max: number;
  /** By number, by origin. */
  readonly #early = new Map<string, Map<number, Committed>>();
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get count(): number {
    return this.#count;
  }

  /** Beyond the limit it is dropped: its sender is not told that it was seen, and sends it again. */
  add(committed: Committed): void {
    const { origin, number } = committed;
    let ofOrigin = this.#early.get(origin);
    if (ofOrigin?.has(number) || this.#count >= this.#max) return;
    if (ofOrigin === undefined) {
      ofOrigin = new Map();
      this.#early.set(origin, ofOrigin);
    }
    ofOrigin.set(number, committed);
    this.#count++;
  }

  /** Drops those that were applied meanwhile. */
  forget(registers: Registers): void {
    for (const [origin, ofOrigin] of this.#early) {
      for (const [number, committed] of ofOrigin) {
        if (!registers.has(committed)) continue;
        ofOrigin.delete(number);
        this.#count--;
      }
      if (ofOrigin.size === 0) this.#early.delete(origin);
    }
  }

  /** Takes one out that can be applied now; undefined if there is none. */
  takeReady(registers: Registers): Committed | undefined {
    for (const [origin, ofOrigin] of this.#early) {
      const next = ofOrigin.get((registers.seen.get(origin) ?? 0) + 1);
      if (next === undefined || !registers.isReady(next)) continue;
      ofOrigin.delete(next.number);
      this.#count--;
      return next;
    }
    return undefined;
  }
}
