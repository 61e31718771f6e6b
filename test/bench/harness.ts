/**
 * (d) The local harness at full rate: three node processes, as many operations as it can.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Section } from './measure.ts';

const SECONDS = 30;
const CONCURRENCY = '64n';
const ROUNDS = 3;
const OPTIONS = ['--concurrency', CONCURRENCY, '--availability', 'total'];

/** What a run at full rate cost. */
export interface RateRun {
  /** Operations a second that were ok. */
  readonly rate: number;
  /** CPU of the harness for an operation. */
  readonly cpuUs: number;
  readonly megabytes: number;
  readonly startMs: number;
}

export async function benchHarness(): Promise<readonly Section[]> {
  const rounds = Array.from({ length: ROUNDS }, () => fullRateRun('unique-ids', SECONDS, OPTIONS));
  const input = `unique-ids, 3 nodes, ${SECONDS} s`;
  return [
    {
      title: '(d) the local harness at full rate, 3 node processes',
      command: `bin/snowstorm ${commandOf('unique-ids', SECONDS, OPTIONS).join(' ')}`,
      figures: [
        {
          ...{ name: 'operations, all checked', input, unit: '/s', values: rounds.map(({ rate }) => rate) },
          goal: { of: 'value', atLeast: 40_000 },
        },
        {
          ...{ name: 'CPU of the harness for an operation', input, unit: 'µs' },
          values: rounds.map(({ cpuUs }) => cpuUs),
        },
        {
          ...{ name: 'resident memory at its highest', input, unit: 'MB' },
          values: rounds.map(({ megabytes }) => megabytes),
          goal: { of: 'value', atMost: 400 },
        },
        {
          ...{ name: 'start to the first operation', input, unit: 'ms', values: rounds.map(({ startMs }) => startMs) },
          goal: { of: 'value', atMost: 600 },
        },
      ],
    },
  ];
}

function commandOf(workload: string, seconds: number, options: readonly string[]): readonly string[] {
  const served = ['test', '-w', workload, '--bin', 'bin/maelstrom-node', '--node-count', '3', '--rate', '1e9'];
  return [...served, '--time-limit', `${seconds}`, ...options];
}

/** Runs three of our nodes as fast as they and the harness can, and throws unless the run is valid. */
export function fullRateRun(workload: string, seconds: number, options: readonly string[]): RateRun {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const command = [...commandOf(workload, seconds, options), '--store', folder];
    execFileSync('bin/snowstorm', command, { stdio: ['ignore', 'ignore', 'inherit'] });
    const { stats, harness } = JSON.parse(readFileSync(join(folder, 'latest', 'results.json'), 'utf8'));
    return {
      rate: stats['ok-count'] / seconds,
      cpuUs: (1000 * harness['cpu-milliseconds']) / stats['ok-count'],
      megabytes: harness['resident-megabytes-max'],
      startMs: harness['start-milliseconds'],
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
