/** The id service: every rule in histories written by hand, kept and broken in each way that it can be. */

import { describe, expect, it } from 'vitest';
import type { CheckResult } from '../../../../src/checkers/checker.ts';
import { fingerprint } from '../../../../src/checkers/fingerprints.ts';
import { EPOCH_MS, encodeSnowflake } from '../../../../src/ids/snowflake.ts';
import { idsChecker } from '../../../../src/workloads/ids/checker/ids-checker.ts';
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
import { expectProofs } from '../../../support/rule-proofs.ts';

const DAY_MS = 24 * 3600 * 1000;
/** 2026-01-01T00:00:00Z, from which the tests count their milliseconds. */
const START_MS = EPOCH_MS + 365 * DAY_MS;

interface Slot {
  readonly ms?: number;
  readonly node?: number;
  readonly sequence?: number;
}

function snowflake({ ms = 0, node = 0, sequence = 0 }: Slot = {}, entropy = 0): string {
  return String(encodeSnowflake({ timestampMs: START_MS + ms, node, sequence, entropy }));
}

/**
 * Put together here from the layout in words: 48 bits of time, version 7, 12 bits of sequence, variant 10, 10 bits of
 * node, 52 random ones.
 */
function uuid({ ms = 0, node = 0, sequence = 0 }: Slot = {}, random = 0x5f2d9e8c7b6an): string {
  const high = (BigInt(START_MS + ms) << 16n) | (7n << 12n) | BigInt(sequence);
  const low = (2n << 62n) | (BigInt(node) << 52n) | random;
  const digits = high.toString(16).padStart(16, '0') + low.toString(16);
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join(
    '-',
  );
}

function check(...operations: readonly (HandwrittenOperation | readonly HandwrittenOperation[])[]): CheckResult {
  return idsChecker().check(THREE_NODES, handwritten(...operations.flat()));
}

/** What a client asked for and got, one id unless there is a count. */
function generate(process: number, ids: readonly unknown[], asked: object = {}): HandwrittenOperation[] {
  const kind = 'kind' in asked ? asked.kind : 'snowflake';
  return [invoke(process, 'generate', asked), ok(process, 'generate', { kind, ids })];
}

function batch(process: number, ids: readonly unknown[], asked: object = {}): HandwrittenOperation[] {
  return generate(process, ids, { count: ids.length, ...asked });
}

function uuids(process: number, ids: readonly unknown[]): HandwrittenOperation[] {
  return batch(process, ids, { kind: 'uuid' });
}

function assign(process: number, key: string, id: unknown, service = 'payment'): HandwrittenOperation[] {
  return [invoke(process, 'assign', { service, key }), ok(process, 'assign', { service, key, id })];
}

const SAID = { kind: 'snowflake', timestamp: '2026-01-01T00:00:00.000Z', node: 0, sequence: 0 };

function status(process: number, id: string, said: object = SAID): HandwrittenOperation[] {
  return [invoke(process, 'status', { of: 0 }), ok(process, 'status', { id, ...said })];
}

function assignmentTo(key: string, change: object = {}) {
  return { service: 'payment', key, node: 'n1', created_at: '2026-01-01T00:00:00.000Z', ...change };
}

function statusOfAssigned(process: number, id: string, assignment: unknown): HandwrittenOperation[] {
  return status(process, id, { ...SAID, assignment });
}

const NOTHING = { count: 0, examples: [] };
const KEPT = {
  unique: NOTHING,
  ascending: NOTHING,
  'status-is-right': NOTHING,
  'one-to-one': NOTHING,
  'assignment-is-right': NOTHING,
  'as-asked': NOTHING,
  'refuses-what-is-no-id': NOTHING,
  'feed-in-order': NOTHING,
  'feed-complete': NOTHING,
  'feed-true': NOTHING,
  'feed-cursor': NOTHING,
  'group-moves-forward': NOTHING,
};

function valid(attempted: number, acknowledged: number, ids: number, assigned: number) {
  return {
    'valid?': true,
    'attempted-count': attempted,
    'acknowledged-count': acknowledged,
    'id-count': ids,
    'assigned-count': assigned,
    'delivered-count': 0,
    ...KEPT,
  };
}

