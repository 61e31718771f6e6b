/**
 * The rules for transactions beyond Elle's, each broken in one place. No other rule finds it, and Elle does not, unless
 * said.
 */

import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../src/checkers/checker.ts';
import { History } from '../../src/history/history.ts';
import type { Operation } from '../../src/history/operation.ts';
import { findJudge } from '../../src/workloads/judges.ts';
import { readCorpus } from '../support/checker-corpus.ts';
import { THREE_NODES } from '../support/histories.ts';
import { concurrent, historyOf, serial, txn } from '../support/txn-histories.ts';

type Mop = readonly [string, unknown, unknown];

function judge(workload: string, history: History, strict: boolean, model = 'strict-serializable'): CheckResult {
  const checker = findJudge(workload)?.checker({ strict, consistencyModels: [model] });
  if (checker === undefined) throw new Error(`nothing judges ${workload}`);
  return checker.check(THREE_NODES, history);
}

const RECORDED = new Map(['txn-list-append', 'txn-rw-register'].map((workload) => [workload, readCorpus(workload)]));

function recorded(workload: string, wanted: string): History {
  const found = RECORDED.get(workload)?.find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`${workload} has no recorded history ${wanted}`);
  return found.history;
}

/** The recorded history of a right node. */
function goodHistory(workload: string): History {
  return recorded(workload, 'good');
}

/** The history with one operation's mops changed: that of the first operation for which there is a change. */
function changed(history: History, change: (operation: Operation, mops: readonly Mop[]) => unknown): History {
  let isDone = false;
  return History.of(
    [...history].map((operation) => {
      if (isDone || !Array.isArray(operation.value)) return operation;
      const value = change(operation, operation.value as readonly Mop[]);
      if (value === undefined) return operation;
      isDone = true;
      return { ...operation, value };
    }),
  );
}

/** What an answer looks like without its last read. */
function withoutRead({ type }: Operation, mops: readonly Mop[]): unknown {
  const isWanted = type === 'ok' && mops.length > 1 && mops.at(-1)?.[0] === 'r';
  return isWanted ? mops.slice(0, -1) : undefined;
}

/** An answer whose only operation, a read, sees what was never written. */
function withPhantom({ type }: Operation, mops: readonly Mop[]): unknown {
  const [mop] = mops;
  if (type !== 'ok' || mops.length !== 1 || mop?.[0] !== 'r' || mop[2] === null) return undefined;
  return [['r', mop[1], Array.isArray(mop[2]) ? [...mop[2], 999] : 999]];
}

const TWO_WRITERS = [
  concurrent(txn(0, 'wx1 wy1'), txn(1, 'wx2 wy2'), txn(2, 'ry=2 rx=1'), txn(3, 'ry=1 rx=2')),
] as const;
const FRACTURED = [concurrent(txn(0, 'wx1 wy1'), txn(1, 'wx2 wy2'), txn(2, 'rx=1 ry=2'))] as const;
const GOING_BACK = [serial(txn(0, 'wx1'), txn(0, 'wx2'), txn(1, 'rx=2'), txn(1, 'rx=1'))] as const;

