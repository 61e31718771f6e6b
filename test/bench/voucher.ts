/**
 * (g) A hot voucher, simulated: how many messages a redemption takes, and whether it takes more when the voucher is
 * large.
 */

import { runRedemptions } from '../support/redemption-run.ts';
import { goalAtMost, printSection, type Row } from './measure.ts';

const LIMIT = 10_000;
const SMALL_LIMIT = 1000;
const LARGE_LIMIT = 100_000;
const MESSAGES_MAX = 9;
const GROWTH_MAX = 1.3;

export async function benchVoucher(): Promise<void> {
  const rows: Row[] = [];
  for (const shards of [1, 4]) {
    const hot = await runRedemptions({ limit: LIMIT, shards, userCount: LIMIT });
    rows.push({
      name: `limit ${LIMIT}, ${shards} shards: messages a redemption`,
      value: `${hot.messagesPerOperation.toFixed(2)}, ${hot.outcomes.redeemed} redeemed`,
      goal: goalAtMost(hot.messagesPerOperation, MESSAGES_MAX),
    });
    const small = await costOf(SMALL_LIMIT, shards);
    const large = await costOf(LARGE_LIMIT, shards);
    rows.push(
      {
        name: `limit ${LARGE_LIMIT} against ${SMALL_LIMIT}, ${shards} shards: messages`,
        value: `${large.messages.toFixed(2)} against ${small.messages.toFixed(2)}`,
        goal: goalAtMost(large.messages / small.messages, GROWTH_MAX, ' ×'),
      },
      {
        name: '… time to simulate one redemption',
        value: `${large.microseconds.toFixed(0)} µs against ${small.microseconds.toFixed(0)} µs`,
        goal: goalAtMost(large.microseconds / small.microseconds, GROWTH_MAX, ' ×'),
      },
    );
  }
  printSection('(g) one voucher, 3 nodes, 64 clients, no faults', 'node --import tsx test/bench/main.ts voucher', rows);
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