/** The findings of the rules that were broken, by their names. */
function broken(result: CheckResult): Record<string, unknown[]> {
  const rules = Object.keys(KEPT).map(
    (name) => [name, result[name] as { count: number; examples: unknown[] }] as const,
  );
  expect(result['valid?']).toBe(rules.every(([, { count }]) => count === 0));
  expectProofs(result, Object.keys(KEPT));
  return Object.fromEntries(rules.filter(([, { count }]) => count > 0).map(([name, { examples }]) => [name, examples]));
}

const UNKNOWN = { error: 'no id was acknowledged', summary: 'No id was acknowledged.' };

describe('a run of the id service', () => {
  it('is of unknown validity without operations', () => {
    expect(check()).toEqual({ ...valid(0, 0, 0, 0), 'valid?': 'unknown', ...UNKNOWN });
  });

  it('is undecided if no id was acknowledged, although the rest was right', () => {
    const result = check(
      status(0, snowflake()),
      invoke(1, 'generate', {}),
      fail(1, 'generate', {}, undefined),
      invoke(2, 'assign', { service: 'payment', key: 'a' }),
      info(2, 'assign', { service: 'payment', key: 'a' }),
    );
    expect(result).toEqual({ ...valid(2, 0, 0, 0), 'valid?': 'unknown', ...UNKNOWN });
  });

  it('accepts one in which everything is as promised', () => {
    const assigned = snowflake({ node: 1 });
    const said = { kind: 'snowflake', timestamp: '2026-01-01T00:00:00.000Z', node: 1, sequence: 0 };
    const result = check(
      generate(0, [snowflake()]),
      batch(0, [snowflake({ sequence: 1 }), snowflake({ ms: 1 })]),
      nemesis('start-partition', 'one'),
      uuids(0, [uuid({ ms: 2 }), uuid({ ms: 2, sequence: 1 })]),
      generate(0, [uuid({ ms: 2, sequence: 4095 })], { kind: 'uuid' }),
      assign(1, 'a', assigned),
      assign(2, 'a', assigned),
      assign(2, 'a', snowflake({ node: 2 }), 'booking'),
      status(0, snowflake({ ms: 1 }), { ...SAID, timestamp: '2026-01-01T00:00:00.001Z' }),
      status(0, uuid({ ms: 2, sequence: 4095 }), {
        kind: 'uuid',
        timestamp: '2026-01-01T00:00:00.002Z',
        node: 0,
        sequence: 4095,
      }),
      status(0, assigned, { ...said, assignment: assignmentTo('a') }),
      invoke(0, 'status', { bad: 'letters' }),
      ok(0, 'status', { name: 'letters', refused: true }),
      invoke(2, 'generate', {}),
    );
    expect(result).toEqual(valid(8, 7, 6, 2));
  });

  it('says of what broke first what is wrong', () => {
    const result = check(generate(0, [snowflake()]), generate(1, [snowflake()]));
    expect(result).toEqual({
      ...valid(2, 2, 2, 0),
      'valid?': false,
      unique: {
        count: 1,
        examples: [{ problem: 'one id was handed out more than once', ids: [snowflake()], operations: [1, 3] }],
      },
      error: 'one id was handed out more than once',
      summary: 'One id was handed out more than once.',
      proofs: [
        {
          rule: 'unique',
          problem: 'one id was handed out more than once',
          facts: { ids: [snowflake()] },
          operations: [1, 3],
          operationCount: 2,
        },
      ],
    });
  });

  it('lists a bounded number of examples and counts all', () => {
    const ids = Array.from({ length: 30 }, (_, ms) => snowflake({ ms }));
    const result = check(batch(0, ids), batch(1, ids), generate(2, new Array(100).fill(snowflake({ ms: 99 }))));
    expect(result).toMatchObject({ unique: { count: 31 }, ascending: { count: 99 } });
    const { unique, ascending } = result as unknown as typeof KEPT;
    expect([unique.examples.length, ascending.examples.length]).toEqual([8, 8]);
  });

  it('is bound by nothing whose outcome is unknown, or that failed', () => {
    const id = snowflake();
    const wrong = { kind: 'snowflake', ids: [id, id] };
    const result = check(
      generate(0, [id]),
      ...[info, fail].flatMap((end) => [
        [invoke(1, 'generate', {}), end(1, 'generate', wrong)],
        [invoke(1, 'assign', { service: 'payment', key: 'a' }), end(1, 'assign', { service: 'payment', key: 'a', id })],
        [invoke(1, 'status', { of: 0 }), end(1, 'status', { id, ...SAID, sequence: 9 })],
        [invoke(1, 'status', { bad: 'empty' }), end(1, 'status', { name: 'empty', refused: false })],
      ]),
    );
    expect(result).toEqual(valid(5, 1, 1, 0));
  });

  it('takes only acknowledged ids, and those of requests for ids, when one was handed out twice', () => {
    const [id, other] = [snowflake(), snowflake({ node: 1 })];
    const twice = { kind: 'snowflake', ids: [id, other] };
    const result = check(
      generate(0, [id]),
      assign(1, 'a', other),
      ...[info, fail].map((end) => [invoke(2, 'generate', { count: 2 }), end(2, 'generate', twice)]),
      status(2, id, { ...SAID, ids: [id, other] }),
      generate(2, [id]),
    );
    expect(broken(result)).toEqual({
      unique: [{ problem: 'one id was handed out more than once', ids: [id], operations: [1, 11] }],
    });
  });

  it('says nothing of other operations than its own', () => {
    const id = snowflake();
    const refused = { ...fail(1, 'other', { id }), error: ['malformed-request', 'no'] };
    const others = [invoke(1, 'other', {}), ok(1, 'other', { id }), invoke(1, 'other', {}), refused];
    expect(check(generate(0, [id]), others)).toEqual(valid(1, 1, 1, 0));
  });

  it('cannot be judged when a process overlaps itself', () => {
    expect(() => check(invoke(0, 'generate', {}), invoke(0, 'generate', {}))).toThrow('while 0 is open');
  });
});

