/** Erasures that meet other requests, copies of themselves, a store that is away, and sleeping machines. */

import { describe, expect, it } from 'vitest';
import type { StoreEngine } from '../../../src/kv/store.ts';
import { RpcError } from '../../../src/protocol/errors.ts';
import { AccountErase, AccountOpen, Audit, Transfer } from '../../../src/workloads/saga/messages.ts';
import { Redeem, VoucherCreate, VoucherReport } from '../../../src/workloads/voucher/messages.ts';
import { ERASURE_GRACE_MS, type ErasureMutant, reportAnew, SHOP } from '../../support/erasure-run.ts';
import { ANN, CREDIT, LONG_MS, mentions, type See, startScene } from '../../support/erasure-scene.ts';

/** Writes that wait. */
class Gate {
  readonly #waiting: (() => void)[] = [];
  isClosed = false;

  wait(): Promise<void> {
    return this.isClosed ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve();
  }

  open(): void {
    this.isClosed = false;
    for (const go of this.#waiting.splice(0)) go();
  }

  /** An engine whose writes of such documents wait. */
  before(engine: StoreEngine, isHeld: (key: string, text: string) => boolean): StoreEngine {
    return {
      ...engine,
      replace: async (key, from, text) => {
        if (isHeld(key, text)) await this.wait();
        return engine.replace(key, from, text);
      },
    };
  }
}

describe('a credit that comes in the midst of an erasure', () => {
  /** The account is closed by n1. Before its marks are written, n0 credits it. */
  async function revive() {
    const [credits, marks] = [new Gate(), new Gate()];
    const scene = await startScene((engine, _, name) =>
      name === 'n0'
        ? credits.before(engine, (key) => key.startsWith('a/%'))
        : marks.before(engine, (key) => key.startsWith('erased/')),
    );
    const { rig, open, spend } = scene;
    rig.start('n1');
    await open('o');
    await spend(3);
    await rig.pass(1000);
    credits.isClosed = true;
    marks.isClosed = true;
    const redeemed = rig.ask('n0', Redeem, { code: 'v', user: ANN, request_id: 'r' });
    await rig.pass(100);
    const erased = rig.ask('n1', AccountErase, { account: ANN, request_id: 'e1' }).then(
      () => 'erased',
      (error) => error,
    );
    await rig.pass(200);
    credits.open();
    await rig.pass(50);
    marks.open();
    await rig.pass(5000);
    return { ...scene, redeemed: await redeemed, erased: await erased };
  }

  it('keeps the account, and the request hears so', async () => {
    const { ask, redeemed, erased } = await revive();
    expect(redeemed).toMatchObject({ outcome: 'redeemed' });
    expect(erased).toMatchObject({ code: 22, message: expect.stringContaining('is not empty: it has 5') });
    expect(await ask(Audit, { accounts: [ANN] })).toMatchObject({ balances: [CREDIT] });
  });

  it('leaves a number that can be used again, after the next erasure as well', async () => {
    const { rig, ask, redeem, spend, erase, open } = await revive();
    await spend(CREDIT, 't2');
    expect(await erase('e2')).toEqual({});
    await rig.pass(LONG_MS);
    for (const name of ['w', 'x']) await ask(VoucherCreate, { code: name, limit: 9, amount: CREDIT });
    expect(await redeem('r2', 'w')).toMatchObject({ outcome: 'redeemed' });
    expect(await redeem('r3', 'x')).toMatchObject({ outcome: 'redeemed' });
    expect(await open('o2')).toEqual({});
    expect(await ask(Audit, { accounts: [ANN] })).toMatchObject({ balances: [2 * CREDIT + 3] });
    await rig.pass(1000);
    for (const shard of rig.stored('vs/').values()) expect(shard).toMatchObject({ pending: [] });
  });
});

describe('an instance that is late with the report of a redemption', () => {
  async function beLate(mutant: ErasureMutant = {}) {
    let isArmed = false;
    const see: See = (engine, rig, name) => ({
      ...engine,
      replace: (key, from, text) => {
        if (isArmed && name === 'n1' && key.startsWith('a/%')) {
          isArmed = false;
          rig.pause('n1', 4000);
        }
        return engine.replace(key, from, text);
      },
    });
    const { rig, ask, spend, erase } = await startScene(see, mutant);
    rig.start('n1');
    await rig.pass(1000);
    const redeem = (user: string) => rig.ask('n1', Redeem, { code: 'v', user, request_id: `by ${user}` });
    isArmed = true;
    const first = redeem(ANN);
    await rig.pass(3000);
    await spend();
    expect(await erase()).toEqual({});
    // In the same page, so that the late instance has something new to write there.
    const second = redeem('bob');
    await rig.pass(5000);
    expect([await first, await second]).toMatchObject([{ redemption: 1 }, { redemption: 2 }]);
    await rig.pass(LONG_MS);
    const { redemptions } = await ask(VoucherReport, { code: 'v', limit: 9, offset: 0 });
    return { users: redemptions.map(({ user }) => user), mentions: mentions(rig) };
  }

  it('does not bring back the phone number', async () => {
    expect(await beLate()).toEqual({ users: [expect.stringMatching(/^p-/), 'bob'], mentions: [] });
  });

  it('brings it back if it writes over what is there', async () => {
    expect(await beLate({ report: reportAnew })).toEqual({ users: [ANN, 'bob'], mentions: ['vp'] });
  });
});

describe('two copies of one request, at two instances', () => {
  it.each([0, 250])('erase one account, not the one that is opened next; one reads %i ms late', async (lateMs) => {
    const commits = new Gate();
    const { rig, ask, open } = await startScene((engine, own, name) => ({
      ...commits.before(engine, (key, text) => key.startsWith('s/') && text.includes('"committed"')),
      read: async (key) => {
        if (name === 'n1' && key.startsWith('a/%'))
          await new Promise<void>((resolve) => own.time.schedule(lateMs, resolve));
        return engine.read(key);
      },
    }));
    rig.start('n1');
    await rig.pass(1000);
    await open('o');
    for (let round = 0; round < 12; round++) {
      // Both wait for it.
      commits.isClosed = true;
      void rig.ask('n0', Transfer, { request_id: `t${round}`, from: ANN, to: SHOP, amount: 3 });
      await rig.pass(100);
      const copies = ['n1', 'n0'].map((name) =>
        rig.ask(name, AccountErase, { account: ANN, request_id: `e${round}` }).then(
          () => 'erased',
          (error: Error) => error.message,
        ),
      );
      const opened = Promise.race(copies).then(() =>
        rig.ask('n0', AccountOpen, { account: ANN, balance: 0, request_id: `o${round}` }),
      );
      await rig.pass(300);
      commits.open();
      await rig.pass(3000);
      expect({ round, told: await Promise.all(copies) }).toEqual({ round, told: ['erased', 'erased'] });
      expect(await opened).toEqual({});
      expect(await ask(Audit, { accounts: [ANN] })).toMatchObject({ balances: [0] });
      await ask(Transfer, { request_id: `f${round}`, from: SHOP, to: ANN, amount: 3 });
    }
  });

  it('erase one account, although one was about to close it', async () => {
    const closings = new Gate();
    const { rig, ask, open, erase } = await startScene((engine, _, name) =>
      name === 'n1' ? closings.before(engine, (_key, text) => text.includes('"erasing"')) : engine,
    );
    rig.start('n1');
    await rig.pass(1000);
    await open('o', 0);
    closings.isClosed = true;
    const late = rig.ask('n1', AccountErase, { account: ANN, request_id: 'e' });
    await rig.pass(200);
    expect(await erase()).toEqual({});
    await open('o2', 0);
    closings.open();
    await rig.pass(LONG_MS);
    expect(await late).toEqual({});
    expect(await ask(Audit, { accounts: [ANN] })).toMatchObject({ balances: [0] });
  });

  it('are both told so when the document of the account is gone', async () => {
    const commits = new Gate();
    let isLate = false;
    const { rig, open } = await startScene((engine, own, name) => ({
      ...commits.before(engine, (key, text) => key.startsWith('s/') && text.includes('"committed"')),
      // The late one finds that the transfer has ended, and is not heard of again before the grace has passed.
      read: async (key) => {
        if (isLate && name === 'n1' && key.startsWith('a/%')) {
          isLate = false;
          own.pause('n1', 2 * LONG_MS);
          await new Promise<void>((resolve) => own.time.schedule(2 * LONG_MS, resolve));
        }
        return engine.read(key);
      },
    }));
    rig.start('n1');
    await rig.pass(1000);
    await open('o');
    commits.isClosed = true;
    void rig.ask('n0', Transfer, { request_id: 't', from: ANN, to: SHOP, amount: 3 });
    await rig.pass(100);
    const copies = ['n1', 'n0'].map((name) => rig.ask(name, AccountErase, { account: ANN, request_id: 'e' }));
    await rig.pass(300);
    isLate = true;
    commits.open();
    await rig.pass(3 * LONG_MS);
    expect(await Promise.all(copies)).toEqual([{}, {}]);
  });
});

describe('a store that is away after an account was closed', () => {
  it('does not make the answer say that nothing was changed', async () => {
    let isAway = false;
    const { rig, erase, open } = await startScene((engine, _, name) => ({
      ...engine,
      read: async (key) => (isAway ? { kind: 'failed', error: RpcError.of('timeout', 'no leader') } : engine.read(key)),
      replace: async (key, from, text) => {
        const result = await engine.replace(key, from, text);
        if (name === 'n1' && text.includes('"erasing"')) isAway = true;
        return result;
      },
    }));
    rig.start('n1');
    await rig.pass(1000);
    await open('o', 0);
    const told = { code: 13, message: expect.stringMatching(/is closed, and is erased later: .*no leader/) };
    await expect(erase('e', 'n1')).rejects.toMatchObject(told);
    isAway = false;
    await rig.pass(LONG_MS);
    expect([...rig.stored('a/%')]).toEqual([]);
    expect(await erase('e', 'n1')).toEqual({});
  });
});

describe('an instance whose machine was suspended', () => {
  it('asks again what was erased meanwhile, although its monotonic clock stood still', async () => {
    const { rig, ask, redeem, spend, erase } = await startScene((engine, own, name) => ({
      ...engine,
      // The request is faster than the look whether anything was ever erased.
      read: async (key) => {
        if (name === 'n1' && key === 'erasures') await new Promise<void>((resolve) => own.time.schedule(500, resolve));
        return engine.read(key);
      },
    }));
    await ask(VoucherCreate, { code: 'w', limit: 9, amount: CREDIT });
    rig.start('n1');
    await rig.pass(1000);
    // It knows that nothing was ever erased.
    await ask(Redeem, { code: 'w', user: 'bob', request_id: 'by bob' }, 'n1');
    rig.suspend('n1', 2 * LONG_MS);
    const redeemed = await redeem();
    await spend();
    await erase();
    const late = rig.ask('n1', Redeem, { code: 'v', user: ANN, request_id: 'r' });
    await rig.pass(LONG_MS);
    expect(mentions(rig)).toEqual([]);
    await rig.pass(LONG_MS);
    expect(await late).toEqual(redeemed);
    expect(mentions(rig)).toEqual([]);
  });
});

describe('while transfers begin all the time that have no record yet', () => {
  it('the document of an erased account is removed all the same', async () => {
    const { rig, erase, open } = await startScene((engine, own) => ({
      ...engine,
      read: async (key) => {
        if (key === 'a/missing') await new Promise<void>((resolve) => own.time.schedule(100, resolve));
        return engine.read(key);
      },
    }));
    await open('o', 0);
    await erase();
    const endMs = rig.time.now() + LONG_MS;
    for (let count = 0; rig.time.now() < endMs; count++) {
      rig.ask('n0', Transfer, { request_id: `t${count}`, from: SHOP, to: 'missing', amount: 1 }).catch(() => {});
      await rig.pass(50);
    }
    expect([...rig.stored('p/').values()]).not.toMatchObject([{ sagas: [] }]);
    expect(mentions(rig)).toEqual([]);
  });
});

describe('many erasures', () => {
  it('are finished side by side, and have the files of the store written anew once in a grace', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `account ${index}`);
    let [reading, readingMax, renewed] = [0, 0, 0];
    const { rig, ask } = await startScene((engine, own) => ({
      ...engine,
      read: async (key) => {
        if (!key.startsWith('erasing/')) return engine.read(key);
        readingMax = Math.max(readingMax, ++reading);
        await new Promise<void>((resolve) => own.time.schedule(50, resolve));
        reading--;
        return engine.read(key);
      },
      renew: async () => {
        renewed++;
      },
    }));
    for (const account of names) {
      await ask(AccountOpen, { account, balance: 0, request_id: `open ${account}` });
      await ask(AccountErase, { account, request_id: `erase ${account}` });
      await rig.pass(ERASURE_GRACE_MS / 16);
    }
    await rig.pass(LONG_MS);
    expect([...rig.stored('erasing/'), ...rig.stored('a/account')]).toEqual([]);
    expect(readingMax).toBeGreaterThan(1);
    expect(renewed).toBeGreaterThan(1);
    // In the time of two and a half graces and the rest.
    expect(renewed).toBeLessThan(7);
  });
});
