/**
 * The options of `snowstorm explore`, read and written: what was found is told with the command that makes just that
 * run again.
 */

import { DRAWS } from '../search/explore.ts';
import { ACTIONS, type Action, drawsDamage, type PlannedInjection } from '../search/explore-steps.ts';
import { type Option, parseOneOf, parseWhole, seedOption, switchOption } from './options.ts';
import { optionWords, shellWord } from './test-arguments.ts';
import { TEST_OPTIONS } from './test-options.ts';

const NODE_COUNT = 2;
const OPERATION_COUNT = 6;
export const SCHEDULES_MAX = 20_000;
export const EXPLORE_OPTIONS = {
  workload: TEST_OPTIONS.workload,
  'node-count': {
    value: 'N',
    text: `Number of nodes. Default: ${NODE_COUNT}.`,
    absent: NODE_COUNT,
    parse: parseWhole(1, 16),
  } satisfies Option<number>,
  operations: {
    value: 'N',
    text: `Number of operations. Default: ${OPERATION_COUNT}.`,
    absent: OPERATION_COUNT,
    parse: parseWhole(1, 1000),
  } satisfies Option<number>,
  depth: {
    value: 'D',
    text: 'How many times a run may be hit; 2 is a crash while a crash is recovered from, too. Default: 1.',
    absent: undefined,
    parse: (text: string): number | undefined => parseWhole(1, 5)(text),
  } satisfies Option<number | undefined>,
  actions: {
    value: 'ACTIONS',
    text: `What hits a node, separated by commas. Default: ${ACTIONS.join(',')}.`,
    absent: undefined,
    parse: (text: string): readonly Action[] | undefined => [
      ...new Set(text.split(/\s*,\s*/).map(parseOneOf(ACTIONS))),
    ],
  } satisfies Option<readonly Action[] | undefined>,
  at: {
    value: 'TEXT',
    text: `Hits only steps that contain TEXT, such as '"cas"': what changes a store. Default: every step.`,
    absent: undefined,
    parse: (text: string): string | undefined => text,
  } satisfies Option<string | undefined>,
  hit: {
    value: 'HITS',
    text: `Makes one run only and hits it so, as a failure is told: ACTION@STEP, separated by commas;
ACTION@STEP#DRAW where it was drawn what a power failure left.`,
    absent: undefined,
    parse: (text: string): readonly PlannedInjection[] | undefined => parseHits(text),
  } satisfies Option<readonly PlannedInjection[] | undefined>,
  orders: switchOption('All operations begin at once, and messages arrive in every order; nothing is hit.'),
  order: {
    value: 'CHOICES',
    text: `Makes one run only, with its messages in one order, as a failure is told: which of those in flight
arrives next, counted from 0, with dots between, such as 0.2.1.`,
    absent: undefined,
    parse: (text: string): readonly number[] | undefined => parseChoices(text),
  } satisfies Option<readonly number[] | undefined>,
  'max-schedules': {
    value: 'N',
    text: `Stops after so many distinct schedules. Default: ${SCHEDULES_MAX}.`,
    absent: undefined,
    parse: (text: string): number | undefined => parseWhole(1)(text),
  } satisfies Option<number | undefined>,
  store: { ...TEST_OPTIONS.store, text: 'Where the first failure is recorded; none: nowhere. Default: store.' },
  junit: { ...TEST_OPTIONS.junit, text: 'Where the verdict is written as JUnit XML as well, for CI.' },
  seed: seedOption('Makes the same choices again: values, latencies, damage. Default: a new one, printed.'),
  help: switchOption('Prints this text.', 'h'),
};

/** The inverse of {@link hitWords}. Throws an Error that says what is expected. */
function parseHits(text: string): readonly PlannedInjection[] {
  const hits = text.split(/\s*,\s*/).map((hit): PlannedInjection => {
    const [, action = '', step = '', draw] = /^([^@]*)@(\d+)(?:#(\d+))?$/.exec(hit) ?? [];
    if (step === '') throw new Error(`expected ACTION@STEP, such as kill@23, and not ${JSON.stringify(hit)}`);
    const planned = { step: parseWhole(1)(step), action: parseOneOf(ACTIONS)(action), draw: Number(draw ?? 0) };
    if (planned.draw > 0 && !drawsDamage(planned.action))
      throw new Error(`nothing is drawn for ${action}, so there is no #${draw}`);
    if (planned.draw >= DRAWS) throw new Error(`expected a draw from #0 to #${DRAWS - 1}`);
    return planned;
  });
  if (hits.some(({ step }, index) => step <= (hits[index - 1]?.step ?? 0)))
    throw new Error('expected steps that ascend');
  return hits;
}

/** The inverse of {@link orderWords}. Throws an Error that says what is expected. */
function parseChoices(text: string): readonly number[] {
  if (!/^\d+(\.\d+)*$/.test(text)) throw new Error('expected numbers with dots between, such as 0.2.1');
  return text.split('.').map(parseWhole(0));
}

/** The option that has messages arrive so. */
export function orderWords(choices: readonly number[]): readonly string[] {
  return ['--order', choices.length === 0 ? '0' : choices.join('.')];
}

/** The option that hits a run so; where nothing is hit, none. */
export function hitWords(hits: readonly PlannedInjection[]): readonly string[] {
  const words = hits.map(({ action, step, draw }) => `${action}@${step}${draw > 0 ? `#${draw}` : ''}`);
  return words.length === 0 ? [] : ['--hit', words.join()];
}

/** Which exploration, by its options. */
export interface Explored {
  readonly workload: string;
  readonly nodeCount: number;
  readonly operationCount: number;
  readonly seed: string;
  /** Only where they were given. */
  readonly actions?: readonly Action[] | undefined;
  readonly at?: string | undefined;
}

/** The command that does so again, with options more. */
export function commandOf(explored: Explored, more: readonly string[]): string {
  const { workload, nodeCount, operationCount, seed, actions, at } = explored;
  const words = [
    ...['-w', workload, '--node-count', String(nodeCount), '--operations', String(operationCount)],
    ...(actions === undefined ? [] : ['--actions', actions.join()]),
    ...(at === undefined ? [] : optionWords('--at', at)),
    ...optionWords('--seed', seed),
    ...more,
  ];
  return ['snowstorm', 'explore', ...words.map(shellWord)].join(' ');
}
