/** A history for every anomaly that list-append can show, with the whole result: operations by their indices. */

import { describe, expect, it } from 'vitest';
import { txnListAppendChecker } from '../../../src/workloads/txn-list-append/checker/txn-list-append-checker.ts';
import { THREE_NODES } from '../../support/histories.ts';
import { around, concurrent, historyOf, serial, txn } from '../../support/txn-histories.ts';
import { inShort } from '../../support/txn-results.ts';

const CASES = [
  {
    name: 'G0',
    model: 'strict-serializable',
    history: [concurrent(txn(0, 'ax1 ay1'), txn(1, 'ax2 ay2'), txn(2, 'rx12 ry21'))],
    alsoNot:
      'causal-cerone consistent-view cursor-stability forward-consistent-view monotonic-atomic-view monotonic-snapshot-read monotonic-view parallel-snapshot-isolation prefix read-atomic read-committed repeatable-read serializable snapshot-isolation strong-read-committed strong-read-uncommitted strong-serializable strong-session-read-committed strong-session-read-uncommitted strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic update-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['G0'],
      anomalies: {
        G0: [
          {
            cycle: [3, 4, 3],
            steps: [
              { type: 'ww', key: 'x', value: 1, "value'": 2, 'a-mop-index': 0, 'b-mop-index': 0 },
              { type: 'ww', key: 'y', value: 2, "value'": 1, 'a-mop-index': 1, 'b-mop-index': 1 },
            ],
            type: 'G0',
            story: [
              'T1 is before T2: T2 appended 2 to key "x" after T1 appended 1',
              'T2 is before T1: T1 appended 1 to key "y" after T2 appended 2',
            ],
          },
        ],
      },
      not: ['read-uncommitted'],
    },
  },
  {
    name: 'G0-process',
    model: 'strong-session-serializable',
    history: [around([txn(1, 'ax2 ay2')], serial(txn(0, 'ax1'), txn(0, 'ay1'))), serial(txn(2, 'rx21 ry12'))],
    alsoNot:
      'strong-read-committed strong-read-uncommitted strong-serializable strong-session-read-committed strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation',
    result: {
      'valid?': false,
      'anomaly-types': ['G0-process'],
      anomalies: {
        'G0-process': [
          {
            cycle: [2, 4, 5, 2],
            steps: [
              { type: 'process', process: 0 },
              { type: 'ww', key: 'y', value: 1, "value'": 2, 'a-mop-index': 0, 'b-mop-index': 1 },
              { type: 'ww', key: 'x', value: 2, "value'": 1, 'a-mop-index': 0, 'b-mop-index': 0 },
            ],
            type: 'G0-process',
            story: [
              'T1 is before T2: process 0 executed T1 and then T2',
              'T2 is before T3: T3 appended 2 to key "y" after T2 appended 1',
              'T3 is before T1: T1 appended 1 to key "x" after T3 appended 2',
            ],
          },
        ],
      },
      not: ['strong-session-read-uncommitted'],
    },
  },
  {
    name: 'G0-realtime',
    model: 'strict-serializable',
    history: [serial(txn(0, 'ax1'), txn(1, 'ax2'), txn(2, 'rx21'))],
    alsoNot: 'strong-read-committed strong-serializable strong-snapshot-isolation',
    result: {
      'valid?': false,
      'anomaly-types': ['G0-realtime'],
      anomalies: {
        'G0-realtime': [
          {
            cycle: [1, 3, 1],
            steps: [
              { type: 'realtime', "a'": 1, b: 2 },
              { type: 'ww', key: 'x', value: 2, "value'": 1, 'a-mop-index': 0, 'b-mop-index': 0 },
            ],
            type: 'G0-realtime',
            story: [
              'T1 is before T2: T1 was completed (index 1) 0.001 s before T2 was invoked (index 2)',
              'T2 is before T1: T1 appended 1 to key "x" after T2 appended 2',
            ],
          },
        ],
      },
      not: ['strong-read-uncommitted'],
    },
  },
  {
    name: 'G1a',
    model: 'strict-serializable',
    history: [serial(txn(0, 'ax1', 'fail'), txn(1, 'rx1'), txn(2, 'rx1'))],
    alsoNot:
      'causal-cerone consistent-view cursor-stability forward-consistent-view monotonic-atomic-view monotonic-snapshot-read monotonic-view parallel-snapshot-isolation prefix read-atomic repeatable-read serializable snapshot-isolation strong-read-committed strong-serializable strong-session-read-committed strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic update-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['G1a'],
      anomalies: {
        G1a: [
          { op: 3, mop: ['r', 'x', [1]], writer: 1, element: 1 },
          { op: 5, mop: ['r', 'x', [1]], writer: 1, element: 1 },
        ],
      },
      not: ['read-committed'],
    },
  },
  {
    name: 'G1b',
    model: 'serializable',
    history: [concurrent(txn(0, 'ax1 ax2'), txn(1, 'rx1')), serial(txn(2, 'ay1 ry1'), txn(2, 'ry1'))],
    alsoNot:
      'causal-cerone consistent-view cursor-stability forward-consistent-view monotonic-atomic-view monotonic-snapshot-read monotonic-view parallel-snapshot-isolation prefix read-atomic repeatable-read serializable snapshot-isolation strong-read-committed strong-serializable strong-session-read-committed strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic update-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['G-single-item', 'G1b'],
      anomalies: {
        'G-single-item': [
          {
            cycle: [3, 2, 3],
            steps: [
              { type: 'rw', key: 'x', value: 1, "value'": 2, 'a-mop-index': 0, 'b-mop-index': 1 },
              { type: 'wr', key: 'x', value: 1, 'a-mop-index': 0, 'b-mop-index': 0 },
            ],
            type: 'G-single-item',
            story: [
              'T1 is before T2: T1 read [1] from key "x", and T2 appended 2 after that',
              'T2 is before T1: T1 read [1] from key "x", and T2 appended 1',
            ],
          },
        ],
        G1b: [{ op: 3, mop: ['r', 'x', [1]], writer: 2, element: 1 }],
      },
      not: ['read-committed'],
    },
  },
  {
    name: 'G1c',
    model: 'strict-serializable',
    history: [concurrent(txn(0, 'ax1 ry1'), txn(1, 'ax2 ay1'), txn(2, 'rx12'))],
    alsoNot:
      'causal-cerone consistent-view cursor-stability forward-consistent-view monotonic-atomic-view monotonic-snapshot-read monotonic-view parallel-snapshot-isolation prefix read-atomic repeatable-read serializable snapshot-isolation strong-read-committed strong-serializable strong-session-read-committed strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic update-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['G1c'],
      anomalies: {
        G1c: [
          {
            cycle: [4, 3, 4],
            steps: [
              { type: 'wr', key: 'y', value: 1, 'a-mop-index': 1, 'b-mop-index': 1 },
              { type: 'ww', key: 'x', value: 1, "value'": 2, 'a-mop-index': 0, 'b-mop-index': 0 },
            ],
            type: 'G1c',
            story: [
              'T1 is before T2: T2 read [1] from key "y", and T1 appended 1',
              'T2 is before T1: T1 appended 2 to key "x" after T2 appended 1',
            ],
          },
        ],
      },
      not: ['read-committed'],
    },
  },
  {
    name: 'G1c-process',
    model: 'strong-session-serializable',
    history: [serial(txn(0, 'rx1'), txn(0, 'ax1'))],
    alsoNot:
      'strong-read-committed strong-serializable strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation',
    result: {
      'valid?': false,
      'anomaly-types': ['G1c-process'],
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
              'T2 is before T1: T1 read [1] from key "x", and T2 appended 1',
            ],
          },
        ],
      },
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
      },
    },
  },
  {
    name: 'G1c-realtime',
    model: 'strict-serializable',
    history: [serial(txn(0, 'rx1'), txn(1, 'ax1'))],
    alsoNot: 'strong-serializable strong-snapshot-isolation',
    result: {
      'valid?': false,
      'anomaly-types': ['G1c-realtime'],
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
              'T2 is before T1: T1 read [1] from key "x", and T2 appended 1',
            ],
          },
        ],
      },
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
    history: [concurrent(txn(0, 'ax1 ay1'), txn(1, 'ax2 ay2'), txn(2, 'rx1 ry12'), txn(3, 'rx12'))],
    alsoNot:
      'forward-consistent-view serializable snapshot-isolation strong-serializable strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['G-single-item'],
      anomalies: {
        'G-single-item': [
          {
            cycle: [6, 5, 6],
            steps: [
              { type: 'rw', key: 'x', value: 1, "value'": 2, 'a-mop-index': 0, 'b-mop-index': 0 },
              { type: 'wr', key: 'y', value: 2, 'a-mop-index': 1, 'b-mop-index': 1 },
            ],
            type: 'G-single-item',
            story: [
              'T1 is before T2: T1 read [1] from key "x", and T2 appended 2 after that',
              'T2 is before T1: T1 read [1 2] from key "y", and T2 appended 2',
            ],
          },
        ],
      },
      not: ['consistent-view', 'repeatable-read'],
    },
  },
  {
    name: 'G-single-item-process',
    model: 'strong-session-serializable',
    history: [serial(txn(0, 'ax1'), txn(0, 'rx-'))],
    alsoNot: 'strong-serializable strong-session-serializable strong-snapshot-isolation',
    result: {
      'valid?': false,
      'anomaly-types': ['G-single-item-process'],
      anomalies: {
        'G-single-item-process': [
          {
            cycle: [3, 1, 3],
            steps: [
              { type: 'rw', key: 'x', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 0, 'b-mop-index': 0 },
              { type: 'process', process: 0 },
            ],
            type: 'G-single-item-process',
            story: [
              'T1 is before T2: T1 read [] from key "x", and T2 appended 1 after that',
              'T2 is before T1: process 0 executed T2 and then T1',
            ],
          },
        ],
      },
      not: ['strong-session-snapshot-isolation'],
    },
  },
  {
    name: 'G-single-item-realtime',
    model: 'strict-serializable',
    history: [serial(txn(0, 'ax1'), txn(1, 'rx-'))],
    alsoNot: 'strong-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['G-single-item-realtime'],
      anomalies: {
        'G-single-item-realtime': [
          {
            cycle: [3, 1, 3],
            steps: [
              { type: 'rw', key: 'x', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 0, 'b-mop-index': 0 },
              { type: 'realtime', "a'": 1, b: 2 },
            ],
            type: 'G-single-item-realtime',
            story: [
              'T1 is before T2: T1 read [] from key "x", and T2 appended 1 after that',
              'T2 is before T1: T2 was completed (index 1) 0.001 s before T1 was invoked (index 2)',
            ],
          },
        ],
      },
      not: ['strong-snapshot-isolation'],
    },
  },
  {
    name: 'G-nonadjacent-item',
    model: 'strict-serializable',
    history: [concurrent(txn(0, 'ax1'), txn(1, 'ay1'), txn(2, 'rx1 ry-'), txn(3, 'ry1 rx-'))],
    alsoNot:
      'serializable strong-serializable strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation',
    result: {
      'valid?': false,
      'anomaly-types': ['G-nonadjacent-item'],
      anomalies: {
        'G-nonadjacent-item': [
          {
            cycle: [6, 5, 7, 4, 6],
            steps: [
              { type: 'rw', key: 'y', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 1, 'b-mop-index': 0 },
              { type: 'wr', key: 'y', value: 1, 'a-mop-index': 0, 'b-mop-index': 0 },
              { type: 'rw', key: 'x', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 1, 'b-mop-index': 0 },
              { type: 'wr', key: 'x', value: 1, 'a-mop-index': 0, 'b-mop-index': 0 },
            ],
            type: 'G-nonadjacent-item',
            story: [
              'T1 is before T2: T1 read [] from key "y", and T2 appended 1 after that',
              'T2 is before T3: T3 read [1] from key "y", and T2 appended 1',
              'T3 is before T4: T3 read [] from key "x", and T4 appended 1 after that',
              'T4 is before T1: T1 read [1] from key "x", and T4 appended 1',
            ],
          },
        ],
      },
      not: ['repeatable-read', 'snapshot-isolation'],
    },
  },
  {
    name: 'G-nonadjacent-item-process',
    model: 'strong-session-serializable',
    history: [serial(txn(0, 'ax1'), txn(0, 'ry-'), txn(1, 'ay1'), txn(1, 'rx-'))],
    alsoNot: 'strong-serializable strong-session-serializable strong-snapshot-isolation',
    result: {
      'valid?': false,
      'anomaly-types': ['G-nonadjacent-item-process'],
      anomalies: {
        'G-nonadjacent-item-process': [
          {
            cycle: [7, 1, 3, 5, 7],
            steps: [
              { type: 'rw', key: 'x', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 0, 'b-mop-index': 0 },
              { type: 'process', process: 0 },
              { type: 'rw', key: 'y', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 0, 'b-mop-index': 0 },
              { type: 'process', process: 1 },
            ],
            type: 'G-nonadjacent-item-process',
            story: [
              'T1 is before T2: T1 read [] from key "x", and T2 appended 1 after that',
              'T2 is before T3: process 0 executed T2 and then T3',
              'T3 is before T4: T3 read [] from key "y", and T4 appended 1 after that',
              'T4 is before T1: process 1 executed T4 and then T1',
            ],
          },
        ],
      },
      not: ['strong-session-snapshot-isolation'],
    },
  },
  {
    name: 'G-nonadjacent-item-realtime',
    model: 'strict-serializable',
    history: [around([txn(0, 'ry1 rx-'), txn(1, 'ay1')], serial(txn(2, 'ax1'), txn(3, 'ry-')))],
    alsoNot: 'strong-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['G-nonadjacent-item-realtime'],
      anomalies: {
        'G-nonadjacent-item-realtime': [
          {
            cycle: [6, 3, 5, 7, 6],
            steps: [
              { type: 'rw', key: 'x', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 1, 'b-mop-index': 0 },
              { type: 'realtime', "a'": 3, b: 4 },
              { type: 'rw', key: 'y', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 0, 'b-mop-index': 0 },
              { type: 'wr', key: 'y', value: 1, 'a-mop-index': 0, 'b-mop-index': 0 },
            ],
            type: 'G-nonadjacent-item-realtime',
            story: [
              'T1 is before T2: T1 read [] from key "x", and T2 appended 1 after that',
              'T2 is before T3: T2 was completed (index 3) 0.001 s before T3 was invoked (index 4)',
              'T3 is before T4: T3 read [] from key "y", and T4 appended 1 after that',
              'T4 is before T1: T1 read [1] from key "y", and T4 appended 1',
            ],
          },
        ],
      },
      not: ['strong-snapshot-isolation'],
    },
  },
  {
    name: 'G2-item',
    model: 'strict-serializable',
    history: [concurrent(txn(0, 'rx- ay1'), txn(1, 'ry- ax1'), txn(2, 'rx1 ry1'))],
    alsoNot: 'serializable strong-serializable strong-session-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['G2-item'],
      anomalies: {
        'G2-item': [
          {
            cycle: [3, 4, 3],
            steps: [
              { type: 'rw', key: 'x', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 0, 'b-mop-index': 1 },
              { type: 'rw', key: 'y', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 0, 'b-mop-index': 1 },
            ],
            type: 'G2-item',
            story: [
              'T1 is before T2: T1 read [] from key "x", and T2 appended 1 after that',
              'T2 is before T1: T2 read [] from key "y", and T1 appended 1 after that',
            ],
          },
        ],
      },
      not: ['repeatable-read'],
    },
  },
  {
    name: 'G2-item-process',
    model: 'strong-session-serializable',
    history: [around([txn(0, 'ax1 ry-')], serial(txn(1, 'ay1'), txn(1, 'rx-')))],
    alsoNot: 'strong-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['G2-item-process'],
      anomalies: {
        'G2-item-process': [
          {
            cycle: [5, 2, 4, 5],
            steps: [
              { type: 'rw', key: 'y', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 1, 'b-mop-index': 0 },
              { type: 'process', process: 1 },
              { type: 'rw', key: 'x', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 0, 'b-mop-index': 0 },
            ],
            type: 'G2-item-process',
            story: [
              'T1 is before T2: T1 read [] from key "y", and T2 appended 1 after that',
              'T2 is before T3: process 1 executed T2 and then T3',
              'T3 is before T1: T3 read [] from key "x", and T1 appended 1 after that',
            ],
          },
        ],
      },
      not: ['strong-session-serializable'],
    },
  },
  {
    name: 'G2-item-realtime',
    model: 'strict-serializable',
    history: [around([txn(0, 'ax1 ry-')], serial(txn(1, 'ay1'), txn(2, 'rx-')))],
    alsoNot: '',
    result: {
      'valid?': false,
      'anomaly-types': ['G2-item-realtime'],
      anomalies: {
        'G2-item-realtime': [
          {
            cycle: [5, 2, 4, 5],
            steps: [
              { type: 'rw', key: 'y', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 1, 'b-mop-index': 0 },
              { type: 'realtime', "a'": 2, b: 3 },
              { type: 'rw', key: 'x', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 0, 'b-mop-index': 0 },
            ],
            type: 'G2-item-realtime',
            story: [
              'T1 is before T2: T1 read [] from key "y", and T2 appended 1 after that',
              'T2 is before T3: T2 was completed (index 2) 0.001 s before T3 was invoked (index 3)',
              'T3 is before T1: T3 read [] from key "x", and T1 appended 1 after that',
            ],
          },
        ],
      },
      not: ['strong-serializable'],
    },
  },
  {
    name: 'internal',
    model: 'strict-serializable',
    history: [serial(txn(0, 'ax1 rx2'), txn(1, 'ay1'))],
    alsoNot:
      'causal-cerone parallel-snapshot-isolation prefix serializable snapshot-isolation strong-serializable strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic',
    result: {
      'valid?': false,
      'anomaly-types': ['internal'],
      anomalies: { internal: [{ op: 1, mop: ['r', 'x', [2]], expected: ['...', 1] }] },
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
    name: 'internal, with a known start',
    model: 'strict-serializable',
    history: [concurrent(txn(0, 'ax1'), txn(1, 'rx1 ax2 rx1'))],
    alsoNot:
      'causal-cerone parallel-snapshot-isolation prefix serializable snapshot-isolation strong-serializable strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic',
    result: {
      'valid?': false,
      'anomaly-types': ['internal'],
      anomalies: { internal: [{ op: 3, mop: ['r', 'x', [1]], expected: [1, 2] }] },
      not: ['read-atomic'],
    },
  },
  {
    name: 'future-read',
    model: 'strict-serializable',
    history: [serial(txn(0, 'rx1 ax1'), txn(1, 'rx1'))],
    alsoNot:
      'causal-cerone consistent-view cursor-stability forward-consistent-view monotonic-atomic-view monotonic-snapshot-read monotonic-view parallel-snapshot-isolation prefix read-atomic repeatable-read serializable snapshot-isolation strong-read-committed strong-serializable strong-session-read-committed strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic update-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['future-read'],
      anomalies: { 'future-read': [{ op: 1, mop: ['r', 'x', [1]], element: 1 }] },
      not: ['read-committed'],
    },
  },
  {
    name: 'duplicate-elements',
    model: 'strict-serializable',
    history: [serial(txn(0, 'ax1'), txn(1, 'rx11'))],
    alsoNot:
      'causal-cerone consistent-view cursor-stability forward-consistent-view monotonic-atomic-view monotonic-snapshot-read monotonic-view parallel-snapshot-isolation prefix read-atomic read-committed repeatable-read serializable snapshot-isolation strong-read-committed strong-read-uncommitted strong-serializable strong-session-read-committed strong-session-read-uncommitted strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic update-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['duplicate-elements'],
      anomalies: { 'duplicate-elements': [{ op: 3, mop: ['r', 'x', [1, 1]], duplicates: { '1': 2 } }] },
      not: ['read-uncommitted'],
    },
  },
  {
    name: 'incompatible-order',
    model: 'serializable',
    history: [concurrent(txn(0, 'ax1'), txn(1, 'ax2'), txn(2, 'ax3'), txn(3, 'rx12'), txn(4, 'rx13'))],
    alsoNot:
      'causal-cerone consistent-view cursor-stability forward-consistent-view monotonic-atomic-view monotonic-snapshot-read monotonic-view parallel-snapshot-isolation prefix read-atomic repeatable-read serializable snapshot-isolation strong-read-committed strong-serializable strong-session-read-committed strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic update-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['incompatible-order'],
      anomalies: {
        'incompatible-order': [
          {
            key: 'x',
            values: [
              [1, 3],
              [1, 2],
            ],
          },
        ],
      },
      not: ['read-committed'],
    },
  },
  {
    name: 'dirty-update',
    model: 'strict-serializable',
    history: [serial(txn(0, 'ax1', 'fail'), txn(1, 'ax2'), txn(2, 'rx12'))],
    alsoNot:
      'causal-cerone consistent-view cursor-stability forward-consistent-view monotonic-atomic-view monotonic-snapshot-read monotonic-view parallel-snapshot-isolation prefix read-atomic repeatable-read serializable snapshot-isolation strong-read-committed strong-serializable strong-session-read-committed strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-atomic update-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['G1a', 'dirty-update'],
      anomalies: {
        G1a: [{ op: 5, mop: ['r', 'x', [1, 2]], writer: 1, element: 1 }],
        'dirty-update': [{ key: 'x', values: [1, 2], txns: [1, '...', 3] }],
      },
      not: ['read-committed'],
    },
  },
  {
    name: 'lost-update',
    model: 'cursor-stability',
    history: [concurrent(txn(0, 'rx- ax1'), txn(1, 'rx- ax2'))],
    alsoNot:
      'consistent-view forward-consistent-view parallel-snapshot-isolation repeatable-read serializable snapshot-isolation strong-serializable strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['lost-update'],
      anomalies: { 'lost-update': [{ key: 'x', value: null, txns: [2, 3] }] },
      not: ['cursor-stability', 'update-atomic'],
    },
  },
  {
    name: 'a cycle of edges with better reasons',
    model: 'strict-serializable',
    history: [serial(txn(0, 'ry- ax2'), txn(1, 'ay1 ax1'), txn(2, 'rx12 ry1'))],
    alsoNot:
      'forward-consistent-view serializable snapshot-isolation strong-read-committed strong-serializable strong-session-serializable strong-session-snapshot-isolation strong-snapshot-isolation update-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['G-single-item', 'strong-PL-1-cycle-exists'],
      anomalies: {
        'G-single-item': [
          {
            cycle: [1, 3, 1],
            steps: [
              { type: 'rw', key: 'y', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 0, 'b-mop-index': 0 },
              { type: 'ww', key: 'x', value: 1, "value'": 2, 'a-mop-index': 1, 'b-mop-index': 1 },
            ],
            type: 'G-single-item',
            story: [
              'T1 is before T2: T1 read [] from key "y", and T2 appended 1 after that',
              'T2 is before T1: T1 appended 2 to key "x" after T2 appended 1',
            ],
          },
          {
            cycle: [1, 3, 1],
            steps: [
              { type: 'rw', key: 'y', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 0, 'b-mop-index': 0 },
              { type: 'ww', key: 'x', value: 1, "value'": 2, 'a-mop-index': 1, 'b-mop-index': 1 },
            ],
            type: 'G-single-item',
            story: [
              'T1 is before T2: T1 read [] from key "y", and T2 appended 1 after that',
              'T2 is before T1: T1 appended 2 to key "x" after T2 appended 1',
            ],
          },
        ],
        'strong-PL-1-cycle-exists': [
          {
            type: 'strong-PL-1-cycle-exists',
            not: 'strong-read-uncommitted',
            subgraph: ['union', 'ww', 'wwp', 'realtime'],
            'scc-size': 2,
            scc: [1, 3],
          },
        ],
      },
      not: ['consistent-view', 'repeatable-read', 'strong-read-uncommitted'],
    },
  },
  {
    name: 'a stale read of an indefinite append',
    model: 'strict-serializable',
    history: [serial(txn(0, 'ax1', 'info'), txn(1, 'rx1'), txn(2, 'rx-'))],
    alsoNot: 'strong-serializable',
    result: {
      'valid?': false,
      'anomaly-types': ['G-single-item-realtime'],
      anomalies: {
        'G-single-item-realtime': [
          {
            cycle: [5, 1, 3, 5],
            steps: [
              { type: 'rw', key: 'x', value: 'elle.list-append/init', "value'": 1, 'a-mop-index': 0, 'b-mop-index': 0 },
              { type: 'wr', key: 'x', value: 1, 'a-mop-index': 0, 'b-mop-index': 0 },
              { type: 'realtime', "a'": 3, b: 4 },
            ],
            type: 'G-single-item-realtime',
            story: [
              'T1 is before T2: T1 read [] from key "x", and T2 appended 1 after that',
              'T2 is before T3: T3 read [1] from key "x", and T2 appended 1',
              'T3 is before T1: T3 was completed (index 3) 0.001 s before T1 was invoked (index 4)',
            ],
          },
        ],
      },
      not: ['strong-snapshot-isolation'],
    },
  },
  {
    name: 'empty-transaction-graph',
    model: 'strict-serializable',
    history: [serial(txn(0, 'ax1'))],
    alsoNot: '',
    result: {
      'valid?': 'unknown',
      'anomaly-types': ['empty-transaction-graph'],
      anomalies: { 'empty-transaction-graph': true },
      not: [],
    },
  },
];

describe('list-append', () => {
  it.each(CASES)('shows $name', ({ model, history, alsoNot, result }) => {
    const checker = txnListAppendChecker({ strict: false, consistencyModels: [model] });
    const { 'also-not': stronger = [], ...rest } = inShort(checker.check(THREE_NODES, historyOf(...history)));
    expect(rest).toEqual(result);
    expect((stronger as readonly string[]).join(' ')).toBe(alsoNot);
  });

  it('lists 256 anomalies of a type, and counts all of them', () => {
    const reads = Array.from({ length: 300 }, () => txn(1, 'rx1'));
    const history = historyOf(serial(txn(0, 'ax1', 'fail'), ...reads));
    const result = txnListAppendChecker({ strict: false, consistencyModels: ['serializable'] }).check(
      THREE_NODES,
      history,
    );
    expect((result.anomalies as Record<string, readonly unknown[]>).G1a).toHaveLength(256);
    expect(result['anomaly-counts']).toEqual({ G1a: 300 });
    expect(result.summary).toContain('G1a (300)');
  });
});
