/** Replies to valid requests, and refusals. */

import { describe, expect, it } from 'vitest';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { VoucherCreate } from '../../../src/workloads/voucher/messages.ts';
import { startVouchers } from '../../../src/workloads/voucher/node.ts';
import { shardKey } from '../../../src/workloads/voucher/records.ts';
import { TestNode } from '../../support/test-node.ts';
import { settle } from '../../support/virtual-time.ts';
import { CODE, VoucherRig } from '../../support/voucher-rig.ts';

class Bench {
  readonly rig = new VoucherRig();
  readonly node = this.rig.begin('n0');
  readonly other = this.rig.begin('n1');

  run<T>(work: Promise<T>): Promise<T> {
    return this.rig.run(work);
  }
}

describe('a redemption', () => {
  it('always gets the same answer, from every node', async () => {
    const { run, node, other, rig } = bind(new Bench());
    await run(node.create(2));
    const answer = await run(node.redeem('u', 'r'));
    expect(answer).toEqual({ outcome: 'redeemed', redemption: 1, credited: 5 });
    expect(await run(other.redeem('u', 'r'))).toEqual(answer);
    await rig.pass(20_000);
    expect(await run(other.redeem('u', 'r'))).toEqual(answer);
    expect(await run(rig.begin('n2').redeem('u', 'r'))).toEqual(answer);
    expect(await run(node.wallet('u'))).toEqual({
      balance: 5,
      entries: [{ code: CODE, request_id: 'r', redemption: 1, credited: 5 }],
    });
  });

  it('by another request of the same user is already redeemed', async () => {
    const { run, node, other } = bind(new Bench());
    await run(node.create(2));
    await run(node.redeem('u', 'r'));
    expect(await run(node.redeem('u', 'another'))).toEqual({ outcome: 'already_redeemed' });
    expect(await run(other.redeem('u', 'another'))).toEqual({ outcome: 'already_redeemed' });
    expect(await run(other.read())).toMatchObject({ used: 1 });
  });

  it('of two vouchers is credited for each', async () => {
    const { run, node } = bind(new Bench());
    await run(node.create(2, 1, 5));
    await run(node.create(2, 1, 7, 'w'));
    await run(Promise.all([node.redeem('u', 'r'), node.redeem('u', 'r', 'w')]));
    expect(await run(node.wallet('u'))).toMatchObject({ balance: 12 });
  });

  it('is decided separately for another user and another voucher with the same request id', async () => {
    const { run, node, other } = bind(new Bench());
    await run(node.create(2, 1, 5));
    await run(node.create(1, 1, 7, 'w'));
    expect(await run(node.redeem('u', 'r'))).toEqual({ outcome: 'redeemed', redemption: 1, credited: 5 });
    expect(await run(other.redeem('v', 'r'))).toEqual({ outcome: 'redeemed', redemption: 2, credited: 5 });
    expect(await run(other.redeem('u', 'r', 'w'))).toEqual({ outcome: 'redeemed', redemption: 1, credited: 7 });
    expect(await run(node.redeem('v', 'r', 'w'))).toEqual({ outcome: 'sold_out' });
    // Each of them has its own answer, for ever.
    expect(await run(other.redeem('v', 'r'))).toEqual({ outcome: 'redeemed', redemption: 2, credited: 5 });
    expect(await run(node.redeem('u', 'r', 'w'))).toEqual({ outcome: 'redeemed', redemption: 1, credited: 7 });
    expect(await run(node.redeem('u', 'another', 'w'))).toEqual({ outcome: 'already_redeemed' });
  });

  it('is refused with 20 if there is no such voucher', async () => {
    const { run, node } = bind(new Bench());
    for (const ask of [() => node.redeem('u'), () => node.read(), () => node.report(0, 1)])
      await expect(run<unknown>(ask())).rejects.toMatchObject({ code: 20, message: `there is no voucher ${CODE}` });
    expect(await run(node.wallet('unknown'))).toEqual({ balance: 0, entries: [] });
  });

  it('of a name with odd characters belongs to this name alone', async () => {
    const { run, node } = bind(new Bench());
    await run(node.create(10));
    const users = ['a/b', 'a%2Fb', 'ä', 'a\u0308', '__proto__', 'constructor', ' ', '🌍'];
    for (const user of users) expect(await run(node.redeem(user))).toMatchObject({ outcome: 'redeemed' });
    for (const user of users) expect(await run(node.wallet(user))).toMatchObject({ balance: 5 });
    const { redemptions } = await run(node.report(0, 10));
    expect(redemptions.map(({ user }) => user)).toEqual(users);
  });
});