describe('ids are unique', () => {
  const TWICE = 'one id was handed out more than once';
  const SHARED = 'one slot was handed out in different ids';

  it('rejects an id that comes twice in a batch', () => {
    const id = snowflake();
    expect(broken(check(batch(0, [id, id]))).unique).toEqual([{ problem: TWICE, ids: [id], operations: [1, 1] }]);
  });

  it('rejects a UUID that two nodes generated', () => {
    expect(broken(check(uuids(0, [uuid()]), uuids(1, [uuid()])))).toEqual({
      unique: [{ problem: TWICE, ids: [uuid()], operations: [1, 3] }],
    });
  });

  it('rejects two ids of one kind that differ only in what is random', () => {
    const snowflakes = [snowflake({}, 0), snowflake({}, 1)];
    const uuidPair = [uuid({ ms: 1 }, 1n), uuid({ ms: 1 }, 2n)];
    expect(
      broken(
        check(
          generate(0, [snowflakes[0]]),
          generate(1, [snowflakes[1]]),
          uuids(0, [uuidPair[0]]),
          uuids(1, [uuidPair[1]]),
        ),
      ),
    ).toEqual({
      unique: [
        { problem: SHARED, ids: snowflakes, operations: [1, 3] },
        { problem: SHARED, ids: uuidPair, operations: [5, 7] },
      ],
    });
  });

  it('rejects one slot in ids of two kinds', () => {
    const slot = { ms: 7, node: 1023, sequence: 4095 };
    expect(broken(check(generate(0, [snowflake(slot)]), uuids(1, [uuid(slot)])))).toEqual({
      unique: [{ problem: SHARED, ids: [snowflake(slot), uuid(slot)], operations: [1, 3] }],
    });
  });

  it('rejects a slot that was assigned in one id and generated in another', () => {
    expect(broken(check(assign(0, 'a', snowflake()), uuids(1, [uuid()])))).toEqual({
      unique: [{ problem: SHARED, ids: [uuid(), snowflake()], operations: [1, 3] }],
    });
  });

  it('accepts neighbours in each part of the slot', () => {
    const slots = [{}, { ms: 1 }, { node: 1 }, { sequence: 1 }];
    const operations = slots.map((slot, process) => generate(process, [snowflake(slot)]));
    expect(check(...operations, uuids(4, [uuid({ ms: 2 })]))).toEqual(valid(5, 5, 5, 0));
  });

  it('accepts values whose fingerprints collide', () => {
    const number = fingerprint('7x');
    expect(fingerprint(number)).toBe(number);
    expect(broken(check(batch(0, ['7x', number])))).not.toHaveProperty('unique');
  });

  it('lists eight of the ids that share a slot, and eight of the operations', () => {
    const ids = Array.from({ length: 10 }, (_, random) => uuid({}, 2n ** 51n + BigInt(random)));
    const operations = ids.map((_, index) => 2 * index + 1);
    expect(broken(check(...ids.map((id, process) => uuids(process, [id])))).unique).toEqual([
      { problem: SHARED, ids: ids.slice(0, 8), operations: operations.slice(0, 8) },
    ]);
  });

  it('rejects what is no id, too, when it comes twice, and tells a number from a text', () => {
    const { unique } = broken(check(batch(0, ['7x', 7, '7', '7x'])));
    expect(unique).toEqual([{ problem: TWICE, ids: ['7x'], operations: [1, 1] }]);
  });

  it('identifies the one repeated id in many, far apart', () => {
    const operations = Array.from({ length: 2000 }, (_, ms) =>
      batch(
        ms % 3,
        Array.from({ length: 10 }, (_unused, sequence) => snowflake({ ms, node: ms % 3, sequence })),
      ),
    );
    const again = snowflake({ ms: 17, node: 2, sequence: 4 });
    expect(broken(check(...operations, generate(9, [again]))).unique).toEqual([
      { problem: TWICE, ids: [again], operations: [35, 4001] },
    ]);
  });
});

