/** Timers follow from the patience of the store. */

import { describe, expect, it } from 'vitest';
import { STORE_PATIENCE_MS_MAX, STORE_PATIENCE_MS_MIN, storeTimings } from '../../src/kv/timings.ts';
import { RPC_DEADLINE_MS } from '../../src/node/context.ts';

describe('the timers', () => {
  it('of a store that is away for a second at most are those that lin-kv always had', () => {
    expect(storeTimings()).toEqual({
      requestMs: RPC_DEADLINE_MS,
      updateMs: 3500,
      indexMs: 2500,
      stepMs: 3000,
      turnMs: 3500,
      answerMs: 4000,
      clientMs: 5000,
      stillMs: 1000,
      takeOverMs: 1200,
      staleMs: 1000,
      forgottenMs: 2500,
      leaseMs: 6000,
    });
    expect(storeTimings(1000)).toEqual(storeTimings());
  });

  it.each([STORE_PATIENCE_MS_MIN, 300, 1000, 4000, STORE_PATIENCE_MS_MAX])(
    'keep their order with %d ms',
    (patienceMs) => {
      const { requestMs, updateMs, indexMs, stepMs, turnMs, answerMs, clientMs, takeOverMs, leaseMs } =
        storeTimings(patienceMs);
      // A request can still be told that it was not begun, and an answer comes before its client leaves.
      expect(indexMs).toBeLessThan(answerMs);
      for (const ms of [updateMs, stepMs, turnMs]) expect(ms).toBeLessThanOrEqual(answerMs);
      expect(answerMs).toBeLessThan(clientMs);
      expect(updateMs + requestMs).toBeLessThan(clientMs);
      // Nothing moves while the store is away.
      expect(takeOverMs).toBeGreaterThan(patienceMs);
      expect(leaseMs).toBeGreaterThan(updateMs);
    },
  );
});