describe.each([
  {
    workload: 'txn-list-append',
    rule: 'answers-match-requests',
    history: changed(goodHistory('txn-list-append'), withoutRead),
  },
  {
    workload: 'txn-rw-register',
    rule: 'answers-match-requests',
    history: changed(goodHistory('txn-rw-register'), withoutRead),
  },
  { workload: 'txn-rw-register', rule: 'no-phantoms', history: changed(goodHistory('txn-rw-register'), withPhantom) },
  {
    workload: 'txn-list-append',
    rule: 'writes-are-unique',
    history: historyOf(serial(txn(0, 'ax1'), txn(1, 'ax1'), txn(0, 'rx1'))),
  },
  {
    workload: 'txn-rw-register',
    rule: 'writes-are-unique',
    history: historyOf(serial(txn(0, 'wx1'), txn(1, 'wx1'), txn(0, 'rx=1'))),
  },
  { workload: 'txn-rw-register', rule: 'read-committed-order', history: historyOf(...TWO_WRITERS) },
  { workload: 'txn-rw-register', rule: 'read-atomic-order', history: historyOf(...FRACTURED) },
  { workload: 'txn-rw-register', rule: 'causal-order', history: historyOf(...GOING_BACK) },
])('$rule of $workload', ({ workload, rule, history }) => {
  it('is a warning', () => {
    const result = judge(workload, history, false);
    expect(result['valid?']).toBe(true);
    expect(result.beyond).toEqual({
      'valid?': false,
      [rule]: { count: expect.any(Number), examples: expect.any(Array) },
    });
  });

  it('makes a strict check fail, and is proven', () => {
    const result = judge(workload, history, true);
    expect(result['valid?']).toBe(false);
    expect(result.proofs?.[0]?.rule).toBe(rule);
    expect(result.summary).toContain(rule);
  });
});

describe.each(['txn-list-append', 'txn-rw-register'])('a right node of %s', (workload) => {
  it.each(['good', 'good-partition-latency', 'indefinite', 'crash-code'])('breaks no rule: %s', (name) => {
    expect(judge(workload, recorded(workload, name), true)).toMatchObject({
      'valid?': true,
      beyond: { 'valid?': true },
    });
  });
});

describe('no-phantoms of txn-list-append', () => {
  it('makes the run invalid at once, as Elle refuses to judge it', () => {
    const history = historyOf(serial(txn(0, 'ax1'), txn(1, 'rx12')));
    expect(judge('txn-list-append', history, false)).toMatchObject({
      'valid?': false,
      beyond: { 'no-phantoms': { count: 1 } },
    });
  });

  it('knows an append whose answer left it out', () => {
    const history = historyOf(serial(txn(0, 'ax1'), txn(1, 'rx1', 'ok', 'rx- ax2'), txn(2, 'rx12')));
    const { beyond } = judge('txn-list-append', history, false);
    expect(Object.keys(beyond as object)).toEqual(['valid?', 'answers-match-requests']);
  });
});

describe('orders of commits', () => {
  it.each([
    { model: 'read-uncommitted', history: TWO_WRITERS, broken: [] },
    { model: 'read-committed', history: TWO_WRITERS, broken: ['read-committed-order'] },
    { model: 'repeatable-read', history: FRACTURED, broken: [] },
    { model: 'read-atomic', history: FRACTURED, broken: ['read-atomic-order'] },
    { model: 'serializable', history: GOING_BACK, broken: [] },
    { model: 'causal-cerone', history: GOING_BACK, broken: ['causal-order'] },
    { model: 'strong-session-serializable', history: GOING_BACK, broken: ['causal-order'] },
  ])('are asked for by $model: $broken', ({ model, history, broken }) => {
    const { beyond } = judge('txn-rw-register', historyOf(...history), false, model);
    expect(Object.keys(beyond as object)).toEqual(['valid?', ...broken]);
  });

  it('are told as a story', () => {
    const { beyond } = judge('txn-rw-register', historyOf(...FRACTURED), false);
    expect(beyond).toMatchObject({
      'read-atomic-order': {
        examples: [
          {
            problem: 'no order of 2 transactions explains what was read',
            operations: [3, 4],
            story: [
              'transaction 3 is before transaction 4: transaction 5 saw the first one, and yet read key "y" from the second one',
              'transaction 4 is before transaction 3: transaction 5 saw the first one, and yet read key "x" from the second one',
            ],
          },
        ],
      },
    });
  });

  it('count a write whose outcome is unknown once it is read', () => {
    const history = historyOf(serial(txn(0, 'wx1 wy1', 'info'), txn(1, 'wx2')), serial(txn(2, 'ry=1'), txn(2, 'rx-')));
    const { beyond } = judge('txn-rw-register', history, false);
    expect(beyond).toMatchObject({ 'causal-order': { count: 1 } });
  });
});