describe('ids ascend', () => {
  function regression(previous: string, id: string, process: number, node: string, operation: number) {
    return { ascending: [{ problem: 'an id is not above the one before', previous, id, process, node, operation }] };
  }

  it('rejects a batch that descends', () => {
    const [late, early] = [snowflake({ ms: 1 }), snowflake({ sequence: 9 })];
    expect(broken(check(batch(1, [late, early])))).toEqual(regression(late, early, 1, 'n1', 1));
  });

  it('rejects a sequence that descends within a millisecond', () => {
    const [late, early] = [snowflake({ sequence: 2 }, 0), snowflake({ sequence: 1 }, 1)];
    expect(broken(check(batch(0, [late, early])))).toEqual(regression(late, early, 0, 'n0', 1));
  });

  it('rejects an earlier id in a later answer, also after the client took a new process number', () => {
    const [late, early] = [snowflake({ ms: 5 }), snowflake()];
    const lost = [invoke(1, 'generate', {}), info(1, 'generate', {})];
    expect(broken(check(generate(1, [late]), lost, generate(4, [early])))).toEqual(regression(late, early, 4, 'n1', 5));
  });

  it('rejects a UUID that is before the id of the other kind', () => {
    const [late, early] = [snowflake({ ms: 5 }), uuid({ ms: 4 })];
    expect(broken(check(generate(2, [late]), uuids(2, [early])))).toEqual(regression(late, early, 2, 'n2', 3));
  });

  it('takes the order of the completions', () => {
    const [first, second] = [snowflake({ ms: 1 }), snowflake({ ms: 2 })];
    const ids = (id: string) => ({ kind: 'snowflake', ids: [id] });
    const overlapping = [
      invoke(0, 'generate', {}),
      invoke(3, 'generate', {}),
      ok(3, 'generate', ids(second)),
      ok(0, 'generate', ids(first)),
    ];
    // Processes 0 and 3 are one worker, whom a real run never lets overlap itself.
    expect(broken(check(overlapping))).toEqual(regression(second, first, 0, 'n0', 3));
  });

  it('accepts that a node takes an earlier number and goes on there', () => {
    const ids = [snowflake({ ms: 9, node: 4 }), snowflake({ ms: 2, node: 3 }), snowflake({ ms: 3, node: 3 })];
    expect(check(batch(0, ids), generate(0, [snowflake({ ms: 9, node: 4, sequence: 1 })]))).toEqual(valid(2, 2, 4, 0));
  });

  it('accepts that two clients get theirs in any order', () => {
    const [late, early] = [snowflake({ ms: 9, node: 3 }), snowflake()];
    expect(check(generate(0, [late]), generate(1, [early]))).toEqual(valid(2, 2, 2, 0));
    expect(check(generate(0, [snowflake({ ms: 9 })]), generate(1, [snowflake({ ms: 2 })]))).toEqual(valid(2, 2, 2, 0));
  });

  it('accepts an assigned id that is older than what was generated since', () => {
    const operations = [generate(0, [snowflake({ ms: 9 })]), assign(0, 'a', snowflake()), assign(0, 'a', snowflake())];
    expect(check(...operations, generate(0, [snowflake({ ms: 10 })]))).toEqual(valid(4, 4, 2, 1));
  });
});

