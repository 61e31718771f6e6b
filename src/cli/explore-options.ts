/**
 * The options of `snowstorm explore`, read and written: a failure is told with the command that repeats its run.
 */

import { DRAWS } from '../search/explore.ts';
import { ACTIONS, type Action, drawsDamage, type PlannedInjection } from '../search/explore-steps.ts';
import type { AuthorModules } from '../workloads/workload.ts';
import { type Option, parseOneOf, parseWhole, seedOption, switchOption } from './options.ts';
import { DEPTH_MAX, EXPLORED_NODE_COUNT_MAX, EXPLORED_OPERATION_COUNT_MAX } from './run-limits.ts';
import { optionWords, shellWord, workloadWords } from './test-arguments.ts';
import { TEST_OPTIONS } from './test-options.ts';

const NODE_COUNT = 2;
const OPERATION_COUNT = 6;
export const SCHEDULES_MAX = 20_000;
export const EXPLORE_OPTIONS = {
  workload: TEST_OPTIONS.workload,
  node: TEST_OPTIONS.node,
  'node-count': {
    value: 'N',
    text: `Number of nodes. Default: ${NODE_COUNT}.`,
    absent: NODE_COUNT,
    parse: parseWhole(1, EXPLORED_NODE_COUNT_MAX),
  } satisfies Option<number>,
  operations: {
    value: 'N',
    text: `Number of operations. Default: ${OPERATION_COUNT}.`,
    absent: OPERATION_COUNT,
    parse: parseWhole(1, EXPLORED_OPERATION_COUNT_MAX),
  } satisfies Option<number>,
  depth: {
    value: 'D',
    text: 'How many faults a run may have. 2 includes a crash during the recovery from a crash. Default: 1.',
    absent: undefined,
    parse: (text: string): number | undefined => parseWhole(1, DEPTH_MAX)(text),
  } satisfies Option<number | undefined>,
  actions: {
    value: 'ACTIONS',
    text: `The faults, separated by commas. Default: ${ACTIONS.join(',')}.`,
    absent: undefined,
    parse: (text: string): readonly Action[] | undefined => [
      ...new Set(text.split(/\s*,\s*/).map(parseOneOf(ACTIONS))),
    ],
  } satisfies Option<readonly Action[] | undefined>,
  at: {
    value: 'TEXT',
    text: `Hits only steps that contain TEXT. For example, '"cas"' hits changes of a store. Default: every step.`,
    absent: undefined,
    parse: (text: string): string | undefined => text,
  } satisfies Option<string | undefined>,
  hit: {
    value: 'HITS',
    text: `Makes one run with these faults, as a failure shows them: ACTION@STEP, separated by commas.
ACTION@STEP#DRAW selects the damage of a power failure.`,
    absent: undefined,
    parse: (text: string): readonly PlannedInjection[] | undefined => parseHits(text),
  } satisfies Option<readonly PlannedInjection[] | undefined>,
  orders: switchOption('Starts all operations at once, and tries every order of messages, without faults.'),
  order: {
    value: 'CHOICES',
    text: `Makes one run with its messages in one order, as a failure shows it: the indices of the messages in
flight that arrive next, from 0, separated by dots, such as 0.2.1.`,
    absent: undefined,
    parse: (text: string): readonly number[] | undefined => parseChoices(text),
  } satisfies Option<readonly number[] | undefined>,
  'max-schedules': {
    value: 'N',
    text: `Stops after N distinct schedules. Default: ${SCHEDULES_MAX}.`,
    absent: undefined,
    parse: (text: string): number | undefined => parseWhole(1)(text),
  } satisfies Option<number | undefined>,
  store: { ...TEST_OPTIONS.store, text: 'The folder where the first failure is recorded, or none. Default: store.' },
  junit: { ...TEST_OPTIONS.junit, text: 'Also writes the verdict to FILE as JUnit XML, for CI.' },
  seed: seedOption('Repeats all choices: values, latencies, damage. Default: a new seed, which is printed.'),
  help: switchOption('Prints this text.', 'h'),
};

/** The inverse of {@link hitWords}. Throws an Error that says what is expected. */
function parseHits(text: string): readonly PlannedInjection[] {
  const hits = text.split(/\s*,\s*/).map((hit): PlannedInjection => {
    const [, action = '', step = '', draw] = /^([^@]*)@(\d+)(?:#(\d+))?$/.exec(hit) ?? [];
    if (step === '') throw new Error(`expected ACTION@STEP, such as kill@23, not ${JSON.stringify(hit)}`);
    const planned = { step: parseWhole(1)(step), action: parseOneOf(ACTIONS)(action), draw: Number(draw ?? 0) };
    if (planned.draw > 0 && !drawsDamage(planned.action))
      throw new Error(`${action} has no damage to draw; leave out #${draw}`);
    if (planned.draw >= DRAWS) throw new Error(`expected a draw from #0 to #${DRAWS - 1}`);
    return planned;
  });
  if (hits.some(({ step }, index) => step <= (hits[index - 1]?.step ?? 0)))
    throw new Error('expected steps in ascending order');
  return hits;
}

/** The inverse of {@link orderWords}. Throws an Error that says what is expected. */
function parseChoices(text: string): readonly number[] {
  if (!/^\d+(\.\d+)*$/.test(text)) throw new Error('expected numbers separated by dots, such as 0.2.1');
  return text.split('.').map(parseWhole(0));
}

/** The option that makes messages arrive in this order. */
export function orderWords(choices: readonly number[]): readonly string[] {
  return ['--order', choices.length === 0 ? '0' : choices.join('.')];
}

/** The option that hits a run with these faults; no words for no faults. */
export function hitWords(hits: readonly PlannedInjection[]): readonly string[] {
  const words = hits.map(({ action, step, draw }) => `${action}@${step}${draw > 0 ? `#${draw}` : ''}`);
  return words.length === 0 ? [] : ['--hit', words.join()];
}

/** The options that identify an exploration. */
export interface Explored {
  readonly workload: string;
  readonly modules?: AuthorModules | undefined;
  readonly nodeCount: number;
  readonly operationCount: number;
  readonly seed: string;
  /** Only if they were given. */
  readonly actions?: readonly Action[] | undefined;
  readonly at?: string | undefined;
  /** Those of the workload. */
  readonly options?: Readonly<Record<string, string>> | undefined;
}

/** The command that repeats the exploration, with `more` options. */
export function commandOf(explored: Explored, more: readonly string[]): string {
  const { workload, modules, nodeCount, operationCount, seed, actions, at, options = {} } = explored;
  const words = [
    ...workloadWords({ name: workload, ...(modules && { modules }) }),
    ...['--node-count', String(nodeCount), '--operations', String(operationCount)],
    ...(actions === undefined ? [] : ['--actions', actions.join()]),
    ...(at === undefined ? [] : optionWords('--at', at)),
    ...Object.entries(options).flatMap(([name, text]) => optionWords(`--${name}`, text)),
    ...optionWords('--seed', seed),
    ...more,
  ];
  return ['snowstorm', 'explore', ...words.map(shellWord)].join(' ');
}
