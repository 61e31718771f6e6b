/** Wallets of their own. What they hold is in `redemptions.test.ts`. */

import { describe, expect, it } from 'vitest';
import { LinKvStore } from '../../../src/kv/lin-kv-store.ts';
import { OwnWallets } from '../../../src/workloads/voucher/wallets.ts';
import { VoucherRig } from '../../support/voucher-rig.ts';

describe('a wallet', () => {
  // Room for a thousand redemptions in progress, of the largest amount.
  const FULL = Number.MAX_SAFE_INTEGER - 1000 * 1e12;
  const context = new VoucherRig().context('n0');
  const wallets = new OwnWallets(context, new LinKvStore(context));

  it('has room as long as whatever is decided can be credited to it', () => {
    const refusalOf = (balance: number) =>
      wallets.refusalOf('ann', { ver: 1, content: { balance, entries: [] }, token: null });
    expect(wallets.refusalOf('ann', { ver: 0, content: undefined, token: null })).toBeUndefined();
    expect(refusalOf(FULL)).toBeUndefined();
    expect(refusalOf(FULL + 1)).toMatchObject({ code: 14, message: 'the wallet of ann is full' });
  });
});