describe('a status is right', () => {
  it.each([
    ['kind', { kind: 'uuid' }],
    ['timestamp', { timestamp: '2026-01-01T00:00:00.001Z' }],
    ['timestamp, in another format', { timestamp: '2026-01-01T00:00:00Z' }],
    ['timestamp, as a number', { timestamp: START_MS }],
    ['node', { node: 1 }],
    ['node, as a text', { node: '0' }],
    ['sequence', { sequence: 1 }],
  ])('rejects another %s than the id says', (_name, change) => {
    const id = snowflake();
    const said = { ...SAID, ...change };
    expect(broken(check(generate(0, [id]), status(0, id, said)))).toEqual({
      'status-is-right': [{ problem: 'a status is not what the id says', id, said, expected: SAID, operation: 3 }],
    });
  });

  it('rejects that something is missing', () => {
    const { sequence: _sequence, ...said } = SAID;
    expect(broken(check(status(0, snowflake(), said), generate(0, [snowflake()])))).toHaveProperty('status-is-right');
  });

  it('rejects a status of a UUID that calls it a Snowflake', () => {
    expect(broken(check(uuids(0, [uuid()]), status(0, uuid())))).toEqual({
      'status-is-right': [
        {
          problem: 'a status is not what the id says',
          id: uuid(),
          said: SAID,
          expected: { ...SAID, kind: 'uuid' },
          operation: 3,
        },
      ],
    });
  });

  it('rejects a status of what is no id', () => {
    expect(broken(check(status(0, '0123'), generate(0, [snowflake()])))).toEqual({
      'status-is-right': [{ problem: 'there is a status of what is no id', id: '0123', said: SAID, operation: 1 }],
    });
  });

  it('accepts that an answer that was no id is refused as malformed', () => {
    const id = 'n0-1';
    const refused = [
      invoke(0, 'status', { of: 0 }),
      { ...fail(0, 'status', { id }), error: ['malformed-request', 'no'] },
    ];
    expect(Object.keys(broken(check(generate(0, [id]), refused)))).toEqual(['as-asked']);
  });

  it('rejects that an id is refused as malformed, and accepts that it is at another time', () => {
    const id = snowflake();
    const refused = (name: string) => [
      invoke(0, 'status', { of: 0 }),
      { ...fail(0, 'status', { id }), error: [name, 'no'] },
    ];
    expect(check(generate(0, [id]), refused('temporarily-unavailable'))).toEqual(valid(1, 1, 1, 0));
    expect(broken(check(generate(0, [id]), refused('malformed-request')))).toEqual({
      'status-is-right': [{ problem: 'an id was refused', id, operation: 3 }],
    });
  });
});

