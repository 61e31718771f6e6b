/** Wallets that are accounts: what a voucher credits can be transferred, and neither side disturbs the other. */

import { describe, expect, it } from 'vitest';
import { GRACE_VERSIONS, type Mark } from '../../../src/saga/marks.ts';
import { BALANCE_MAX } from '../../../src/workloads/saga/messages.ts';
import { ENTRIES_MAX } from '../../../src/workloads/voucher/account-wallets.ts';
import { ProfileRig } from '../../support/profile-rig.ts';
import { LOST } from '../../support/store-rig.ts';
import { CODE } from '../../support/voucher-rig.ts';

const LONG_MS = 30_000;
const COMMITTED = { outcome: 'committed' };
const ENTRY = [CODE, 'by ann', 1, 5];
const REDEEMED = { outcome: 'redeemed', redemption: 1, credited: 5 };

/** A node, and a voucher of 5 for 9 users. */
async function start() {
  const rig = new ProfileRig();
  const { vouchers, transfers, kill } = rig.beginProfiles('n0');
  const run = <T>(work: Promise<T>) => rig.run(work);
  await run(vouchers.create(9));
  return { rig, run, vouchers, transfers, kill };
}

describe('a credit', () => {
  it('makes the account of a user who has none, and what it credits can be transferred', async () => {
    const { rig, run, vouchers, transfers } = await start();
    expect(await run(vouchers.wallet('ann'))).toEqual({ balance: 0, entries: [] });
    expect(await run(vouchers.redeem('ann'))).toEqual(REDEEMED);
    const content = { balance: 5, opened: 0, closed: false, token: '', entries: [ENTRY] };
    expect(rig.account('ann')).toEqual({ content, marks: [], ver: 1 });
    await run(transfers.open('shop'));
    expect(await run(transfers.transfer('t', 'ann', 'shop', 4))).toEqual(COMMITTED);
    expect(await run(vouchers.wallet('ann'))).toEqual({
      balance: 1,
      entries: [{ code: CODE, request_id: 'by ann', redemption: 1, credited: 5 }],
    });
    expect(await run(transfers.audit('ann', 'shop'))).toMatchObject({ balances: [1, 4] });
    expect(rig.asked('read', 'w/')).toEqual([]);
  });

  it('can be transferred by a node that found no account a moment before', async () => {
    const { run, vouchers, transfers } = await start();
    await run(transfers.open('shop'));
    await expect(run(transfers.transfer('early', 'ann', 'shop', 4))).rejects.toMatchObject({ code: 20 });
    await run(vouchers.redeem('ann'));
    expect(await run(transfers.transfer('late', 'ann', 'shop', 4))).toEqual(COMMITTED);
  });

  it('is seen by a transfer that comes after it, although the account is remembered without it', async () => {
    const { run, vouchers, transfers } = await start();
    await run(Promise.all([transfers.open('ann', 1), transfers.open('shop')]));
    expect(await run(transfers.transfer('one', 'ann', 'shop', 1))).toEqual(COMMITTED);
    await run(vouchers.redeem('ann'));
    expect(await run(transfers.transfer('two', 'ann', 'shop', 5))).toEqual(COMMITTED);
  });

  it('is once in balance and entries if its answer is lost, and leaves the rest of the account alone', async () => {
    const { rig, run, vouchers } = await start();
    const marks: Mark[] = [['s', 0, 'applied', 0]];
    rig.putAccount('ann', { balance: 30, opened: 40 }, marks, 7);
    const asked = vouchers.redeem('ann');
    rig.drawFate = ({ src, body }) =>
      src === 'lin-kv' && body.type === 'cas_ok' && rig.account('ann')?.ver === 8 ? LOST : [1];
    await rig.pass(50);
    rig.heal();
    expect(await run(asked)).toEqual(REDEEMED);
    const content = { balance: 35, opened: 40, closed: false, token: 'rig', entries: [ENTRY] };
    expect(rig.account('ann')).toEqual({ content, marks, ver: 8 });
  });

  it('is done over the marks of transfers that found no account', async () => {
    const { rig, run, vouchers } = await start();
    rig.put('a/ann', { content: null, marks: [['x', 0, 'undone', 0]] });
    await run(vouchers.redeem('ann'));
    expect(rig.account('ann')).toMatchObject({ content: { balance: 5 }, marks: [['x', 0, 'undone', 0]] });
  });

  it('never ends or removes a mark, however many versions it adds', async () => {
    const { rig, run, vouchers } = await start();
    const marks: Mark[] = [
      ['finished', 0, 'applied', 2],
      ['unfinished', 0, 'applied', 0],
    ];
    rig.putAccount('ann', {}, marks, 2);
    for (let number = 0; number <= GRACE_VERSIONS; number++) {
      await run(vouchers.create(1, 1, 5, `v${number}`));
      await run(vouchers.redeem('ann', 'r', `v${number}`));
    }
    expect(rig.account('ann')).toMatchObject({ marks, ver: 3 + GRACE_VERSIONS });
  });

  it('takes no more messages than to a wallet of its own', async () => {
    const { rig, run, vouchers } = await start();
    await run(vouchers.redeem('first'));
    await rig.pass(LONG_MS);
    rig.wire.length = 0;
    await run(vouchers.redeem('ann'));
    expect([rig.asked('read', 'a/'), rig.asked('cas', 'a/')].map(({ length }) => length)).toEqual([1, 1]);
  });
});

