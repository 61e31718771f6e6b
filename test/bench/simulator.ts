/**
 * (e) The simulator: from the command to the verdict, how many checked operations a second, and what ten times as many
 * cost.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Figure, interleave, type Section, secondsOf } from './measure.ts';

const ROUNDS = 7;
/** To what `node -e 0` takes. */
const SHORT_RATIO_MAX = 10;
const SHORT = ['test', '-w', 'unique-ids', '--node-count', '3', '--rate', '1000', '--time-limit', '30'];
const SHORT_FAULTS = ['--nemesis', 'partition', '--availability', 'total'];

const RATE = 100_000;
const LONG = [
  'test',
  '-w',
  'unique-ids',
  '--node-count',
  '3',
  '--rate',
  `${RATE}`,
  '--concurrency',
  '64n',
  '--store',
  'none',
];
const OPERATION_COUNTS = [10_000, 100_000, 1_000_000, 10_000_000];
/** A table is linear if the last row costs at most so much more an operation than the one before. */
const GROWTH_MAX = 1.25;
/** Of the longest run, operations a second. */
const RATE_MIN = 150_000;

/** So many that the first second, in which the threads compile, is a small part. */
const FUZZED_SEEDS = { 'unique-ids': 500, saga: 100, voucher: 100 };
const FUZZED_SECONDS = 20;
const FUZZ_ROUNDS = 3;

export async function benchSimulator(): Promise<readonly Section[]> {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    return [await benchShort(folder), benchLong(), benchFuzz()];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function benchShort(folder: string): Promise<Section> {
  const input = 'unique-ids, 30 s at 1,000/s, 3 nodes, partitions';
  const command = [...SHORT, ...SHORT_FAULTS];
  const { recorded, unrecorded } = await interleave(ROUNDS, {
    node: () => secondsOf(() => run('node', ['-e', '0'])),
    recorded: () => secondsOf(() => run('bin/snowstorm', [...command, '--store', folder])),
    unrecorded: () => secondsOf(() => run('bin/snowstorm', [...command, '--store', 'none'])),
  });
  return {
    title: '(e) the simulator: command to verdict',
    command: `bin/snowstorm ${command.join(' ')}`,
    figures: [
      {
        ...{ name: 'with record and report', input, unit: 's', values: recorded.values },
        yardstick: { name: 'node -e 0', ratios: recorded.ratios },
        goal: { of: 'ratio', atMost: SHORT_RATIO_MAX },
      },
      {
        ...{ name: 'without (`--store none`)', input, unit: 's', values: unrecorded.values },
        yardstick: { name: 'node -e 0', ratios: unrecorded.ratios },
      },
    ],
  };
}

function benchLong(): Section {
  const runs = OPERATION_COUNTS.map((count) => measureLong(count));
  const [before, last] = runs.slice(-2) as [(typeof runs)[0], (typeof runs)[0]];
  const [base] = runs as [(typeof runs)[0]];
  const timeOf = ({ count, seconds }: (typeof runs)[0]) => (1e6 * seconds) / count;
  const memoryOf = ({ count, megabytes }: (typeof runs)[0]) => (1e6 * (megabytes - base.megabytes)) / count;
  const input = (count: number) => `${count.toLocaleString('en')} operations`;
  const growth = (of: (run: (typeof runs)[0]) => number): Pick<Figure, 'values' | 'yardstick' | 'goal'> => ({
    values: [of(last)],
    yardstick: { name: input(OPERATION_COUNTS.at(-2) as number), ratios: [of(last) / of(before)] },
    goal: { of: 'ratio', atMost: GROWTH_MAX },
  });
  const figures: Figure[] = runs.map((run, index) => ({
    name: 'simulated and checked',
    input: input(OPERATION_COUNTS[index] as number),
    unit: '/s',
    values: [run.count / run.seconds],
    ...(run === last && { goal: { of: 'value', atLeast: RATE_MIN } as const }),
    note: `${run.seconds.toFixed(2)} s, ${run.megabytes.toFixed(0)} MB`,
  }));
  const longest = input(OPERATION_COUNTS.at(-1) as number);
  figures.push(
    { name: 'time of each', input: longest, unit: 'µs', ...growth(timeOf) },
    { name: 'memory of each', input: longest, unit: 'bytes', ...growth(memoryOf) },
  );
  const command = `bin/snowstorm ${[...LONG, '--time-limit', `${(OPERATION_COUNTS.at(-1) as number) / RATE}`].join(' ')}`;
  return { title: '(e) the simulator: how it grows', command, figures };
}

/** Runs so many operations, unrecorded, and reads what the command says of itself. */
function measureLong(count: number) {
  const output = run('bin/snowstorm', [...LONG, '--time-limit', `${count / RATE}`]);
  const [, seconds, megabytes] = /^Simulated and checked in ([\d.]+) s: .*, ([\d,]+) MB at most$/m.exec(output) ?? [];
  const [, okCount] = /^ +ok-count +(\d+)$/m.exec(output) ?? [];
  return {
    count: Number(okCount),
    seconds: Number(seconds),
    megabytes: Number(megabytes?.replaceAll(',', '')),
  };
}

function benchFuzz(): Section {
  const argsOf = (workload: string, seeds: number) => ['fuzz', '-w', workload, '--swarm', 'off', '--seeds', `${seeds}`];
  const figures = Object.entries(FUZZED_SEEDS).map(([workload, seeds]) => {
    const rate = () => seeds / secondsOf(() => run('bin/snowstorm', argsOf(workload, seeds)));
    const rates = Array.from({ length: FUZZ_ROUNDS }, rate);
    const input = `${workload}, all faults, 5 nodes, ${FUZZED_SECONDS} s each`;
    return {
      ...{ name: 'seeds', input, unit: '/s', values: rates },
      yardstick: { name: 'real time', ratios: rates.map((own) => own * FUZZED_SECONDS) },
    };
  });
  return {
    title: '(e) the simulator: seeds under every fault',
    command: `bin/snowstorm ${argsOf('unique-ids', FUZZED_SEEDS['unique-ids']).join(' ')}`,
    figures,
  };
}

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
}
