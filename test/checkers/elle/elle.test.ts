/** What people read of a judged history of transactions, and limits that no history of the corpus reaches. */

import { describe, expect, it } from 'vitest';
import type { Proof } from '../../../src/checkers/proof.ts';
import { txnListAppendChecker } from '../../../src/workloads/txn-list-append/checker/txn-list-append-checker.ts';
import { type HandwrittenOperation, THREE_NODES } from '../../support/histories.ts';
import type { HandwrittenTxn } from '../../support/txn-histories.ts';
import { concurrent, historyOf, serial, txn } from '../../support/txn-histories.ts';

const check = (...parts: readonly (readonly HandwrittenOperation[])[]) =>
  txnListAppendChecker({ strict: false }).check(THREE_NODES, historyOf(...parts));

describe('a judged history of transactions', () => {
  it('tells the shortest cycle as a story, and proves it', () => {
    const { summary, proofs } = check(serial(txn(0, 'ax1'), txn(1, 'rx-')));
    expect(summary).toBe(
      'Anomalies: G-single-item-realtime (1). T1 = operation 3, T2 = operation 1. ' +
        'T1 is before T2: T1 read [] from key "x", and T2 appended 1 after that. ' +
        'T2 is before T1: T2 was completed (index 1) 0.001 s before T1 was invoked (index 2).',
    );
    expect(proofs).toMatchObject([
      {
        rule: 'G-single-item-realtime',
        problem: '2 transactions depend on each other in a circle',
        operations: [1, 3],
        operationCount: 2,
        cycle: [
          {
            operation: 3,
            type: 'rw',
            reason: 'T1 is before T2: T1 read [] from key "x", and T2 appended 1 after that',
          },
          {
            operation: 1,
            type: 'realtime',
            reason: 'T2 is before T1: T2 was completed (index 1) 0.001 s before T1 was invoked (index 2)',
          },
        ],
      },
    ]);
  });

  it('tells the first operations of a long cycle, and the last', () => {
    const keys = Array.from({ length: 20 }, (_, place) => String.fromCharCode('a'.charCodeAt(0) + place));
    const ring = keys.map((key, place) => txn(place, `a${key}1 r${keys[(place + 1) % keys.length]}1`));
    const { summary, proofs } = check(concurrent(...ring));
    const [{ cycle, operationCount }] = proofs as readonly [Proof];
    expect(operationCount).toBe(20);
    expect(cycle?.map(({ reason }) => reason.split(':')[0])).toEqual([
      ...Array.from({ length: 15 }, (_, place) => `T${place + 1} is before T${place + 2}`),
      'T20 is before T1',
    ]);
    expect(summary).toContain('T20 = operation');
    expect((summary as string).length).toBeLessThan(1800);
  });

  it('tells an anomaly without a cycle', () => {
    const { summary, proofs } = check(serial(txn(0, 'ax1', 'fail'), txn(1, 'rx1'), txn(2, 'rx1')));
    expect(summary).toBe('Anomalies: G1a (2). G1a: a value of a failed transaction was read.');
    expect(proofs).toMatchObject([{ rule: 'G1a', operations: [1, 3], facts: { element: 1 } }, { operations: [1, 5] }]);
  });

  it('puts the shortest of several cycles first', () => {
    const ring = (...keys: readonly string[]): readonly HandwrittenTxn[] =>
      keys.map((key, place) => txn(place, `a${key}1 r${keys[(place + 1) % keys.length]}1`));
    const { anomalies } = check(concurrent(...ring('a', 'b', 'c')), concurrent(...ring('d', 'e')));
    const { G1c } = anomalies as Record<string, readonly { cycle: readonly unknown[] }[]>;
    expect(G1c?.map(({ cycle }) => cycle.length)).toEqual([3, 4]);
  });

  it('finds a cycle of thousands of transactions, where every path would be too many', () => {
    // Rows of two: both of a row read from both of the row before. The last row is read by the first one.
    const rows = 500;
    const keyOf = (row: number, side: number) => row * 2 + side;
    const value = (row: number, side: number) => {
      const before = (row + rows - 1) % rows;
      return [
        ['append', keyOf(row, side), 1],
        ['r', keyOf(before, 0), [1]],
        ['r', keyOf(before, 1), [1]],
      ];
    };
    const all = Array.from({ length: 2 * rows }, (_, process) => ({
      process,
      value: value(process >> 1, process & 1),
    }));
    const history = [
      ...all.map((entry) => ({ ...entry, type: 'invoke' as const, f: 'txn' })),
      ...all.map((entry) => ({ ...entry, type: 'ok' as const, f: 'txn' })),
    ];
    const { anomalies, 'anomaly-types': types } = check(history);
    expect(types).toEqual(['G1c']);
    expect((anomalies as Record<string, readonly { cycle: readonly unknown[] }[]>).G1c?.[0]?.cycle).toHaveLength(
      rows + 1,
    );
  });
});
