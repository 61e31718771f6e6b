/**
 * Whether calls are linearizable: a verdict, and for a bad one what shows it. Fields are those of Knossos (`op`,
 * `previous-ok`, `configs`, `final-paths`, `last-op`); `counterexample` says the same in short.
 */

import type { Operation } from '../../history/operation.ts';
import { shortJson } from '../../protocol/short-json.ts';
import type { CheckResult } from '../checker.ts';
import { asSentence, type Proof, QUOTE_LENGTH_MAX, withProofs } from '../proof.ts';
import { type Calls, NEVER, prefixOf } from './calls.ts';
import { explain, sayCall, sayState, showOperation } from './explanation.ts';
import { type Kinds, kindsOf } from './kinds.ts';
import type { Model } from './model.ts';
import { type Budget, type Found, search } from './search.ts';
import { isUniqueRegister } from './unique-register.ts';

/** For about ten seconds and at most a quarter of a gigabyte. */
const BUDGET: Budget = { configurationsMax: 400_000_000, bytesMax: 256 * 1024 * 1024 };
const LISTED_MAX = 16;
const NANOSECONDS_PER_MILLISECOND = 1e6;

/** What a bad result has under `counterexample`. */
export interface Counterexample {
  /** The operation that has no place. */
  readonly op: Operation;
  /** The first {@link LISTED_MAX} that were open when it ended; those that never ended have no `ok`. */
  readonly concurrent: readonly Operation[];
  /** What the object may have been before it, as the model describes its states. Absent: there are too many ways. */
  readonly states?: readonly unknown[];
}

export interface LinearizabilityOptions<State> {
  readonly model: Model<State>;
  readonly budget?: Budget;
  /** What the object is, for people. Absent: the object. */
  readonly name?: string;
}

/** Whether calls are linearizable; `unknown` if the budget does not suffice. */
export function isLinearizable<State>(calls: Calls, options: LinearizabilityOptions<State>): boolean | 'unknown' {
  return findVerdict(calls, options).found.verdict;
}

/** The result of calls on one object. */
export function linearizableResult<State>(calls: Calls, options: LinearizabilityOptions<State>): CheckResult {
  const { name = 'the object' } = options;
  const { found, kinds } = findVerdict(calls, options);
  if (found.verdict === true) return { 'valid?': true };
  const op = showAt(calls, found.position);
  if (found.verdict === 'unknown') return giveUp(calls, found, op, name);
  const { moments, order } = (kinds && explain(calls, kinds, found.position, found)) ?? {};
  const call = calls.callAt[found.position] as number;
  const counterexample: Counterexample = {
    op,
    concurrent: openAt(calls, found.position).map((call) => showOperation(calls, call, calls.ends[call] !== NEVER)),
    ...(kinds === undefined ? {} : { states: describeStates(found.states, kinds) }),
  };
  const states = kinds === undefined ? [] : found.states.slice(0, LISTED_MAX).map((state) => sayState(kinds, state));
  const was = states.length === 0 ? '' : `: ${name} was ${states.join(' or ')}`;
  const what = `${sayCall(calls, call, ` of process ${op.process}`)}, ended at ${sayMs(op.time)}, has no place${was}`;
  const proof = { ...proofOf(counterexample, what), ...(order !== undefined && { order }) };
  return {
    'valid?': false,
    op,
    'previous-ok': previousOk(calls, found.position),
    ...moments,
    counterexample,
    ...withProofs([proof]),
    summary: asSentence(proof.problem),
  };
}

interface Verdict<State> {
  readonly found: Found;
  /** Absent if the states are not known. */
  readonly kinds?: Kinds<State>;
}

function findVerdict<State>(calls: Calls, { model, budget = BUDGET }: LinearizabilityOptions<State>): Verdict<State> {
  const isUnique = model.isRegister === true ? isUniqueRegister(calls) : undefined;
  if (isUnique === true) return { found: { verdict: true } };
  const kinds = kindsOf(model, calls);
  const found = search(calls, kinds, budget);
  if (isUnique === undefined || found.verdict === false) return { found, kinds };
  if (found.verdict === true) throw new Error('a register with unique values is and is not linearizable');
  return { found: { verdict: false, position: firstBadEnd(calls), states: [] } };
}

/** The first end that no order allows, found by halves: what ends there is bad, and what ended before is good. */
function firstBadEnd(calls: Calls): number {
  let [good, bad] = [0, calls.events.length];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isUniqueRegister(prefixOf(calls, middle)) === false) bad = middle;
    else good = middle;
  }
  return bad - 1;
}

function showAt(calls: Calls, position: number): Operation {
  return showOperation(calls, calls.callAt[position] as number, true);
}

/** The calls that were open just before a position, without the one that ends there. */
function openAt(calls: Calls, position: number): readonly number[] {
  const open: number[] = [];
  for (let call = 0; call < calls.count && (calls.starts[call] as number) < position; call++)
    if ((calls.ends[call] as number) > position && open.length < LISTED_MAX) open.push(call);
  return open;
}

/** The last `ok` before a position. */
function previousOk(calls: Calls, position: number): Operation | null {
  for (let at = position - 1; at >= 0; at--) {
    const call = calls.callAt[at] as number;
    if (call >= 0 && calls.ends[call] === at) return showOperation(calls, call, true);
  }
  return null;
}

function describeStates<State>(states: readonly number[], kinds: Kinds<State>): readonly unknown[] {
  return states.slice(0, LISTED_MAX).map((state) => kinds.model.describe(kinds.stateOf(state)));
}

function giveUp(
  calls: Calls,
  { position, configurations }: Extract<Found, { verdict: 'unknown' }>,
  op: Operation,
  name: string,
): CheckResult {
  const isEnd = (at: number) => calls.callAt[at] !== -1 && calls.ends[calls.callAt[at] as number] === at;
  const ends = Array.from({ length: calls.events.length }, (_, at) => at).filter(isEnd);
  const reached = ends.filter((at) => at < position).length;
  const looked = configurations.toLocaleString('en-US');
  return {
    'valid?': 'unknown',
    cause: 'budget',
    op,
    'previous-ok': previousOk(calls, position),
    'reached-count': reached,
    'end-count': ends.length,
    configurations,
    summary:
      `${name} is linearizable as far as was looked, for ${reached} of ${ends.length} operations that ended: ` +
      `${looked} configurations did not suffice for more.`,
  };
}

function proofOf({ op, concurrent }: Counterexample, problem: string): Proof {
  const others = concurrent.map((other) => `${say(other)} of process ${other.process}`).join(', ');
  return {
    problem,
    facts: { concurrent: others === '' ? 'nothing' : others },
    operations: [op, ...concurrent].map(({ index }) => index).sort((one, other) => one - other),
    operationCount: concurrent.length + 1,
  };
}

function sayMs(time: number): string {
  return `${(time / NANOSECONDS_PER_MILLISECOND).toFixed(0)} ms`;
}

function say({ f, value }: Operation): string {
  return value === null || value === undefined ? f : `${f} ${shortJson(value, QUOTE_LENGTH_MAX)}`;
}
