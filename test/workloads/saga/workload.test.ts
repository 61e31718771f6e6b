/**
 * The test of the transfer service: what it draws, how its client judges replies, and that a correct service passes.
 */

import { beforeEach, describe, expect, it } from 'vitest';
import type { Completion } from '../../../src/harness/client.ts';
import type { RunOptions } from '../../../src/harness/run-options.ts';
import type { Invocation, WorkloadTest } from '../../../src/harness/workload-test.ts';
import { History } from '../../../src/history/history.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import * as messages from '../../../src/workloads/saga/messages.ts';
import { createSagaTest, sagaTest, smallSagaTest } from '../../../src/workloads/saga/workload.ts';
import { ClientRig } from '../../support/client-rig.ts';
import { answering, type Script } from '../../support/scripted-bed.ts';
import { ScriptedRun } from '../../support/scripted-run.ts';
import { ANY_TURN } from '../../support/turns.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers and values of every shape
type Fields = Readonly<Record<string, any>>;
type Drawn = Invocation & { readonly value: Fields };

const HOT = ['hot0', 'hot1', 'hot2', 'hot3'];
const CLOSABLE = ['c0', 'c1', 'c2'];
const COLD = Array.from({ length: 12 }, (_, number) => `cold${number}`);
const ACCOUNTS = [...HOT, ...COLD, ...CLOSABLE, 'poor'];

/** The first account of the same place. */
function firstOf(account: string): string {
  return account.split('-')[0] as string;
}

const pairsOnly = createSagaTest({ legs: 2 });

function draw(seed: string, count: number, test: WorkloadTest = sagaTest): Drawn[] {
  const next = test.createGenerator(new SeededRandom(seed));
  return Array.from({ length: count }, () => next(ANY_TURN) as Drawn);
}

function drawFinal(seed = 'final', test: WorkloadTest = sagaTest, history = new History()): readonly Drawn[] {
  return (test.createFinalInvocations?.(new SeededRandom(seed), 3, history) ?? []) as readonly Drawn[];
}

function valuesOf(operations: readonly Drawn[], f: string): Fields[] {
  return operations.filter((operation) => operation.f === f).map(({ value }) => value);
}

function share<Item>(items: readonly Item[], matches: (item: Item) => boolean): number {
  return items.filter(matches).length / items.length;
}

