/**
 * The judge of list-append against a search through all serial orders, on small histories from seeds. Where every
 * append is read in the end, the order of versions is known, and the judge must agree exactly.
 */

import { describe, expect, it } from 'vitest';
import { xoshiro128 } from '../../../src/protocol/random.ts';
import { txnListAppendChecker } from '../../../src/workloads/txn-list-append/checker/txn-list-append-checker.ts';
import { THREE_NODES } from '../../support/histories.ts';
import {
  hasSerialOrder,
  historyOfTransactions,
  type Mop,
  makeTransactions,
  mutate,
  type SmallTransaction,
} from '../../support/random-transactions.ts';

const SEEDS = 600;
const TRANSACTIONS_MAX = 6;

const MODELS = [
  { model: 'serializable', isStrict: false },
  { model: 'strict-serializable', isStrict: true },
];

function verdictOf(transactions: readonly SmallTransaction[], model: string): unknown {
  const checker = txnListAppendChecker({ strict: false, consistencyModels: [model] });
  return checker.check(THREE_NODES, historyOfTransactions(transactions))['valid?'];
}

function randomOf(seed: number): () => number {
  const state = Int32Array.of(seed, ~seed, 0x9e3779b9, 1);
  // The first numbers of neighbouring seeds are alike.
  for (let round = 0; round < 16; round++) xoshiro128(state);
  return () => xoshiro128(state) / 2 ** 32;
}

/** Whether each append is in a list that was read: then Elle knows the whole order of its key. */
function isWhollyRead(transactions: readonly SmallTransaction[]): boolean {
  const mops = transactions.flatMap((transaction) => transaction.mops);
  const read = mops
    .filter(([f]) => f === 'r')
    .flatMap(([, key, list]) => ((list ?? []) as number[]).map((value) => `${key} ${value}`));
  const written = mops.filter(([f]) => f === 'append').map(([, key, value]: Mop) => `${key} ${value}`);
  return written.every((element) => read.includes(element));
}

describe.each(MODELS)('$model', ({ model, isStrict }) => {
  it(`is what a serial execution has (${SEEDS} seeds)`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = randomOf(seed);
      const transactions = makeTransactions(random, 2 + Math.floor(random() * (TRANSACTIONS_MAX - 1)));
      expect(hasSerialOrder(transactions, isStrict), `seed ${seed}`).toBe(true);
      expect(verdictOf(transactions, model), `seed ${seed}`).not.toBe(false);
    }
  });

  it(`is not denied where an order exists, and denied where none does (${SEEDS} mutated seeds)`, () => {
    const counts = { valid: 0, invalid: 0, missed: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = randomOf(seed);
      const whole = makeTransactions(random, 2 + Math.floor(random() * (TRANSACTIONS_MAX - 1)));
      const transactions = mutate(random, whole);
      const isPossible = hasSerialOrder(transactions, isStrict);
      const verdict = verdictOf(transactions, model);
      if (isPossible) expect(verdict, `seed ${seed}`).not.toBe(false);
      else if (verdict === false) counts.invalid++;
      // An append that was never read may be anywhere after the others.
      else if (isWhollyRead(transactions) && verdict !== 'unknown')
        expect.fail(`seed ${seed} has no order, and is valid`);
      else counts.missed++;
      if (isPossible) counts.valid++;
    }
    expect(counts.valid).toBeGreaterThan(SEEDS / 20);
    expect(counts.invalid).toBeGreaterThan(SEEDS / 4);
    expect(counts.missed).toBeLessThan(counts.invalid / 10);
  });
});