describe('assignments are one to one', () => {
  it('rejects two ids for one service and key, and tells every further one', () => {
    const ids = [1, 2, 3].map((ms) => snowflake({ ms }));
    const result = check(...ids.map((id, process) => assign(process, 'a', id)), assign(2, 'a', ids[2]));
    const problem = 'one service and key got two ids';
    expect(broken(result)).toEqual({
      'one-to-one': [
        { problem, service: 'payment', key: 'a', ids: [ids[0], ids[1]], operations: [1, 3] },
        { problem, service: 'payment', key: 'a', ids: [ids[0], ids[2]], operations: [1, 5] },
      ],
    });
    expect(result).toMatchObject({ 'acknowledged-count': 4, 'assigned-count': 1 });
  });

  it('rejects one id for two keys, or for two services', () => {
    const id = snowflake();
    const to = [
      { service: 'payment', key: 'a' },
      { service: 'booking', key: 'a' },
    ];
    expect(broken(check(assign(0, 'a', id), assign(1, 'a', id, 'booking')))).toEqual({
      unique: [{ problem: 'one id was handed out more than once', ids: [id], operations: [1, 3] }],
      'one-to-one': [{ problem: 'one id was assigned twice', id, to, operations: [1, 3] }],
    });
    expect(broken(check(assign(0, 'a', id), assign(1, 'b', id)))).toHaveProperty('one-to-one');
  });

  it.each([
    ['before it was assigned', (id: string) => [generate(0, [id]), assign(1, 'a', id)], [1, 3]],
    ['after it was assigned', (id: string) => [assign(1, 'a', id), generate(0, [id])], [3, 1]],
  ])('rejects an id that was generated %s', (_name, operationsOf, operations) => {
    const id = snowflake();
    expect(broken(check(...operationsOf(id)))).toEqual({
      unique: [{ problem: 'one id was handed out more than once', ids: [id], operations: [1, 3] }],
      'one-to-one': [
        {
          problem: 'an id that is assigned was generated, too',
          id,
          to: { service: 'payment', key: 'a' },
          operations,
        },
      ],
    });
  });

  it('compares ids that are no texts by their value', () => {
    const wrong = [() => 7, () => [7], () => ({ id: 7 })];
    for (const id of wrong) {
      expect(Object.keys(broken(check(assign(0, 'a', id()), assign(1, 'a', id()))))).toEqual(['as-asked']);
      expect(broken(check(assign(0, 'a', id()), generate(1, [id()])))['one-to-one']).toHaveLength(1);
      expect(broken(check(assign(0, 'a', id()), assign(1, 'a', JSON.stringify(id()))))['one-to-one']).toHaveLength(1);
    }
  });

  it('tells service and key apart, wherever one ends', () => {
    const operations = [assign(0, 'b', snowflake(), 'a-'), assign(0, '-b', snowflake({ ms: 1 }), 'a')];
    expect(check(...operations)).toEqual(valid(2, 2, 0, 2));
  });
});