function legsOf({ legs, from, to, amount }: Fields): { readonly account: string; readonly amount: number }[] {
  return (
    legs ?? [
      { account: from, amount: -amount },
      { account: to, amount },
    ]
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function sectionsOf(operations: readonly Drawn[]): string[] {
  return operations.map(({ f }) => f).filter((f, index, all) => f !== all[index - 1]);
}

describe('the operations drawn', () => {
  const operations = draw('mix', 20_000);
  const transfers = valuesOf(operations, 'transfer');
  const distinct = [...new Map(transfers.map((value) => [value.request_id, value])).values()];
  const withLegs = distinct.filter(({ legs }) => legs !== undefined);

  it('begin with the opening of each account', () => {
    const first = operations.slice(0, ACCOUNTS.length);
    expect(new Set(first.map(({ f }) => f))).toEqual(new Set(['open']));
    expect(first.map(({ value }) => value.account)).toEqual(ACCOUNTS);
    expect(first[0]?.value).toEqual({ account: 'hot0', balance: 1000 });
    expect(first.slice(-2).map(({ value }) => value)).toEqual([
      { account: 'c2', balance: 0 },
      { account: 'poor', balance: 5 },
    ]);
  });

  it('are of every kind, and of no other, and plain JSON', () => {
    const kinds = ['open', 'open-otherwise', 'close', 'transfer', 'transfer-otherwise', 'status', 'audit'];
    expect(new Set(operations.map(({ f }) => f))).toEqual(new Set(kinds));
    expect(JSON.parse(JSON.stringify(operations))).toEqual(operations);
  });

  it('are the same for the same seed', () => {
    expect(draw('mix', 1000)).toEqual(operations.slice(0, 1000));
    expect(draw('other', 1000)).not.toEqual(operations.slice(0, 1000));
  });

  it('are mostly transfers, one for each request id', () => {
    expect(transfers.length).toBeGreaterThan(operations.length * 0.65);
    expect(distinct.length).toBeGreaterThan(operations.length * 0.45);
    const meaning = new Map<string, string>();
    for (const { request_id, ...rest } of transfers) {
      const text = JSON.stringify(rest);
      expect(meaning.get(request_id) ?? text).toBe(text);
      meaning.set(request_id, text);
    }
  });

  it('number requests in order, with a prefix of their generator', () => {
    const prefix = distinct[0]?.request_id.split('-')[0];
    expect(prefix).toMatch(/^[0-9a-f]{8}$/);
    expect(distinct.map(({ request_id }) => request_id)).toEqual(distinct.map((_, number) => `${prefix}-t${number}`));
  });

  it('share no request with the probes and none with the last questions', () => {
    const known = new Set(transfers.map(({ request_id }) => request_id));
    const probed = valuesOf(draw('probes', 1000), 'transfer');
    const asked = [...probed, ...valuesOf(drawFinal(), 'transfer-otherwise')].map(({ request_id }) => request_id);
    expect(asked.length).toBeGreaterThan(100);
    expect(asked.filter((request_id) => known.has(request_id))).toEqual([]);
  });

  it('move between 1 and 120 minor units, with a sum of 0, between different accounts', () => {
    for (const request of distinct) {
      const legs = legsOf(request);
      expect(sum(legs.map(({ amount }) => amount))).toBe(0);
      expect(new Set(legs.map(({ account }) => account)).size).toBe(legs.length);
      for (const { account, amount } of legs) {
        expect(ACCOUNTS).toContain(firstOf(account));
        expect(Math.abs(amount)).toBeGreaterThanOrEqual(1);
        expect(Math.abs(amount)).toBeLessThanOrEqual(120);
      }
    }
  });

  it('are pairs in half of the cases, else of three or four accounts in every order', () => {
    expect(share(distinct, ({ legs }) => legs === undefined)).toBeCloseTo(0.5, 1);
    for (const request of distinct)
      expect(messages.Transfer.request.safeParse({ type: 'transfer', msg_id: 1, ...request }).success).toBe(true);
    const shapes = withLegs.map((request) =>
      legsOf(request)
        .map(({ amount }) => (amount < 0 ? '-' : '+'))
        .join(''),
    );
    expect(new Set(shapes)).toEqual(
      new Set([...['-++', '+-+', '++-', '--+', '-+-', '+--'], ...['--++', '-+-+', '-++-', '+--+', '+-+-', '++--']]),
    );
    expect(share(shapes, ({ length }) => length === 4)).toBeCloseTo(1 / 3, 1);
  });

  it('are only pairs if no transfer may have more accounts', () => {
    const pairs = valuesOf(draw('mix', 2000, pairsOnly), 'transfer');
    for (const value of pairs) expect(Object.keys(value)).toEqual(['request_id', 'from', 'to', 'amount']);
  });

  it('are of few accounts half of the time, and of all', () => {
    const payers = distinct.filter(({ from }) => from !== undefined).map(({ from }) => from);
    expect(share(payers, (account) => HOT.includes(account))).toBeCloseTo(0.5, 1);
    expect(new Set(payers.map(firstOf))).toEqual(new Set(ACCOUNTS));
  });

  it('move little to and from accounts that are to be closed, which are often empty then', () => {
    const small = distinct.filter((request) =>
      legsOf(request).some(({ account }) => CLOSABLE.includes(firstOf(account))),
    );
    expect(small.length).toBeGreaterThan(500);
    for (const request of small)
      for (const { amount } of legsOf(request)) expect(Math.abs(amount)).toBeLessThanOrEqual(3);
    const own = small.flatMap(legsOf).filter(({ account }) => CLOSABLE.includes(firstOf(account)));
    expect(share(own, ({ amount }) => amount < 0)).toBeGreaterThan(0.6);
    const closed = valuesOf(operations, 'close').map(({ account }) => account);
    expect(new Set(closed.map(firstOf))).toEqual(new Set(CLOSABLE));
    expect(closed.length / operations.length).toBeLessThan(0.05);
  });

  it('close each of those a dozen times and then open a successor, until the end', () => {
    const closes = new Map<string, number>();
    const opened = new Map(ACCOUNTS.map((account) => [account, 0]));
    for (const [place, { f, value }] of operations.entries()) {
      const { account } = value;
      if (f === 'open' && !opened.has(account)) {
        expect(value.balance).toBe(0);
        opened.set(account, place);
      }
      if (f !== 'close') continue;
      expect(opened.has(account)).toBe(true);
      closes.set(account, (closes.get(account) ?? 0) + 1);
    }
    // Now and then the predecessor again, which may have been left open.
    const counts = [...closes.values()];
    expect(share(counts, (count) => count >= 12)).toBeGreaterThan(0.9);
    expect(share(counts, (count) => count > 12)).toBeGreaterThan(0.5);
    expect(Math.max(...counts)).toBeLessThan(30);
    const places = [...opened.values()].filter((place) => place > 0);
    for (let tenth = 1; tenth < 10; tenth++)
      expect(places.some((place) => place >= tenth * 2000 && place < (tenth + 1) * 2000)).toBe(true);
  });

  it('use an account with a successor, too, for a while', () => {
    let current = 'c0';
    let late = 0;
    for (const { f, value } of operations) {
      const number = (account: string) => Number(account.split('-')[1] ?? 0);
      const newer = f === 'close' && firstOf(value.account) === 'c0' && number(value.account) > number(current);
      if (newer) current = value.account;
      if (f !== 'transfer') continue;
      for (const { account } of legsOf(value))
        if (firstOf(account) === 'c0' && number(account) < number(current)) late++;
    }
    expect(late).toBeGreaterThan(20);
  });

  it('often repeat a request at once, or one from a little earlier', () => {
    const ids = transfers.map(({ request_id }) => request_id);
    const atOnce = ids.filter((id, index) => id === ids[index - 1]);
    const again = ids.filter((id, index) => ids.indexOf(id) < index);
    expect(atOnce.length).toBeGreaterThan(1000);
    expect(again.length).toBeGreaterThan(atOnce.length * 1.3);
  });

  it('read the status of recent requests, and reuse their ids', () => {
    let count = 0;
    for (const { f, value } of operations) {
      const number = Number(String(value.request_id).split('-t')[1]);
      if (f === 'transfer') count = Math.max(count, number + 1);
      if (f !== 'status' && f !== 'transfer-otherwise') continue;
      // It may be a new request, if there is none before it.
      expect(number).toBeLessThanOrEqual(count);
      expect(number).toBeGreaterThanOrEqual(count - 8);
    }
    expect(count).toBeGreaterThan(9000);
  });

  it('reuse an id for a valid transfer that differs in amounts only', () => {
    const others = valuesOf(operations, 'transfer-otherwise');
    expect(share(others, ({ legs }) => legs !== undefined)).toBeCloseTo(0.5, 1);
    for (const { original, ...other } of others) {
      expect(other.request_id).toBe(original.request_id);
      expect(sum(legsOf(other).map(({ amount }) => amount))).toBe(0);
      expect(legsOf(other).map(({ account }) => account)).toEqual(legsOf(original).map(({ account }) => account));
      const differences = legsOf(other).map(({ amount }, index) => amount - (legsOf(original)[index]?.amount ?? 0));
      expect(differences.filter((difference) => difference !== 0).sort()).toEqual([-1, 1]);
      const known = distinct.find(({ request_id }) => request_id === original.request_id);
      expect(known ?? original).toEqual(original);
    }
  });

  it('audit all accounts mostly, and now and then a few', () => {
    const audited = valuesOf(operations, 'audit').map(({ accounts }) => accounts as string[]);
    const few = audited.filter(({ length }) => length < ACCOUNTS.length);
    expect(audited).toContainEqual(ACCOUNTS);
    expect(few.length / audited.length).toBeGreaterThan(0.1);
    expect(few.length / audited.length).toBeLessThan(0.3);
    expect(new Set(few.map(({ length }) => length))).toEqual(new Set([1, 2, 3, 4]));
    for (const accounts of few) expect(new Set(accounts).size).toBe(accounts.length);
  });

  it('rarely open an account with another balance', () => {
    const others = valuesOf(operations, 'open-otherwise');
    expect(others).toContainEqual({ account: 'hot0', balance: 1001 });
    expect(others.length / operations.length).toBeLessThan(0.02);
  });

  it('of the small test transfer at once, repeat a request, and close nothing', () => {
    const few = draw('small', 1000, smallSagaTest);
    const [first, second, third] = few;
    expect(few.slice(0, 3).map(({ f }) => f)).toEqual(['transfer', 'transfer', 'transfer']);
    expect(second).toEqual(first);
    expect(third?.value.request_id).not.toBe(first?.value.request_id);
    expect(valuesOf(few, 'close')).toEqual([]);
    expect(new Set(valuesOf(few, 'open').map((value) => JSON.stringify(value)))).toEqual(
      new Set(['{"account":"a","balance":100}', '{"account":"b","balance":10}']),
    );
  });

  it('need no earlier operation to read a status', () => {
    for (let seed = 0; seed < 200; seed++) expect(draw(String(seed), 30, smallSagaTest)).toHaveLength(30);
    for (let seed = 0; seed < 200; seed++) expect(draw(String(seed), 30)).toHaveLength(30);
  });

  it('need as many accounts as a transfer may have', () => {
    const accounts = [
      { account: 'a', balance: 1, weight: 1 },
      { account: 'b', balance: 1, weight: 1 },
      { account: 'c', balance: 1, weight: 1 },
    ];
    expect(() => createSagaTest({ accounts })).toThrow('a transfer with 4 accounts takes more than 3');
    expect(draw('few', 100, createSagaTest({ accounts, legs: 2 }))).toHaveLength(100);
  });
});

describe('the last questions', () => {
  const final = drawFinal();

  it('come in their order, and are not too many', () => {
    expect(sectionsOf(final)).toEqual([
      ...['open', 'transfer', 'settled', 'statuses', 'audit'],
      ...['replay', 'transfer-otherwise', 'open-otherwise', 'status', 'close'],
      ...['settled', 'statuses', 'audit'],
    ]);
    expect(final.length).toBeLessThanOrEqual(200);
    expect(JSON.parse(JSON.stringify(final))).toEqual(final);
    expect(valuesOf(final, 'open')).toEqual(draw('any', ACCOUNTS.length).map(({ value }) => value));
    for (const f of ['settled', 'audit'])
      expect(valuesOf(final, f)).toEqual(new Array(2).fill({ accounts: ACCOUNTS, others: true }));
  });

  it('cover every part: statuses twice, replays in an order of the seed', () => {
    const parts = (count: number) => Array.from({ length: count }, (_, part) => ({ part, parts: count }));
    expect(valuesOf(final, 'statuses')).toEqual([...parts(64), ...parts(64)]);
    expect(valuesOf(final, 'replay')).not.toEqual(parts(16));
    expect(valuesOf(final, 'replay').toSorted((one, other) => one.part - other.part)).toEqual(parts(16));
    expect(drawFinal()).toEqual(final);
    expect(valuesOf(drawFinal('other'), 'replay')).not.toEqual(valuesOf(final, 'replay'));
  });

  it('reuse the ids of some fresh transfers', () => {
    const ids = valuesOf(final, 'transfer-otherwise').map(({ request_id }) => request_id);
    expect(new Set(ids).size).toBe(4);
  });

  it('of the small test are few', () => {
    const few = drawFinal('final', smallSagaTest);
    expect(few.map(({ f }) => f)).toEqual([
      ...['open', 'open', 'transfer', 'settled', 'statuses', 'audit'],
      ...['replay', 'transfer-otherwise', 'open-otherwise', 'status'],
      ...['settled', 'statuses', 'audit'],
    ]);
    for (const f of ['statuses', 'replay'])
      for (const value of valuesOf(few, f)) expect(value).toEqual({ part: 0, parts: 1 });
  });
});

const LATER = { type: 'error', code: 11, text: 'later' };
const CRASHED = { type: 'error', code: 13, text: 'who knows' };
const MISSING = { type: 'error', code: 20, text: 'there is none' };
const EXISTS = { type: 'error', code: 21, text: 'it is another' };
const REFUSED = { type: 'error', code: 22, text: 'not so' };

describe('a client', () => {
  const A = { account: 'a', balance: 100 };
  const B = { account: 'b', balance: 10 };
  const OPEN_A = { type: 'account_open', ...A };
  const OPEN_B = { type: 'account_open', ...B };
  const PAIR = { request_id: 't0', from: 'a', to: 'b', amount: 30 };
  const LEGS = {
    request_id: 't1',
    legs: [
      { account: 'b', amount: -2 },
      { account: 'a', amount: 2 },
    ],
  };
  const OTHERWISE = { ...PAIR, amount: 31, original: PAIR };
  const COMMITTED = { outcome: 'committed' };
  const ABORTED = { outcome: 'aborted', reason: 'insufficient funds' };
  const BOTH = { accounts: ['a', 'b'] };
  const AUDITED = { balances: [70, 40], versions: [2, 3], unfinished: [] };
  const STATUS = { state: 'committed', history: [{ state: 'running', at: 0, node: 'n0', time: '2026-…' }] };

  let rig: ClientRig;

  beforeEach(() => {
    rig = new ClientRig(smallSagaTest);
  });

  function perform(f: string, value: unknown, ...replies: readonly Fields[]): Promise<Completion> {
    return rig.perform(f, value, ...replies);
  }

  async function openBoth(): Promise<void> {
    await perform('open', A, {});
    await perform('open', B, {});
    rig.forgetAsked();
  }

  async function performOnOpened(f: string, value: unknown, ...replies: readonly Fields[]): Promise<Completion> {
    await openBoth();
    return perform(f, value, ...replies);
  }

  /** The replies with the same effect on every operation, and that effect. */
  const OTHER_ENDS: readonly (readonly [name: string, replies: readonly Fields[], type: string, error: unknown])[] = [
    ['error 11', [LATER], 'fail', ['temporarily-unavailable', 'later']],
    ['error 13', [CRASHED], 'info', ['crash', 'who knows']],
    ['error 20', [MISSING], 'fail', ['key-does-not-exist', 'there is none']],
    ['error 21', [EXISTS], 'fail', ['key-already-exists', 'it is another']],
    ['error 22', [REFUSED], 'fail', ['precondition-failed', 'not so']],
    ['silence', [], 'info', 'net-timeout'],
    ['nonsense', [{ more: true }], 'info', ['malformed-reply', expect.any(String)]],
  ];

  /** @param meanings of errors that are valid answers */
  async function expectOtherEnds(f: string, value: Fields, meanings: Readonly<Record<string, unknown>>): Promise<void> {
    for (const [name, replies, type, error] of OTHER_ENDS) {
      const completion = await perform(f, value, ...replies);
      expect(completion, name).toEqual(
        name in meanings ? { type: 'ok', value: meanings[name] } : { type, value, error },
      );
    }
    expect(rig.malformed).toHaveLength(1);
  }

  describe('that opens and closes accounts', () => {
    it('opens one', async () => {
      expect(await perform('open', A, {})).toEqual({ type: 'ok', value: A });
      expect(rig.asked()).toEqual([OPEN_A]);
      await expectOtherEnds('open', A, {});
    });

    it('accepts that an account cannot be opened if it was closed, or may have been', async () => {
      await openBoth();
      for (const reply of [REFUSED, LATER]) {
        await perform('close', { account: 'a' }, reply);
        expect(await perform('open', A, REFUSED)).toMatchObject({ type: 'fail', value: A });
      }
      const closing = rig.invoke('close', { account: 'a' });
      const open = await rig.performBy(rig.openClient(), 'open', A, REFUSED);
      expect(open).toEqual({ type: 'ok', value: { ...A, closed: true } });
      expect(await closing).toMatchObject({ type: 'info' });
      await perform('close', { account: 'a' }, REFUSED);
      expect(await perform('open', A, REFUSED)).toMatchObject({ type: 'ok', value: { closed: true } });
      expect(await perform('open', B, REFUSED)).toMatchObject({ type: 'fail', value: B });
      await perform('close', { account: 'b' }, {});
      expect(await perform('open', B, REFUSED)).toMatchObject({ type: 'ok', value: { closed: true } });
      expect(await perform('open', A, {})).toEqual({ type: 'ok', value: A });
    });

    it('accepts the refusal of another balance, and reports if it was not refused', async () => {
      const other = { account: 'a', balance: 101 };
      expect(await performOnOpened('open-otherwise', other, {})).toEqual({
        type: 'ok',
        value: { ...other, refused: false },
      });
      expect(rig.asked()).toEqual([{ type: 'account_open', ...other }]);
      const refused = { ...other, refused: true };
      await expectOtherEnds('open-otherwise', other, { 'error 21': refused, 'error 22': refused });
    });

    it('reports whether an account was closed', async () => {
      expect(await performOnOpened('close', { account: 'a' }, {})).toEqual({
        type: 'ok',
        value: { account: 'a', closed: true },
      });
      expect(rig.asked()).toEqual([{ type: 'account_close', account: 'a' }]);
      await expectOtherEnds('close', { account: 'a' }, { 'error 22': { account: 'a', closed: false } });
    });
  });

  describe('that transfers', () => {
    it.each([PAIR, LEGS])('reports how $request_id ended', async (request) => {
      expect(await performOnOpened('transfer', request, { ...COMMITTED, msg_id: 3 })).toEqual({
        type: 'ok',
        value: { ...request, ...COMMITTED },
      });
      expect(rig.asked()).toEqual([{ type: 'transfer', ...request }]);
      expect(await perform('transfer', request, ABORTED)).toEqual({ type: 'ok', value: { ...request, ...ABORTED } });
      await expectOtherEnds('transfer', request, {});
    });

    it('first opens accounts not yet known to be open, each once', async () => {
      await perform('open', A, {});
      rig.forgetAsked();
      expect(await perform('transfer', PAIR, {}, COMMITTED)).toMatchObject({ type: 'ok', value: COMMITTED });
      expect(await perform('transfer', LEGS, COMMITTED)).toMatchObject({ type: 'ok' });
      expect(rig.asked()).toEqual([OPEN_B, { type: 'transfer', ...PAIR }, { type: 'transfer', ...LEGS }]);
    });

    it('forgets the accounts of the run', async () => {
      await openBoth();
      rig.beginRun();
      await perform('transfer', LEGS);
      expect(rig.asked()).toEqual([OPEN_B]);
    });
  });

  it.each([
    ['transfer', PAIR, [OPEN_A, OPEN_B]],
    ['transfer-otherwise', OTHERWISE, [OPEN_A, OPEN_B]],
    ['open-otherwise', { account: 'b', balance: 11 }, [OPEN_B]],
    ['close', { account: 'b' }, [OPEN_B]],
    ['audit', BOTH, [OPEN_A, OPEN_B]],
    ['settled', BOTH, [OPEN_A, OPEN_B]],
  ])('has certainly not begun a %s when the opening before it failed', async (f, value, opens) => {
    const before = opens.slice(1).map(() => ({}));
    expect(await perform(f, value, ...before, LATER)).toEqual({
      type: 'fail',
      value,
      error: ['temporarily-unavailable', 'later'],
    });
    expect(rig.asked()).toEqual(opens);
    expect(await perform(f, value)).toEqual({ type: 'fail', value, error: 'net-timeout' });
  });

  describe('that reuses a request id', () => {
    it('sends the original first if that has no answer yet', async () => {
      expect(await performOnOpened('transfer-otherwise', OTHERWISE, COMMITTED, REFUSED)).toEqual({
        type: 'ok',
        value: { ...OTHERWISE, refused: true },
      });
      const other = { type: 'transfer', ...PAIR, amount: 31 };
      expect(rig.asked()).toEqual([{ type: 'transfer', ...PAIR }, other]);
      // By now it has.
      await perform('transfer-otherwise', OTHERWISE, REFUSED);
      expect(rig.asked().slice(2)).toEqual([other]);
    });

    it('does not send the original again after any answer', async () => {
      await openBoth();
      await perform('transfer', LEGS, ABORTED);
      const otherwise = { request_id: 't1', from: 'b', to: 'a', amount: 3, original: LEGS };
      rig.forgetAsked();
      expect(await perform('transfer-otherwise', otherwise, REFUSED)).toMatchObject({ value: { refused: true } });
      expect(rig.asked()).toEqual([{ type: 'transfer', request_id: 't1', from: 'b', to: 'a', amount: 3 }]);
    });

    it('does not send the other transfer if the original was not answered', async () => {
      await openBoth();
      for (const [name, replies, , error] of OTHER_ENDS) {
        const completion = await perform('transfer-otherwise', OTHERWISE, ...replies);
        expect(completion, name).toEqual({ type: 'fail', value: OTHERWISE, error });
      }
      for (const { amount } of rig.asked()) expect(amount).toBe(30);
    });

    it('reports if it was accepted, and how it ended', async () => {
      await openBoth();
      await perform('transfer', PAIR, COMMITTED);
      expect(await perform('transfer-otherwise', OTHERWISE, ABORTED)).toEqual({
        type: 'ok',
        value: { ...OTHERWISE, refused: false, ...ABORTED },
      });
      await expectOtherEnds('transfer-otherwise', OTHERWISE, { 'error 22': { ...OTHERWISE, refused: true } });
    });
  });

  describe('that reads', () => {
    it('reports the state of a transfer, with any accounts', async () => {
      const value = { request_id: 't0' };
      expect(await perform('status', value, STATUS)).toEqual({ type: 'ok', value: { ...value, ...STATUS } });
      expect(rig.asked()).toEqual([{ type: 'transfer_status', ...value }]);
      const aborted = { state: 'aborted', reason: 'abandoned', history: [] };
      expect(await perform('status', value, aborted)).toEqual({ type: 'ok', value: { ...value, ...aborted } });
      await expectOtherEnds('status', value, { 'error 20': { ...value, state: null } });
    });

    it('audits until nothing has changed, four times at most', async () => {
      const changed = { balances: [100, 10], versions: [2, 4], unfinished: [{ request_id: 't1', held: 2 }] };
      expect(await performOnOpened('audit', BOTH, AUDITED, AUDITED)).toEqual({
        type: 'ok',
        value: { ...BOTH, ...AUDITED, clean: true },
      });
      expect(rig.asked()).toEqual([
        { type: 'audit', ...BOTH },
        { type: 'audit', ...BOTH },
      ]);
      expect(await perform('audit', BOTH, changed, AUDITED, AUDITED)).toEqual({
        type: 'ok',
        value: { ...BOTH, ...AUDITED, clean: true },
      });
      expect(await perform('audit', BOTH, AUDITED, changed, AUDITED, changed)).toEqual({
        type: 'ok',
        value: { ...BOTH, ...AUDITED, clean: false },
      });
      const shorter = { ...AUDITED, versions: [2] };
      for (const [one, other] of [
        [AUDITED, shorter],
        [shorter, AUDITED],
      ] as const)
        expect(await perform('audit', BOTH, one, other, one, other)).toMatchObject({
          type: 'ok',
          value: { clean: false },
        });
    });

    it('has no audit when half of it is missing', async () => {
      await openBoth();
      await expectOtherEnds('audit', BOTH, {});
      for (const [name, replies, type, error] of OTHER_ENDS)
        expect(await perform('audit', BOTH, AUDITED, ...replies), name).toEqual({ type, value: BOTH, error });
    });

    it('reports everything as settled only when nothing is unfinished', async () => {
      expect(await performOnOpened('settled', BOTH, AUDITED)).toEqual({ type: 'ok', value: { ...BOTH, ...AUDITED } });
      expect(rig.asked()).toEqual([{ type: 'audit', ...BOTH }]);
      const unfinished = [
        { request_id: 't1', held: 2 },
        { request_id: 't0', held: 0 },
      ];
      expect(await perform('settled', BOTH, { ...AUDITED, unfinished })).toEqual({
        type: 'fail',
        value: BOTH,
        error: ['unfinished', ['t1', 't0']],
      });
      await expectOtherEnds('settled', BOTH, {});
    });
  });

  describe('that reads everything', () => {
    const ALL = { part: 0, parts: 1 };
    const request = (number: number) => ({ request_id: `t${number}`, from: 'a', to: 'b', amount: 1 + number });
    const idsAsked = () => rig.asked().map(({ request_id }) => request_id);
    const ids = (...numbers: number[]) => numbers.map((number) => `t${number}`);

    async function transferAll(count: number, ...replies: readonly Fields[]): Promise<void> {
      await openBoth();
      for (let number = 0; number < count; number++) await perform('transfer', request(number), ...replies);
      rig.forgetAsked();
    }

    it('has nothing to read after a run without requests', async () => {
      expect(await perform('statuses', ALL)).toEqual({ type: 'ok', value: { ...ALL, statuses: [] } });
      expect(await perform('replay', ALL)).toEqual({ type: 'ok', value: { ...ALL, answers: [] } });
      expect(rig.asked()).toEqual([]);
    });

    it('reads the status of all requests, in the order of their first operation, answered or not', async () => {
      await openBoth();
      await perform('transfer', request(1));
      await perform('transfer', request(0), COMMITTED);
      await perform('transfer', request(1), ABORTED);
      await perform('transfer-otherwise', { ...request(2), amount: 9, original: request(2) }, LATER);
      rig.forgetAsked();
      expect(await perform('statuses', ALL, STATUS, MISSING, STATUS)).toEqual({
        type: 'ok',
        value: {
          ...ALL,
          statuses: [
            { request_id: 't1', ...STATUS },
            { request_id: 't0', state: null },
            { request_id: 't2', ...STATUS },
          ],
        },
      });
      expect(rig.asked()).toEqual(ids(1, 0, 2).map((request_id) => ({ type: 'transfer_status', request_id })));
    });

    it('reads the given part', async () => {
      await transferAll(5, COMMITTED);
      await perform('statuses', { part: 1, parts: 3 }, STATUS, STATUS);
      expect(idsAsked()).toEqual(ids(1, 4));
      rig.forgetAsked();
      expect(await perform('statuses', { part: 7, parts: 8 })).toMatchObject({ type: 'ok', value: { statuses: [] } });
      expect(rig.asked()).toEqual([]);
    });

    it('reads also the status of requests that were never sent, which must not exist', async () => {
      await perform('transfer', PAIR, LATER);
      await perform('transfer-otherwise', { ...LEGS, amount: 9, original: LEGS }, LATER);
      expect(rig.asked()).toEqual([OPEN_A, OPEN_B]);
      expect(await perform('statuses', ALL, MISSING, MISSING)).toEqual({
        type: 'ok',
        value: { ...ALL, statuses: ids(0, 1).map((request_id) => ({ request_id, state: null })) },
      });
      rig.forgetAsked();
      expect(await perform('replay', ALL)).toMatchObject({ type: 'ok', value: { answers: [] } });
    });

    it('knows a request as soon as it begins, also those of other clients', async () => {
      await openBoth();
      const transferring = rig.invoke('transfer', PAIR);
      const other = rig.openClient();
      rig.forgetAsked();
      const statuses = await rig.performBy(other, 'statuses', ALL, STATUS);
      expect(statuses).toEqual({ type: 'ok', value: { ...ALL, statuses: [{ request_id: 't0', ...STATUS }] } });
      expect(await transferring).toMatchObject({ type: 'info' });
    });

    it('has no statuses when one is missing, which changes nothing', async () => {
      await transferAll(3, COMMITTED);
      for (const [name, replies, , error] of OTHER_ENDS) {
        if (name === 'error 20') continue;
        const completion = await perform('statuses', ALL, STATUS, ...replies);
        expect(completion, name).toEqual({ type: 'fail', value: ALL, error });
      }
    });

    it('forgets the requests of the run', async () => {
      await transferAll(3, COMMITTED);
      rig.beginRun();
      expect(await perform('statuses', ALL)).toMatchObject({ type: 'ok', value: { statuses: [] } });
      expect(await perform('replay', ALL)).toMatchObject({ type: 'ok', value: { answers: [] } });
    });

    it('repeats answered transfers, unchanged', async () => {
      await openBoth();
      await perform('transfer', PAIR);
      await perform('transfer', LEGS, ABORTED);
      await perform('transfer-otherwise', { ...request(2), amount: 9, original: request(2) }, COMMITTED, COMMITTED);
      await perform('transfer', request(3), LATER);
      rig.forgetAsked();
      expect(await perform('replay', ALL, ABORTED, COMMITTED)).toEqual({
        type: 'ok',
        value: {
          ...ALL,
          answers: [
            { request_id: 't1', ...ABORTED },
            { request_id: 't2', ...COMMITTED },
          ],
        },
      });
      expect(rig.asked()).toEqual([
        { type: 'transfer', ...LEGS },
        { type: 'transfer', ...request(2) },
      ]);
    });

    it('repeats the given part, or a few of it, early and late ones', async () => {
      await transferAll(20, COMMITTED);
      const answers = new Array<Fields>(6).fill(COMMITTED);
      await perform('replay', { part: 3, parts: 4 }, ...answers.slice(1));
      expect(idsAsked()).toEqual(ids(3, 7, 11, 15, 19));
      rig.forgetAsked();
      expect(await perform('replay', ALL, ...answers)).toMatchObject({ value: { answers: { length: 6 } } });
      expect(idsAsked()).toEqual(ids(0, 3, 6, 10, 13, 16));
    });

    it('has no replay when an answer is missing, and may have changed something', async () => {
      await transferAll(3, COMMITTED);
      for (const [name, replies, type, error] of OTHER_ENDS) {
        const completion = await perform('replay', ALL, COMMITTED, ...replies);
        expect(completion, name).toEqual({ type, value: ALL, error });
      }
    });
  });

  it('rejects an unknown operation', () => {
    expect(() => rig.invoke('redeem', {})).toThrow('the workload saga has no operation redeem');
    return expect(rig.invoke('close', { account: 'z' })).rejects.toThrow('the workload saga has no account z');
  });
});

interface Known {
  readonly request: string;
  readonly answer: Fields;
}

/** The service in a few lines, without faults to survive: all nodes share one memory. */
class SmallService {
  readonly accounts = new Map<string, { opened: number; balance: number; version: number; closed: boolean }>();
  readonly transfers = new Map<string, Known>();

  account_open({ account, balance }: Fields): Fields {
    const known = this.accounts.get(account);
    if (known?.closed) return REFUSED;
    if (known === undefined) this.accounts.set(account, { opened: balance, balance, version: 1, closed: false });
    else if (known.opened !== balance) return EXISTS;
    return {};
  }

  account_close({ account }: Fields): Fields {
    const known = this.accounts.get(account);
    if (known === undefined) return MISSING;
    if (known.balance !== 0) return REFUSED;
    if (!known.closed) known.version++;
    known.closed = true;
    return {};
  }

  transfer({ type: _type, msg_id: _messageId, ...asked }: Fields): Fields {
    const request = JSON.stringify(asked);
    const known = this.transfers.get(asked.request_id);
    if (known !== undefined) return known.request === request ? known.answer : REFUSED;
    const reason = this.findProblem(legsOf(asked));
    const answer = reason === undefined ? { outcome: 'committed' } : { outcome: 'aborted', reason };
    this.transfers.set(asked.request_id, { request, answer });
    if (reason === undefined) this.move(legsOf(asked));
    return answer;
  }

  findProblem(legs: ReturnType<typeof legsOf>): string | undefined {
    const closed = legs.find(({ account }) => this.accounts.get(account)?.closed);
    if (closed !== undefined) return closed.amount < 0 ? 'payer closed' : 'payee closed';
    const lacks = legs.some(({ account, amount }) => (this.accounts.get(account)?.balance ?? 0) + amount < 0);
    return lacks ? 'insufficient funds' : undefined;
  }

  move(legs: ReturnType<typeof legsOf>): void {
    for (const { account, amount } of legs) {
      const known = this.accounts.get(account);
      if (known === undefined) continue;
      known.balance += amount;
      known.version++;
    }
  }

  transfer_status({ request_id }: Fields): Fields {
    const known = this.transfers.get(request_id);
    if (known === undefined) return MISSING;
    const { request, answer } = known;
    const { outcome, ...reason } = answer;
    const legs = legsOf(JSON.parse(request));
    const transitions: [string, number][] =
      outcome === 'committed'
        ? [
            ['running', 0],
            ['committing', 1],
            ['committed', 0],
          ]
        : [
            ['running', 0],
            ...legs.map((_, index): [string, number] => ['compensating', legs.length - 1 - index]),
            ['aborted', 0],
          ];
    const history = transitions.map(([state, at]) => ({ state, at, node: 'n0', time: '2026-11-21T08:00:00.000Z' }));
    return { state: outcome, ...reason, history };
  }

  audit({ accounts }: Fields): Fields {
    const known = (accounts as string[]).map((account) => this.accounts.get(account));
    if (known.includes(undefined)) return MISSING;
    return {
      balances: known.map((account) => account?.balance),
      versions: known.map((account) => account?.version),
      unfinished: [],
    };
  }
}

class MovesAgain extends SmallService {
  override transfer(asked: Fields): Fields {
    const known = this.transfers.has(asked.request_id);
    const answer = super.transfer(asked);
    if (known && answer.outcome === 'committed' && this.findProblem(legsOf(asked)) === undefined)
      this.move(legsOf(asked));
    return answer;
  }
}

class PaysNobody extends SmallService {
  override move(legs: ReturnType<typeof legsOf>): void {
    super.move(legs.filter(({ account, amount }) => amount < 0 || account !== 'cold3'));
  }
}

class Lends extends SmallService {
  override findProblem(legs: ReturnType<typeof legsOf>): string | undefined {
    const problem = super.findProblem(legs);
    return problem === 'insufficient funds' ? undefined : problem;
  }
}

class AnswersAnybody extends SmallService {
  override transfer(asked: Fields): Fields {
    return this.transfers.get(asked.request_id)?.answer ?? super.transfer(asked);
  }
}

class TriesAgain extends SmallService {
  override transfer(asked: Fields): Fields {
    if (this.transfers.get(asked.request_id)?.answer.outcome === 'aborted') this.transfers.delete(asked.request_id);
    return super.transfer(asked);
  }
}

class RefusesAfterTheFact extends SmallService {
  override transfer(asked: Fields): Fields {
    const known = this.transfers.has(asked.request_id);
    const answer = super.transfer(asked);
    return !known && answer.outcome === 'committed' && asked.from === 'hot0' ? LATER : answer;
  }
}

class ForgetsTransfers extends SmallService {
  override transfer_status(asked: Fields): Fields {
    return String(asked.request_id).endsWith('7') ? MISSING : super.transfer_status(asked);
  }
}

class LetsPayeesBeClosed extends SmallService {
  override findProblem(legs: ReturnType<typeof legsOf>): string | undefined {
    const problem = super.findProblem(legs);
    return problem === 'payee closed' ? undefined : problem;
  }
}

class OpensAgain extends SmallService {
  override account_open(asked: Fields): Fields {
    super.account_open(asked);
    return {};
  }
}

class NeverSettles extends SmallService {
  override audit(asked: Fields): Fields {
    const told = super.audit(asked);
    const [request_id] = this.transfers.keys();
    return request_id === undefined ? told : { ...told, unfinished: [{ request_id, held: 0 }] };
  }
}

class CompensatesUpwards extends SmallService {
  override transfer_status(asked: Fields): Fields {
    const status = super.transfer_status(asked);
    if (status.state !== 'aborted') return status;
    const [first, ...rest] = status.history;
    return { ...status, history: [first, ...rest.slice(0, -1).reverse(), rest.at(-1)] };
  }
}

type Answer = (body: Fields) => Fields;
const TYPES = [
  messages.AccountOpen,
  messages.AccountClose,
  messages.Transfer,
  messages.TransferStatus,
  messages.Audit,
].map(({ type }) => type);

function runAgainst(service: SmallService, options: Partial<RunOptions> & { readonly test?: WorkloadTest } = {}) {
  const run = new ScriptedRun({
    test: sagaTest,
    ratePerSecond: 100,
    ...options,
    scriptOf: () =>
      answering(
        Object.fromEntries(
          TYPES.map((type): [string, Script] => [
            type,
            (message, host) => {
              const answer = service[type as keyof SmallService] as unknown as Answer;
              host.reply(message, { type: `${type}_ok`, ...answer.call(service, message.body) }, 1);
            },
          ]),
        ),
      ),
  });
  return run.finish();
}

describe('a run', () => {
  it.each([
    ['', sagaTest],
    [' of pairs', pairsOnly],
    [', small,', smallSagaTest],
  ])('%s accepts a correct service', async (_name, test) => {
    const { results } = await runAgainst(new SmallService(), { test });
    expect(results).toMatchObject({
      'valid?': true,
      workload: { 'valid?': true },
      stats: { 'fail-count': 0, 'info-count': 0 },
    });
  });

  it('finds a service that carries out what is a mistake', async () => {
    const { results } = await runAgainst(new SmallService(), { workloadOptions: { mistakes: '5' } });
    const problem = 'a transfer was carried out that is malformed';
    const { 'valid?': valid, 'accounts-are-right': rule } = results.workload as Fields;
    expect(valid).toBe(false);
    expect(new Set(rule.examples.map((example: Fields) => example.problem))).toEqual(new Set([problem]));
  });

  it('sees every kind of outcome, and closed accounts', async () => {
    const service = new SmallService();
    const { history } = await runAgainst(service, { timeLimitMs: 30_000 });
    const answers = [...service.transfers.values()].map(({ answer }) => answer);
    for (const reason of [undefined, 'insufficient funds', 'payer closed', 'payee closed'])
      expect(answers.filter((answer) => answer.reason === reason).length, reason).toBeGreaterThan(10);
    expect(share(answers, ({ outcome }) => outcome === 'committed')).toBeGreaterThan(0.5);
    const closes = [...history].filter(({ f, type }) => f === 'close' && type === 'ok').map(({ value }) => value);
    for (const closed of [true, false]) expect(closes).toContainEqual(expect.objectContaining({ closed }));
  });

  it('reads all open accounts, which are never many, and no closed one', async () => {
    const service = new SmallService();
    const { history, results } = await runAgainst(service, { timeLimitMs: 60_000, latencyMeanMs: 0 });
    expect(results['valid?']).toBe(true);
    const audited = [...history].flatMap(({ f, type, value }) =>
      f === 'audit' && type === 'ok' && (value as Fields).accounts.length >= ACCOUNTS.length ? (value as Fields) : [],
    );
    const last = audited.at(-1)?.accounts as string[];
    expect(last.slice(0, ACCOUNTS.length)).toEqual(ACCOUNTS);
    const others = [...service.accounts].filter(([name]) => !ACCOUNTS.includes(name));
    expect(others.length).toBeGreaterThan(6);
    expect(last.slice(ACCOUNTS.length).toSorted()).toEqual(
      others.flatMap(([name, { closed }]) => (closed ? [] : name)).sort(),
    );
    for (const { accounts } of audited) expect(accounts.length).toBeLessThan(ACCOUNTS.length + 8);
  });

  it('reads the status of every request twice in the end', async () => {
    const service = new SmallService();
    const { history } = await runAgainst(service);
    const statuses = [...history].filter(({ f, type }) => f === 'statuses' && type === 'ok');
    const told = statuses.flatMap(({ value }) => (value as Fields).statuses.map((status: Fields) => status.request_id));
    const fresh = [...service.transfers.keys()].slice(-4);
    const before = [...service.transfers.keys()].slice(0, -4);
    expect(told.toSorted()).toEqual([...before, ...before, ...fresh].sort());
    const replayed = [...history].flatMap(({ f, type, value }) =>
      f === 'replay' && type === 'ok' ? (value as Fields).answers : [],
    );
    expect(replayed).toHaveLength(96);
  });

  it('accepts one with lost, late and doubled replies', async () => {
    const { results } = await runAgainst(new SmallService(), {
      faults: ['loss', 'duplication', 'reordering', 'delay'],
      faultValues: { loss: 0.1, duplication: 0.1, reordering: 0.1, delay: 0.1 },
      concurrency: 12,
      ratePerSecond: 20,
    });
    expect(results.workload?.error).toBe(undefined);
    expect(results).toMatchObject({ 'valid?': true, workload: { 'valid?': true } });
    expect(results.stats?.['info-count']).toBeGreaterThan(10);
  });

  it.each([
    ['moves money whenever it is asked', MovesAgain, 'all-or-nothing'],
    ['takes and does not give', PaysNobody, 'money-is-conserved'],
    ['lends money', Lends, 'no-overdraft'],
    ['knows request ids and not what was asked', AnswersAnybody, 'refuses-another-body'],
    ['tries again what was aborted', TriesAgain, 'one-outcome'],
    ['refuses what it did', RefusesAfterTheFact, 'acknowledged-is-kept'],
    ['forgets transfers', ForgetsTransfers, 'reads-are-current'],
    ['pays to closed accounts', LetsPayeesBeClosed, 'accounts-are-right'],
    ['opens an account with any balance', OpensAgain, 'accounts-are-right'],
    ['has always something unfinished', NeverSettles, 'settles'],
    ['compensates in the wrong order', CompensatesUpwards, 'compensates-in-order'],
  ])('rejects a service that %s, for that reason', async (_name, Service, rule) => {
    const { results } = await runAgainst(new Service());
    const workload = results.workload as Fields;
    expect(Object.keys(workload).filter((name) => workload[name]?.count > 0)).toContain(rule);
    expect(workload['valid?']).toBe(false);
    expect(results.protocol?.count).toBe(0);
  });
});

describe('the last questions after a long run', () => {
  it('are as many as can be answered one by one in the time for each', () => {
    const history = History.of(
      Array.from({ length: 40_000 }, (_, index) => ({
        index,
        time: index,
        process: 0,
        type: index % 2 === 0 ? ('invoke' as const) : ('ok' as const),
        f: 'transfer',
        value: { request_id: `t${index}` },
      })),
    );
    const drawn = drawFinal('long', sagaTest, history);
    const partsOf = (f: string) => valuesOf(drawn, f).map(({ part, parts }) => [part, parts]);
    const all = (parts: number) => Array.from({ length: parts }, (_, part) => [part, parts]);
    // 20,000 requests, of which an operation asks for at most 64, or repeats at most 256.
    expect(partsOf('statuses')).toEqual([...all(313), ...all(313)]);
    expect(partsOf('replay').sort(([one = 0], [other = 0]) => one - other)).toEqual(all(79));
  });
});
