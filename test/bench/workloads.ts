/**
 * (n) The local harness at full rate with each workload of Maelstrom, three processes of our own node, beside
 * unique-ids in turn.
 */

import { fullRateRun, type RateRun } from './harness.ts';
import type { Figure, Section } from './measure.ts';

const ROUNDS = 3;
const SECONDS = 10;
const YARDSTICK = 'unique-ids';
const WORKLOADS = [
  'broadcast',
  'g-set',
  'g-counter',
  'pn-counter',
  'lin-kv',
  'kafka',
  'txn-list-append',
  'txn-rw-register',
];
const OPTIONS = ['--concurrency', '10n'];

/** What is told of every workload. Those with a goal are to cost at most twice what unique-ids costs. */
const TOLD: readonly {
  readonly name: string;
  readonly unit: string;
  readonly of: keyof RateRun;
  readonly goal?: true;
}[] = [
  { name: 'operations', unit: '/s', of: 'rate' },
  { name: 'CPU of the harness for an operation', unit: 'µs', of: 'cpuUs', goal: true },
  { name: 'resident memory at its highest', unit: 'MB', of: 'megabytes', goal: true },
  { name: 'start to the first operation', unit: 'ms', of: 'startMs', goal: true },
];

export async function benchWorkloads(): Promise<readonly Section[]> {
  const runs = new Map([YARDSTICK, ...WORKLOADS].map((workload): [string, RateRun[]] => [workload, []]));
  // In turn, so that a slow moment of the machine hits all of them.
  for (let round = 0; round < ROUNDS; round++)
    for (const [workload, made] of runs) made.push(fullRateRun(workload, SECONDS, OPTIONS));
  const beside = runs.get(YARDSTICK) as readonly RateRun[];
  const figures = WORKLOADS.flatMap((workload) =>
    figuresOf(workload, runs.get(workload) as readonly RateRun[], beside),
  );
  return [{ title: `(n) every workload at full rate, 3 node processes, ${SECONDS} s`, figures }];
}

function figuresOf(workload: string, runs: readonly RateRun[], beside: readonly RateRun[]): readonly Figure[] {
  return TOLD.map(({ name, unit, of, goal }) => ({
    name,
    input: workload,
    unit,
    values: runs.map((run) => run[of]),
    yardstick: { name: YARDSTICK, ratios: runs.map((run, round) => run[of] / (beside[round] as RateRun)[of]) },
    ...(goal && { goal: { of: 'ratio' as const, atMost: 2 } }),
  }));
}
