/** A simulated run in which clients only redeem one voucher, each operation for a new user. */

import { completeWith } from '../../src/harness/client.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { LinKvStore } from '../../src/kv/lin-kv-store.ts';
import { Redeem, VoucherCreate } from '../../src/workloads/voucher/messages.ts';
import { startVouchers } from '../../src/workloads/voucher/node.ts';
import { type ClientRun, runClients } from './client-run.ts';

const CODE = 'launch';
const AMOUNT = 5;

export interface RedemptionRun extends ClientRun {
  /** How many users got each outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface RedemptionRunOptions extends Partial<RunOptions> {
  readonly limit: number;
  readonly shards: number;
  /** How many users want the voucher. The run ends when every user knows the outcome. */
  readonly userCount: number;
}

export async function runRedemptions({
  limit,
  shards,
  userCount,
  ...options
}: RedemptionRunOptions): Promise<RedemptionRun> {
  const outcomes: Record<string, number> = {};
  const waiting: number[] = [];
  let nextUser = 0;
  let answered = 0;
  const run = await runClients({
    startHandlers: (context) => startVouchers(context, { kv: new LinKvStore(context) }),
    createGenerator: () => {
      let created = false;
      return () => {
        if (created) return { f: 'redeem', value: waiting.shift() ?? nextUser++ };
        created = true;
        return { f: 'create', value: null };
      };
    },
    createInvoke:
      () =>
      async (client, { f, value }) => {
        if (f === 'create') {
          const request = { code: CODE, limit, amount: AMOUNT, shards };
          return completeWith(await client.rpc(VoucherCreate, request), null, () => null);
        }
        const request = { code: CODE, user: `u${value}`, request_id: `r${value}` };
        const completion = completeWith(await client.rpc(Redeem, request), value, ({ outcome }) => outcome);
        if (completion.type === 'ok') {
          answered++;
          outcomes[String(completion.value)] = (outcomes[String(completion.value)] ?? 0) + 1;
        } else waiting.push(value as number);
        return completion;
      },
    isEnough: () => answered >= userCount,
    options: { seed: 'redemptions', ...options },
  });
  return { ...run, outcomes };
}
