/**
 * The test of the voucher service: what it draws, how its client judges replies, and that a service that is wrong in
 * one way is found by the rules for that.
 */

import { beforeEach, describe, expect, it } from 'vitest';
import type { Completion } from '../../../src/harness/client.ts';
import type { RunOptions } from '../../../src/harness/run-options.ts';
import type { Invocation, WorkloadTest } from '../../../src/harness/workload-test.ts';
import { History } from '../../../src/history/history.ts';
import { SeededRandom } from '../../../src/protocol/random.ts';
import * as messages from '../../../src/workloads/voucher/messages.ts';
import { createVoucherTest, smallVoucherTest, voucherTest } from '../../../src/workloads/voucher/workload.ts';
import { ClientRig } from '../../support/client-rig.ts';
import { handwritten, info, invoke, nemesis, ok } from '../../support/histories.ts';
import { answering, type Script } from '../../support/scripted-bed.ts';
import { ScriptedRun } from '../../support/scripted-run.ts';
import { ANY_TURN } from '../../support/turns.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers and values of every shape
type Fields = Readonly<Record<string, any>>;
type Drawn = Invocation & { readonly value: Fields };

const HOT = { code: 'hot', limit: 12, amount: 500, shards: 4 };
const COLD = { code: 'cold', limit: 7, amount: 30, shards: 1 };
const WIDE = { code: 'wide', limit: 40, amount: 1, shards: 2 };
const VOUCHERS = [HOT, COLD, WIDE];
const LONG = { code: 'long', limit: 150, amount: 2, shards: 1 };

function draw(seed: string, count: number, test: WorkloadTest = voucherTest): Drawn[] {
  const next = test.createGenerator(new SeededRandom(seed));
  return Array.from({ length: count }, () => next(ANY_TURN) as Drawn);
}

/** All lists of last questions, concatenated. */
function drawFinal(seed = 'final', history = new History(), test: WorkloadTest = voucherTest): readonly Drawn[] {
  return (test.createFinalInvocations?.(new SeededRandom(seed), 3, history) ?? []).flat() as readonly Drawn[];
}

function valuesOf(operations: readonly Drawn[], f: string): Fields[] {
  return operations.filter((operation) => operation.f === f).map(({ value }) => value);
}

function share<Item>(items: readonly Item[], matches: (item: Item) => boolean): number {
  return items.filter(matches).length / items.length;
}

/** The kind of a voucher, and its number in that kind. */
function kindOf(code: string): { readonly kind: string; readonly number: number } {
  const [kind = '', number = 0] = code.split('-');
  return { kind, number: Number(number) };
}

function inTenth<Item>(items: readonly Item[], tenth: number): readonly Item[] {
  return items.slice((tenth * items.length) / 10, ((tenth + 1) * items.length) / 10);
}

