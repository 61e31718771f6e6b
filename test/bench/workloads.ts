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
/** What our node promises; by default Maelstrom demands more. */
const MODELS: Readonly<Record<string, readonly string[]>> = {
  'txn-rw-register': ['--consistency-models', 'causal-cerone'],
};

export async function benchWorkloads(): Promise<readonly Section[]> {
  const runs = new Map([YARDSTICK, ...WORKLOADS].map((workload): [string, RateRun[]] => [workload, []]));
  // In turn, so that a slow moment of the machine hits all of them.
  for (let round = 0; round < ROUNDS; round++)
    for (const [workload, made] of runs)
      made.push(fullRateRun(workload, SECONDS, [...OPTIONS, ...(MODELS[workload] ?? [])]));
  const beside = runs.get(YARDSTICK) as readonly RateRun[];
  const figureOf = (name: string, unit: string, of: keyof RateRun, workloads: readonly string[]): Figure => {
    const most = (round: number) =>
      Math.max(...workloads.map((workload) => ((runs.get(workload) as readonly RateRun[])[round] as RateRun)[of]));
    return {
      ...{ name, input: workloads.length === 1 ? (workloads[0] as string) : 'the most of these', unit },
      values: beside.map((_, round) => most(round)),
      yardstick: { name: YARDSTICK, ratios: beside.map((run, round) => most(round) / run[of]) },
      goal: { of: 'ratio', atMost: 2 },
    };
  };
  const figures = [
    ...WORKLOADS.map((workload) => figureOf('CPU of the harness for an operation', 'µs', 'cpuUs', [workload])),
    figureOf('resident memory at its highest', 'MB', 'megabytes', WORKLOADS),
    figureOf('start to the first operation', 'ms', 'startMs', WORKLOADS),
  ];
  return [{ title: `(n) every workload at full rate, 3 node processes, ${SECONDS} s`, figures }];
}
