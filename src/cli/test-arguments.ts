/**
 * A run as the arguments of `snowstorm test`: the inverse of `test-options.ts`.
 */

import { isMessageFault } from '../harness/fault.ts';
import type { RunOptions } from '../harness/run-options.ts';
import type { TestedWorkload } from '../workloads/workload.ts';
import { type Ground, interpretFaults } from './chosen-faults.ts';
import { limitsText } from './node-limits.ts';
import { interpretNodes } from './test-options.ts';

/**
 * The arguments of `snowstorm test` that make the same run, a word each, but for programs of nodes. A schedule cannot
 * be expressed.
 */
export function testArguments(
  workload: TestedWorkload,
  options: RunOptions,
  bed: Ground['bed'] = 'simulated',
): readonly string[] {
  const { nodes, concurrency, availability, initTimeoutMs, strict, workloadOptions = {}, nodeLimits } = options;
  const nemesis = renderFaults(workload, options, bed);
  return [
    ...['-w', workload.name],
    ...(typeof bed === 'object' ? bed.words : renderNodes(nodes)),
    ...['--time-limit', renderSeconds(options.timeLimitMs)],
    ...['--rate', String(options.ratePerSecond)],
    ...['--concurrency', concurrency % nodes.length === 0 ? `${concurrency / nodes.length}n` : String(concurrency)],
    ...(typeof bed === 'object' ? [] : ['--latency', String(options.latencyMeanMs)]),
    ...(typeof bed === 'object' ? [] : ['--latency-dist', options.latencyDistribution]),
    ...(nemesis === '' ? [] : ['--nemesis', nemesis]),
    ...['--nemesis-interval', renderSeconds(options.nemesisIntervalMs)],
    ...(availability === undefined ? [] : ['--availability', String(availability)]),
    ...(initTimeoutMs === undefined ? [] : ['--init-timeout', renderSeconds(initTimeoutMs)]),
    ...(strict ? ['--strict'] : []),
    ...Object.entries(workloadOptions).flatMap(([name, text]) => optionWords(`--${name}`, text)),
    ...(nodeLimits === undefined ? [] : ['--limits', limitsText(nodeLimits)]),
    ...optionWords('--seed', options.seed),
  ];
}

function renderNodes(nodes: readonly string[]): readonly string[] {
  const list = nodes.join();
  if (list === interpretNodes(undefined).join()) return [];
  const counted = list === interpretNodes(nodes.length).join();
  return counted ? ['--node-count', String(nodes.length)] : optionWords('--nodes', list);
}

/** An option with any text. A text that begins with a dash would be taken for an option, so it is joined with =. */
export function optionWords(option: string, text: string): readonly string[] {
  return text.startsWith('-') ? [`${option}=${text}`] : [option, text];
}

/** The command that replays a recorded schedule. */
export function replayCommand(file: string): string {
  return ['snowstorm', 'test', ...optionWords('--replay', file).map(shellWord)].join(' ');
}

/** A word for a shell, quoted if necessary. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The value of `--nemesis`, with `all` for all faults that these nodes can suffer; empty for none. */
function renderFaults(
  { test }: TestedWorkload,
  { nodes, faults, faultValues = {} }: RunOptions,
  bed: Ground['bed'],
): string {
  const all = interpretFaults([{ fault: 'all', value: undefined }], {
    nodeCount: nodes.length,
    bed,
    survivesDiskLoss: test.survivesDiskLoss,
  });
  const isAll = all.faults.join() === faults.join();
  const words = faults.flatMap((fault) => {
    const value = faultValues[fault];
    if (value === undefined) return isAll ? [] : fault;
    return `${fault}=${isMessageFault(fault) ? value : renderSeconds(value)}`;
  });
  return [...(isAll ? ['all'] : []), ...words].join();
}

/**
 * The seconds that, multiplied by 1000, make exactly `durationMs`. The quotient alone may be inexact.
 */
function renderSeconds(durationMs: number): string {
  const seconds = durationMs / 1000;
  const bit = (seconds * Number.EPSILON) / 2;
  const candidates = [0, 1, -1, 2, -2].map((bits) => seconds + bits * bit);
  return String(candidates.find((candidate) => candidate * 1000 === durationMs) ?? seconds);
}
