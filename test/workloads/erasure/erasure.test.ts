/** How accounts are erased, step by step, and what late copies of old requests are told. */

import { describe, expect, it } from 'vitest';
import type { StoreEngine } from '../../../src/kv/store.ts';
import { AccountClose, AccountErase, Audit, Transfer, TransferStatus } from '../../../src/workloads/saga/messages.ts';
import { Redeem, VoucherCreate, VoucherReport, WalletRead } from '../../../src/workloads/voucher/messages.ts';
import { SHOP } from '../../support/erasure-run.ts';
import { ANN, CREDIT, LONG_MS, mentions, startScene } from '../../support/erasure-scene.ts';
import { RetentionRig } from '../../support/retention-rig.ts';

/** With what the instance n1 sees of the engine. */
const start = (see: (engine: StoreEngine, rig: RetentionRig) => StoreEngine = (engine) => engine) =>
  startScene((engine, rig, name) => (name === 'n1' ? see(engine, rig) : engine));

const code = (expected: number) => ({ code: expected });

describe('an account that is erased', () => {
  it('leaves its name in its key alone, and after the grace nowhere', async () => {
    const { rig, ask, redeem, spend, erase } = await start();
    await redeem();
    await spend();
    expect(new Set(mentions(rig))).toEqual(new Set(['a', 'vs']));
    expect(await erase()).toEqual({});
    expect(new Set(mentions(rig))).toEqual(new Set(['a', 'erasing']));
    await rig.pass(LONG_MS);
    expect(mentions(rig)).toEqual([]);
    expect([...rig.stored('erasing/').keys(), ...rig.stored('a/+').keys()]).toEqual([]);
    const { redemptions } = await ask(VoucherReport, { code: 'v', limit: 9, offset: 0 });
    expect(redemptions).toEqual([
      { redemption: 1, user: expect.stringMatching(/^p-/), request_id: expect.stringMatching(/^p-/) },
    ]);
    expect(await ask(Audit, { accounts: [SHOP] })).toMatchObject({ balances: [100 + CREDIT], unfinished: [] });
  });

  it('is there no more for any request', async () => {
    const { ask, rig, redeem, spend, erase } = await start();
    await redeem();
    await spend();
    await erase();
    for (const time of ['at once', 'later']) {
      if (time === 'later') await rig.pass(LONG_MS);
      await expect(ask(Audit, { accounts: [ANN] })).rejects.toMatchObject(code(20));
      await expect(ask(AccountClose, { account: ANN })).rejects.toMatchObject(code(20));
      await expect(erase(`other ${time}`)).rejects.toMatchObject(code(20));
      // At once, an instance that remembers the account begins a transfer, which finds none.
      if (time === 'at once') expect(await spend(1, 'new')).toEqual({ outcome: 'aborted', reason: 'payer closed' });
      else await expect(spend(1, 'newer')).rejects.toMatchObject(code(20));
      expect(await ask(WalletRead, { user: ANN })).toEqual({ balance: 0, entries: [] });
    }
    expect(mentions(rig)).toEqual([]);
  });

  it('is refused while it has money, or does not exist: nothing is changed', async () => {
    const { rig, redeem, spend, erase } = await start();
    await expect(erase()).rejects.toMatchObject(code(20));
    await redeem();
    await expect(erase()).rejects.toMatchObject({
      code: 22,
      message: expect.stringMatching(/not empty: it has 5 minor units/),
    });
    expect([...rig.stored('erasing/'), ...rig.stored('erased/')]).toEqual([]);
    await spend();
    expect(await erase()).toEqual({});
  });

  it('may have been closed before', async () => {
    const { ask, redeem, spend, erase } = await start();
    await redeem();
    await spend();
    await ask(AccountClose, { account: ANN });
    expect(await erase()).toEqual({});
  });
});

