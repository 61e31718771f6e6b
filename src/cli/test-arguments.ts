/**
 * A run as the arguments of `snowstorm test`: the inverse of `test-options.ts`.
 */

import { isMessageFault } from '../harness/fault.ts';
import type { RunOptions } from '../harness/run-options.ts';
import type { AuthorModules, TestedWorkload, Workload } from '../workloads/workload.ts';
import { type Ground, interpretFaults, promisesOf } from './chosen-faults.ts';
import { limitsText } from './node-limits.ts';
import { interpretNodes } from './test-options.ts';

/**
 * The arguments of `snowstorm test` that make the same run, a word each, but for programs of nodes. A schedule cannot
 * be expressed.
 */
export function testArguments(
  workload: TestedWorkload | Workload,
  options: RunOptions,
  bed: Ground['bed'] = 'simulated',
): readonly string[] {
  const { nodes, concurrency, availability, initTimeoutMs, strict, workloadOptions = {}, nodeLimits } = options;
  const nemesis = renderFaults(workload, options, bed);
  return [
    ...workloadWords(workload),
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

/** The options that name a workload and its modules. */
export function workloadWords({ name, modules = {} }: Pick<TestedWorkload, 'name' | 'modules'>): readonly string[] {
  return [...optionWords('-w', modules.workload ?? name), ...nodeWords(modules)];
}

/** The option that names the node of an author; no words without one. */
function nodeWords({ node }: AuthorModules = {}): readonly string[] {
  return node === undefined ? [] : optionWords('--node', node);
}

/** The command that replays a recorded schedule. @param modules those that the workload is made of */
export function replayCommand(file: string, modules: AuthorModules = {}): string {
  const workload = modules.workload === undefined ? [] : optionWords('-w', modules.workload);
  const words = [...optionWords('--replay', file), ...workload, ...nodeWords(modules)];
  return ['snowstorm', 'test', ...words.map(shellWord)].join(' ');
}

/** A word for a shell, quoted if necessary. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The value of `--nemesis`, with `all` for all faults that these nodes can suffer; empty for none. */
function renderFaults(
  workload: TestedWorkload | Workload,
  { nodes, faults, faultValues = {} }: RunOptions,
  bed: Ground['bed'],
): string {
  const all = interpretFaults([{ fault: 'all', value: undefined }], {
    nodeCount: nodes.length,
    bed,
    ...promisesOf(workload),
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
