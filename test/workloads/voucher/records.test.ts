/** Where users and redemptions belong. What is stored depends on it, so it never changes. */

import { describe, expect, it } from 'vitest';
import { redemptionNumber, shardOf } from '../../../src/workloads/voucher/records.ts';

describe('the shard of a user', () => {
  it('is the same for ever', () => {
    const users = ['ada', 'bob', 'eve', 'u0', 'u1', 'u2', 'u3', 'u4', 'a/b', 'ä', '🌍', ''];
    expect(users.map((user) => shardOf(user, 64))).toEqual([9, 25, 6, 37, 54, 3, 28, 41, 29, 37, 28, 60]);
    expect(users.map((user) => shardOf(user, 1))).toEqual(users.map(() => 0));
  });
});

describe('the numbers of redemptions', () => {
  it('are those from 1 on, each once, if the shards are used alike', () => {
    const numbers = [0, 1, 2].flatMap((place) => [0, 1, 2, 3].map((shard) => redemptionNumber(place, shard, 4)));
    expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });
});
