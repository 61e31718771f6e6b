/** Erasures that meet other requests, copies of themselves, a store that is away, and sleeping machines. */

import { describe, expect, it } from 'vitest';
import type { StoreEngine } from '../../../src/kv/store.ts';
import { AccountErase, Audit, Transfer } from '../../../src/workloads/saga/messages.ts';
import { Redeem, VoucherCreate, VoucherReport } from '../../../src/workloads/voucher/messages.ts';
import { SHOP } from '../../support/erasure-run.ts';
import { ANN, CREDIT, LONG_MS, mentions, startScene } from '../../support/erasure-scene.ts';

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

const code = (expected: number) => ({ code: expected });

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
  it('does not bring back the phone number', async () => {
    let isArmed = false;
    const scene = await startScene((engine, rig, name) => ({
      ...engine,
      replace: (key, from, text) => {
        if (isArmed && name === 'n1' && key.startsWith('a/%')) {
          isArmed = false;
          rig.pause('n1', 4000);
        }
        return engine.replace(key, from, text);
      },
    }));
    const { rig, ask, spend, erase } = scene;
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
    expect(redemptions.map(({ user }) => user)).toEqual([expect.stringMatching(/^p-/), 'bob']);
    expect(mentions(rig)).toEqual([]);
  });
});