describe('an account that a credit has made', () => {
  it('is opened once, and the balance is added', async () => {
    const { rig, run, vouchers, transfers } = await start();
    await run(vouchers.redeem('ann'));
    rig.next('cas_ok', LOST);
    expect(await run(transfers.open('ann', 100))).toEqual({});
    expect(await run(transfers.open('ann', 100))).toEqual({});
    expect(rig.account('ann')?.content).toMatchObject({ balance: 105, opened: 100, entries: [ENTRY] });
    await expect(run(transfers.open('ann', 99))).rejects.toMatchObject({ code: 21 });
  });

  it('may be closed when it is empty, and is not opened again', async () => {
    const { run, vouchers, transfers } = await start();
    await run(Promise.all([vouchers.redeem('ann'), transfers.open('shop')]));
    await expect(run(transfers.close('ann'))).rejects.toMatchObject({ code: 22 });
    await run(transfers.transfer('t', 'ann', 'shop', 5));
    expect(await run(transfers.close('ann'))).toEqual({});
    await expect(run(transfers.open('ann', 100))).rejects.toMatchObject({ code: 22 });
  });
});

describe('a closed account', () => {
  it('is refused before the pivot with 22, but for what it has redeemed', async () => {
    const { rig, run, vouchers, transfers } = await start();
    await run(Promise.all([vouchers.redeem('ann'), transfers.open('shop'), transfers.open('bob')]));
    await run(transfers.transfer('t', 'ann', 'shop', 5));
    await run(Promise.all([transfers.close('ann'), transfers.close('bob')]));
    const closed = { code: 22, message: 'the account of bob is closed' };
    // The first time the shard is as remembered. It is read before the refusal, so that it is right.
    for (let time = 0; time < 2; time++) await expect(run(vouchers.redeem('bob'))).rejects.toMatchObject(closed);
    expect(await run(vouchers.redeem('ann'))).toEqual(REDEEMED);
    expect(await run(vouchers.redeem('ann', 'other'))).toEqual({ outcome: 'already_redeemed' });
    expect(await run(vouchers.read())).toMatchObject({ used: 1 });
    expect(rig.account('bob')?.content).toMatchObject({ closed: true, balance: 0 });
  });

  it('does not keep others of its group from redeeming', async () => {
    const { rig, run, vouchers } = await start();
    rig.putAccount('bob', { closed: true });
    const asked = ['first', 'bob', 'ann'].map((user) => vouchers.redeem(user).catch(({ code }) => code));
    expect(await run(Promise.all(asked))).toEqual([
      expect.objectContaining({ outcome: 'redeemed' }),
      22,
      expect.objectContaining({ outcome: 'redeemed' }),
    ]);
  });

  it('is opened again by a credit that was decided before', async () => {
    const { rig, run, vouchers, transfers } = await start();
    await run(Promise.all([transfers.open('ann'), transfers.open('shop')]));
    rig.lose(({ body }) => body.type === 'cas' && body.key === 'a/ann');
    const asked = vouchers.redeem('ann').catch(({ code }) => code);
    await rig.pass(LONG_MS);
    expect(await run(asked)).toBe(13);
    rig.putAccount('ann', { closed: true }, [], 5);
    // The repeated request is not refused: it was decided.
    const again = vouchers.redeem('ann').catch(({ code }) => code);
    await rig.pass(20);
    rig.heal();
    expect(await run(again)).toEqual(REDEEMED);
    expect(rig.account('ann')?.content).toMatchObject({ closed: false, balance: 5 });
    expect(await run(transfers.transfer('t', 'ann', 'shop', 5))).toEqual(COMMITTED);
  });

  it('is not called closed by a node that remembers the shard without the redemption', async () => {
    const rig = new ProfileRig();
    const [one, other] = ['n0', 'n1'].map((nodeId) => rig.beginProfiles(nodeId, ['n0', 'n1']));
    const run = <T>(work: Promise<T>) => rig.run(work);
    await run(one?.vouchers.create(9) as Promise<object>);
    await run(one?.vouchers.redeem('first') as Promise<object>);
    await rig.pass(500);
    rig.lose(({ body }) => body.type === 'cas' && body.key === 'a/ann');
    void other?.vouchers.redeem('ann').catch(() => {});
    await rig.pass(100);
    other?.kill();
    rig.putAccount('ann', { closed: true });
    rig.heal();
    expect(await run(one?.vouchers.redeem('ann') as Promise<object>)).toMatchObject({ outcome: 'redeemed' });
  });
});

