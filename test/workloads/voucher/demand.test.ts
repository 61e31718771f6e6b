/** One voucher that all users want: the redemptions, the answers, and the number of messages. */

import { describe, expect, it } from 'vitest';
import { runRedemptions } from '../../support/redemption-run.ts';

describe('a voucher of limit 300 that 3,000 users want of 3 nodes', () => {
  it.each([
    ['partitions, one shard', 1, ['partition'] as const],
    ['partitions, four shards', 4, ['partition'] as const],
    ['nodes that are killed and cut off from the store', 4, ['kill', 'service-cut', 'loss'] as const],
  ])('is redeemed 300 times, and all others hear that it is sold out: %s', async (_, shards, faults) => {
    const { outcomes, history, valid } = await runRedemptions({
      limit: 300,
      shards,
      userCount: 3000,
      faults,
      nemesisIntervalMs: 500,
      ratePerSecond: 1000,
    });
    expect(valid).toBe(true);
    expect(history.length).toBeGreaterThan(6000);
    expect(outcomes.redeemed).toBe(300);
    expect(outcomes.already_redeemed).toBeUndefined();
    expect(outcomes.sold_out).toBeGreaterThanOrEqual(2700);
  });
});

describe('a redemption', () => {
  it.each([1, 4])('takes 9 messages at most if many are served at once, %i shards', async (shards) => {
    const { outcomes, messagesPerOperation } = await runRedemptions({ limit: 1000, shards, userCount: 1000 });
    expect(outcomes.redeemed).toBe(1000);
    // 2 of the client, 2 to read the wallet, 2 to credit it, and a share of the messages of a group.
    expect(messagesPerOperation).toBeGreaterThan(6);
    expect(messagesPerOperation).toBeLessThan(9);
  });
});
