/** The tests of txn-list-append and txn-rw-register: what they ask, how answers end an operation, and their options. */

import { describe, expect, it } from 'vitest';
import type { Invocation } from '../../src/harness/workload-test.ts';
import { txnListAppend } from '../../src/workloads/txn-list-append/workload.ts';
import { txnRwRegister } from '../../src/workloads/txn-rw-register/workload.ts';
import {
  CRASH,
  configured,
  draw,
  type Fields,
  outcomes,
  perform,
  REFUSAL,
  runAll,
  share,
  shares,
} from '../support/operation-run.ts';
import type { Script } from '../support/scripted-bed.ts';

type Mop = readonly [f: string, key: number, value: unknown];

const CONFLICT: Fields = { type: 'error', code: 30, text: 'again' };

/** A database that all nodes share. @param answer what a transaction answers, in place of the right answer */
function sharing(write: string, answer: (txn: readonly Mop[], count: number) => unknown = (txn) => txn): Script {
  const values = new Map<number, unknown>();
  let count = 0;
  return (message, node) => {
    const txn = (message.body.txn as readonly Mop[]).map(([f, key, value]): Mop => {
      if (f === 'r') return [f, key, values.get(key) ?? null];
      values.set(key, write === 'w' ? value : [...((values.get(key) as unknown[]) ?? []), value]);
      return [f, key, value];
    });
    node.reply(message, { type: 'txn_ok', txn: answer(txn, count++) });
  };
}

function mopsOf(operations: readonly Invocation[]): Mop[] {
  return operations.flatMap(({ value }) => value as Mop[]);
}

