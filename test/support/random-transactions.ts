/**
 * Small histories of transactions from seeds: executed one after the other by a store, and then, perhaps, changed in
 * one place. They come with a search through all serial orders that says what is true of them.
 */

import { History } from '../../src/history/history.ts';
import type { OperationEntry } from '../../src/history/operation.ts';

export type Mop = readonly [f: string, key: number, value: unknown];

export interface SmallTransaction {
  readonly type: 'ok' | 'info';
  readonly process: number;
  readonly invocation: number;
  readonly completion: number;
  /** As answered. Of an indefinite one: as asked. */
  readonly mops: readonly Mop[];
}

const KEYS = 2;
const MOPS_MAX = 3;
const NANOSECONDS_PER_MILLISECOND = 1e6;

/** Overlapping transactions that append to lists, each answered as the store was at some moment in between. */
export function makeTransactions(random: () => number, count: number): readonly SmallTransaction[] {
  const below = (bound: number) => Math.floor(random() * bound);
  const values = new Map<number, number>();
  const lists = new Map<number, readonly number[]>();
  // The moment of each lies between its invocation and its completion, so the order of moments is a serial one.
  const spans = Array.from({ length: count }, (_, number) => {
    const moment = 10 * (number + 1);
    return { invocation: moment - 1 - below(25) + number / 100, completion: moment + 1 + below(25) + number / 100 };
  });
  return spans.map((span, process) => {
    const type = random() < 0.15 ? 'info' : 'ok';
    const isLost = type === 'info' && random() < 0.5;
    const mops = Array.from({ length: 1 + below(MOPS_MAX) }, (): Mop => {
      const key = below(KEYS);
      if (random() < 0.5) return ['r', key, type === 'info' ? null : (lists.get(key) ?? null)];
      const value = (values.get(key) ?? 0) + 1;
      values.set(key, value);
      if (!isLost) lists.set(key, [...(lists.get(key) ?? []), value]);
      return ['append', key, value];
    });
    return { type, process, ...span, mops };
  });
}

/** Changes what one read saw: its end or an element in it is gone, it is longer, or two elements are exchanged. */
export function mutate(random: () => number, transactions: readonly SmallTransaction[]): readonly SmallTransaction[] {
  const reads = transactions.flatMap(({ type, mops }, at) =>
    type === 'ok' ? mops.flatMap(([f], place) => (f === 'r' ? [{ at, place }] : [])) : [],
  );
  const chosen = reads[Math.floor(random() * reads.length)];
  if (chosen === undefined) return transactions;
  return transactions.map((transaction, at) => {
    if (at !== chosen.at) return transaction;
    const mops = transaction.mops.map(([f, key, list], place): Mop => {
      return place === chosen.place ? [f, key, changed(random, (list ?? []) as readonly number[])] : [f, key, list];
    });
    return { ...transaction, mops };
  });
}

function changed(random: () => number, list: readonly number[]): readonly number[] | null {
  const at = Math.floor(random() * list.length);
  const kind = Math.floor(random() * 4);
  if (kind === 0) return list.length < 2 ? null : list.slice(0, -1);
  if (kind === 1) return list.filter((_, place) => place !== at);
  if (kind === 2) return [...list, (list.at(-1) ?? 0) + 1];
  return [...list.slice(at), ...list.slice(0, at)];
}

export function historyOfTransactions(transactions: readonly SmallTransaction[]): History {
  const entries = transactions.flatMap(({ type, process, invocation, completion, mops }): OperationEntry[] => {
    const asked = mops.map(([f, key, value]) => [f, key, f === 'r' ? null : value]);
    const entry = { process, f: 'txn' };
    return [
      { ...entry, type: 'invoke', time: invocation * NANOSECONDS_PER_MILLISECOND, value: asked },
      { ...entry, type, time: completion * NANOSECONDS_PER_MILLISECOND, value: mops },
    ];
  });
  return History.of(entries.sort((one, other) => one.time - other.time));
}

/**
 * Whether some serial order explains all answers. An indefinite transaction may be anywhere after its invocation, or
 * nowhere.
 *
 * @param isStrict whether the order must agree with real time
 */
export function hasSerialOrder(transactions: readonly SmallTransaction[], isStrict: boolean): boolean {
  const search = (left: readonly SmallTransaction[], lists: ReadonlyMap<number, readonly number[]>): boolean => {
    if (left.every(({ type }) => type === 'info')) return true;
    return left.some((next) => {
      const rest = left.filter((other) => other !== next);
      const isLate = rest.some(({ type, completion }) => type === 'ok' && completion < next.invocation);
      if (isStrict && isLate) return false;
      const after = execute(next, lists);
      return after !== undefined && search(rest, after);
    });
  };
  return search(transactions, new Map());
}

/** The lists afterwards; undefined if the transaction could not have read what it did. */
function execute(
  { type, mops }: SmallTransaction,
  lists: ReadonlyMap<number, readonly number[]>,
): ReadonlyMap<number, readonly number[]> | undefined {
  const after = new Map(lists);
  for (const [f, key, value] of mops) {
    const list = after.get(key) ?? [];
    if (f === 'append') after.set(key, [...list, value as number]);
    else if (type === 'ok' && list.join() !== ((value ?? []) as readonly number[]).join()) return undefined;
  }
  return after;
}
