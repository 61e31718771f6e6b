/**
 * The limits of simulated nodes, which a workload declares. Each is in force: it changes a run. Of every workload that
 * has any, one limit is seen in what its nodes store.
 */

import { describe, expect, it } from 'vitest';
import { requireLimits } from '../../src/cli/node-limits.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import { RunDigest } from '../../src/host/records/run-lines.ts';
import { createSettle } from '../../src/host/settle.ts';
import { fuzzOptions } from '../../src/search/fuzz-defaults.ts';
import { Simulation } from '../../src/simulator/simulation.ts';
import { ids } from '../../src/workloads/ids/workload.ts';
import { subjectOf, WORKLOADS } from '../../src/workloads/registry.ts';
import { saga } from '../../src/workloads/saga/workload.ts';
import { uniqueIds } from '../../src/workloads/unique-ids/workload.ts';
import { voucher } from '../../src/workloads/voucher/workload.ts';
import type { Workload } from '../../src/workloads/workload.ts';

type NodeLimits = NonNullable<RunOptions['nodeLimits']>;

const BUSY = { ratePerSecond: 1000, timeLimitMs: 1500, concurrency: 100 };

/** All compare-and-sets of keys with this prefix, in a run without faults: what was there, and what is. */
async function storedBy(
  workload: Workload,
  prefix: string,
  nodeLimits: NodeLimits,
): Promise<readonly { readonly from: Document | undefined; readonly to: Document }[]> {
  const parse = (text: unknown) => (text === undefined ? undefined : (JSON.parse(String(text)) as Document));
  const changes: { from: Document | undefined; to: Document }[] = [];
  const simulation = new Simulation({
    subject: subjectOf(workload),
    options: { ...fuzzOptions({ seed: 'limits', ...BUSY }), faults: [], nodeLimits },
    settle: createSettle(),
    observer: {
      onMessage: (event, { body: { type, key, from, to } }) => {
        if (event === 'send' && type === 'cas' && String(key).startsWith(prefix))
          changes.push({ from: from === null ? undefined : parse(from), to: parse(to) as Document });
      },
    },
  });
  const { results } = await simulation.finish();
  expect(results['valid?']).toBe(true);
  return changes;
}

type Document = Readonly<Record<string, readonly unknown[]>>;

async function digestOf(workload: Workload, nodeLimits: NodeLimits, workloadOptions: WorkloadOptions): Promise<string> {
  const digest = new RunDigest();
  // Many faults, so that nodes leave work to others.
  const options = {
    ...fuzzOptions({ seed: '9', test: workload.test, ...BUSY, nemesisIntervalMs: 500 }),
    workloadOptions,
    nodeLimits,
  };
  const simulation = new Simulation({
    subject: subjectOf(workload),
    options,
    settle: createSettle(),
    observer: digest.observer,
  });
  await simulation.finish();
  return digest.finish();
}

const LIMITS = WORKLOADS.flatMap((workload) =>
  Object.entries(workload.limits ?? {}).map(([limit, values]) => ({ name: workload.name, limit, values, workload })),
);

/** Limits that do nothing without another one. */
const NEEDED: Readonly<Record<string, NodeLimits>> = {
  clients: { rate: 2 },
  part: { log: 200, kept: 0 },
  kept: { log: 200 },
  leaf: { recent: 40 },
  tail: { recent: 40 },
  cache: { recent: 40 },
  registers: { kept: 1 },
};

type WorkloadOptions = NonNullable<RunOptions['workloadOptions']>;

/** Those that do nothing without an option. */
function optionsFor({ test }: Workload, limit: string): WorkloadOptions {
  return limit === 'lease' && test.options?.members !== undefined ? { members: 'registered' } : {};
}

const digests = new Map<string, Promise<string>>();

/** Computed once for each workload and limits. */
function knownDigestOf(workload: Workload, limits: NodeLimits, workloadOptions: WorkloadOptions): Promise<string> {
  const name = `${workload.name} ${JSON.stringify([limits, workloadOptions])}`;
  const digest = digests.get(name) ?? digestOf(workload, limits, workloadOptions);
  digests.set(name, digest);
  return digest;
}

describe('a limit of a simulated node', () => {
  it.each(LIMITS)('of $name is in force: $limit', async ({ limit, values, workload }) => {
    const others = NEEDED[limit] ?? {};
    const options = optionsFor(workload, limit);
    const digest = await knownDigestOf(workload, { ...others, [limit]: Math.min(...values) }, options);
    expect(digest).not.toBe(await knownDigestOf(workload, others, options));
  });

  it.each(LIMITS)('of $name can be drawn only once each, and is known: $limit', ({ limit, values, workload }) => {
    expect(new Set(values).size).toBe(values.length);
    expect(() => requireLimits(workload, { [limit]: 1 })).not.toThrow();
  });

  it('is what a page of a report holds', async () => {
    const lengths = async (limits: NodeLimits) =>
      (await storedBy(voucher, 'vp/', limits)).map(({ to }) => to.entries?.length ?? 0);
    expect(new Set(await lengths({ page: 1 }))).toEqual(new Set([1]));
    expect(Math.max(...(await lengths({})))).toBeGreaterThan(1);
  });

  it('is what an index of sagas lists', async () => {
    const lengths = async (limits: NodeLimits) =>
      (await storedBy(saga, 'p/', limits)).map(({ to }) => to.sagas?.length ?? 0);
    expect(Math.max(...(await lengths({ listed: 16 })))).toBe(16);
    expect(Math.max(...(await lengths({})))).toBeGreaterThan(16);
  });

  it('is how many assignments are written together', async () => {
    const grown = async (limits: NodeLimits) =>
      (await storedBy(ids, 'guid-page/', limits)).map(
        ({ from, to }) => Object.keys(to.intentions ?? {}).length - Object.keys(from?.intentions ?? {}).length,
      );
    expect(new Set(await grown({ batch: 1 }))).toEqual(new Set([1]));
    expect(Math.max(...(await grown({})))).toBeGreaterThan(1);
  });

  it('is how far ahead timestamps are reserved', async () => {
    const raiseCount = async (limits: NodeLimits) => {
      let count = 0;
      const options = { ...fuzzOptions({ seed: 'limits', ...BUSY }), faults: [], nodeLimits: limits };
      const onStep = (_nodeId: string, step: string) => {
        if (step.startsWith('before link')) count++;
      };
      await new Simulation({ subject: subjectOf(uniqueIds), options, settle: createSettle(), onStep }).finish();
      return count;
    };
    expect(await raiseCount({ window: 20 })).toBeGreaterThan(3 * (await raiseCount({})));
  });
});
