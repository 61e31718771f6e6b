/**
 * Runs of a workload's test on virtual time: one operation with given answers, or the operations that it draws, against
 * a script. They show what nodes are asked and what the history has.
 */

import { configureTest } from '../../src/harness/configure-test.ts';
import type { RunOptions } from '../../src/harness/run-options.ts';
import type { Invocation, Turn, WorkloadTest } from '../../src/harness/workload-test.ts';
import type { Operation } from '../../src/history/operation.ts';
import { SeededRandom } from '../../src/protocol/random.ts';
import { answersInit, type Script } from './scripted-bed.ts';
import { ScriptedRun, type ScriptedRunOptions } from './scripted-run.ts';
import { ANY_TURN } from './turns.ts';

// biome-ignore lint/suspicious/noExplicitAny: bodies of every shape
export type Fields = Readonly<Record<string, any>>;

/** Longer than a client waits for two answers. */
const OPERATION_MS = 12_000;

export const REFUSAL: Fields = { type: 'error', code: 11, text: 'later' };
export const CRASH: Fields = { type: 'error', code: 13, text: 'oops' };

interface Performed {
  /** The requests, without the ids of the messages. */
  readonly asked: readonly Fields[];
  /** The entries of the history, without times and indices. */
  readonly begin: Fields;
  readonly end: Fields;
  readonly tookMs: number;
  /** Whether the next operation is by the same client. */
  readonly keepsClient: boolean;
}

/**
 * Performs an operation twice. The requests of the first one get the replies, one after the other; what is asked when
 * no reply is left gets none. The type of a reply is `<type>_ok` unless it has one.
 */
export async function perform(
  test: WorkloadTest,
  operation: Invocation,
  replies: readonly Fields[],
  options: Partial<RunOptions> = {},
): Promise<Performed> {
  let count = 0;
  const script = exceptSetUp((message, node) => {
    const reply = replies[count++];
    if (reply !== undefined) node.reply(message, { type: `${message.body.type}_ok`, ...reply });
  });
  const [first, second] = [0, OPERATION_MS].map((atMs) => ({ atMs, worker: 0, ...operation }));
  const run = new ScriptedRun({
    test,
    scriptOf: () => script,
    nodes: ['n0'],
    concurrency: 1,
    timeLimitMs: 2 * OPERATION_MS,
    schedule: { operations: [first, second].filter((event) => event !== undefined), faults: [], messages: [] },
    ...options,
  });
  const { history } = await run.finish();
  const [begin, end] = [history.at(0), history.at(1)];
  const requests = run.events
    .filter(({ event, message: { src, body } }) => event === 'send' && src.startsWith('c') && body.type !== 'init')
    .filter(({ message: { body } }) => body.type !== 'topology');
  const isFirst = ({ timeMs }: { readonly timeMs: number }) => timeMs < OPERATION_MS;
  return {
    asked: requests.filter(isFirst).map(({ message }) => withoutId(message.body)),
    begin: entryOf(begin),
    end: entryOf(end),
    tookMs: (end.time - begin.time) / 1e6,
    keepsClient:
      new Set(requests.slice(0, requests.filter(isFirst).length + 1).map(({ message }) => message.src)).size < 2,
  };
}

/** How an operation ends with a right answer, errors, none, and one with a field too many. */
export async function outcomes(
  test: WorkloadTest,
  operation: Invocation,
  right: Fields,
): Promise<Readonly<Record<'right' | 'definite' | 'indefinite' | 'silence' | 'malformed', string>>> {
  const outcome = async (...replies: readonly Fields[]) => {
    const { end, keepsClient } = await perform(test, operation, replies);
    return `${end.type}, client ${keepsClient ? 'kept' : 'replaced'}`;
  };
  return {
    right: await outcome(right),
    definite: await outcome(REFUSAL),
    indefinite: await outcome(CRASH),
    silence: await outcome(),
    malformed: await outcome({ ...right, surplus: 1 }),
  };
}

/** A script that `init` and `topology` do not reach. */
export function exceptSetUp(script: Script): Script {
  return (message, node) => {
    if (message.body.type === 'init') answersInit(message, node);
    else if (message.body.type === 'topology') node.reply(message, { type: 'topology_ok' });
    else script(message, node);
  };
}

/** A run whose nodes do the same. The script may keep what they share. */
export function runAll(script: Script, options: Omit<ScriptedRunOptions, 'scriptOf'>): ScriptedRun {
  return new ScriptedRun({ ...options, scriptOf: () => exceptSetUp(script) });
}

/** The test as it is for a run with these options. */
export function configured(test: WorkloadTest, options: Partial<RunOptions> = {}): WorkloadTest {
  return configureTest(test, { nodes: ['n0', 'n1', 'n2'], concurrency: 6, latencyMeanMs: 0, ...options });
}

/** What the test draws, at turns of one worker, or at those that `turnAt` says. */
export function draw(
  test: WorkloadTest,
  count: number,
  turnAt: (index: number) => Turn = () => ANY_TURN,
): Invocation[] {
  const next = test.createGenerator(new SeededRandom('draw'));
  return Array.from({ length: count }, (_, index) => next(turnAt(index)));
}

export function share<Item>(items: readonly Item[], has: (item: Item) => boolean): number {
  return items.filter(has).length / items.length;
}

/** How often each of some values occurs, as a share of all. */
export function shares(values: readonly unknown[]): Readonly<Record<string, number>> {
  const all = [...new Set(values.map(String))].sort();
  return Object.fromEntries(all.map((value) => [value, share(values, (other) => String(other) === value)]));
}

export function finalOnes(history: Iterable<Operation>): Operation[] {
  return [...history].filter((operation) => operation['final?'] === true);
}

function withoutId({ msg_id: _messageId, ...body }: Fields): Fields {
  return body;
}

function entryOf({ type, f, value, error }: Operation): Fields {
  return { type, f, value, ...(error !== undefined && { error }) };
}
