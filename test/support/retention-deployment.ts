/**
 * A run of real instances with a short time to keep, on a real etcd, under faults: what is finished is removed again
 * and again meanwhile. Beside it the store has a transfer that is older than all others and was never finished.
 */

import { join } from 'node:path';
import type { Fault } from '../../src/harness/fault.ts';
import { TestRun } from '../../src/harness/run.ts';
import { EtcdCluster } from '../../src/host/deployment/etcd-cluster.ts';
import { ServiceBed } from '../../src/host/deployment/service-bed.ts';
import { parseEtcdStore } from '../../src/host/etcd/store-address.ts';
import { createRealScheduler } from '../../src/host/real-scheduler.ts';
import { encodeUuid } from '../../src/ids/uuid.ts';
import { digestOf, type SagaRecord, sagaKey } from '../../src/saga/record.ts';
import { ChangeFeed } from './change-feed.ts';
import { RepeatedTransfers } from './repeated-transfers.ts';
import { TransferWitness } from './transfer-witness.ts';

const SAMPLE_MS = 500;
const INIT_MS_MAX = 60_000;
const CLIENTS_PER_NODE = 4;
/** With fewer there is too little to repeat. */
const REMOVED_MIN = 20;
/** For the relays to etcd that no fault hits. */
const WATCHER = 'watcher';

export interface RetentionDeploymentOptions {
  /** The program of etcd. */
  readonly etcd: string;
  readonly memberCount: 1 | 3;
  /** The program of an instance. */
  readonly program: string;
  readonly instanceCount: number;
  /** Undefined: everything is kept for ever. */
  readonly retainMs: number | undefined;
  /** Instances that keep everything all the same. No two instances of a store may differ in that. Default: none. */
  readonly unaware?: readonly string[];
  readonly faults: readonly Fault[];
  readonly nemesisIntervalMs: number;
  readonly ratePerSecond: number;
  readonly lengthMs: number;
  readonly seed: string;
  /** How old a record may be in the end, ms. */
  readonly oldestMsMax: number;
  /** After the last fault there is so much time to remove what should have gone meanwhile, ms. */
  readonly catchUpMsMax: number;
  /** For logs. */
  readonly folder: string;
  /** Called twice a second while requests come. */
  readonly onSample?: (sample: Sample) => void;
}

export interface Sample {
  readonly witness: TransferWitness;
  /** URLs of the members of etcd. */
  readonly urls: readonly string[];
  /** Of all keys. */
  readonly prefix: string;
  readonly feed: ChangeFeed;
}

export interface RetentionOutcome {
  /** What broke a promise, in words. */
  readonly violations: readonly string[];
  readonly askedCount: number;
  readonly removedCount: number;
  /** Records of transfers, in the end. */
  readonly keptCount: number;
  /** The age of the oldest of them, ms. */
  readonly oldestMs: number;
  /** Repeats of what had been removed, which were refused. */
  readonly refusedCount: number;
}

export async function runRetentionDeployment(options: RetentionDeploymentOptions): Promise<RetentionOutcome> {
  const { etcd: program, memberCount, instanceCount, retainMs, unaware = [], folder } = options;
  const nodes = Array.from({ length: instanceCount }, (_, index) => `n${index + 1}`);
  const cluster = await EtcdCluster.start({ program, memberCount, instances: [...nodes, WATCHER] });
  const urls = cluster.endpointsFor(WATCHER);
  const witness = new TransferWitness();
  const { prefix } = parseEtcdStore(`etcd=${urls.join(',')}`);
  const feed = new ChangeFeed(urls, prefix, (change) => witness.see(change));
  const bed = new ServiceBed({
    instances: {
      program: options.program,
      args: ['serve'],
      argsOf: (nodeId) => [
        ...['--store', `etcd=${cluster.endpointsFor(nodeId).join(',')}`, '--workload', 'saga'],
        ...(retainMs === undefined || unaware.includes(nodeId) ? [] : ['--retain', `${retainMs}ms`]),
      ],
      logFolder: join(folder, 'logs'),
    },
    engine: cluster,
  });
  try {
    const orphan = await plantOrphan(feed);
    return await runTransfers(options, { nodes, bed, sample: { witness, urls, prefix, feed }, orphan });
  } finally {
    feed.close();
    await bed.close();
    await cluster.close();
  }
}

interface Parts {
  readonly nodes: readonly string[];
  readonly bed: ServiceBed;
  readonly sample: Sample;
  readonly orphan: string;
}

async function runTransfers(options: RetentionDeploymentOptions, parts: Parts): Promise<RetentionOutcome> {
  const { retainMs, faults, nemesisIntervalMs, ratePerSecond, lengthMs, seed, oldestMsMax, catchUpMsMax, onSample } =
    options;
  const { nodes, bed, sample, orphan } = parts;
  const { witness, feed } = sample;
  let [keptCount, oldestMs] = [0, 0];
  const isCaughtUp = () => {
    keptCount = witness.kept.size - 1;
    oldestMs = witness.oldestMs(orphan);
    return oldestMs < oldestMsMax && witness.removed.size >= REMOVED_MIN;
  };
  const transfers = new RepeatedTransfers({ witness, retainMs, isCaughtUp, catchUpMsMax });
  const run = new TestRun(
    {
      nodes,
      concurrency: CLIENTS_PER_NODE * nodes.length,
      ratePerSecond,
      timeLimitMs: lengthMs,
      latencyMeanMs: 0,
      latencyDistribution: 'constant',
      faults,
      nemesisIntervalMs,
      initTimeoutMs: INIT_MS_MAX,
      seed,
    },
    transfers.test(),
    bed,
    createRealScheduler(),
  );
  const timer = setInterval(() => {
    if (run.status().phase === 'running') onSample?.(sample);
  }, SAMPLE_MS);
  const { results } = await run.run().finally(() => clearInterval(timer));
  await feed.caughtUp();
  const violations = [...transfers.judge()];
  for (const [id, state] of witness.kept)
    if (id !== orphan && state !== 'committed' && state !== 'aborted') violations.push(`${id} is still ${state}`);
  if (!witness.kept.has(orphan)) violations.push('the transfer that was never finished is gone');
  if (results['valid?'] !== true)
    violations.push(`the run is not valid: ${results.summary ?? JSON.stringify(results)}`);
  const { askedCount, refusedCount } = transfers;
  return { violations, askedCount, removedCount: witness.removed.size, keptCount, oldestMs, refusedCount };
}

/** Stores a transfer that runs, and that is in no index. Resolves to its request id. */
async function plantOrphan(feed: ChangeFeed): Promise<string> {
  const timestampMs = Date.now() - 3_600_000;
  const id = encodeUuid({ timestampMs, node: 1, sequence: 0, entropy: 0 });
  const input = {
    legs: [
      { account: 'a0', amount: -1 },
      { account: 'a1', amount: 1 },
    ],
  };
  const record: SagaRecord = {
    kind: 'transfer',
    input,
    digest: digestOf('transfer', input),
    state: 'running',
    at: 0,
    reason: '',
    history: [{ state: 'running', at: 0, node: 'n0', time: new Date(timestampMs).toISOString() }],
  };
  await feed.put(sagaKey(id), JSON.stringify({ ...record, ver: 1 }));
  return id;
}
