/** The copy of a write after the node had no more room to remember the write: in a run, with room for one change. */

import { expect, it } from 'vitest';
import { parseReplay } from '../../../src/harness/replay.ts';
import { createSettle } from '../../../src/host/settle.ts';
import { RecentMap } from '../../../src/node/recent-map.ts';
import { REPLY_CACHE_LIMITS, ReplyCache } from '../../../src/node/reply-cache.ts';
import type { Clock } from '../../../src/protocol/clock.ts';
import { Simulation } from '../../../src/simulator/simulation.ts';
import { LIN_KV_LIMITS } from '../../../src/workloads/lin-kv/limits.ts';
import { type LinKvParts, startMember } from '../../../src/workloads/lin-kv/node.ts';
import { linKv } from '../../../src/workloads/lin-kv/workload.ts';

type CreateCopies = (clock: Clock) => LinKvParts['copies'];

/** The second copy of the first write arrives after the second write. */
const REPLAY = parseReplay(
  JSON.stringify({
    format: 1,
    workload: 'lin-kv',
    options: {
      nodes: ['n1', 'n3'],
      concurrency: 2,
      ratePerSecond: 50,
      timeLimitMs: 401,
      latencyMeanMs: 0,
      latencyDistribution: 'exponential',
      faults: ['duplication'],
      nemesisIntervalMs: 700,
      seed: '14',
    },
    schedule: {
      operations: [
        { atMs: 0, worker: 0, f: 'write', value: [0, 0] },
        { atMs: 300, worker: 0, f: 'write', value: [0, 1] },
        { atMs: 400, worker: 0, f: 'read', value: [0, null] },
      ],
      faults: [],
      messages: [{ fault: 'duplication', src: 'c2', dest: 'n1', nth: 0, delayMs: 360 }],
    },
  }),
);

async function isValid(createCopies: CreateCopies): Promise<unknown> {
  const subject = {
    name: 'lin-kv',
    test: linKv.test,
    startHandlers:
      ({ folder }: { readonly folder: Parameters<typeof startMember>[1] }) =>
      (context: Parameters<typeof startMember>[0]) => {
        const copies = createCopies(context.clock);
        return startMember(context, folder, LIN_KV_LIMITS, { ...(copies && { copies }) });
      },
  };
  const options = { ...REPLAY.options, schedule: REPLAY.schedule };
  const { results } = await new Simulation({ subject, options, settle: createSettle() }).finish();
  return (results.workload as { readonly 'valid?': unknown })['valid?'];
}

/** Remembers one, and forgets it for good when the next comes. */
const forgetful: CreateCopies = (clock) => {
  const known = new RecentMap<Promise<Record<string, never>>>(clock, { windowMs: 15_000, countMax: 1 });
  return {
    share: ({ messageId }, content, execute) => {
      const key = `${messageId} ${content}`;
      const outcome = known.get(key) ?? execute();
      known.set(key, outcome);
      return outcome;
    },
  };
};

it('is not carried out', async () => {
  expect(await isValid((clock) => new ReplyCache(clock, { ...REPLY_CACHE_LIMITS, countMin: 0, count: 1 }))).toBe(true);
});

it('would undo the second write, if it were', async () => {
  expect(await isValid(forgetful)).toBe(false);
});