describe('what a status says of an assignment is right', () => {
  const id = snowflake();
  const MISSING = 'a status does not tell the assignment';
  const OTHER = 'a status tells another assignment than was acknowledged';
  const TO_A = { service: 'payment', key: 'a' };
  const TO_B = { service: 'payment', key: 'b' };

  it('rejects that it is missing after the assignment was acknowledged', () => {
    expect(broken(check(assign(0, 'a', id), status(1, id)))).toEqual({
      'assignment-is-right': [{ problem: MISSING, id, to: TO_A, operations: [1, 3] }],
    });
  });

  it('accepts that it is missing as long as the assignment is under way', () => {
    const [invokeAssign, okAssign] = assign(0, 'a', id) as [HandwrittenOperation, HandwrittenOperation];
    const [invokeStatus, okStatus] = status(1, id) as [HandwrittenOperation, HandwrittenOperation];
    expect(check(invokeAssign, invokeStatus, okAssign, okStatus)['valid?']).toBe(true);
    expect(check(invokeStatus, invokeAssign, okAssign, okStatus)['valid?']).toBe(true);
    expect(check(invokeAssign, okAssign, invokeStatus, okStatus)['valid?']).toBe(false);
  });

  it('accepts that it is there before the answer, or without any answer', () => {
    const unknown = [invoke(0, 'assign', TO_A), info(0, 'assign', TO_A)];
    const told = statusOfAssigned(1, id, assignmentTo('a'));
    const generated = generate(2, [snowflake({ ms: 1 })]);
    expect(check(unknown, told, generated)).toEqual(valid(2, 1, 1, 0));
    expect(check(told, assign(0, 'a', id))).toEqual(valid(1, 1, 0, 1));
  });

  it('rejects that it is missing after it was told', () => {
    const result = check(statusOfAssigned(1, id, assignmentTo('a')), status(1, id), assign(0, 'a', id));
    expect(broken(result)).toEqual({
      'assignment-is-right': [{ problem: MISSING, id, to: TO_A, operations: [1, 3] }],
    });
  });

  it.each([
    ['before', [0, 1], [3, 1]],
    ['after', [1, 0], [1, 3]],
  ] as const)('rejects one to a key that got another id %s', (_name, order, operations) => {
    const other = snowflake({ ms: 1 });
    const parts = [assign(0, 'a', other), statusOfAssigned(1, id, assignmentTo('a'))];
    expect(broken(check(...order.map((index) => parts[index] as HandwrittenOperation[])))).toEqual({
      'assignment-is-right': [{ problem: OTHER, id, told: TO_A, acknowledged: { ...TO_A, id: other }, operations }],
    });
  });

  it('rejects one that names another key than the id was assigned to', () => {
    expect(broken(check(assign(0, 'a', id), statusOfAssigned(1, id, assignmentTo('b'))))).toEqual({
      'assignment-is-right': [{ problem: OTHER, id, told: TO_B, acknowledged: { ...TO_A, id }, operations: [3, 1] }],
    });
  });

  it('rejects one of an id that was generated', () => {
    const operations = [generate(0, [id]), statusOfAssigned(1, id, assignmentTo('a'))];
    expect(broken(check(...operations))).toEqual({
      'assignment-is-right': [
        { problem: 'an id that is assigned was generated, too', id, to: TO_A, operations: [1, 3] },
      ],
    });
  });

  it.each([
    ['another key', assignmentTo('b')],
    ['another time', assignmentTo('a', { created_at: '2026-01-01T00:00:00.001Z' })],
    ['another node', assignmentTo('a', { node: 'n2' })],
  ])('rejects that a later status of the id tells %s', (_name, assignment) => {
    const operations = [statusOfAssigned(1, id, assignmentTo('a')), statusOfAssigned(2, id, assignment)];
    const result = check(...operations, generate(0, [snowflake({ ms: 1 })]));
    expect(broken(result)).toEqual({
      'assignment-is-right': [
        { problem: 'two statuses tell different assignments', ids: [id, id], assignment, operations: [1, 3] },
      ],
    });
  });

  it('rejects that statuses of two ids tell one key, and compares every further one with the first', () => {
    const [second, third] = [1, 2].map((sequence) => snowflake({ sequence })) as [string, string];
    const assignment = assignmentTo('a');
    const operations = [
      statusOfAssigned(1, id, assignment),
      status(2, second, { ...SAID, sequence: 1, assignment }),
      status(2, third, { ...SAID, sequence: 2, assignment }),
    ];
    const problem = 'two statuses tell different assignments';
    expect(broken(check(...operations, generate(0, [snowflake({ ms: 1 })])))).toEqual({
      'assignment-is-right': [
        { problem, ids: [id, second], assignment, operations: [1, 3] },
        { problem, ids: [id, third], assignment, operations: [1, 5] },
      ],
    });
  });

  it('accepts that statuses tell the same again, with the fields in any order', () => {
    const again = Object.fromEntries(Object.entries(assignmentTo('a')).reverse());
    const operations = [assignmentTo('a'), assignmentTo('a'), again].map((assignment, process) =>
      statusOfAssigned(process, id, assignment),
    );
    expect(check(...operations, assign(0, 'a', id))).toEqual(valid(1, 1, 0, 1));
  });

  it.each([
    ['is no object', 'payment/a', 'an assignment is no object'],
    ['is null', null, 'an assignment is no object'],
    ['has no key', assignmentTo('a', { key: undefined }), 'an assignment does not name service and key'],
    ['has a number for a service', assignmentTo('a', { service: 7 }), 'an assignment does not name service and key'],
    ['is by a stranger', assignmentTo('a', { node: 'n3' }), 'an assignment is by no node of this run'],
    ['is by a node in a list', assignmentTo('a', { node: ['n1'] }), 'an assignment is by no node of this run'],
    [
      'has a time in a list',
      assignmentTo('a', { created_at: ['2026-01-01T00:00:00.000Z'] }),
      'an assignment has no time',
    ],
    [
      'has a time without milliseconds',
      assignmentTo('a', { created_at: '2026-01-01T00:00:00Z' }),
      'an assignment has no time',
    ],
  ])('rejects one that %s', (_name, assignment, problem) => {
    const result = check(generate(0, [snowflake({ ms: 1 })]), statusOfAssigned(1, id, assignment));
    expect(broken(result)).toEqual({ 'assignment-is-right': [{ problem, id, assignment, operation: 3 }] });
  });
});

