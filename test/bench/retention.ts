/**
 * (l) The store and the instances with a time to keep and without, under faults, for several minutes each. The store is
 * compacted at every sample, so that its size is that of what it holds.
 */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fault } from '../../src/harness/fault.ts';
import { askEtcd } from '../../src/host/deployment/etcd-status.ts';
import { timeOfId } from '../../src/workloads/id-time.ts';
import { rangeOf } from '../support/change-feed.ts';
import { buildEngineMutants } from '../support/engine-mutants.ts';
import { findEtcd } from '../support/etcd.ts';
import { residentMegabytes } from '../support/node-process.ts';
import { runRetentionDeployment, type Sample } from '../support/retention-deployment.ts';
import { type Figure, median, type Section } from './measure.ts';

const MINUTE_MS = 60_000;
const RETAIN_MS = MINUTE_MS;
const GRACE_MS = RETAIN_MS / 4;
/** Without faults no record is older: the horizon moves twice a grace, and what is below it goes a grace later. */
const OLDEST_MS = RETAIN_MS + 2 * GRACE_MS;
const MINUTES = 7;
/** Mean time between two faults of a kind. */
const NEMESIS_INTERVAL_MS = MINUTE_MS;
const RATE = 30;
const SAMPLE_MS = 10_000;
/** Instances that are younger are not measured, ms. */
const WARM_MS = 20_000;
const FAULTS: readonly Fault[] = [
  ...(['kill', 'pause', 'loss', 'delay', 'engine-kill', 'engine-leader', 'engine-pause'] as const),
  ...(['engine-partition', 'service-cut', 'link-delay', 'link-reset'] as const),
];

/** What was measured in one minute. */
interface Minute {
  /** Of transfers. */
  readonly records: number[];
  /** Those that are older than they would be without faults. */
  readonly late: number[];
  /** Keys of any kind below the prefix. */
  readonly keys: number[];
  readonly databaseBytes: number[];
  readonly residentMegabytes: number[];
}

export async function benchRetention(): Promise<readonly Section[]> {
  const etcd = findEtcd('the size of the store with retention');
  if (etcd === undefined) return [];
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const program = (await buildEngineMutants(folder))('short-retention');
    const sections: Section[] = [];
    for (const retainMs of [RETAIN_MS, undefined]) sections.push(await measure(etcd, program, retainMs, folder));
    return sections;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(etcd: string, program: string, retainMs: number | undefined, folder: string): Promise<Section> {
  const minutes: Minute[] = [];
  const beganMs = performance.now();
  const seenMs = new Map<string, number>();
  let dueMs = 0;
  const onSample = (sample: Sample) => {
    const nowMs = performance.now() - beganMs;
    const pids = pidsThatName(program);
    for (const pid of pids) if (!seenMs.has(pid)) seenMs.set(pid, nowMs);
    if (nowMs < dueMs) return;
    dueMs = nowMs + SAMPLE_MS;
    const index = Math.floor(nowMs / MINUTE_MS);
    const minute = minutes[index] ?? { records: [], late: [], keys: [], databaseBytes: [], residentMegabytes: [] };
    minutes[index] = minute;
    const warm = pids.filter((pid) => nowMs - (seenMs.get(pid) as number) >= WARM_MS);
    minute.residentMegabytes.push(...warm.map((pid) => residentMegabytes(Number(pid))));
    void look(sample, minute);
  };
  const outcome = await runRetentionDeployment({
    ...{ etcd, program, folder, retainMs, faults: FAULTS, memberCount: 3, instanceCount: 3, seed: '1', onSample },
    ...{ nemesisIntervalMs: NEMESIS_INTERVAL_MS, ratePerSecond: RATE, lengthMs: MINUTES * MINUTE_MS },
    ...{ oldestMsMax: Number.POSITIVE_INFINITY, catchUpMsMax: 0 },
  });
  const { violations, askedCount, removedCount, refusedCount } = outcome;
  const input = retainMs === undefined ? 'all kept' : `kept for ${retainMs / 1000} s`;
  return {
    title: `(l) transfers under faults, ${RATE} requests a second, ${input}`,
    figures: [
      ...figuresOf(minutes, input),
      {
        ...{ name: 'wrong', input, unit: '', values: [violations.length], goal: { of: 'value', atMost: 0 } },
        note: [
          `${askedCount} asked for, ${removedCount} removed, ${refusedCount} late repeats refused`,
          ...violations,
        ].join('; '),
      },
    ],
  };
}

/** What each minute but the first held: then nothing is old enough to be removed. */
function figuresOf(minutes: readonly Minute[], input: string): Figure[] {
  const shown = minutes.slice(1).filter(({ records }) => records.length > 0);
  const figure = (name: string, unit: string, of: (minute: Minute) => number): Figure => {
    const values = shown.map(of);
    const [first, last] = [values[0] as number, values.at(-1) as number];
    return {
      name,
      input,
      unit,
      values,
      yardstick: { name: 'minute 2', ratios: [last / first] },
      note: values.join(', '),
    };
  };
  return [
    figure('records of transfers, a minute', '', ({ records }) => median(records)),
    figure('… of them late', '', ({ late }) => median(late)),
    figure('… keys of any kind', '', ({ keys }) => median(keys)),
    figure('… database', 'kB', ({ databaseBytes }) => Math.round(median(databaseBytes) / 1000)),
    figure('… an instance', 'MB', ({ residentMegabytes }) => Math.round(median(residentMegabytes))),
  ];
}

/** What the store holds. Nothing is added if no member answers. */
async function look({ witness, urls, feed, prefix }: Sample, minute: Minute): Promise<void> {
  const oldestMs = Date.now() - OLDEST_MS;
  for (const url of urls) {
    // Its answer does not matter: it is an error if that revision was compacted already.
    await askEtcd(url, '/v3/kv/compaction', { revision: String(feed.revision), physical: true });
    const status = await askEtcd(url, '/v3/maintenance/status', {});
    const counted = status && (await askEtcd(url, '/v3/kv/range', { ...rangeOf(prefix), count_only: true }));
    if (counted === undefined) continue;
    const ids = [...witness.kept.keys()];
    minute.records.push(ids.length);
    minute.late.push(ids.filter((id) => (timeOfId(id) as number) < oldestMs).length);
    minute.keys.push(Number(counted.count));
    minute.databaseBytes.push(Number(status?.dbSizeInUse));
    return;
  }
}

function pidsThatName(text: string): string[] {
  const isNamed = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(text);
    } catch {
      return false; // It ended meanwhile.
    }
  };
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isNamed(name));
}
