/**
 * (n) The local harness at full rate with each workload of Maelstrom, three processes of our own node, beside
 * unique-ids in turn.
 *
 * A message costs less the more of them come together: they share a read, a write and a turn of the event loop, and the
 * compiler of the JavaScript engine has long finished. Nodes that agree before they answer answer a hundredth as often.
 * So a message is also held against one of unique-ids at as many messages a second.
 */

import { STOCK_WORKLOADS } from '../support/stock-workloads.ts';
import { fullRateRun, type RateRun } from './harness.ts';
import { type Figure, median, type Section } from './measure.ts';

const ROUNDS = 3;
const SECONDS = 10;
const YARDSTICK = 'unique-ids';
/** A request and its reply. */
const YARDSTICK_MESSAGES = 2;
const SLOW_YARDSTICK = `${YARDSTICK}, as many messages/s`;
const WORKLOADS: readonly string[] = STOCK_WORKLOADS;
/** Their reads are whole. */
const SETS = ['broadcast', 'g-set'];
const OPTIONS = ['--concurrency', '10n'];
/** What our node promises; by default Maelstrom demands more. */
const MODELS: Readonly<Record<string, readonly string[]>> = {
  'txn-rw-register': ['--consistency-models', 'causal-cerone'],
};

export async function benchWorkloads(): Promise<readonly Section[]> {
  const runs = new Map([YARDSTICK, ...WORKLOADS].map((workload): [string, RateRun[]] => [workload, []]));
  /** The runs of the yardstick at the rate of a workload. */
  const slow = new Map(WORKLOADS.map((workload): [string, RateRun[]] => [workload, []]));
  // In turn, so that a slow moment of the machine hits all of them.
  for (let round = 0; round < ROUNDS; round++)
    for (const [workload, made] of runs) {
      const run = fullRateRun(workload, SECONDS, [...OPTIONS, ...(MODELS[workload] ?? [])]);
      made.push(run);
      if (workload === YARDSTICK) continue;
      const beside = fullRateRun(YARDSTICK, SECONDS, OPTIONS, run.messageRate / YARDSTICK_MESSAGES);
      (slow.get(workload) as RateRun[]).push(beside);
    }
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
    messageFigure(runs, slow),
    {
      ...{ name: 'CPU of the harness for an element read, all of it', input: SETS.join(', '), unit: 'ns' },
      values: SETS.flatMap((set) => (runs.get(set) as RateRun[]).map(({ elementCpuNs }) => elementCpuNs)),
    },
    figureOf('resident memory at its highest', 'MB', 'megabytes', WORKLOADS),
    figureOf('start to the first operation', 'ms', 'startMs', WORKLOADS),
  ];
  return [{ title: `(n) every workload at full rate, 3 node processes, ${SECONDS} s`, figures }];
}

/** Of each round the workload whose messages cost most beside the yardstick, but for sets. The note has all of them. */
function messageFigure(
  runs: ReadonlyMap<string, readonly RateRun[]>,
  slow: ReadonlyMap<string, readonly RateRun[]>,
): Figure {
  const rounds = Array.from({ length: ROUNDS }, (_, round) =>
    WORKLOADS.map((workload) => {
      const [run, beside] = [runs, slow].map((all) => (all.get(workload) as readonly RateRun[])[round] as RateRun);
      const value = (run as RateRun).messageCpuUs;
      return { workload, value, ratio: value / (beside as RateRun).messageCpuUs };
    }),
  );
  const dearest = rounds.map((all) =>
    all
      .filter(({ workload }) => !SETS.includes(workload))
      .reduce((one, other) => (other.ratio > one.ratio ? other : one)),
  );
  const inWords = WORKLOADS.map((workload, at) => {
    const all = rounds.map((round) => round[at] as { value: number; ratio: number });
    const [us, ratio] = [median(all.map(({ value }) => value)), median(all.map((each) => each.ratio))];
    return `${workload} ${us.toFixed(1)} µs, ${ratio.toFixed(2)} ×`;
  });
  return {
    ...{ name: 'CPU of the harness for a message', input: 'the most of these, without sets', unit: 'µs' },
    values: dearest.map(({ value }) => value),
    yardstick: { name: SLOW_YARDSTICK, ratios: dearest.map(({ ratio }) => ratio) },
    goal: { of: 'ratio', atMost: 2 },
    note: inWords.join('; '),
  };
}