describe('assignments by nodes that name themselves', () => {
  const id = snowflake();
  const checkNamed = (node: unknown) => {
    const history = handwritten(
      ...generate(0, [snowflake({ ms: 1 })]),
      ...statusOfAssigned(1, id, assignmentTo('a', { node })),
    );
    return broken(idsChecker().check({ ...THREE_NODES, haveOwnNames: true }, history));
  };

  it('may be by any node', () => {
    expect(checkNamed('i-5sk2')).toEqual({});
  });

  it.each([undefined, '', 7])('must name it: %j', (node) => {
    expect(checkNamed(node)).toMatchObject({
      'assignment-is-right': [{ problem: 'an assignment does not name its node' }],
    });
  });
});

describe('answers are as asked', () => {
  it.each([
    ['too few ids', { count: 3 }, 1],
    ['no id', {}, 0],
    ['too many ids', { count: 1 }, 2],
  ])('rejects %s', (_name, asked, answeredCount) => {
    const ids = Array.from({ length: answeredCount }, (_unused, ms) => snowflake({ ms }));
    expect(broken(check(generate(0, [snowflake({ node: 1 })]), generate(0, ids, asked)))).toEqual({
      'as-asked': [
        {
          problem: 'another number of ids was answered than was asked for',
          asked,
          'answered-count': answeredCount,
          operation: 3,
        },
      ],
    });
  });

  it('counts an answer without an id as none that acknowledges one', () => {
    const result = check(generate(0, []));
    expect(Object.keys(broken(result))).toEqual(['as-asked']);
    expect(result).toMatchObject({ 'attempted-count': 1, 'acknowledged-count': 0, 'id-count': 0 });
  });

  it.each([
    ['a number', 289910292480000000],
    ['null', null],
    ['another text', 'n0-1'],
    ['a leading zero', `0${snowflake()}`],
    ['a value of 2^64', '18446744073709551616'],
    ['a UUID', uuid()],
  ])('rejects %s as a Snowflake, generated and assigned', (_name, id) => {
    const problem = 'an id is no snowflake';
    expect(broken(check(generate(0, [id])))).toEqual({ 'as-asked': [{ problem, asked: {}, id, operation: 1 }] });
    expect(broken(check(assign(0, 'a', id)))).toEqual({
      'as-asked': [{ problem, asked: { service: 'payment', key: 'a' }, id, operation: 1 }],
    });
  });

  it.each([
    ['a Snowflake', snowflake()],
    ['upper case', uuid().toUpperCase()],
    ['another version', `${uuid().slice(0, 14)}4${uuid().slice(15)}`],
    ['another variant', `${uuid().slice(0, 19)}c${uuid().slice(20)}`],
    ['no hyphens', uuid().replaceAll('-', '')],
  ])('rejects %s as a UUID', (_name, id) => {
    const asked = { kind: 'uuid' };
    expect(broken(check(generate(0, [id], asked)))).toEqual({
      'as-asked': [{ problem: 'an id is no uuid', asked, id, operation: 1 }],
    });
  });

  it.each(['generate', 'assign'])('rejects that a well-formed %s is called malformed', (f) => {
    const refused = [invoke(0, f, {}), { ...fail(0, f, {}), error: ['malformed-request', 'body.count: too many'] }];
    expect(broken(check(generate(0, [snowflake()]), refused))).toEqual({
      'as-asked': [{ problem: 'a request was refused that is well-formed', f, asked: {}, operation: 3 }],
    });
  });
});

describe('what is no id is refused', () => {
  it('rejects that it was not, also in a run without ids', () => {
    const answer = { kind: 'snowflake' };
    const result = check(
      invoke(0, 'status', { bad: 'letters' }),
      ok(0, 'status', { name: 'letters', refused: false, answer }),
    );
    expect(broken(result)).toEqual({
      'refuses-what-is-no-id': [
        { problem: 'what is no id was not refused with error 12', name: 'letters', answer, operation: 1 },
      ],
    });
  });

  it('accepts that at some time nothing is answered at all', () => {
    const unavailable = [
      invoke(0, 'status', { bad: 'letters' }),
      { ...fail(0, 'status', { bad: 'letters' }), error: ['temporarily-unavailable', 'no'] },
    ];
    expect(check(unavailable, generate(0, [snowflake()]))).toEqual(valid(1, 1, 1, 0));
  });
});
