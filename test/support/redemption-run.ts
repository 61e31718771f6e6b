/** A simulated run in which clients do nothing but redeem one voucher, each operation for a user of its own. */

import type { Checker } from '../../src/checkers/checker.ts';
import type { History } from '../../src/history/history.ts';
import { createSettle } from '../../src/host/settle.ts';
import { completeWith } from '../../src/simulator/client.ts';
import type { RunOptions } from '../../src/simulator/run-options.ts';
import { Simulation } from '../../src/simulator/simulation.ts';
import { Redeem, VoucherCreate } from '../../src/workloads/voucher/messages.ts';
import { startVouchers } from '../../src/workloads/voucher/serve.ts';

const CODE = 'launch';
const AMOUNT = 5;
/** Between two looks at whether all has been redeemed, ms. */
const LOOK_MS = 5;

const nothingToCheck: () => Checker = () => ({ check: () => ({ 'valid?': true }) });

export interface RedemptionRun {
  readonly history: History;
  /** How many were told what. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** All messages of the run, on average over its operations. */
  readonly messagesPerOperation: number;
  readonly valid: unknown;
}

export interface RedemptionRunOptions extends Partial<RunOptions> {
  readonly limit: number;
  readonly shards: number;
  /** How many users want the voucher; the run ends when each was told what has become of it. */
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
  const simulation = new Simulation({
    subject: {
      name: 'redemptions',
      startHandlers: () => startVouchers,
      test: {
        reusableClients: true,
        survivesDiskLoss: true,
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
        checker: nothingToCheck,
      },
    },
    options: {
      nodes: ['n0', 'n1', 'n2'],
      concurrency: 64,
      ratePerSecond: 100_000,
      timeLimitMs: 1e9,
      latencyMeanMs: 1,
      latencyDistribution: 'exponential',
      faults: [],
      nemesisIntervalMs: 2000,
      seed: 'redemptions',
      ...options,
    },
    settle: createSettle(),
  });
  const look = () => {
    if (answered >= userCount) simulation.run.stop();
    else simulation.time.schedule(LOOK_MS, look);
  };
  simulation.time.schedule(LOOK_MS, look);
  const { history, results } = await simulation.finish();
  const { all } = results.net as unknown as { all: Record<string, number> };
  return { history, outcomes, messagesPerOperation: all['msgs-per-op'] as number, valid: results['valid?'] };
}