describe('a creation', () => {
  it('is done once: a repetition is ok, other parameters are refused with 21', async () => {
    const { run, node, other } = bind(new Bench());
    expect(await run(node.create(5, 2, 7))).toEqual({});
    expect(await run(other.create(5, 2, 7))).toEqual({});
    for (const [limit, shards, amount] of [
      [6, 2, 7],
      [5, 1, 7],
      [5, 2, 8],
    ])
      await expect(run(other.create(limit as number, shards, amount))).rejects.toMatchObject({ code: 21 });
    expect(await run(node.read())).toEqual({ limit: 5, amount: 7, used: 0, pending: 0 });
  });

  it('splits the rights over the shards; without a number there is one', async () => {
    const { run, node, rig } = bind(new Bench());
    await run(node.create(11, 3));
    expect(rig.voucher()).toMatchObject({ limit: 11, granted: [4, 4, 3], returned: [0, 0, 0] });
    await run(node.ask(VoucherCreate, { code: 'w', limit: 5, amount: 5 }));
    expect(rig.voucher('w')).toMatchObject({ limit: 5, granted: [5], returned: [0] });
  });

  it('with more shards than rights loses none', async () => {
    const { run, node, rig } = bind(new Bench());
    await run(node.create(2, 8));
    const outcomes: string[] = [];
    for (let number = 0; number < 10; number++) outcomes.push((await run(node.redeem(`u${number}`))).outcome);
    expect(outcomes.filter((outcome) => outcome === 'redeemed')).toHaveLength(2);
    expect(outcomes.at(-1)).toBe('sold_out');
    expect(rig.voucher()).toMatchObject({ sold_out: true });
  });
});

describe('a report', () => {
  it.each([1, 3])('has every redemption once, in parts as in full, and pages of 64: %d shards', async (shards) => {
    const { run, node, other, rig } = bind(new Bench());
    await run(node.create(200, shards));
    const users = Array.from({ length: 150 }, (_, number) => `u${number}`);
    await run(Promise.all(users.map((user) => node.redeem(user))));
    await rig.pass(2000);
    const { length, redemptions } = await run(other.report(0, 1000));
    expect(length).toBe(150);
    expect(redemptions.map(({ user }) => user).sort()).toEqual(users.toSorted());
    expect(new Set(redemptions.map(({ redemption }) => redemption)).size).toBe(150);
    for (const [offset, limit] of [
      [0, 1],
      [60, 10],
      [149, 10],
      [150, 10],
      [1000, 1],
    ] as const) {
      const part = await run(other.report(offset, limit));
      expect(part).toEqual({ length: 150, redemptions: redemptions.slice(offset, offset + limit) });
    }
    const sizes = rig.asked('cas', 'vp/').map(({ to }) => JSON.parse(to).entries.length);
    expect(Math.max(...sizes)).toBe(64);
    expect(await run(node.read())).toEqual({ limit: 200, amount: 5, used: 150, pending: 0 });
  });
});

describe('a page of a report', () => {
  it.each([
    [0, 3, [0]],
    [3, 1, [0]],
    [3, 2, [0, 1]],
    [4, 4, [1]],
    [0, 9, [0, 1, 2]],
    [8, 100, [2]],
    [10, 1, []],
    [12, 1, []],
    [13, 5, []],
  ])('is read only if it has some of what is asked for: offset %d, limit %d', async (offset, limit, pages) => {
    const rig = new VoucherRig();
    const node = rig.begin('n0', { limits: { page: 4 } });
    await rig.run(node.create(20));
    for (let number = 0; number < 10; number++) await rig.run(node.redeem(`u${number}`));
    await rig.pass(2000);
    rig.wire.length = 0;
    const { length, redemptions } = await rig.run(node.report(offset, limit));
    expect(length).toBe(10);
    const users = Array.from({ length: 10 }, (_, number) => `u${number}`);
    expect(redemptions.map(({ user }) => user)).toEqual(users.slice(offset, offset + limit));
    expect(rig.asked('read', 'vp/').map(({ key }) => key)).toEqual(pages.map((page) => `vp/${CODE}/0/${page}`));
  });

  it('that lacks a redemption which is no longer in the shard is an error, not a shorter report', async () => {
    const { run, node, rig } = bind(new Bench());
    await run(node.create(5));
    rig.put(shardKey(CODE, 0), { granted: 5, returned: 0, used: 1, pending: [], left: [], since: 0 });
    await expect(run(node.report(0, 10))).rejects.toThrow(`place 0 of shard 0 of ${CODE} is on no page`);
  });
});

