import { describe, expect, it } from 'vitest';
import { History } from '../../src/history/history.ts';
import { TransactionPool } from '../../src/history/transaction-pool.ts';
import { ExactNumber } from '../../src/protocol/exact-json.ts';
import { SeededRandom } from '../../src/protocol/random.ts';

const INTEGERS = [0, 1, -1, 16, 2 ** 31 - 1, -(2 ** 31)];

function randomTransaction(random: SeededRandom): unknown {
  const integer = () => random.pick(INTEGERS);
  const list = () => Array.from({ length: random.integer(5) }, integer);
  return Array.from({ length: 1 + random.integer(4) }, () => [
    random.pick(['append', 'r', 'w']),
    integer(),
    random.pick([integer, list, () => null])(),
  ]);
}

describe('a pool of transactions', () => {
  it('gives every transaction back as it was, and keeps it from changes of what it gave', () => {
    const random = new SeededRandom('pool');
    const pool = new TransactionPool();
    const kept = Array.from({ length: 2000 }, () => randomTransaction(random));
    const places = kept.map((transaction) => pool.add(transaction) as number);
    for (const place of places) (pool.read(place) as unknown as unknown[]).reverse();
    expect(places.map((place) => pool.read(place))).toEqual(kept);
  });

  it('goes on in another array where one is full', () => {
    const pool = new TransactionPool();
    const list = Array.from({ length: 400_000 }, (_, item) => item);
    const places = [1, 2, 3].map((key) => pool.add([['r', key, list]]) as number);
    expect(places.map((place) => pool.read(place)[0]?.[1])).toEqual([1, 2, 3]);
    expect(pool.read(places[2] as number)).toEqual([['r', 3, list]]);
    expect(pool.add([['r', 1, [...list, ...list, ...list]]])).toBeUndefined();
  });

  it.each<[what: string, value: unknown]>([
    ['no list', 'txn'],
    ['an empty list', []],
    ['a pair', [['r', 1]]],
    ['a longer micro-operation', [['r', 1, null, null]]],
    ['a list and something else', [['r', 1, null], 7]],
    ['a key that is a text', [['r', 'x', null]]],
    ['a name that is a number', [[1, 1, null]]],
    ['a value that is a text', [['w', 1, 'x']]],
    ['a list with a text in it', [['r', 1, [1, '2']]]],
    ['a nested list', [['send', 1, [1, [2]]]]],
    ['a fraction', [['w', 1, 0.5]]],
    ['minus zero', [['w', 1, -0]]],
    ['an integer of more than 32 bits', [['w', 1, 2 ** 31]]],
    ['a number that must stay exact', [['w', 1, new ExactNumber('1.0')]]],
    ['nothing', [['w', 1, undefined]]],
  ])('does not take %s', (_, value) => {
    expect(new TransactionPool().add(value)).toBeUndefined();
  });
});

describe('a history', () => {
  it('has transactions and other values side by side, as they came', () => {
    const random = new SeededRandom('history');
    const others = [null, 'x', 7, [], [1, 2], [['r', 'x', null]], { a: [['r', 1, null]] }, Array(300).fill(1)];
    const values = Array.from({ length: 40_000 }, () =>
      random.integer(2) === 0 ? random.pick(others) : randomTransaction(random),
    );
    const history = History.of(values.map((value, time) => ({ time, type: 'ok', process: 0, f: 'txn', value })));
    expect(values.map((_, index) => history.valueAt(index))).toEqual(values);
    expect(values.map((_, index) => history.at(index).value)).toEqual(values);
    const lists = values.map((value) => Array.isArray(value));
    expect(values.map((_, index) => history.listAt(index) !== undefined)).toEqual(lists);
  });
});
