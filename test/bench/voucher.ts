/**
 * (g) A hot voucher, simulated: how many messages a redemption takes, and whether it takes more when the voucher is
 * large.
 */

import { runRedemptions } from '../support/redemption-run.ts';
import type { Figure, Section } from './measure.ts';

const LIMIT = 10_000;
const SMALL_LIMIT = 1000;
const LARGE_LIMIT = 100_000;
const MESSAGES_MAX = 9;
const GROWTH_MAX = 1.3;

export async function benchVoucher(): Promise<readonly Section[]> {
  const figures: Figure[] = [];
  for (const shards of [1, 4]) {
    const input = (limit: number) => `limit ${limit.toLocaleString('en')}, ${shards} shard${shards === 1 ? '' : 's'}`;
    const hot = await runRedemptions({ limit: LIMIT, shards, userCount: LIMIT });
    figures.push({
      name: 'messages a redemption',
      input: input(LIMIT),
      unit: '',
      values: [hot.messagesPerOperation],
      goal: { of: 'value', atMost: MESSAGES_MAX },
      note: `${hot.outcomes.redeemed} redeemed`,
    });
    const small = await costOf(SMALL_LIMIT, shards);
    const large = await costOf(LARGE_LIMIT, shards);
    const against = (ratio: number): Pick<Figure, 'yardstick' | 'goal'> => ({
      yardstick: { name: `limit ${SMALL_LIMIT.toLocaleString('en')}`, ratios: [ratio] },
      goal: { of: 'ratio', atMost: GROWTH_MAX },
    });
    figures.push(
      {
        ...{ name: 'messages a redemption', input: input(LARGE_LIMIT), unit: '', values: [large.messages] },
        ...against(large.messages / small.messages),
      },
      {
        ...{ name: 'time to simulate it', input: input(LARGE_LIMIT), unit: 'µs', values: [large.microseconds] },
        ...against(large.microseconds / small.microseconds),
      },
    );
  }
  return [{ title: '(g) one voucher, 3 nodes, 64 clients, no faults', figures }];
}

/** A small voucher is done before anything is warm, so several of them are redeemed. */
async function costOf(limit: number, shards: number): Promise<{ messages: number; microseconds: number }> {
  const runs = Math.max(1, Math.round(LIMIT / limit));
  let messages = 0;
  const beganMs = performance.now();
  for (let run = 0; run < runs; run++) {
    const result = await runRedemptions({ limit, shards, userCount: limit, seed: `run ${run}` });
    messages += result.messagesPerOperation;
  }
  return { messages: messages / runs, microseconds: ((performance.now() - beganMs) * 1000) / (runs * limit) };
}
