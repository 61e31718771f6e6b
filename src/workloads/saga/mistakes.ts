/**
 * Mistakes of clients: transfers that are none, and requests for accounts that no operation opens. All of them must be
 * refused, with error 12 or 20, and leave nothing behind.
 */

import { type Invocation, nameIn } from '../../harness/workload-test.ts';
import type { SeededRandom } from '../../protocol/random.ts';
import type { RequestInputOf } from '../../protocol/rpc.ts';
import type { Transfer } from './messages.ts';

const STRANGER = /(?:^|-)stranger-\d$/;

/** Whether an account is one that no operation opens. */
export function isStranger(account: string): boolean {
  return STRANGER.test(account);
}

type Movement = Omit<RequestInputOf<typeof Transfer>, 'request_id'>;

/** Bodies that move nothing, for two accounts that exist. */
const FLAWED: readonly ((one: string, other: string) => Movement)[] = [
  (one, other) => ({ from: one, to: other, amount: 1, ...legs([one, -1], [other, 1]) }),
  (_one, other) => ({ to: other, amount: 1 }),
  (one) => ({ from: one, amount: 1 }),
  (one, other) => ({ from: one, to: other }),
  (one) => ({ from: one, to: one, amount: 1 }),
  (one, other) => legs([one, 0], [other, 0]),
  (one) => legs([one, -1], [one, 1]),
  (one, other) => legs([one, -2], [other, 1]),
];

function legs(...pairs: readonly (readonly [account: string, amount: number])[]): Movement {
  return { legs: pairs.map(([account, amount]) => ({ account, amount })) };
}

/** The next mistake. @param names see `TestSetting` */
export function drawMistake(
  random: SeededRandom,
  names: string,
  requestId: string,
  [one, other]: readonly [string, string],
): Invocation {
  const stranger = nameIn(names, `stranger-${random.integer(4)}`);
  const transfer = (movement: Movement): Invocation => ({
    f: 'transfer',
    value: { request_id: requestId, ...movement },
  });
  switch (random.integer(6)) {
    case 0:
      return transfer({ from: one, to: stranger, amount: 1 });
    case 1:
      return { f: 'close', value: { account: stranger } };
    case 2:
      return { f: 'audit', value: { accounts: [one, stranger] } };
    default:
      return transfer(random.pick(FLAWED)(one, other));
  }
}