describe('the limits of an account', () => {
  it('hold for both sides: above the highest balance of a payee there is room for all that is decided', async () => {
    const { rig, run, vouchers, transfers } = await start();
    rig.putAccount('ann', { balance: BALANCE_MAX });
    rig.putAccount('bob', { balance: BALANCE_MAX + 1 });
    await run(transfers.open('shop', 10));
    expect(await run(vouchers.redeem('ann'))).toMatchObject({ outcome: 'redeemed' });
    const full = { code: 14, message: 'the wallet of bob is full' };
    await expect(run(vouchers.redeem('bob'))).rejects.toMatchObject(full);
    // The credit has filled it for payers as well.
    const refused = { outcome: 'aborted', reason: 'payee full' };
    expect(await run(transfers.transfer('t', 'shop', 'ann', 1))).toEqual(refused);
    // A thousand redemptions, the marks of 512 transfers and an opening, each with the largest amount.
    expect(BALANCE_MAX + 1000 * 1e12 + 512 * 1e12 + BALANCE_MAX).toBeLessThan(Number.MAX_SAFE_INTEGER);
  });

  it('stop redemptions before an account is too large for transfers', async () => {
    const { rig, run, vouchers } = await start();
    const entries = Array.from({ length: ENTRIES_MAX }, (_, number) => [`c${number}`, 'r', 1, 1]);
    rig.putAccount('ann', { balance: 0, entries: entries.slice(1) as [string, string, number, number][] });
    rig.putAccount('bob', { balance: 0, entries: entries as [string, string, number, number][] });
    expect(await run(vouchers.redeem('ann'))).toMatchObject({ outcome: 'redeemed' });
    await expect(run(vouchers.redeem('bob'))).rejects.toMatchObject({ code: 14 });
  });

  it('include names that no key can be made of: 12, with the field', async () => {
    const { run, vouchers } = await start();
    const malformed = { code: 12, message: expect.stringContaining('body.user') };
    await expect(run(vouchers.redeem('\ud800'))).rejects.toMatchObject(malformed);
    await expect(run(vouchers.wallet('\ud800'))).rejects.toMatchObject(malformed);
  });
});
