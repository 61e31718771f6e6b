/** What a version of a shard says about the waiting requests. */

import { describe, expect, it } from 'vitest';
import { VOUCHER_LIMITS } from '../../../src/workloads/voucher/limits.ts';
import type { ShardRecord } from '../../../src/workloads/voucher/records.ts';
import { decide, type ShardView } from '../../../src/workloads/voucher/shard-decision.ts';

const NOW_MS = 1000;
const PENDING_MAX = VOUCHER_LIMITS.pending;
const request = (user: string, endMs = 2 * NOW_MS) => ({ user, endMs });
const [ANN, BOB, EVE] = [request('ann'), request('bob'), request('eve')];

function view(own: Partial<ShardRecord> = {}, rest: Partial<ShardView> = {}): ShardView {
  const content = { granted: 10, returned: 0, used: 3, pending: [], left: [], since: 0, ...own };
  return { content, walletsOfVer: 5, soldOut: false, pendingMax: PENDING_MAX, leavingCount: 0, nowMs: NOW_MS, ...rest };
}

describe('a version of a shard', () => {
  it('redeems all waiting requests, if there are rights for them', () => {
    expect(decide(view(), [ANN, BOB])).toEqual({
      answered: [],
      notRedeemed: [ANN, BOB],
      late: [],
      open: [ANN, BOB],
      next: { do: 'pivot', chosen: [ANN, BOB] },
    });
  });

  it('redeems as many as it has rights for, first come first', () => {
    const { open, next } = decide(view({ used: 7, returned: 1 }), [ANN, BOB, EVE]);
    expect([open, next]).toEqual([[ANN, BOB, EVE], { do: 'pivot', chosen: [ANN, BOB] }]);
  });

  it('answers the users that it shows', () => {
    const pending: ShardRecord['pending'] = [['bob', 'r', 2]];
    const { answered, notRedeemed, next } = decide(view({ pending }), [ANN, BOB]);
    expect(answered).toEqual([[BOB, ['bob', 'r', 2]]]);
    expect([notRedeemed, next]).toEqual([[ANN], { do: 'pivot', chosen: [ANN] }]);
  });

  it('has nothing to do if it shows all of them', () => {
    const { open, next } = decide(view({ pending: [['bob', 'r', 2]] }), [BOB]);
    expect([open, next]).toEqual([[], { do: 'nothing' }]);
  });

  it('dismisses late requests, and reports that they were not redeemed', () => {
    const late = request('bob', NOW_MS);
    const decision = decide(view(), [ANN, late]);
    expect(decision).toMatchObject({ notRedeemed: [ANN, late], late: [late], open: [ANN] });
    expect(decision.next).toEqual({ do: 'pivot', chosen: [ANN] });
  });

  it.each([
    ['one of them has left since the wallets were read', { left: [['bob', 6]] }, 'wallets'],
    ['it does not tell who has left since then', { since: 6 }, 'wallets'],
    ['one of them had left before', { left: [['bob', 5]], since: 5 }, 'pivot'],
    ['another one has left', { left: [['eve', 6]] }, 'pivot'],
  ] as const)('wants wallets read again or not: %s', (_, own, next) => {
    expect(decide(view(own as unknown as Partial<ShardRecord>), [ANN, BOB]).next.do).toBe(next);
  });

  it('proves nothing, and dismisses no request, before the wallets are read', () => {
    const late = request('bob', NOW_MS);
    expect(decide(view({ since: 6 }), [ANN, late])).toMatchObject({ notRedeemed: [], late: [], open: [ANN, late] });
  });

  it('needs rights if it has none, until all are known to be gone', () => {
    expect(decide(view({ used: 10 }), [ANN]).next).toEqual({ do: 'rights' });
    expect(decide(view({ used: 10 }, { soldOut: true }), [ANN]).next).toEqual({ do: 'sold-out' });
    expect(decide(view({ used: 9 }, { soldOut: true }), [ANN]).next).toEqual({ do: 'pivot', chosen: [ANN] });
  });

  it('is full when too many are unfinished', () => {
    const pending = (length: number) =>
      Array.from({ length }, (_, place): [string, string, number] => [`u${place}`, 'r', place]);
    const granted = 2 * PENDING_MAX;
    expect(decide(view({ granted, pending: pending(PENDING_MAX) }), [ANN]).next).toEqual({ do: 'full' });
    const { next } = decide(view({ granted, pending: pending(PENDING_MAX - 1) }), [ANN, BOB]);
    expect(next).toEqual({ do: 'pivot', chosen: [ANN] });
    const leaving = decide(view({ granted, pending: pending(PENDING_MAX) }, { leavingCount: 1 }), [ANN, BOB]);
    expect(leaving.next).toEqual({ do: 'pivot', chosen: [ANN] });
  });
});