describe.each([
  ['txn-list-append', txnListAppend.test, 'append', [1, 2]],
  ['txn-rw-register', txnRwRegister.test, 'w', 2],
])('%s', (_, test, write, found) => {
  const asked = [
    ['r', 5, null],
    [write, 5, 3],
    ['r', 6, null],
  ];
  const answered = [
    ['r', 5, found],
    [write, 5, 3],
    ['r', 6, null],
  ];
  const TXN = { f: 'txn', value: asked };

  it('sends a transaction, and has the answered one in the history', async () => {
    const { asked: requests, begin, end, tookMs } = await perform(test, TXN, [{ txn: answered }]);
    expect(requests).toEqual([{ type: 'txn', txn: asked }]);
    expect([begin, end]).toEqual([
      { type: 'invoke', ...TXN },
      { type: 'ok', f: 'txn', value: answered },
    ]);
    expect(tookMs).toBeLessThan(10);
  });

  it('keeps what was asked where it is not ok', async () => {
    const end = async (...replies: Fields[]) => (await perform(test, TXN, replies)).end;
    expect(await end(CONFLICT)).toEqual({ type: 'fail', ...TXN, error: ['txn-conflict', 'again'] });
    expect(await end(REFUSAL)).toMatchObject({ type: 'fail' });
    expect(await end(CRASH)).toEqual({ type: 'info', ...TXN, error: ['crash', 'oops'] });
    expect(await end()).toEqual({ type: 'info', ...TXN, error: 'net-timeout' });
    expect((await perform(test, TXN, [])).tookMs).toBe(5000);
  });

  it('goes on with the same client after an unknown outcome', async () => {
    expect(await outcomes(test, TXN, { txn: answered })).toEqual({
      right: 'ok, client kept',
      definite: 'fail, client kept',
      indefinite: 'info, client kept',
      silence: 'info, client kept',
      malformed: 'info, client kept',
    });
  });

  it.each([[[['r', 5]]], [[['r', 5, null, 1]]], [[['x', 5, null]]], [[[5, 'r', null]]], [['r', 5, null]], ['r']])(
    'takes the answer %j for malformed',
    async (txn) => {
      const { end } = await perform(test, TXN, [{ txn }]);
      expect(end).toMatchObject({
        type: 'info',
        value: asked,
        error: ['malformed-reply', expect.stringContaining('txn')],
      });
    },
  );

  it('does not hold the answer against the request, as Maelstrom does not', async () => {
    for (const txn of [[], [[write, 9, 9]]])
      expect((await perform(test, TXN, [{ txn }])).end).toMatchObject({ type: 'ok', value: txn });
  });

  it('draws 1 to 4 operations, reads and writes half and half, of ten keys at a time', () => {
    const drawn = draw(configured(test), 20_000);
    expect(shares(drawn.map(({ value }) => (value as Mop[]).length))).toEqual({
      1: expect.closeTo(1 / 4, 1.5),
      2: expect.closeTo(1 / 4, 1.5),
      3: expect.closeTo(1 / 4, 1.5),
      4: expect.closeTo(1 / 4, 1.5),
    });
    expect(new Set(drawn.map(({ f }) => f))).toEqual(new Set(['txn']));
    const mops = mopsOf(drawn);
    // Of 17 writes of a key that are drawn, 16 are done.
    expect(share(mops, ([f]) => f === write)).toBeCloseTo(16 / 33, 1.8);
    expect(mops.filter(([f]) => f === 'r').every(([, , value]) => value === null)).toBe(true);
    expect(new Set(mops.map(([f]) => f))).toEqual(new Set(['r', write]));
    const first = mops.slice(0, 40).map(([, key]) => key);
    expect(Math.max(...first)).toBeLessThan(20);
  });

  it('writes each value of a key once, also between operations and probes', () => {
    const once = configured(test);
    const mops = [...mopsOf(draw(once, 3000)), ...mopsOf(draw(once, 500)), ...mopsOf(draw(once, 3000))];
    const written = new Map<number, unknown[]>();
    for (const [f, key, value] of mops) if (f === write) written.set(key, [...(written.get(key) ?? []), value]);
    for (const values of written.values()) expect(values).toEqual(values.map((_value, index) => index + 1));
    expect(Math.max(...[...written.values()].map(({ length }) => length))).toBe(16);
    expect(written.size).toBeGreaterThan(200);
  });

  it('obeys --key-count, --max-txn-length and --max-writes-per-key', () => {
    const workloadOptions = { 'key-count': '2', 'max-txn-length': '7', 'max-writes-per-key': '3' };
    const drawn = draw(configured(test, { workloadOptions }), 5000);
    const lengths = new Set(drawn.map(({ value }) => (value as Mop[]).length));
    expect([...lengths].sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    const mops = mopsOf(drawn);
    const values = mops.filter(([f]) => f === write).map(([, , value]) => value);
    expect(new Set(values)).toEqual(new Set([1, 2, 3]));
    const inUse = mops.map(([, key]) => key);
    const last = (key: number) => inUse.lastIndexOf(key);
    for (const at of [100, 5000, 10_000]) {
      const open = new Set(inUse.slice(0, at).filter((key) => last(key) >= at));
      expect(open.size).toBeLessThanOrEqual(2);
    }
    for (const [name, text] of [
      ['key-count', '0'],
      ['max-txn-length', '1.5'],
      ['max-writes-per-key', '-1'],
    ] as const)
      expect(() => configured(test, { workloadOptions: { [name]: text } })).toThrow('expected a whole number from 1');
  });

  it('refuses a consistency model that there is not, or that forbids nothing', () => {
    const models = (text: string) => () => configured(test, { workloadOptions: { 'consistency-models': text } });
    expect(models('strict')).toThrow('"strict" is no consistency model');
    expect(models('serializable,')).toThrow('"" is no consistency model');
    expect(models('linearizable')).toThrow('forbids nothing');
    expect(models('read-committed,serializable')).not.toThrow();
  });

  const load = { test, nodes: ['n0', 'n1'], concurrency: 4, ratePerSecond: 100, timeLimitMs: 4000 };

  it('is valid for one database, with --strict too, and has no final operations', async () => {
    const { history, results } = await runAll(sharing(write), { ...load, strict: true }).finish();
    expect(results['valid?']).toBe(true);
    expect(Math.max(...[...history].map(({ time }) => time / 1e6))).toBeLessThan(4100);
  });

  it('judges by the models that are named, separated by commas with or without spaces', async () => {
    // Some transactions that only read see nothing: fine for read-committed, not in real time.
    const stale = () =>
      sharing(write, (txn, count) =>
        count > 200 && count % 3 === 0 && txn.every(([f]) => f === 'r') ? txn.map(([f, key]) => [f, key, null]) : txn,
      );
    const verdict = async (models: string) => {
      const workloadOptions = { 'key-count': '3', 'max-writes-per-key': '1000', 'consistency-models': models };
      const { results } = await runAll(stale(), { ...load, workloadOptions }).finish();
      return results['valid?'];
    };
    expect(await verdict('strict-serializable')).toBe(false);
    expect(await verdict('read-committed')).toBe(true);
    expect(await verdict('read-committed,strict-serializable')).toBe(false);
    expect(await verdict(' read-committed , read-uncommitted ')).toBe(true);
  });

  it('is invalid with --strict where an answer leaves reads out', async () => {
    const verdict = async (strict: boolean) => {
      const script = sharing(write, (txn) =>
        txn.filter(([f, key], index) => f !== 'r' || key % 2 === 0 || index === 0),
      );
      const { results } = await runAll(script, { ...load, ...(strict && { strict }) }).finish();
      return results['valid?'];
    };
    expect(await verdict(false)).toBe(true);
    expect(await verdict(true)).toBe(false);
  });
});

describe('a read', () => {
  const TXN = { f: 'txn', value: [['r', 5, null]] };
  const end = async (test: typeof txnListAppend.test, value: unknown) =>
    (await perform(test, TXN, [{ txn: [['r', 5, value]] }])).end;

  it('of a list finds a list or null, as Maelstrom declares it', async () => {
    for (const value of [[], [1, 2], null]) expect(await end(txnListAppend.test, value)).toMatchObject({ type: 'ok' });
    for (const value of [3, 'x', {}]) {
      const error = ['malformed-reply', 'txn.0: a read must find a list or null'];
      expect(await end(txnListAppend.test, value)).toMatchObject({ type: 'info', error });
    }
  });

  it('of a register finds any value', async () => {
    for (const value of [3, null, 'x', [1]]) expect(await end(txnRwRegister.test, value)).toMatchObject({ type: 'ok' });
  });
});
