/**
 * (e) The simulator: from the command to the verdict, how many checked operations a second, and what ten times as many
 * cost.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { goalAtLeast, goalAtMost, interleave, printSection, type Row } from './measure.ts';

const ROUNDS = 7;
const SHORT = ['test', '-w', 'unique-ids', '--node-count', '3', '--rate', '1000', '--time-limit', '30'];
const SHORT_FAULTS = ['--nemesis', 'partition', '--availability', 'total'];

/** What the real harness takes for the short test, seconds. */
const REAL_HARNESS_SECONDS = 37;

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

const FUZZED_SEEDS = 500;

export async function benchSimulator(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    await benchShort(folder);
    benchLong();
    benchFuzz();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function benchShort(folder: string): Promise<void> {
  const { node, command } = await interleave(ROUNDS, {
    node: () => secondsOf(() => run('node', ['-e', '0'])),
    command: () => secondsOf(() => run('bin/snowstorm', [...SHORT, ...SHORT_FAULTS, '--store', folder])),
  });
  printSection(
    '(e) the simulator: 30 s of unique-ids, 1000/s, 3 nodes, partitions, command to verdict',
    `bin/snowstorm ${[...SHORT, ...SHORT_FAULTS].join(' ')}`,
    [
      { name: 'node -e 0', value: `${node.value.toFixed(2)} s` },
      {
        name: 'the whole command',
        value: `${command.value.toFixed(2)} s, ${command.ratio.toFixed(1)} × node -e 0, 1/${(REAL_HARNESS_SECONDS / command.value).toFixed(0)} of the real harness`,
        goal: goalAtMost(command.value, 0.7, ' s'),
      },
    ],
  );
}

function benchLong(): void {
  const figures = OPERATION_COUNTS.map((count) => measureLong(count));
  const rows: Row[] = figures.map(({ count, seconds, megabytes }) => ({
    name: `${count.toLocaleString('en')} operations`,
    value: `${seconds.toFixed(2)} s, ${(count / seconds).toFixed(0)}/s, ${megabytes.toFixed(0)} MB`,
  }));
  const [before, last] = figures.slice(-2) as [(typeof figures)[0], (typeof figures)[0]];
  const [base] = figures as [(typeof figures)[0]];
  const rate = last.count / last.seconds;
  const timeGrowth = last.seconds / last.count / (before.seconds / before.count);
  const memoryOf = ({ count, megabytes }: (typeof figures)[0]) => (megabytes - base.megabytes) / count;
  rows.push(
    { name: 'sustained', value: `${rate.toFixed(0)}/s`, goal: goalAtLeast(rate, 150_000) },
    {
      name: 'time an operation, last row to the one before',
      value: timeGrowth.toFixed(2),
      goal: goalAtMost(timeGrowth, GROWTH_MAX),
    },
    {
      name: 'memory an operation, last row to the one before',
      value: (memoryOf(last) / memoryOf(before)).toFixed(2),
      goal: goalAtMost(memoryOf(last) / memoryOf(before), GROWTH_MAX),
    },
  );
  const command = `bin/snowstorm ${[...LONG, '--time-limit', '100'].join(' ')}`;
  printSection('(e) the simulator: simulated and checked', command, rows);
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

function benchFuzz(): void {
  const args = ['fuzz', '-w', 'unique-ids', '--swarm', 'off', '--seeds', `${FUZZED_SEEDS}`];
  const seconds = secondsOf(() => run('bin/snowstorm', args));
  printSection('(e) the simulator: seeds under every fault, 5 nodes, 20 s each', `bin/snowstorm ${args.join(' ')}`, [
    { name: 'seeds a second', value: (FUZZED_SEEDS / seconds).toFixed(0) },
    { name: 'simulated time to real time', value: `${((FUZZED_SEEDS * 20) / seconds).toFixed(0)} ×` },
  ]);
}

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
}

function secondsOf(act: () => void): number {
  const startMs = performance.now();
  act();
  return (performance.now() - startMs) / 1000;
}
