import { describe, expect, it } from 'vitest';
import type { NetworkMessage } from '../../../src/harness/network.ts';
import { NEMESIS, type Operation } from '../../../src/history/operation.ts';
import {
  createMessageLine,
  LineComparison,
  messageText,
  operationLine,
  RunDigest,
} from '../../../src/host/records/run-lines.ts';
import { ExactNumber, stringifyExact } from '../../../src/protocol/exact-json.ts';

const OPERATION: Operation = {
  index: 3,
  time: 1_500_000,
  type: 'ok',
  process: 7,
  f: 'generate',
  value: '529086283885051905',
};

const OPERATIONS: readonly Operation[] = [
  OPERATION,
  { ...OPERATION, value: null, type: 'invoke' },
  { ...OPERATION, process: NEMESIS, type: 'info', f: 'start-partition', value: ['isolated', { n0: ['n1'] }] },
  { ...OPERATION, value: 'a "quoted"\n text é \ud800', f: 'e"cho' },
  { ...OPERATION, value: new ExactNumber('12345678901234567890') },
  { ...OPERATION, value: { deep: [1.5, -0, { id: new ExactNumber('1.0') }] } },
  { ...OPERATION, type: 'info', value: null, error: 'net-timeout' },
  { ...OPERATION, type: 'fail', value: 5, error: ['abort', 'no'] },
  { ...OPERATION, value: undefined },
];

const MESSAGE: NetworkMessage = { id: 4, src: 'c1', dest: 'n0', body: { type: 'echo', msg_id: 1, echo: 'x' } };

describe('lines of a run', () => {
  it('of operations are the JSON of the operation', () => {
    for (const operation of OPERATIONS) expect(operationLine(operation)).toBe(stringifyExact(operation));
  });

  it('of messages for people show long lists by their ends', () => {
    expect(messageText(MESSAGE)).toBe(stringifyExact(MESSAGE));
    const messages = Array.from({ length: 10_000 }, (_, index) => index);
    expect(messageText({ ...MESSAGE, body: { type: 'read_ok', messages } })).toBe(
      '{"id":4,"src":"c1","dest":"n0","body":' +
        '{"type":"read_ok","messages":[0,1,2,…,9997,9998,9999] (10000 elements)}}',
    );
  });

  it('of messages are the JSON of event and message, also if the same message comes twice in a row', () => {
    const messageLine = createMessageLine();
    const bodies = [
      MESSAGE.body,
      {},
      { type: 'x', absent: undefined, list: [1, 'é'], zero: -0, half: 0.5, no: false, exact: new ExactNumber('1e3') },
    ];
    for (const body of bodies) {
      const message = { ...MESSAGE, body };
      for (const event of ['send', 'receive'] as const) {
        expect(messageLine(event, message, 1.25)).toBe(stringifyExact({ time: 1_250_000, event, ...message }));
      }
    }
  });
});

describe('a comparison of two runs', () => {
  const compare = (first: readonly Operation[], second: readonly Operation[]) => {
    const comparison = new LineComparison();
    for (const operation of first) comparison.first.onOperation?.(operation);
    for (const operation of second) comparison.second.onOperation?.(operation);
    return comparison.difference;
  };

  it('finds the first difference, or none', () => {
    expect(compare(OPERATIONS, OPERATIONS)).toBeUndefined();
    const changed = OPERATIONS.map((operation, index) => (index >= 2 ? { ...operation, time: 9 } : operation));
    expect(compare(OPERATIONS, changed)).toMatch(/^line 3 was \{.*"time":1500000,.*\} and then \{.*"time":9,/);
  });

  it('finds a run that ends earlier or later', () => {
    expect(compare(OPERATIONS.slice(0, 2), OPERATIONS.slice(0, 1))).toMatch(/^line 2 was \{.* and then not there$/);
    expect(compare(OPERATIONS.slice(0, 1), OPERATIONS.slice(0, 2))).toMatch(/^line 2 was not there and then \{/);
  });
});

it('digests equal runs equally, and others not', () => {
  const digest = (operations: readonly Operation[], messages: readonly NetworkMessage[]) => {
    const runDigest = new RunDigest();
    for (const operation of operations) runDigest.observer.onOperation?.(operation);
    for (const message of messages) runDigest.observer.onMessage?.('send', message, 0);
    return runDigest.finish();
  };
  expect(digest(OPERATIONS, [MESSAGE])).toBe(digest(OPERATIONS, [MESSAGE]));
  expect(digest(OPERATIONS, [MESSAGE])).not.toBe(digest(OPERATIONS, [{ ...MESSAGE, id: 5 }]));
  expect(digest(OPERATIONS, [MESSAGE])).toMatch(/^[0-9a-f]{64}$/);
});
