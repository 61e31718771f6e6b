/** voucher: limited redemption. However many want it, wherever they ask and whatever breaks, the limit holds and every redemption is credited once. */

import type { Workload } from '../workload.ts';
import { startVouchers } from './node.ts';
import { smallVoucherTest, voucherTest } from './workload.ts';

export const voucher: Workload = {
  name: 'voucher',
  text: 'Redeems vouchers until they are sold out, reads reports and wallets, and repeats what was asked.',
  start: startVouchers,
  test: voucherTest,
  small: smallVoucherTest,
};
