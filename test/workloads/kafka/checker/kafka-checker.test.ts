/** A hand-written history of kafka for every anomaly, with its whole result, and a wrong one for each rule beyond. */

import { describe, expect, it } from 'vitest';
import type { History } from '../../../../src/history/history.ts';
import { ExactNumber } from '../../../../src/protocol/exact-json.ts';
import { kafkaChecker } from '../../../../src/workloads/kafka/checker/kafka-checker.ts';
import {
  fail,
  type HandwrittenOperation,
  handwritten,
  info,
  invoke,
  nemesis,
  ok,
  THREE_NODES,
} from '../../../support/histories.ts';

type Pairs = Readonly<Record<string, readonly (readonly [number, number])[]>>;

const judge = (history: History, strict = false) => kafkaChecker({ strict }).check(THREE_NODES, history);

const send = (process: number, key: string, message: number, offset: number): HandwrittenOperation[] => [
  invoke(process, 'send', [['send', key, message]]),
  ok(process, 'send', [['send', key, [offset, message]]]),
];
const poll = (process: number, answer: Pairs): HandwrittenOperation[] => [
  invoke(process, 'poll', [['poll']]),
  ok(process, 'poll', [['poll', answer]]),
];
const assign = (process: number, ...keys: string[]): HandwrittenOperation[] => [
  invoke(process, 'assign', keys),
  ok(process, 'assign', keys),
];

/** Three messages of one key at offsets 0, 1 and 2, and a process that is assigned to it: 8 operations. */
const THREE = [...send(0, '7', 10, 0), ...send(0, '7', 11, 1), ...send(0, '7', 12, 2), ...assign(1, '7')];
const ALL: Pairs = {
  7: [
    [0, 10],
    [1, 11],
    [2, 12],
  ],
};

interface Expected {
  readonly types: readonly string[];
  readonly [field: string]: unknown;
}

/** The result but for proofs, summary and the lag, which have tests of their own. */
function plain(history: History) {
  const { proofs: _proofs, summary: _summary, 'worst-realtime-lag': _lag, ...result } = judge(history);
  return result;
}

/** @param expected the types of errors, all bad, and their reports */
function expectErrors(history: History, { types, ...reports }: Expected): void {
  expect(plain(history)).toEqual({
    'valid?': types.length === 0,
    'bad-error-types': types,
    'error-types': types,
    'info-txn-causes': [],
    beyond: { 'valid?': true },
    ...reports,
  });
}

const one = (error: unknown) => ({ count: 1, errs: [error] });

describe('kafka', () => {
  it('is valid if all messages come out in order', () => {
    const history = handwritten(nemesis('start'), ...THREE, ...poll(1, ALL));
    expect(judge(history)).toEqual({
      'valid?': true,
      'worst-realtime-lag': { time: 0.009, process: 1, key: '7', lag: 0 },
      'bad-error-types': [],
      'error-types': [],
      'info-txn-causes': [],
      beyond: { 'valid?': true },
    });
  });

  it('tells why operations ended in info, each reason once', () => {
    const lost = (process: number, error: unknown) => [
      invoke(process, 'send', [['send', '7', process]]),
      { ...info(process, 'send', [['send', '7', process]]), error },
    ];
    const history = handwritten(...lost(5, 'net-timeout'), ...lost(6, 'net-timeout'), ...THREE, ...poll(1, ALL));
    expect(judge(history)).toMatchObject({ 'valid?': true, 'info-txn-causes': ['net-timeout'] });
  });

  it('cannot judge a history without operations', () => {
    expect(judge(handwritten(nemesis('start')))).toEqual({
      'valid?': 'unknown',
      error: 'no operations',
      summary: 'There are no operations to judge.',
    });
  });

  it('says what is wrong, how often, and which operations show it', () => {
    const history = handwritten(
      ...THREE,
      ...poll(1, {
        7: [
          [0, 10],
          [2, 12],
          [1, 11],
        ],
      }),
    );
    expect(judge(history)).toMatchObject({
      proofs: [
        {
          rule: 'int-nonmonotonic-poll',
          problem: 'one poll goes back (key "7")',
          facts: { count: 1 },
          operations: [9],
          operationCount: 1,
        },
        { rule: 'int-poll-skip', operations: [9] },
      ],
      summary: 'One poll goes back (int-nonmonotonic-poll: 1); one poll leaves messages out (int-poll-skip: 1).',
    });
  });
});