describe('the terms of a voucher', () => {
  it('are read once, as long as there are not too many vouchers', async () => {
    const rig = new VoucherRig();
    const node = rig.begin('n0', { limits: { terms: 2 }, parts: { sweeps: false } });
    for (const code of ['a', 'b', 'c']) await rig.run(node.create(5, 1, 5, code));
    rig.wire.length = 0;
    const reads: number[] = [];
    for (const code of ['a', 'a', 'b', 'a', 'b', 'c', 'b', 'c', 'a']) {
      await rig.run(node.read(code));
      reads.push(rig.asked('read', 'v/').length);
    }
    expect(reads).toEqual([1, 1, 2, 2, 2, 3, 3, 3, 4]);
  });
});

describe('a node', () => {
  it('forgets a shard that it has not used for a while', async () => {
    const { run, node, other, rig } = bind(new Bench());
    await run(node.create(1));
    await run(node.redeem('a'));
    // It redeemed nothing there, so the shard is in no index of this node.
    const keysToRedeem = async (user: string) => {
      rig.wire.length = 0;
      expect(await run(other.redeem(user))).toEqual({ outcome: 'sold_out' });
      return rig.asked('read', '', 'n1').map(({ key }) => key);
    };
    await keysToRedeem('b');
    expect(await keysToRedeem('c')).toEqual(['w/c']);
    await rig.pass(3000);
    expect(await keysToRedeem('d')).toEqual(['w/d']);
    await rig.pass(12_000);
    expect(await keysToRedeem('e')).toContain(shardKey(CODE, 0));
  });
});

describe('an invalid request', () => {
  const CREATE = { type: 'voucher_create', code: 'c', limit: 5, amount: 5 };
  const REDEEM = { type: 'redeem', code: 'c', user: 'u', request_id: 'r' };
  const REPORT = { type: 'voucher_report', code: 'c', limit: 5, offset: 0 };
  const LONG = 'x'.repeat(10_000);

  it.each<[string, object]>([
    ...[0, -1, 1.5, 2 ** 53, '5', null].map((limit): [string, object] => ['limit', { ...CREATE, limit }]),
    ...[0, -1, 1.5, 1e12 + 1, 2 ** 53].map((amount): [string, object] => ['amount', { ...CREATE, amount }]),
    ...[0, 65, 0.5].map((shards): [string, object] => ['shards', { ...CREATE, shards }]),
    ...['', LONG, 7, null, '\ud800'].map((code): [string, object] => ['code', { ...CREATE, code }]),
    ...['', LONG, 7, 'a\ud800', '\udc00a'].map((user): [string, object] => ['user', { ...REDEEM, user }]),
    ...['', LONG, '\ud800'].map((code): [string, object] => ['code', { ...REDEEM, code }]),
    ...['', LONG].map((id): [string, object] => ['request_id', { ...REDEEM, request_id: id }]),
    ...[0, 1001].map((limit): [string, object] => ['limit', { ...REPORT, limit }]),
    ...[-1, 0.5].map((offset): [string, object] => ['offset', { ...REPORT, offset }]),
    ...['', LONG, '\udfff'].map((user): [string, object] => ['user', { type: 'wallet_read', user }]),
  ])('is refused with 12 and the name of the field %s: %.120j', async (field, body) => {
    const node = await new TestNode((context) => startVouchers(context, { kv: new LinKvStore(context) })).init();
    node.receive({ ...body, msg_id: 1 });
    // A refusal takes one turn, and no store.
    await settle();
    const [reply] = node.sent.filter(({ dest }) => dest === 'c1');
    expect(reply?.body).toMatchObject({ type: 'error', code: 12, text: expect.stringContaining(`body.${field}: `) });
    expect(node.sent.filter(({ dest }) => dest === 'lin-kv')).toEqual([]);
  });
});

/** A node with its methods. */
function bind(bench: Bench) {
  return { ...bench, run: <T>(work: Promise<T>) => bench.run(work) };
}
