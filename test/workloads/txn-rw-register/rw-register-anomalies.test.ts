/** A history for every anomaly that rw-register can show, with the whole result: operations by their indices. */

import { describe, expect, it } from 'vitest';
import { txnRwRegisterChecker } from '../../../src/workloads/txn-rw-register/checker/txn-rw-register-checker.ts';
import { THREE_NODES } from '../../support/histories.ts';
import { concurrent, historyOf, serial, txn } from '../../support/txn-histories.ts';
import { inShort } from '../../support/txn-results.ts';

const CASES = [
  {
    name: 'G1a',
    model: 'strict-serializable',
    history: [serial(txn(0, 'wx1', 'fail'), txn(1, 'rx=1'), txn(2, 'wy1'))],
    alsoNot:
      'causal-cerone consistent-view cursor-stability forward-consistent-view monotonic-atomic-view monotonic-snapshot-read monotonic-view parallel-snapshot-isolation prefix read-atomic repeatable-read serializable snapshot-isolation strong-read-committed strong-serializable strong-session-read-committed strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic update-serializable',
    result: {
      anomalies: { G1a: [{ op: 3, mop: ['r', 'x', 1], writer: 1 }] },
      'valid?': false,
      'anomaly-types': ['G1a'],
      not: ['read-committed'],
    },
  },
  {
    name: 'G1b',
    model: 'serializable',
    history: [concurrent(txn(0, 'wx1 wx2'), txn(1, 'rx=1'), txn(2, 'rx=2'))],
    alsoNot:
      'causal-cerone consistent-view cursor-stability forward-consistent-view monotonic-atomic-view monotonic-snapshot-read monotonic-view parallel-snapshot-isolation prefix read-atomic repeatable-read serializable snapshot-isolation strong-read-committed strong-serializable strong-session-read-committed strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic update-serializable',
    result: {
      anomalies: { G1b: [{ op: 4, mop: ['r', 'x', 1], writer: 3 }] },
      'valid?': false,
      'anomaly-types': ['G1b'],
      not: ['read-committed'],
    },
  },
  {
    name: 'G1c',
    model: 'strict-serializable',
    history: [concurrent(txn(0, 'wx1 ry1'), txn(1, 'rx1 wy1'))],
    alsoNot:
      'causal-cerone consistent-view cursor-stability forward-consistent-view monotonic-atomic-view monotonic-snapshot-read monotonic-view parallel-snapshot-isolation prefix read-atomic repeatable-read serializable snapshot-isolation strong-read-committed strong-serializable strong-session-read-committed strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic update-serializable',
    result: {
      anomalies: {
        G1c: [
          {
            cycle: [3, 2, 3],
            steps: [
              { type: 'wr', key: 'y', value: 1, 'a-mop-index': 1, 'b-mop-index': 1 },
              { type: 'wr', key: 'x', value: 1, 'a-mop-index': 0, 'b-mop-index': 0 },
            ],
            type: 'G1c',
            story: [
              'T1 is before T2: T1 wrote 1 to key "y", and T2 read it',
              'T2 is before T1: T2 wrote 1 to key "x", and T1 read it',
            ],
          },
        ],
      },
      'valid?': false,
      'anomaly-types': ['G1c'],
      not: ['read-committed'],
      beyond: {
        'valid?': false,
        'read-committed-order': {
          count: 1,
          examples: [
            {
              problem: 'no order of 2 transactions explains what was read',
              operations: [2, 3],
              story: [
                'transaction 2 is before transaction 3: the second one read from the first one',
                'transaction 3 is before transaction 2: the second one read from the first one',
              ],
            },
          ],
        },
      },
    },
  },
  {
    name: 'G1c-process',
    model: 'strong-session-serializable',
    history: [serial(txn(0, 'rx=1'), txn(0, 'wx1'))],
    alsoNot:
      'strong-read-committed strong-serializable strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation',
    result: {
      anomalies: {
        'G1c-process': [
          {
            cycle: [1, 3, 1],
            steps: [
              { type: 'process', process: 0 },
              { type: 'wr', key: 'x', value: 1, 'a-mop-index': 0, 'b-mop-index': 0 },
            ],
            type: 'G1c-process',
            story: [
              'T1 is before T2: process 0 executed T1 and then T2',
              'T2 is before T1: T2 wrote 1 to key "x", and T1 read it',
            ],
          },
        ],
      },
      'valid?': false,
      'anomaly-types': ['G1c-process'],
      not: ['strong-session-read-committed'],
      beyond: {
        'valid?': false,
        'no-phantoms': {
          count: 1,
          examples: [
            {
              problem: '1 was read from key "x", before its write was invoked (index 2)',
              operation: 1,
              key: 'x',
              value: 1,
            },
          ],
        },
        'causal-order': {
          count: 1,
          examples: [
            {
              problem: 'no order of 2 transactions explains what was read',
              operations: [1, 3],
              story: [
                'transaction 1 is before transaction 3: the same process executed both',
                'transaction 3 is before transaction 1: the second one read from the first one',
              ],
            },
          ],
        },
      },
    },
  },
  {
    name: 'G1c-realtime',
    model: 'strict-serializable',
    history: [serial(txn(0, 'rx=1'), txn(1, 'wx1'))],
    alsoNot: 'strong-serializable strong-snapshot-isolation',
    result: {
      anomalies: {
        'G1c-realtime': [
          {
            cycle: [1, 3, 1],
            steps: [
              { type: 'realtime', "a'": 1, b: 2 },
              { type: 'wr', key: 'x', value: 1, 'a-mop-index': 0, 'b-mop-index': 0 },
            ],
            type: 'G1c-realtime',
            story: [
              'T1 is before T2: T1 was completed (index 1) 0.001 s before T2 was invoked (index 2)',
              'T2 is before T1: T2 wrote 1 to key "x", and T1 read it',
            ],
          },
        ],
      },
      'valid?': false,
      'anomaly-types': ['G1c-realtime'],
      not: ['strong-read-committed'],
      beyond: {
        'valid?': false,
        'no-phantoms': {
          count: 1,
          examples: [
            {
              problem: '1 was read from key "x", before its write was invoked (index 2)',
              operation: 1,
              key: 'x',
              value: 1,
            },
          ],
        },
      },
    },
  },
  {
    name: 'G-single-item',
    model: 'strict-serializable',
    history: [concurrent(txn(0, 'wx1 wy1'), txn(1, 'rx1 wx2 wy2'), txn(2, 'rx=1 ry=2'))],
    alsoNot:
      'forward-consistent-view serializable snapshot-isolation strong-serializable strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-serializable',
    result: {
      anomalies: {
        'G-single-item': [
          {
            cycle: [5, 4, 5],
            steps: [
              { key: 'x', value: 1, "value'": 2, type: 'rw', 'a-mop-index': 0, 'b-mop-index': 1 },
              { type: 'wr', key: 'y', value: 2, 'a-mop-index': 2, 'b-mop-index': 1 },
            ],
            type: 'G-single-item',
            story: [
              'T1 is before T2: T1 read 1 from key "x", and T2 wrote 2 to it, which comes after that',
              'T2 is before T1: T2 wrote 2 to key "y", and T1 read it',
            ],
          },
        ],
      },
      'valid?': false,
      'anomaly-types': ['G-single-item'],
      not: ['consistent-view', 'repeatable-read'],
      beyond: {
        'valid?': false,
        'read-atomic-order': {
          count: 1,
          examples: [
            {
              problem: 'no order of 2 transactions explains what was read',
              operations: [3, 4],
              story: [
                'transaction 3 is before transaction 4: the second one read from the first one',
                'transaction 4 is before transaction 3: transaction 5 saw the first one, and yet read key "x" from the second one',
              ],
            },
          ],
        },
      },
    },
  },
  {
    name: 'G-single-item-process',
    model: 'strong-session-serializable',
    history: [serial(txn(0, 'wx1'), txn(0, 'rx-'))],
    alsoNot: 'strong-serializable strong-session-serializable strong-snapshot-isolation',
    result: {
      anomalies: {
        'G-single-item-process': [
          {
            cycle: [3, 1, 3],
            steps: [
              { key: 'x', value: null, "value'": 1, type: 'rw', 'a-mop-index': 0, 'b-mop-index': 0 },
              { type: 'process', process: 0 },
            ],
            type: 'G-single-item-process',
            story: [
              'T1 is before T2: T1 read key "x" before any write, and T2 wrote 1 to it',
              'T2 is before T1: process 0 executed T2 and then T1',
            ],
          },
        ],
      },
      'valid?': false,
      'anomaly-types': ['G-single-item-process'],
      not: ['strong-session-snapshot-isolation'],
      beyond: {
        'valid?': false,
        'causal-order': {
          count: 1,
          examples: [
            {
              problem: 'key "x" was read as never written, though transaction 1, which was seen, wrote it',
              operations: [1, 3],
            },
          ],
        },
      },
    },
  },
  {
    name: 'G-single-item-realtime',
    model: 'strict-serializable',
    history: [serial(txn(0, 'wx1'), txn(1, 'rx-'))],
    alsoNot: 'strong-serializable',
    result: {
      anomalies: {
        'G-single-item-realtime': [
          {
            cycle: [3, 1, 3],
            steps: [
              { key: 'x', value: null, "value'": 1, type: 'rw', 'a-mop-index': 0, 'b-mop-index': 0 },
              { type: 'realtime', "a'": 1, b: 2 },
            ],
            type: 'G-single-item-realtime',
            story: [
              'T1 is before T2: T1 read key "x" before any write, and T2 wrote 1 to it',
              'T2 is before T1: T2 was completed (index 1) 0.001 s before T1 was invoked (index 2)',
            ],
          },
        ],
      },
      'valid?': false,
      'anomaly-types': ['G-single-item-realtime'],
      not: ['strong-snapshot-isolation'],
    },
  },
  {
    name: 'G-nonadjacent-item',
    model: 'strict-serializable',
    history: [concurrent(txn(0, 'wx1'), txn(1, 'wy1'), txn(2, 'rx=1 ry-'), txn(3, 'ry=1 rx-'))],
    alsoNot:
      'serializable strong-serializable strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation',
    result: {
      anomalies: {
        'G-nonadjacent-item': [
          {
            cycle: [6, 5, 7, 4, 6],
            steps: [
              { key: 'y', value: null, "value'": 1, type: 'rw', 'a-mop-index': 1, 'b-mop-index': 0 },
              { type: 'wr', key: 'y', value: 1, 'a-mop-index': 0, 'b-mop-index': 0 },
              { key: 'x', value: null, "value'": 1, type: 'rw', 'a-mop-index': 1, 'b-mop-index': 0 },
              { type: 'wr', key: 'x', value: 1, 'a-mop-index': 0, 'b-mop-index': 0 },
            ],
            type: 'G-nonadjacent-item',
            story: [
              'T1 is before T2: T1 read key "y" before any write, and T2 wrote 1 to it',
              'T2 is before T3: T2 wrote 1 to key "y", and T3 read it',
              'T3 is before T4: T3 read key "x" before any write, and T4 wrote 1 to it',
              'T4 is before T1: T4 wrote 1 to key "x", and T1 read it',
            ],
          },
        ],
      },
      'valid?': false,
      'anomaly-types': ['G-nonadjacent-item'],
      not: ['repeatable-read', 'snapshot-isolation'],
    },
  },
  {
    name: 'G2-item',
    model: 'strict-serializable',
    history: [concurrent(txn(0, 'rx- wy1'), txn(1, 'ry- wx1'))],
    alsoNot: 'serializable strong-serializable strong-session-serializable',
    result: {
      anomalies: {
        'G2-item': [
          {
            cycle: [3, 2, 3],
            steps: [
              { key: 'y', value: null, "value'": 1, type: 'rw', 'a-mop-index': 0, 'b-mop-index': 1 },
              { key: 'x', value: null, "value'": 1, type: 'rw', 'a-mop-index': 0, 'b-mop-index': 1 },
            ],
            type: 'G2-item',
            story: [
              'T1 is before T2: T1 read key "y" before any write, and T2 wrote 1 to it',
              'T2 is before T1: T2 read key "x" before any write, and T1 wrote 1 to it',
            ],
          },
        ],
      },
      'valid?': false,
      'anomaly-types': ['G2-item'],
      not: ['repeatable-read'],
    },
  },
  {
    name: 'internal',
    model: 'strict-serializable',
    history: [serial(txn(0, 'wx1 rx2'), txn(1, 'rx=1'))],
    alsoNot:
      'causal-cerone parallel-snapshot-isolation prefix serializable snapshot-isolation strong-serializable strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic',
    result: {
      anomalies: { internal: [{ op: 1, mop: ['r', 'x', 2], expected: 1 }] },
      'valid?': false,
      'anomaly-types': ['internal'],
      not: ['read-atomic'],
      beyond: {
        'valid?': false,
        'no-phantoms': {
          count: 1,
          examples: [
            { problem: '2 was read from key "x", which no transaction wrote', operation: 1, key: 'x', value: 2 },
          ],
        },
      },
    },
  },
  {
    name: 'lost-update',
    model: 'cursor-stability',
    history: [concurrent(txn(0, 'wx1'), txn(1, 'rx1 wx2'), txn(2, 'rx1 wx3'))],
    alsoNot:
      'consistent-view forward-consistent-view parallel-snapshot-isolation repeatable-read serializable snapshot-isolation strong-serializable strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-serializable',
    result: {
      anomalies: { 'lost-update': [{ key: 'x', value: 1, txns: [4, 5] }] },
      'valid?': false,
      'anomaly-types': ['lost-update'],
      not: ['cursor-stability', 'update-atomic'],
    },
  },
  {
    name: 'cyclic-versions',
    model: 'read-uncommitted',
    history: [concurrent(txn(0, 'rx1 wx2'), txn(1, 'rx2 wx1'))],
    alsoNot:
      'causal-cerone consistent-view cursor-stability forward-consistent-view monotonic-atomic-view monotonic-snapshot-read monotonic-view parallel-snapshot-isolation prefix read-atomic read-committed repeatable-read serializable snapshot-isolation strong-read-committed strong-read-uncommitted strong-serializable strong-session-read-committed strong-session-read-uncommitted strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic update-serializable',
    result: {
      anomalies: { 'cyclic-versions': [{ key: 'x', scc: [1, 2], sources: ['initial-state', 'wfr-keys'] }] },
      'valid?': false,
      'anomaly-types': ['cyclic-versions'],
      not: ['read-uncommitted'],
    },
  },
  {
    name: 'empty-transaction-graph',
    model: 'strict-serializable',
    history: [serial(txn(0, 'wx1'))],
    alsoNot: '',
    result: {
      anomalies: { 'empty-transaction-graph': true },
      'valid?': false,
      'anomaly-types': ['empty-transaction-graph'],
      not: [],
    },
  },
];

describe('rw-register', () => {
  it.each(CASES)('shows $name', ({ model, history, alsoNot, result }) => {
    const checker = txnRwRegisterChecker({ strict: false, consistencyModels: [model] });
    const { 'also-not': stronger = [], ...rest } = inShort(checker.check(THREE_NODES, historyOf(...history)));
    expect(rest).toEqual(result);
    expect((stronger as readonly string[]).join(' ')).toBe(alsoNot);
  });
});