describe('an anomaly of kafka', () => {
  it('inconsistent-offsets, and unseen: two messages at one offset', () => {
    const history = handwritten(...THREE, ...send(2, '7', 13, 2), ...poll(1, ALL));
    expect(plain(history)).toEqual({
      'valid?': false,
      'bad-error-types': ['inconsistent-offsets', 'lost-write', 'unseen'],
      'error-types': ['inconsistent-offsets', 'lost-write', 'unseen'],
      'info-txn-causes': [],
      'inconsistent-offsets': one({ key: '7', offset: 2, index: 2, values: [12, 13] }),
      'lost-write': one({
        key: '7',
        value: 13,
        index: 2,
        'max-read-index': 2,
        writer: history.at(9),
        // Jepsen takes one of the messages there, and this one was not polled.
        'max-read': null,
      }),
      unseen: { time: 11e6, unseen: { 7: 1 }, messages: { 7: [13] } },
      beyond: { 'valid?': false, 'send-order': expect.objectContaining({ count: 1 }) },
    });
  });

  it('duplicate: a message at two offsets', () => {
    const history = handwritten(
      ...THREE,
      ...poll(1, {
        7: [
          [0, 10],
          [1, 11],
          [2, 12],
          [3, 10],
        ],
      }),
    );
    expect(judge(history)).toMatchObject({
      'error-types': ['duplicate', 'int-nonmonotonic-poll', 'nonmonotonic-send'],
      duplicate: one({ key: '7', value: 10, count: 2, offsets: [0, 3] }),
    });
  });

  it('G1a: a message whose send failed', () => {
    const history = handwritten(
      ...THREE,
      invoke(0, 'send', [['send', '7', 13]]),
      fail(0, 'send', [['send', '7', 13]]),
      ...poll(1, {
        7: [
          [0, 10],
          [1, 11],
          [2, 12],
          [3, 13],
        ],
      }),
    );
    expectErrors(history, {
      types: ['G1a'],
      G1a: one({ key: '7', value: 13, writer: history.at(9), reader: history.at(11) }),
    });
  });

  it('lost-write: a message that was never polled, though later ones were', () => {
    const history = handwritten(
      ...THREE,
      ...send(2, '7', 13, 5),
      ...poll(1, {
        7: [
          [0, 10],
          [1, 11],
          [5, 13],
        ],
      }),
    );
    const skip = { key: '7', values: [11, 13], skipped: [12], delta: 2, op: history.at(11) };
    expectErrors(history, {
      types: ['int-poll-skip', 'lost-write', 'unseen'],
      'int-poll-skip': one(skip),
      'lost-write': one({
        key: '7',
        value: 12,
        index: 2,
        'max-read-index': 3,
        writer: history.at(5),
        'max-read': history.at(11),
      }),
      unseen: { time: 11e6, unseen: { 7: 1 }, messages: { 7: [12] } },
    });
  });

  it('lost-write: also of an undecided send whose offset a poll of unknown outcome shows', () => {
    const history = handwritten(
      ...THREE,
      invoke(2, 'poll', [['poll']]),
      info(2, 'poll', [['poll', { 7: [[1, 11]] }]]),
      ...poll(1, {
        7: [
          [0, 10],
          [2, 12],
        ],
      }),
    );
    expect(judge(history)).toMatchObject({ 'lost-write': { count: 1, errs: [{ value: 11 }] } });
  });

  it('unseen: a message that was acknowledged and never came out', () => {
    const history = handwritten(...THREE, ...poll(1, { 7: [[0, 10]] }));
    expectErrors(history, { types: ['unseen'], unseen: { time: 9e6, unseen: { 7: 2 }, messages: { 7: [11, 12] } } });
  });

  it('unseen: a key without an acknowledged send that is polled first at the very end (a slip of Jepsen)', () => {
    const undecided = [invoke(5, 'send', [['send', '8', 1]]), info(5, 'send', [['send', '8', 1]])];
    const begin = [...assign(1, '8'), ...undecided, ...THREE, ...poll(2, {})];
    const last = poll(1, { 8: [[0, 1]] });
    const seen = assign(3, '7');
    expect(judge(handwritten(...begin, ...last)).unseen).toMatchObject({ unseen: { 8: 1 } });
    expect(judge(handwritten(...begin, ...last, ...seen, ...poll(3, ALL))).unseen).toBe(undefined);
  });

  it('poll-skip: a process polls on behind what it has not polled', () => {
    const history = handwritten(...THREE, ...poll(2, {}), ...poll(1, { 7: [[0, 10]] }), ...poll(1, { 7: [[2, 12]] }));
    expect(plain(history)).toMatchObject({
      'error-types': ['lost-write', 'poll-skip', 'unseen'],
      'poll-skip': one({ key: '7', delta: 2, skipped: [11], ops: [history.at(11), history.at(13)] }),
    });
  });

  it('nonmonotonic-poll: a process polls what it has polled before', () => {
    const history = handwritten(...THREE, ...poll(1, ALL), ...poll(1, { 7: [[2, 12]] }));
    expect(plain(history)).toMatchObject({
      'error-types': ['nonmonotonic-poll'],
      'nonmonotonic-poll': one({ key: '7', values: [12, 12], delta: 0, ops: [history.at(9), history.at(11)] }),
    });
  });

  it('is none if an assign gave the key up between two polls', () => {
    const history = handwritten(...THREE, ...poll(1, ALL), ...assign(1, '9'), ...assign(1, '7'), ...poll(1, ALL));
    expectErrors(history, { types: [] });
  });

  it('is one if the assign that would have given the key up failed', () => {
    const refused = [invoke(1, 'assign', ['9']), fail(1, 'assign', ['9'])];
    const history = handwritten(...THREE, ...poll(1, ALL), ...refused, ...poll(1, ALL));
    expect(judge(history)).toMatchObject({ 'error-types': ['nonmonotonic-poll'], 'nonmonotonic-poll': { count: 1 } });
  });

  it('int-poll-skip and int-nonmonotonic-poll: one answer leaves out, or goes back', () => {
    const history = handwritten(
      ...THREE,
      ...poll(1, {
        7: [
          [0, 10],
          [2, 12],
          [1, 11],
        ],
      }),
    );
    const op = history.at(9);
    expectErrors(history, {
      types: ['int-nonmonotonic-poll', 'int-poll-skip'],
      'int-nonmonotonic-poll': one({ key: '7', values: [12, 11], delta: -1, op }),
      'int-poll-skip': one({ key: '7', values: [10, 12], skipped: [11], delta: 2, op }),
    });
  });

  it('nonmonotonic-send: a process sends a message before its last one', () => {
    const history = handwritten(
      ...send(0, '7', 10, 4),
      ...send(0, '7', 11, 1),
      ...assign(1, '7'),
      ...poll(1, {
        7: [
          [1, 11],
          [4, 10],
        ],
      }),
    );
    expect(plain(history)).toMatchObject({
      'error-types': ['nonmonotonic-send'],
      'nonmonotonic-send': one({ key: '7', values: [10, 11], delta: -1, ops: [history.at(1), history.at(3)] }),
    });
  });

  it('G1c-realtime and strong-PL-2-cycle-exists: a message was polled before its send began', () => {
    const history = handwritten(...assign(1, '7'), ...poll(1, { 7: [[0, 10]] }), ...send(0, '7', 10, 0));
    const [polled, began, sent] = [history.at(3), history.at(4), history.at(5)];
    expectErrors(history, {
      types: ['G1c-realtime', 'strong-PL-2-cycle-exists'],
      'G1c-realtime': one({
        cycle: [polled, sent, polled],
        steps: [
          { type: 'realtime', "a'": polled, b: began },
          { type: 'wr', key: '7', value: 10, 'a-mop-index': 0, 'b-mop-index': 0 },
        ],
        type: 'G1c-realtime',
      }),
      'strong-PL-2-cycle-exists': one({
        type: 'strong-PL-2-cycle-exists',
        not: 'strong-read-committed',
        subgraph: ['union', 'ww', 'wwp', 'wr', 'wrp', 'realtime'],
        'scc-size': 2,
        scc: [3, 5],
      }),
    });
  });

  it('empty-transaction-graph: nothing to see cycles in', () => {
    const history = handwritten(...poll(1, {}));
    expectErrors(history, { types: ['empty-transaction-graph'], 'empty-transaction-graph': { count: 1, errs: true } });
  });

  it('no-writer-of-value: a message that was never sent, where Jepsen throws', () => {
    const history = handwritten(
      ...THREE,
      ...poll(1, {
        7: [
          [0, 10],
          [1, 11],
          [2, 12],
          [3, 99],
        ],
      }),
    );
    expectErrors(history, {
      types: ['no-writer-of-value'],
      'no-writer-of-value': one({ key: '7', value: 99, reader: history.at(9) }),
    });
  });

  it('precommitted-read, int-nonmonotonic-send and the allowed int-send-skip: within one operation of several parts', () => {
    const parts = (process: number, value: unknown) => [invoke(process, 'txn', [['poll']]), ok(process, 'txn', value)];
    const back = handwritten(
      ...THREE,
      ...parts(2, [
        ['send', '7', [5, 13]],
        ['send', '7', [4, 14]],
        ['poll', { 7: [[4, 14]] }],
      ]),
      ...poll(1, {
        7: [
          [0, 10],
          [1, 11],
          [2, 12],
          [4, 14],
          [5, 13],
        ],
      }),
    );
    expect(judge(back)).toMatchObject({
      'error-types': ['int-nonmonotonic-send', 'precommitted-read'],
      'int-nonmonotonic-send': one({ key: '7', values: [13, 14], delta: -1, op: back.at(9) }),
      'precommitted-read': one({ key: '7', value: 14, op: back.at(9) }),
    });
    const skip = handwritten(
      ...THREE,
      ...send(0, '7', 15, 4),
      ...parts(2, [
        ['send', '7', [3, 13]],
        ['send', '7', [5, 14]],
      ]),
      ...poll(1, {
        7: [
          [0, 10],
          [1, 11],
          [2, 12],
          [3, 13],
          [4, 15],
          [5, 14],
        ],
      }),
    );
    expect(judge(skip)).toMatchObject({ 'valid?': true, 'bad-error-types': [], 'error-types': ['int-send-skip'] });
  });

  it('is none for large offsets, and for an empty list, where Jepsen runs out of memory or throws', () => {
    const far = 1_700_000_000_000;
    const history = handwritten(
      ...send(0, '7', 10, far),
      ...send(0, '7', 11, far + 7),
      ...assign(1, '7', '8'),
      ...poll(1, {
        7: [
          [far, 10],
          [far + 7, 11],
        ],
        8: [],
      }),
    );
    expectErrors(history, { types: [] });
  });

  it('is none for a message whose send was cut off, since it may have happened', () => {
    const cutOff = [invoke(2, 'send', [['send', '7', 13]]), ...poll(1, { 7: [...(ALL[7] ?? []), [3, 13]] })];
    expectErrors(handwritten(...THREE, ...cutOff), { types: [] });
    expect(plain(handwritten(...THREE, ...cutOff.slice(1)))).toMatchObject({ 'error-types': ['no-writer-of-value'] });
  });

  it.each<[what: string, operations: HandwrittenOperation[], reason: string]>([
    [
      'an offset that is not told from its neighbours',
      [
        invoke(0, 'send', [['send', '7', 13]]),
        ok(0, 'send', [['send', '7', [new ExactNumber('9007199254740993'), 13]]]),
      ],
      'operation 9 has the offset 9007199254740993, which is no integer up to 2^53',
    ],
    [
      'a text as an offset',
      [invoke(1, 'poll', [['poll']]), ok(1, 'poll', [['poll', { 7: [['a', 10]] }]])],
      'operation 9 has the offset "a", which is no integer up to 2^53',
    ],
    [
      'a message without an offset',
      [invoke(1, 'poll', [['poll']]), ok(1, 'poll', [['poll', { 7: [null] }]])],
      'operation 9 polled null, which is no pair',
    ],
  ])('cannot be looked for with %s', (_, operations, reason) => {
    expect(() => judge(handwritten(...THREE, ...operations))).toThrow(reason);
  });

  it('is none for an empty list that is null, as some languages write it', () => {
    const polled = [invoke(1, 'poll', [['poll']]), ok(1, 'poll', [['poll', { 7: null }]])];
    expectErrors(handwritten(...THREE, ...polled, ...poll(1, ALL)), { types: [] });
  });

  it('is none for an assign and a send without values', () => {
    const odd = [
      invoke(1, 'assign', null),
      ok(1, 'assign', null),
      invoke(0, 'send', null),
      fail(0, 'send', null),
      ...assign(1, '7'),
      ...poll(1, ALL),
    ];
    expectErrors(handwritten(...THREE, ...odd), { types: [] });
  });
});