describe('a store in which nothing was ever erased', () => {
  const countReads = (prefix: string, counts: { count: number }) => (engine: StoreEngine) => ({
    ...engine,
    read: (key: string) => {
      if (key.startsWith(prefix)) counts.count++;
      return engine.read(key);
    },
  });

  it('is not asked for the marks of users without an account; any other is', async () => {
    const counts = { count: 0 };
    const { rig, ask, open, spend, erase } = await start(countReads('erased/', counts));
    rig.start('n1');
    await rig.pass(1000);
    const redeem = (user: string) => ask(Redeem, { code: 'v', user, request_id: `by ${user}` }, 'n1');
    await redeem('one');
    await rig.pass(LONG_MS);
    await redeem('two');
    expect(counts).toEqual({ count: 0 });
    await open('o');
    await spend(3);
    await erase();
    await rig.pass(LONG_MS);
    await redeem('three');
    expect(counts).toEqual({ count: 1 });
  });
});

describe('a late copy of an old request', () => {
  it('is told what happened, does nothing, and brings no name back', async () => {
    const { rig, ask, redeem, spend, erase } = await start();
    const redeemed = await redeem();
    const spent = await spend();
    await erase();
    for (const restMs of [0, LONG_MS]) {
      await rig.pass(restMs);
      expect(await redeem()).toEqual(redeemed);
      expect(await redeem('another')).toEqual({ outcome: 'already_redeemed' });
      expect(await spend()).toEqual(spent);
      await expect(spend(CREDIT - 1)).rejects.toMatchObject(code(22));
      expect(await ask(TransferStatus, { request_id: 't' })).toMatchObject({ state: 'committed' });
      expect(await erase()).toEqual({});
    }
    expect(mentions(rig)).toEqual([]);
    expect(await ask(Audit, { accounts: [SHOP] })).toMatchObject({ balances: [100 + CREDIT] });
  });

  it('is told so by an instance that remembers nothing', async () => {
    const { rig, ask, redeem, spend, erase } = await start();
    const [redeemed, spent] = [await redeem(), await spend()];
    await erase();
    await rig.pass(LONG_MS);
    rig.start('n1');
    expect(await ask(Redeem, { code: 'v', user: ANN, request_id: 'r' }, 'n1')).toEqual(redeemed);
    expect(await ask(Transfer, { request_id: 't', from: ANN, to: SHOP, amount: CREDIT }, 'n1')).toEqual(spent);
    expect(mentions(rig)).toEqual([]);
  });

  it('of its opening is refused, and so is one that may be a copy', async () => {
    const { rig, spend, erase, open } = await start();
    await open('o');
    await spend(3);
    await erase();
    for (const restMs of [0, LONG_MS]) {
      await rig.pass(restMs);
      await expect(open('o')).rejects.toMatchObject({ code: 22, message: expect.stringMatching(/was erased since/) });
      await expect(open()).rejects.toMatchObject({ code: 22, message: expect.stringMatching(/request_id/) });
    }
    expect(mentions(rig)).toEqual([]);
  });
});

describe('an account of the same name', () => {
  it('can be opened again by a new request, and erased again', async () => {
    for (const restMs of [0, LONG_MS]) {
      const { rig, ask, redeem, spend, erase, open } = await start();
      const redeemed = await redeem();
      await spend();
      await erase('e1');
      await rig.pass(restMs);
      expect(await open('o2')).toEqual({});
      await rig.pass(LONG_MS);
      expect(await ask(Audit, { accounts: [ANN] })).toMatchObject({ balances: [3] });
      // A number redeems a voucher once, no matter whose it is.
      expect(await redeem()).toEqual(redeemed);
      expect(await redeem('new')).toEqual({ outcome: 'already_redeemed' });
      expect(await ask(WalletRead, { user: ANN })).toEqual({ balance: 3, entries: [] });
      // The first erasure again: it was of another account.
      expect(await erase('e1')).toEqual({});
      expect(await ask(Audit, { accounts: [ANN] })).toMatchObject({ balances: [3] });
      await expect(open('o1')).rejects.toMatchObject(code(21));
      await spend(3, 't2');
      expect(await erase('e2')).toEqual({});
      await rig.pass(LONG_MS);
      expect(mentions(rig)).toEqual([]);
      expect([...rig.stored('erased/').values()]).toMatchObject([{ times: 2, brought: [CREDIT, 3] }]);
    }
  });

  it('is made by a redemption of another voucher', async () => {
    const { rig, ask, redeem, spend, erase, open } = await start();
    await ask(VoucherCreate, { code: 'w', limit: 9, amount: 2 });
    await open('o');
    await spend(3);
    await erase();
    expect(await redeem('q', 'w')).toMatchObject({ outcome: 'redeemed' });
    await rig.pass(LONG_MS);
    expect(await ask(Audit, { accounts: [ANN] })).toMatchObject({ balances: [2] });
    await expect(open('o')).rejects.toMatchObject(code(22));
    expect(await open('p')).toEqual({});
    expect(await ask(Audit, { accounts: [ANN] })).toMatchObject({ balances: [5] });
  });
});

