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
  /** CPU of the harness for an operation that was completed, whether ok or refused. */
  readonly cpuUs: number;
  /** CPU of the harness for a message: of clients, between nodes, and of services. */
  readonly messageCpuUs: number;
  /** Messages a second. */
  readonly messageRate: number;
  /** CPU of the harness for an element of a list that was read; infinite where none was. */
  readonly elementCpuNs: number;
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

function commandOf(workload: string, seconds: number, options: readonly string[], rate = 1e9): readonly string[] {
  const served = ['test', '-w', workload, '--bin', 'bin/maelstrom-node', '--node-count', '3', '--rate', `${rate}`];
  return [...served, '--time-limit', `${seconds}`, ...options];
}

/**
 * Runs three of our nodes, and throws unless the run is valid.
 *
 * @param rate operations a second; absent: as fast as they and the harness can
 */
export function fullRateRun(workload: string, seconds: number, options: readonly string[], rate?: number): RateRun {
  const folder = mkdtempSync(join(tmpdir(), 'snowstorm-bench-'));
  try {
    const command = [...commandOf(workload, seconds, options, rate), '--store', folder];
    execFileSync('bin/snowstorm', command, { stdio: ['ignore', 'ignore', 'inherit'] });
    const { stats, net, harness } = JSON.parse(readFileSync(join(folder, 'latest', 'results.json'), 'utf8'));
    const cpuUs = 1000 * harness['cpu-milliseconds'];
    return {
      rate: stats['ok-count'] / seconds,
      cpuUs: cpuUs / stats.count,
      messageCpuUs: cpuUs / net.all['send-count'],
      messageRate: net.all['send-count'] / seconds,
      elementCpuNs: (1000 * cpuUs) / countElements(join(folder, 'latest', 'history.jsonl')),
      megabytes: harness['resident-megabytes-max'],
      startMs: harness['start-milliseconds'],
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The elements of all lists that reads of a set have found. */
function countElements(history: string): number {
  let count = 0;
  for (const line of readFileSync(history, 'utf8').trimEnd().split('\n')) {
    const { f, type, value } = JSON.parse(line) as { f: string; type: string; value: unknown };
    if (f === 'read' && type === 'ok' && Array.isArray(value)) count += value.length;
  }
  return count;
}
