/** The steps after a pivot, which any node may repeat: each finds its own mark. */

import { describe, expect, it } from 'vitest';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { openVoucherStore, type Pending } from '../../../src/workloads/voucher/records.ts';
import { credit, report, type Terms } from '../../../src/workloads/voucher/redemptions.ts';
import { walletKey } from '../../../src/workloads/voucher/wallets.ts';
import { LOST } from '../../support/store-rig.ts';
import { CODE, VoucherRig } from '../../support/voucher-rig.ts';

const TERMS: Terms = { code: CODE, limit: 9, amount: 5, shardCount: 2 };
const [ANN, BOB, EVE]: readonly Pending[] = [
  ['ann', 'a', 0],
  ['bob', 'b', 1],
  ['eve', 'e', 2],
] as const;

class Bench {
  readonly rig = new VoucherRig();
  readonly #store = (() => {
    const context = this.rig.context('n0');
    return openVoucherStore(context, new LinKvStore(context), 2);
  })();

  credit(redemption = ANN, terms = TERMS) {
    return this.rig.run(credit(this.#store, terms, 1, redemption as Pending));
  }

  report(...redemptions: readonly (Pending | undefined)[]) {
    return this.rig.run(report(this.#store, CODE, 0, redemptions as readonly Pending[]));
  }

  page(page: number): unknown {
    return this.rig.stored(`vp/${CODE}/0/${page}`);
  }
}

describe('a credit', () => {
  const entry = [CODE, 'a', 2, 5];

  it('is in the balance and in the entries of a wallet, and repeating it changes nothing', async () => {
    const bench = new Bench();
    for (let time = 0; time < 3; time++) expect(await bench.credit()).toBeUndefined();
    expect(bench.rig.wallet('ann')).toEqual({ balance: 5, entries: [entry], ver: 1 });
    expect(bench.rig.asked('cas', 'w/')).toHaveLength(1);
  });

  it('of another voucher is added', async () => {
    const bench = new Bench();
    await bench.credit();
    await bench.credit(ANN, { ...TERMS, code: 'w', amount: 7 });
    expect(bench.rig.wallet('ann')).toEqual({ balance: 12, entries: [entry, ['w', 'a', 2, 7]], ver: 2 });
  });

  it('whose answer was lost is done once', async () => {
    const bench = new Bench();
    bench.rig.next('cas_ok', LOST);
    expect(await bench.credit()).toBeUndefined();
    expect(bench.rig.wallet('ann')).toEqual({ balance: 5, entries: [entry], ver: 1 });
  });

  it('resolves to the error if the wallet does not answer', async () => {
    const bench = new Bench();
    bench.rig.lose(({ body }) => body.type === 'cas');
    expect(await bench.credit()).toMatchObject({ code: 13, message: expect.stringContaining(walletKey('ann')) });
  });
});

describe('a report', () => {
  it('has each place once on its page, in order, in whatever order they come and however often', async () => {
    const bench = new Bench();
    expect(await bench.report(BOB)).toEqual([BOB]);
    expect(bench.page(0)).toEqual({ entries: [[1, 'bob', 'b']], ver: 1 });
    expect(await bench.report(BOB, ANN)).toEqual([BOB, ANN]);
    const both = [
      [0, 'ann', 'a'],
      [1, 'bob', 'b'],
    ];
    expect(bench.page(0)).toEqual({ entries: both, ver: 2 });
    expect(await bench.report(ANN, EVE, BOB)).toEqual([ANN, BOB, EVE]);
    expect(bench.page(0)).toEqual({ entries: both, ver: 2 });
    expect(bench.page(1)).toEqual({ entries: [[2, 'eve', 'e']], ver: 1 });
  });

  it('takes what is new onto a page that lists one twice, as older nodes did', async () => {
    const bench = new Bench();
    const twice = [
      [0, 'ann', 'a'],
      [0, 'ann', 'a'],
    ];
    bench.rig.put(`vp/${CODE}/0/0`, { entries: twice, ver: 1 });
    expect(await bench.report(BOB)).toEqual([BOB]);
    expect(bench.page(0)).toMatchObject({ entries: [twice[0], [1, 'bob', 'b']] });
  });

  it('names only the redemptions whose page is proven', async () => {
    const bench = new Bench();
    bench.rig.lose(({ body }) => body.type === 'cas' && body.key === `vp/${CODE}/0/0`);
    expect(await bench.report(ANN, BOB, EVE)).toEqual([EVE]);
    bench.rig.heal();
    expect(await bench.report(ANN, BOB)).toEqual([ANN, BOB]);
  });
});