describe('the operations drawn', () => {
  const operations = draw('mix', 20_000);
  const redeemed = valuesOf(operations, 'redeem');

  it('begin with the creation of the first vouchers, with the requested number of shards', () => {
    expect(operations.slice(0, 3)).toEqual(VOUCHERS.map((value) => ({ f: 'create', value })));
    const everyCreation = (test: WorkloadTest) => [
      ...valuesOf(draw('mix', 1000, test), 'create'),
      ...valuesOf(drawFinal('final', new History(), test), 'create'),
    ];
    for (const { shards } of everyCreation(createVoucherTest({ shards: 8 }))) expect(shards).toBe(8);
    for (const { code, ...terms } of everyCreation(voucherTest))
      expect([...VOUCHERS, LONG]).toContainEqual({ code: kindOf(code).kind, ...terms });
  });

  it('are of every kind, and of no other, and plain JSON', () => {
    expect(new Set(operations.map(({ f }) => f))).toEqual(
      new Set(['create', 'create-otherwise', 'redeem', 'read', 'report', 'wallet']),
    );
    expect(JSON.parse(JSON.stringify(operations))).toEqual(operations);
  });

  it('are mostly redemptions, and mostly of the hot and the wide voucher', () => {
    expect(redeemed.length).toBeGreaterThan(operations.length / 2);
    const shareOf = (kind: string) => share(redeemed, ({ code }) => kindOf(code).kind === kind);
    for (const kind of ['hot', 'wide']) expect(shareOf(kind)).toBeGreaterThan(0.25);
    for (const kind of ['cold', 'long']) expect(shareOf(kind)).toBeGreaterThan(0.1);
  });

  it('use few request ids, which other users and vouchers share; a second one of a user is rare', () => {
    expect(new Set(redeemed.map(({ request_id }) => request_id))).toEqual(new Set(['r0', 'r1']));
    const seconds = share(redeemed, ({ request_id }) => request_id === 'r1');
    expect(seconds).toBeGreaterThan(0.05);
    expect(seconds).toBeLessThan(0.2);
  });

  it('open the next voucher of a kind after twice as many draws as the last one has rights', () => {
    const counts = new Map<string, number>();
    const newest = new Map([...VOUCHERS, LONG].map(({ code }) => [code, 0]));
    const opened: string[] = [];
    for (const { f, value } of operations) {
      const { kind, number } = kindOf(value.code ?? '');
      if (f === 'redeem') counts.set(value.code, (counts.get(value.code) ?? 0) + 1);
      if (f !== 'create' || number <= (newest.get(kind) as number)) continue;
      expect(number).toBe((newest.get(kind) as number) + 1);
      newest.set(kind, number);
      opened.push(value.code);
    }
    expect(opened.length).toBeGreaterThan(200);
    // Not every draw is a new one, and old ones are drawn, too. So each was requested at least as often.
    for (const code of opened.filter((code) => kindOf(code).number < (newest.get(kindOf(code).kind) as number))) {
      const { limit } = [...VOUCHERS, LONG].find(({ code: kind }) => kind === kindOf(code).kind) as { limit: number };
      expect(counts.get(code)).toBeGreaterThanOrEqual(2 * limit);
    }
  });

  it('use a kind with many rights after a while, and then as long as the others', () => {
    const places = [...redeemed.entries()].flatMap(([place, { code }]) => (kindOf(code).kind === 'long' ? place : []));
    expect(places[0]).toBeGreaterThan(600);
    for (let tenth = 1; tenth < 10; tenth++)
      expect(share(inTenth(redeemed, tenth), ({ code }) => kindOf(code).kind === 'long')).toBeGreaterThan(0.1);
  });

  it('are of new and of old vouchers until the end', () => {
    for (let tenth = 1; tenth < 10; tenth++) {
      const all = inTenth(operations, tenth);
      const lastOf = (kind: string, values: readonly Fields[]) =>
        Math.max(...values.filter(({ code }) => kindOf(code).kind === kind).map(({ code }) => kindOf(code).number));
      const newest = lastOf('hot', valuesOf(all, 'redeem'));
      expect(newest).toBeGreaterThan(lastOf('hot', valuesOf(inTenth(operations, tenth - 1), 'redeem')));
      for (const f of ['redeem', 'read']) {
        const numbers = valuesOf(all, f).flatMap(({ code }) =>
          kindOf(code).kind === 'hot' ? kindOf(code).number : [],
        );
        expect(numbers.filter((number) => number < newest / 2).length, `${f} in ${tenth}`).toBeGreaterThan(0);
      }
    }
  });

  it('are often of few users, of many that come and go, and of users that left', () => {
    const numbers = redeemed.map(({ user }) => Number(user.slice(1)));
    const frequent = share(numbers, (number) => number % 12 === 0);
    expect(frequent).toBeGreaterThan(0.25);
    expect(frequent).toBeLessThan(0.4);
    for (let tenth = 0; tenth < 10; tenth++) {
      const first = (tenth * redeemed.length) / 10;
      const users = new Set(inTenth(numbers, tenth));
      // More than a voucher of most kinds has rights, and never so many that a wallet grows.
      expect(users.size).toBeGreaterThan(150);
      expect(Math.max(...users)).toBeLessThan(first * 0.25 + 500);
      const old = share(inTenth(numbers, tenth), (number) => number < (first * 0.743) / 3 - 60);
      if (tenth > 2) expect(old).toBeGreaterThan(0.02);
      expect(old).toBeLessThan(0.1);
    }
    const vouchersOf = new Map<string, Set<string>>();
    for (const { user, code } of redeemed) vouchersOf.set(user, (vouchersOf.get(user) ?? new Set()).add(code));
    const sizes = [...vouchersOf.values()].map(({ size }) => size);
    expect(Math.max(...sizes)).toBeLessThan(30);
    expect(share(sizes, (size) => size > 1)).toBeGreaterThan(0.3);
  });

  it('often repeat a request at once, or one from long ago', () => {
    const name = ({ code, user, request_id }: Fields) => `${code} ${user} ${request_id}`;
    const again = operations.filter(
      ({ f, value }, index) => f === 'redeem' && name(value) === name(operations[index - 1]?.value ?? {}),
    );
    expect(again.length).toBeGreaterThan(700);
    const first = new Map<string, number>();
    const ages = redeemed.map((value, index) => {
      if (!first.has(name(value))) first.set(name(value), index);
      return index - (first.get(name(value)) as number);
    });
    expect(ages.filter((age) => age > 3000).length).toBeGreaterThan(200);
  });

  it('read pages anywhere in a report, and beyond its end', () => {
    const pages = valuesOf(operations, 'report');
    const ofHot = pages.filter(({ code }) => kindOf(code).kind === 'hot');
    expect(new Set(ofHot.map(({ offset }) => offset))).toEqual(
      new Set(Array.from({ length: 13 }, (_, index) => index)),
    );
    expect(new Set(pages.map(({ limit }) => limit))).toEqual(new Set([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
  });

  it('rarely create a voucher with other terms', () => {
    const others = valuesOf(operations, 'create-otherwise');
    expect(others.length).toBeGreaterThan(100);
    for (const { code, limit, ...rest } of others)
      expect([...VOUCHERS, LONG]).toContainEqual({ code: kindOf(code).kind, limit: limit - 1, ...rest });
    expect(others.length / operations.length).toBeLessThan(0.02);
  });

  it('of the small test are of two vouchers for ever', () => {
    const few = draw('small', 2000, smallVoucherTest);
    expect(new Set(few.flatMap(({ value }) => value.code ?? []))).toEqual(new Set(['hot', 'cold']));
    expect(new Set(few.flatMap(({ value }) => value.user ?? []))).toEqual(
      new Set(['u0', 'u1', 'u2', 'u3', 'u4', 'u5']),
    );
    expect(smallVoucherTest.createWorkCounter).toBeUndefined();
  });
});

describe('the last questions', () => {
  const redeem = (code: string, user: string, outcome: string, number = 0) => {
    const request = { code, user, request_id: `r${number}` };
    return [invoke(0, 'redeem', request), ok(0, 'redeem', { ...request, outcome })];
  };
  const ELEVEN = Array.from({ length: 11 }, (_, number) => redeem('hot', `u${number}`, 'redeemed'));
  const history = handwritten(
    ...ELEVEN.flat(),
    ...redeem('hot', 'u3', 'redeemed'),
    ...redeem('hot', 'u3', 'already_redeemed', 1),
    ...redeem('hot', 'u20', 'sold_out'),
    nemesis('start-partition'),
    invoke(0, 'read', { code: 'cold-4' }),
    info(0, 'read', { code: 'cold-4' }),
    ...[invoke(1, 'wallet', { user: 'u99' }), ok(1, 'wallet', { user: 'u99', balance: 0, entries: [] })],
    invoke(2, 'redeem', { code: 'cold-4', user: 'u7', request_id: 'r0' }),
  );
  const final = drawFinal('final', history);
  const drained = valuesOf(final, 'redeem');
  const replayed = valuesOf(final, 'replay');
  const CODES = ['hot', 'cold', 'wide', 'cold-4'];

  it('come in their order, those of one kind side by side', () => {
    const lists = voucherTest.createFinalInvocations?.(new SeededRandom('final'), 3, history) ?? [];
    expect(lists.map((list) => new Set([list].flat().map(({ f }) => f)))).toEqual(
      [
        ...['create', 'create-otherwise', 'settled', 'redeem', 'settled', 'report-all', 'wallet', 'replay'],
        ...['settled', 'read', 'report', 'report-all', 'wallet'],
      ].map((f) => new Set([f])),
    );
    expect(JSON.parse(JSON.stringify(final))).toEqual(final);
  });

  it('are of the first vouchers, and of all that were named', () => {
    for (const f of ['create', 'create-otherwise', 'read', 'report'])
      expect(valuesOf(final, f).map(({ code }) => code)).toEqual(CODES);
    const codesOf = (f: string) => valuesOf(final, f).map(({ code }) => code);
    expect(codesOf('report-all')).toEqual([...CODES, ...CODES]);
    expect(codesOf('settled')).toEqual([...CODES, ...CODES, ...CODES]);
    expect(valuesOf(final, 'create').at(-1)).toEqual({ ...COLD, code: 'cold-4' });
    expect(valuesOf(final, 'create-otherwise').at(-1)).toEqual({ ...COLD, code: 'cold-4', limit: 8 });
    expect(valuesOf(drawFinal(), 'create')).toEqual(VOUCHERS);
  });

  it('redeem for one fresh user more than rights can be left', () => {
    const counts = CODES.map((code) => new Set(drained.filter((value) => value.code === code).map(({ user }) => user)));
    expect(counts.map(({ size }) => size)).toEqual([12 - 11 + 1, 7 + 1, 40 + 1, 7 + 1]);
    expect(drained[0]).toEqual({ code: 'hot', user: 'fresh-hot-0', request_id: 'r0' });
    expect(new Set(drained.map(({ user }) => user)).size).toBe(drained.length);
    const known = new Set(valuesOf(draw('mix', 20_000), 'redeem').map(({ user }) => user));
    expect(drained.filter(({ user }) => known.has(user))).toEqual([]);
  });

  it('read the wallet of every user before anything is replayed, each once', () => {
    const before = final.slice(
      0,
      final.findIndex(({ f }) => f === 'replay'),
    );
    const read = valuesOf(before, 'wallet').map(({ user }) => user);
    const asked = ELEVEN.map((_, number) => `u${number}`);
    expect(read.toSorted()).toEqual([...asked, 'u20', 'u99', ...drained.map(({ user }) => user)].sort());
  });

  it('replay every request, in an order of the seed, and then read some of the wallets again', () => {
    const first = ELEVEN.map((_, number) => ({ code: 'hot', user: `u${number}`, request_id: 'r0' }));
    const others = [
      { code: 'hot', user: 'u3', request_id: 'r1' },
      { code: 'hot', user: 'u20', request_id: 'r0' },
      { code: 'cold-4', user: 'u7', request_id: 'r0' },
    ];
    const text = (values: readonly Fields[]) => values.map((value) => JSON.stringify(value)).sort();
    expect(text(replayed)).toEqual(text([...first, ...others]));
    expect(drawFinal('final', history)).toEqual(final);
    expect(valuesOf(drawFinal('other', history), 'replay')).not.toEqual(replayed);
    const users = new Set(replayed.slice(0, 8).map(({ user }) => user));
    expect(valuesOf(final, 'wallet').slice(-users.size)).toEqual([...users].map((user) => ({ user })));
  });

  it('replay a bounded number of requests', () => {
    const many = Array.from({ length: 400 }, (_, number) => redeem('wide', `u${number}`, 'sold_out')).flat();
    const ofMany = drawFinal('final', handwritten(...many));
    expect(new Set(valuesOf(ofMany, 'replay').map(({ user }) => user)).size).toBe(150);
    expect(valuesOf(ofMany, 'wallet').length).toBe(400 + (12 + 1) + (7 + 1) + (40 + 1) + 8);
  });
});

describe('a client', () => {
  let rig: ClientRig;

  beforeEach(() => {
    rig = new ClientRig(voucherTest);
  });

  function perform(f: string, value: unknown, ...replies: readonly Fields[]): Promise<Completion> {
    return rig.perform(f, value, ...replies);
  }

  async function performOnCreated(f: string, value: unknown, ...replies: readonly Fields[]): Promise<Completion> {
    await perform('create', HOT, {});
    rig.forgetAsked();
    return perform(f, value, ...replies);
  }

  const REQUEST = { code: 'hot', user: 'u7', request_id: 'r0' };
  const LATER = { type: 'error', code: 11, text: 'later' };
  const EXISTS = { type: 'error', code: 21, text: 'other terms' };

  it('creates a voucher', async () => {
    expect(await perform('create', HOT, {})).toEqual({ type: 'ok', value: HOT });
    expect(rig.asked()).toEqual([{ type: 'voucher_create', ...HOT }]);
  });

  it.each([
    ['is told that it exists otherwise', EXISTS, 'fail', ['key-already-exists', 'other terms']],
    ['is told to come later', LATER, 'fail', ['temporarily-unavailable', 'later']],
  ])('fails to create one when it %s', async (_name, reply, type, error) => {
    expect(await perform('create', HOT, reply)).toEqual({ type, value: HOT, error });
  });

  it.each([
    ['takes a refusal of other terms for right', EXISTS, 'ok', { refused: true }],
    ['tells when they were accepted', {}, 'ok', { refused: false }],
    ['takes another error for what it is', LATER, 'fail', {}],
  ])('%s', async (_name, reply, type, more) => {
    const other = { ...HOT, limit: 13 };
    const completion = await performOnCreated('create-otherwise', other, reply);
    expect(completion).toMatchObject({ type, value: { ...other, ...more } });
    expect(rig.asked()).toEqual([{ type: 'voucher_create', ...other }]);
  });

  it.each(['redeem', 'replay'])('reports how a %s ended', async (f) => {
    const redeemed = { outcome: 'redeemed', redemption: 3, credited: 500 };
    expect(await performOnCreated(f, REQUEST, { ...redeemed, msg_id: 3 })).toEqual({
      type: 'ok',
      value: { ...REQUEST, ...redeemed },
    });
    expect(rig.asked()).toEqual([{ type: 'redeem', ...REQUEST }]);
    for (const outcome of ['already_redeemed', 'sold_out'])
      expect(await perform(f, REQUEST, { outcome })).toEqual({ type: 'ok', value: { ...REQUEST, outcome } });
    expect(await perform(f, REQUEST)).toEqual({ type: 'info', value: REQUEST, error: 'net-timeout' });
    expect(await perform(f, REQUEST, LATER)).toMatchObject({ type: 'fail', value: REQUEST });
    expect(await perform(f, REQUEST, { outcome: 'lost' })).toMatchObject({ type: 'info', value: REQUEST });
    expect(rig.malformed).toHaveLength(1);
  });

  it('first creates a voucher not yet known to exist, once', async () => {
    const redeemed = { outcome: 'sold_out' };
    expect(await perform('redeem', REQUEST, {}, redeemed)).toMatchObject({ type: 'ok' });
    expect(await perform('redeem', REQUEST, redeemed)).toMatchObject({ type: 'ok' });
    expect(rig.asked().map(({ type }) => type)).toEqual(['voucher_create', 'redeem', 'redeem']);
    expect(rig.asked()[0]).toEqual({ type: 'voucher_create', ...HOT });
    const read = { limit: 7, amount: 5, used: 1, pending: 0 };
    expect(await perform('read', { code: 'cold' }, {}, read)).toMatchObject({ type: 'ok' });
  });

  it('never sends other terms first', async () => {
    await perform('create-otherwise', { ...HOT, limit: 13 }, {}, EXISTS);
    expect(rig.asked()).toEqual([
      { type: 'voucher_create', ...HOT },
      { type: 'voucher_create', ...HOT, limit: 13 },
    ]);
  });

  it.each([
    ['redeem', REQUEST],
    ['create-otherwise', { ...HOT, limit: 13 }],
    ['settled', { code: 'hot' }],
    ['report-all', { code: 'hot' }],
  ])('has certainly not begun a %s when the creation before it failed', async (f, value) => {
    expect(await perform(f, value)).toEqual({ type: 'fail', value, error: 'net-timeout' });
    expect(rig.asked()).toEqual([{ type: 'voucher_create', ...HOT }]);
  });

  it('forgets the vouchers of the run', async () => {
    await perform('create', HOT, {});
    rig.beginRun();
    await perform('redeem', REQUEST);
    expect(rig.asked()).toMatchObject([{ type: 'voucher_create' }]);
  });

  it('reads how much was used', async () => {
    const told = { limit: 12, amount: 5, used: 4, pending: 1 };
    expect(await performOnCreated('read', { code: 'hot' }, told)).toEqual({
      type: 'ok',
      value: { code: 'hot', ...told },
    });
    expect(rig.asked()).toEqual([{ type: 'voucher_read', code: 'hot' }]);
  });

  it('reports a voucher as settled only when nothing is pending', async () => {
    const value = { code: 'hot' };
    const told = { limit: 12, amount: 5, used: 4 };
    expect(await performOnCreated('settled', value, { ...told, pending: 2 })).toEqual({
      type: 'fail',
      value,
      error: ['pending', 2],
    });
    expect(await perform('settled', value, { ...told, pending: 0 })).toEqual({
      type: 'ok',
      value: { ...value, ...told, pending: 0 },
    });
    expect(await perform('settled', value)).toMatchObject({ type: 'info', value, error: 'net-timeout' });
  });

  function redemptions(from: number, to: number) {
    return Array.from({ length: to - from }, (_, index) => ({
      redemption: from + index,
      user: `u${from + index}`,
      request_id: 'r0',
    }));
  }

  it('reads a page of a report', async () => {
    const page = { code: 'hot', offset: 2, limit: 3 };
    const told = { length: 5, redemptions: redemptions(2, 5) };
    expect(await performOnCreated('report', page, told)).toEqual({ type: 'ok', value: { ...page, ...told } });
    expect(rig.asked()).toEqual([{ type: 'voucher_report', ...page }]);
  });

  it('reads a report in full, page by page', async () => {
    const completion = await performOnCreated(
      'report-all',
      { code: 'hot' },
      { length: 40, redemptions: redemptions(0, 16) },
      { length: 40, redemptions: redemptions(16, 32) },
      { length: 40, redemptions: redemptions(32, 40) },
    );
    expect(completion).toEqual({ type: 'ok', value: { code: 'hot', length: 40, redemptions: redemptions(0, 40) } });
    expect(rig.asked()).toEqual(
      [0, 16, 32].map((offset) => ({ type: 'voucher_report', code: 'hot', offset, limit: 16 })),
    );
  });

  it('reads an empty report at once', async () => {
    const completion = await performOnCreated('report-all', { code: 'hot' }, { length: 0, redemptions: [] });
    expect(completion).toEqual({ type: 'ok', value: { code: 'hot', length: 0, redemptions: [] } });
  });

  it('does not accept a report that changes meanwhile', async () => {
    const value = { code: 'hot' };
    const pages = [
      { length: 17, redemptions: redemptions(0, 16) },
      { length: 18, redemptions: redemptions(16, 18) },
    ];
    expect(await performOnCreated('report-all', value, ...pages)).toEqual({
      type: 'fail',
      value,
      error: ['changed', 'from 17 to 18 redemptions'],
    });
  });

  it('knows no report when a page is missing', async () => {
    const value = { code: 'hot' };
    const page = { length: 17, redemptions: redemptions(0, 16) };
    expect(await performOnCreated('report-all', value, page)).toEqual({ type: 'info', value, error: 'net-timeout' });
    expect(await perform('report-all', value, page, LATER)).toMatchObject({ type: 'fail', value });
  });

  it('accepts a report that ends too early, or never, unchanged', async () => {
    const early = [
      { length: 17, redemptions: redemptions(0, 16) },
      { length: 17, redemptions: [] },
    ];
    expect(await performOnCreated('report-all', { code: 'hot' }, ...early)).toMatchObject({
      type: 'ok',
      value: { length: 17, redemptions: { length: 16 } },
    });
    const endless = new Array(32).fill({ length: 1e6, redemptions: redemptions(0, 16) });
    expect(await perform('report-all', { code: 'hot' }, ...endless)).toMatchObject({
      type: 'ok',
      value: { length: 1e6, redemptions: { length: 512 } },
    });
  });

  it('reads a wallet, with any vouchers', async () => {
    const told = { balance: 500, entries: [{ code: 'hot', request_id: 'r0', redemption: 3, credited: 500 }] };
    expect(await perform('wallet', { user: 'u7' }, told)).toEqual({ type: 'ok', value: { user: 'u7', ...told } });
    expect(rig.asked()).toEqual([{ type: 'wallet_read', user: 'u7' }]);
    expect(await perform('wallet', { user: 'u7' })).toMatchObject({ type: 'info', value: { user: 'u7' } });
  });

  it('rejects an unknown operation', () => {
    expect(() => rig.invoke('generate', {})).toThrow('no operation generate');
    return expect(rig.invoke('read', { code: 'cool' })).rejects.toThrow('no voucher cool');
  });

  it('knows the terms of every voucher by its code, except one that cannot exist', async () => {
    const missing = (code: string) => expect(rig.invoke('read', { code })).rejects.toThrow(`no voucher ${code}`);
    await perform('read', { code: 'cold-17' }, {});
    expect(rig.asked()[0]).toEqual({ type: 'voucher_create', ...COLD, code: 'cold-17' });
    for (const code of ['cold-0', 'cold-01', 'cold-', 'cool-1']) await missing(code);
    rig = new ClientRig(smallVoucherTest);
    await missing('hot-1');
  });
});

interface Voucher {
  readonly terms: Fields;
  readonly redemptions: Fields[];
}

const LATER = { type: 'error', code: 11, text: 'later' };

/** The service in a few lines, without faults to survive: all nodes share one memory. */
class SmallService {
  readonly vouchers = new Map<string, Voucher>();
  readonly wallets = new Map<string, { balance: number; entries: Fields[] }>();

  voucher(code: string): Voucher {
    return this.vouchers.get(code) as Voucher;
  }

  voucher_create(_node: string, terms: Fields): Fields {
    const known = this.vouchers.get(terms.code)?.terms;
    if (known === undefined) this.vouchers.set(terms.code, { terms, redemptions: [] });
    else if (known.limit !== terms.limit) return { type: 'error', code: 21, text: 'it exists' };
    return {};
  }

  redeem(node: string, request: Fields): Fields {
    const { terms, redemptions } = this.voucher(request.code);
    const mine = redemptions.find(({ user }) => user === request.user);
    if (mine !== undefined) return this.answerAgain(mine, request, terms);
    if (this.isSoldOut(node, request.code)) return { outcome: 'sold_out' };
    const redemption = this.nextNumber(node, request.code);
    redemptions.push({ redemption, user: request.user, request_id: request.request_id });
    this.credit(request, redemption, terms.amount);
    return { outcome: 'redeemed', redemption, credited: terms.amount };
  }

  answerAgain({ redemption, request_id }: Fields, request: Fields, { amount }: Fields): Fields {
    if (request_id !== request.request_id) return { outcome: 'already_redeemed' };
    return { outcome: 'redeemed', redemption, credited: amount };
  }

  isSoldOut(_node: string, code: string): boolean {
    const { terms, redemptions } = this.voucher(code);
    return redemptions.length >= terms.limit;
  }

  nextNumber(_node: string, code: string): number {
    return this.voucher(code).redemptions.length + 1;
  }

  credit({ user, code, request_id }: Fields, redemption: number, credited: number): void {
    const { balance, entries } = this.wallets.get(user) ?? { balance: 0, entries: [] };
    this.wallets.set(user, {
      balance: balance + credited,
      entries: [...entries, { code, request_id, redemption, credited }],
    });
  }

  voucher_read(_node: string, { code }: Fields): Fields {
    const { terms, redemptions } = this.voucher(code);
    return { limit: terms.limit, amount: terms.amount, used: redemptions.length, pending: 0 };
  }

  voucher_report(_node: string, { code, offset, limit }: Fields): Fields {
    const { redemptions } = this.voucher(code);
    return { length: redemptions.length, redemptions: redemptions.slice(offset, offset + limit) };
  }

  wallet_read(_node: string, { user }: Fields): Fields {
    return this.wallets.get(user) ?? { balance: 0, entries: [] };
  }
}

class SellsOutAlone extends SmallService {
  override isSoldOut(node: string, code: string): boolean {
    const { terms, redemptions } = this.voucher(code);
    const mineCount = redemptions.filter((redemption) => redemption.by === node).length;
    return mineCount >= Math.ceil(terms.limit / 3) || super.isSoldOut(node, code);
  }

  override redeem(node: string, request: Fields): Fields {
    const answer = super.redeem(node, request);
    const { redemptions } = this.voucher(request.code);
    const last = redemptions.length - 1;
    if (redemptions[last]?.user === request.user && redemptions[last]?.by === undefined)
      redemptions[last] = { ...redemptions[last], by: node };
    return answer;
  }

  override voucher_report(node: string, asked: Fields): Fields {
    const { length, redemptions } = super.voucher_report(node, asked);
    return { length, redemptions: redemptions.map(({ by: _by, ...redemption }: Fields) => redemption) };
  }
}

class TakesARightEachTime extends SmallService {
  readonly #taken = new Map<string, number>();

  override redeem(node: string, request: Fields): Fields {
    const soldOut = this.isSoldOut(node, request.code);
    if (!soldOut) this.#taken.set(request.code, this.#count(request.code) + 1);
    return super.redeem(node, request);
  }

  override isSoldOut(_node: string, code: string): boolean {
    return this.#count(code) > this.voucher(code).terms.limit;
  }

  override voucher_read(node: string, { code }: Fields): Fields {
    const told = super.voucher_read(node, { code });
    return { ...told, used: Math.min(this.#count(code), told.limit) };
  }

  #count(code: string): number {
    return this.#taken.get(code) ?? 0;
  }
}

class CreditsAgain extends SmallService {
  override answerAgain(mine: Fields, request: Fields, terms: Fields): Fields {
    const wallet = this.wallets.get(request.user);
    if (wallet !== undefined) wallet.balance += terms.amount;
    return super.answerAgain(mine, request, terms);
  }
}

class OverwritesWallets extends SmallService {
  override credit(request: Fields, redemption: number, credited: number): void {
    this.wallets.delete(request.user);
    super.credit(request, redemption, credited);
  }
}

class LosesARight extends SmallService {
  override redeem(node: string, request: Fields): Fields {
    const { terms, redemptions } = this.voucher(request.code);
    const isIn = redemptions.some(({ user }) => user === request.user);
    return request.code === 'cold' && !isIn && redemptions.length === terms.limit - 1
      ? LATER
      : super.redeem(node, request);
  }
}

class NumbersByNode extends SmallService {
  readonly #counts = new Map<string, number>();

  override nextNumber(node: string, code: string): number {
    const name = `${node} ${code}`;
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    return count;
  }
}

class GivesOneTooMany extends SmallService {
  override isSoldOut(_node: string, code: string): boolean {
    const { terms, redemptions } = this.voucher(code);
    return redemptions.length > terms.limit;
  }
}

class KnowsRequestsOnly extends SmallService {
  override answerAgain(_mine: Fields, request: Fields, { amount }: Fields): Fields {
    const { redemptions, terms } = this.voucher(request.code);
    const same = redemptions.find((own) => own.user === request.user && own.request_id === request.request_id);
    if (same !== undefined) return { outcome: 'redeemed', redemption: same.redemption, credited: amount };
    if (redemptions.length >= terms.limit) return { outcome: 'sold_out' };
    const redemption = redemptions.length + 1;
    redemptions.push({ redemption, user: request.user, request_id: request.request_id });
    this.credit(request, redemption, amount);
    return { outcome: 'redeemed', redemption, credited: amount };
  }
}

class AnswersOnce extends SmallService {
  override answerAgain(): Fields {
    return { outcome: 'already_redeemed' };
  }
}

class ForgetsWhatItPromised extends SmallService {
  override redeem(node: string, request: Fields): Fields {
    const { terms } = this.voucher(request.code);
    if (!/^u\d*4$/.test(request.user) || this.isSoldOut(node, request.code)) return super.redeem(node, request);
    return {
      outcome: 'redeemed',
      redemption: 1000 + 2 * Number(request.user.slice(1)) + Number(request.request_id === 'r1'),
      credited: terms.amount,
    };
  }
}

class ReadsOnceANode extends SmallService {
  readonly #told = new Map<string, Fields>();

  override voucher_read(node: string, { code }: Fields): Fields {
    const name = `${node} ${code}`;
    const told = this.#told.get(name) ?? super.voucher_read(node, { code });
    this.#told.set(name, told);
    return told;
  }
}

class TellsAnotherAmount extends SmallService {
  override voucher_read(node: string, { code }: Fields): Fields {
    const told = super.voucher_read(node, { code });
    return { ...told, amount: told.amount + 1 };
  }
}

/** Credits some users only when their request is repeated, and answers nothing until then. */
class CreditsWhenAskedAgain extends SmallService {
  readonly #owed = new Map<string, () => void>();

  override redeem(node: string, request: Fields): Fields {
    const answer = super.redeem(node, request);
    return this.#owed.has(nameOf(request)) ? { type: 'error', code: 13, text: 'who knows' } : answer;
  }

  override credit(request: Fields, redemption: number, credited: number): void {
    const pay = () => super.credit(request, redemption, credited);
    if (request.code === 'wide' && request.user.startsWith('u1')) this.#owed.set(nameOf(request), pay);
    else pay();
  }

  override voucher_read(node: string, { code }: Fields): Fields {
    const pending = [...this.#owed.keys()].filter((name) => name.startsWith(`${code} `)).length;
    return { ...super.voucher_read(node, { code }), pending };
  }

  override answerAgain(mine: Fields, request: Fields, terms: Fields): Fields {
    const name = nameOf({ ...mine, code: request.code });
    this.#owed.get(name)?.();
    this.#owed.delete(name);
    return super.answerAgain(mine, request, terms);
  }
}

function nameOf({ code, user, request_id }: Fields): string {
  return `${code} ${user} ${request_id}`;
}

class TakesAnyTerms extends SmallService {
  override voucher_create(node: string, terms: Fields): Fields {
    super.voucher_create(node, terms);
    return {};
  }
}

class RefusesAfterTheFact extends SmallService {
  override redeem(node: string, request: Fields): Fields {
    const answer = super.redeem(node, request);
    return request.user.endsWith('9') && answer.outcome === 'redeemed' ? LATER : answer;
  }
}

class CutsPages extends SmallService {
  override voucher_report(node: string, { code, offset, limit }: Fields): Fields {
    return super.voucher_report(node, { code, offset, limit: Math.min(limit, 5) });
  }
}

class RenumbersWhenItGrows extends SmallService {
  override voucher_report(node: string, asked: Fields): Fields {
    const { length, redemptions } = super.voucher_report(node, asked);
    const { limit } = this.voucher(asked.code).terms;
    const renumbered = redemptions.map((redemption: Fields) => ({
      ...redemption,
      redemption: redemption.redemption + limit - length,
    }));
    return { length, redemptions: renumbered };
  }
}

type Answer = (node: string, body: Fields) => Fields;
const TYPES = [
  messages.VoucherCreate,
  messages.Redeem,
  messages.VoucherRead,
  messages.VoucherReport,
  messages.WalletRead,
].map(({ type }) => type);

function runAgainst(service: SmallService, options: Partial<RunOptions> = {}) {
  const run = new ScriptedRun({
    test: voucherTest,
    ratePerSecond: 100,
    ...options,
    scriptOf: (nodeId) =>
      answering(
        Object.fromEntries(
          TYPES.map((type): [string, Script] => [
            type,
            (message, host) => {
              const answer = service[type as keyof SmallService] as unknown as Answer;
              host.reply(message, { type: `${type}_ok`, ...answer.call(service, nodeId, message.body) }, 1);
            },
          ]),
        ),
      ),
  });
  return run.finish();
}

/** All vouchers known to clients. In the end none is left over. */
function rightsIn(history: History): number {
  const created = [...history].filter(({ type, f }) => type === 'ok' && f === 'create');
  const limits = new Map(created.map(({ value }) => [(value as Fields).code, (value as Fields).limit as number]));
  return [...limits.values()].reduce((total, limit) => total + limit, 0);
}

describe('a run', () => {
  it('accepts a correct service', async () => {
    const { results, history } = await runAgainst(new SmallService());
    expect(results).toMatchObject({
      'valid?': true,
      workload: { 'valid?': true, 'redemption-count': rightsIn(history) },
      stats: { 'fail-count': 0, 'info-count': 0 },
    });
    expect(new Set([...history].map(({ type }) => type))).toEqual(new Set(['invoke', 'ok']));
    const outcomes = [...history].map(({ value }) => (value as Fields).outcome);
    expect(new Set(outcomes)).toEqual(new Set([undefined, 'redeemed', 'already_redeemed', 'sold_out']));
  });

  it('accepts one with lost, late and doubled replies, and has rights left for the fresh users', async () => {
    const { results, history } = await runAgainst(new SmallService(), {
      faults: ['loss', 'duplication', 'reordering', 'delay'],
      faultValues: { loss: 0.1, duplication: 0.1, reordering: 0.1, delay: 0.1 },
      concurrency: 12,
      ratePerSecond: 20,
    });
    expect(results).toMatchObject({
      'valid?': true,
      workload: { 'valid?': true, 'redemption-count': rightsIn(history) },
    });
    expect(results.stats?.['info-count']).toBeGreaterThan(10);
  });

  it('is undecided when nothing was requested before the last questions', async () => {
    const { results } = await runAgainst(new SmallService(), { ratePerSecond: 0 });
    expect(results).toMatchObject({ 'valid?': 'unknown', workload: { 'valid?': true } });
    expect(results.recovery).toBeUndefined();
  });

  it.each([
    ['gives one redemption too many', GivesOneTooMany, ['within-limit']],
    ['tells sold out when a node has given its part', SellsOutAlone, ['sold-out-is-true', 'answers-agree']],
    [
      'takes a right for every request',
      TakesARightEachTime,
      ['counts-are-current', 'sold-out-is-true', 'no-right-is-lost'],
    ],
    ['credits whenever it is asked', CreditsAgain, ['wallets-are-right']],
    ['overwrites a wallet', OverwritesWallets, ['wallets-are-right']],
    ['credits nothing before it is asked again', CreditsWhenAskedAgain, ['wallets-are-right']],
    ['loses a right', LosesARight, ['no-right-is-lost']],
    ['lets every node number by itself', NumbersByNode, ['redemptions-are-distinct']],
    ['gives shorter pages than it could', CutsPages, ['redemptions-are-distinct']],
    ['numbers redemptions from the end of its report', RenumbersWhenItGrows, ['redemptions-are-distinct']],
    ['knows requests and not users', KnowsRequestsOnly, ['once-a-user', 'as-many-as-asked', 'answers-agree']],
    ['answers a request only once', AnswersOnce, ['answers-agree']],
    [
      'forgets its answers',
      ForgetsWhatItPromised,
      [
        'acknowledged-is-kept',
        'as-many-as-asked',
        'counts-are-current',
        'no-right-is-lost',
        'wallets-are-right',
        'answers-agree',
      ],
    ],
    ['tells for ever what a node read first', ReadsOnceANode, ['counts-are-current']],
    ['refuses what it did', RefusesAfterTheFact, ['nothing-unasked', 'as-many-as-asked', 'counts-are-current']],
    ['accepts other terms', TakesAnyTerms, ['as-created']],
    ['tells another amount than it credits', TellsAnotherAmount, ['as-created']],
  ])('rejects a service that %s, for that reason', async (_name, Service, rules) => {
    const { results } = await runAgainst(new Service());
    const workload = results.workload as Fields;
    expect(Object.keys(workload).filter((name) => workload[name]?.count > 0)).toEqual(rules);
    expect(workload['valid?']).toBe(false);
    expect(results.protocol?.count).toBe(0);
  });
});
