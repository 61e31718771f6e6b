/**
 * What a transaction shows to others, and sees of them: for each key its last write, and its first access if that is a
 * read (`jepsen.txn/ext-writes`, `ext-reads`).
 */

import { READ, type Transactions, WRITE } from '../../../checkers/elle/transactions.ts';

export interface External {
  /** Mops that read a key before anything else happened to it. */
  readonly reads: readonly number[];
  /** The last writes of each key, as mops. */
  readonly writes: readonly number[];
}

export function externalOf({ mopStarts, mopKinds, mopKeys }: Transactions, transaction: number): External {
  const reads: number[] = [];
  const writes: number[] = [];
  const start = mopStarts[transaction] as number;
  const end = mopStarts[transaction + 1] as number;
  for (let mop = start; mop < end; mop++) {
    if (mopKinds[mop] === READ && !isKeyBetween(start, mop, mopKeys[mop])) reads.push(mop);
    if (mopKinds[mop] === WRITE && !isWrittenBetween(mop + 1, end, mopKeys[mop])) writes.push(mop);
  }
  return { reads, writes };

  // Transactions have a handful of mops, so looking through them is faster than a set.
  function isKeyBetween(from: number, to: number, key: number | undefined): boolean {
    for (let mop = from; mop < to; mop++) if (mopKeys[mop] === key) return true;
    return false;
  }

  function isWrittenBetween(from: number, to: number, key: number | undefined): boolean {
    for (let mop = from; mop < to; mop++) if (mopKinds[mop] === WRITE && mopKeys[mop] === key) return true;
    return false;
  }
}