describe('an instance that is killed in the midst of it', () => {
  const isWrite =
    (call: number, rig: RetentionRig, isOver: () => boolean) =>
    (engine: StoreEngine): StoreEngine => {
      let count = 0;
      return {
        ...engine,
        replace: (...args) => {
          if (!isOver() && ++count === call) rig.kill('n1');
          return engine.replace(...args);
        },
      };
    };

  it('after any of its writes, has left nothing that another one does not finish', async () => {
    let killed = 0;
    for (let call = 1; call <= 12; call++) {
      let isArmed = false;
      const { rig, ask, redeem, spend, erase } = await start((engine, own) =>
        isWrite(call, own, () => !isArmed)(engine),
      );
      await redeem();
      await spend();
      rig.start('n1');
      await rig.pass(1000);
      isArmed = true;
      void rig.ask('n1', AccountErase, { account: ANN, request_id: 'e' }).catch(() => {});
      await rig.pass(5000);
      if (!rig.isAlive('n1')) killed++;
      // By itself, if it was begun.
      await rig.pass(LONG_MS);
      const isBegun = !mentions(rig).includes('a');
      expect({ call, left: mentions(rig).filter(() => isBegun) }).toEqual({ call, left: [] });
      expect(await erase()).toEqual({});
      await rig.pass(LONG_MS);
      expect({ call, left: mentions(rig) }).toEqual({ call, left: [] });
      expect(await redeem()).toMatchObject({ outcome: 'redeemed', redemption: 1 });
      expect(await ask(Audit, { accounts: [SHOP] })).toMatchObject({ balances: [100 + CREDIT] });
    }
    expect(killed).toBeGreaterThan(4);
  });
});

describe('a redemption that is decided while the account is erased', () => {
  it('is credited: the account is there again, with its money', async () => {
    let holds = false;
    const waiting: (() => void)[] = [];
    const hold = (engine: StoreEngine): StoreEngine => ({
      ...engine,
      replace: async (key, from, text) => {
        if (holds && key.startsWith('a/')) await new Promise<void>((resolve) => waiting.push(resolve));
        return engine.replace(key, from, text);
      },
    });
    const { rig, ask, erase, open, spend } = await start(hold);
    rig.start('n1');
    await open('o');
    await spend(3);
    await rig.pass(1000);
    holds = true;
    const redeemed = rig.ask('n1', Redeem, { code: 'v', user: ANN, request_id: 'r' });
    redeemed.catch(() => {});
    await rig.pass(200);
    expect(await erase()).toEqual({});
    holds = false;
    for (const go of waiting) go();
    await rig.pass(LONG_MS);
    expect(await ask(Redeem, { code: 'v', user: ANN, request_id: 'r' })).toMatchObject({ outcome: 'redeemed' });
    expect(await ask(Audit, { accounts: [ANN] })).toMatchObject({ balances: [CREDIT] });
    await expect(erase('f')).rejects.toMatchObject(code(22));
  });
});

describe('a node whose host erases nothing', () => {
  it('says so with error 10', async () => {
    const rig = new RetentionRig({ seed: 1, retains: false });
    rig.start('n0');
    const asked = rig.time.run(rig.ask('n0', AccountErase, { account: ANN, request_id: 'e' }));
    await expect(asked).rejects.toMatchObject(code(10));
  });
});