describe('beyond Jepsen', () => {
  const committed = (process: number, f: string, value: unknown) => [invoke(process, f, value), ok(process, f, value)];
  const list = (process: number, value: unknown) => [
    invoke(process, 'list_committed_offsets', ['7']),
    ok(process, 'list_committed_offsets', value),
  ];

  it.each<[rule: string, what: string, operations: HandwrittenOperation[], problem: string]>([
    [
      'poll-unasked-key',
      'an answer for a key that was not asked for',
      [
        ...THREE,
        ...poll(1, ALL),
        ...send(0, '8', 1, 0),
        ...assign(3, '8'),
        ...poll(3, { 8: [[0, 1]] }),
        ...poll(2, { 8: [[0, 1]] }),
      ],
      'a poll answers for key "8", which was not asked for',
    ],
    [
      'poll-before-asked',
      'a poll that starts before the place it asked for',
      [...THREE, ...poll(1, ALL), ...send(0, '8', 1, -1), ...assign(2, '8'), ...poll(2, { 8: [[-1, 1]] })],
      'a poll of key "8" starts at -1, before the 0 it asked for',
    ],
    [
      'poll-past-asked',
      'a first poll that leaves out the beginning of a log',
      [...THREE, ...poll(1, ALL), ...assign(2, '7'), ...poll(2, { 7: [[2, 12]] })],
      'a poll of key "7" from 0 on starts at 2, behind 0',
    ],
    [
      'committed-back',
      'a committed offset that is less than what a poll has committed',
      [...THREE, ...poll(1, ALL), ...list(2, { 7: 1 })],
      'key "7" has 1 as committed, after 2 was',
    ],
    [
      'committed-back',
      'a committed offset that is less than what was committed by request',
      [...THREE, ...poll(1, ALL), ...committed(2, 'commit_offsets', { 7: 2 }), ...list(2, { 7: 0 })],
      'key "7" has 0 as committed, after 2 was',
    ],
    [
      'committed-ahead',
      'a committed offset that no process has polled',
      [...THREE, ...list(2, { 7: 0 }), ...poll(1, ALL)],
      'key "7" has 0 as committed, and nothing was polled',
    ],
    [
      'send-order',
      'a send that got the lower offset though another one was over',
      [
        ...send(0, '7', 10, 4),
        ...send(2, '7', 11, 1),
        ...assign(1, '7'),
        ...poll(1, {
          7: [
            [1, 11],
            [4, 10],
          ],
        }),
      ],
      'a send got offset 1 after an earlier one had got 4',
    ],
  ])('%s finds %s', (rule, _what, operations, problem) => {
    const history = handwritten(...operations);
    const result = judge(history);
    expect(result.beyond).toMatchObject({ 'valid?': false, [rule]: { count: 1, examples: [{ problem }] } });
    expect(Object.keys(result.beyond as object)).toEqual(['valid?', rule]);
    expect(judge(history, true)).toMatchObject({ 'valid?': false });
    expect((judge(history, true).proofs ?? []).map((proof) => proof.rule)).toContain(rule);
  });

  it('finds only what Jepsen does not', () => {
    const history = handwritten(
      ...send(0, '7', 10, 4),
      ...send(2, '7', 11, 1),
      ...assign(1, '7'),
      ...poll(1, {
        7: [
          [1, 11],
          [4, 10],
        ],
      }),
    );
    expect([judge(history)['valid?'], judge(history, true)['valid?']]).toEqual([true, false]);
  });

  it('knows what may have been committed: by polls under way, and by those of unknown outcome', () => {
    const underWay = [invoke(1, 'poll', [['poll']]), ...list(2, { 7: 2 }), ok(1, 'poll', [['poll', ALL]])];
    const unknown = [invoke(3, 'poll', [['poll']]), info(3, 'poll', [['poll']]), ...list(2, { 7: 2 }), ...poll(1, ALL)];
    for (const middle of [underWay, unknown])
      expect(judge(handwritten(...THREE, ...middle)).beyond).toEqual({ 'valid?': true });
    expect(
      judge(handwritten(...THREE, ...unknown.slice(0, 2), ...list(2, { 7: 3 }), ...poll(1, ALL))).beyond,
    ).toMatchObject({
      'committed-ahead': { count: 1 },
    });
  });

  it('knows where polls may start: at 0 after any assign, and anywhere after a poll that failed', () => {
    const again = [...poll(1, ALL), ...assign(1, '7'), ...poll(1, ALL)];
    expect(judge(handwritten(...THREE, ...again)).beyond).toEqual({ 'valid?': true });
    const failed = [
      invoke(1, 'poll', [['poll']]),
      fail(1, 'poll', [['poll']]),
      ...poll(1, { 7: [[2, 12]] }),
      ...assign(2, '7'),
      ...poll(2, ALL),
    ];
    expect(judge(handwritten(...THREE, ...failed)).beyond).toEqual({ 'valid?': true });
  });
});

describe('the worst lag', () => {
  it('is the time since the last offset that a process has seen was the end of the log', () => {
    const history = handwritten(
      ...assign(1, '7'),
      invoke(0, 'send', [['send', '7', 10]], 10),
      ok(0, 'send', [['send', '7', [0, 10]]], 20),
      invoke(0, 'send', [['send', '7', 11]], 30),
      ok(0, 'send', [['send', '7', [1, 11]]], 40),
      invoke(1, 'poll', [['poll']], 100),
      ok(1, 'poll', [['poll', { 7: [[0, 10]] }]], 110),
      invoke(1, 'poll', [['poll']], 120),
      ok(1, 'poll', [['poll', { 7: [[1, 11]] }]], 130),
    );
    expect(judge(history)['worst-realtime-lag']).toEqual({ time: 0.1, process: 1, key: '7', lag: 0.06 });
  });

  it('is zero without polls', () => {
    expect(judge(handwritten(...send(0, '7', 10, 0)))['worst-realtime-lag']).toEqual({ time: 0, lag: 0 });
  });
});
