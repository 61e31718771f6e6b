/**
 * A set that only grows: what was added must be seen in the end. Source: `jepsen.checker/set-full`, not linearizable,
 * with its fields and its quirks.
 *
 * An element is *known* from the first acknowledgement of its add, or from the first reply that shows it. It is stable
 * if the last read that has it began after the last one that lacks it, lost if it was known before that one began, and
 * never read otherwise. A latency is the time from known until reads stopped to lack it (stable) or to have it (lost),
 * as the reads sampled it. Jepsen compares frequencies with the wrong sign, so `duplicated` is always empty, and it
 * ignores elements that no client added.
 *
 * Beyond it, under `beyond`: `no-phantoms` no read has what was not asked for · `no-duplicates` no read has an
 * element twice · `final-reads-are-complete` a final read has everything that was acknowledged before it.
 */

import type { History } from '../history/history.ts';
import type { Operation } from '../history/operation.ts';
import { canonicalKey } from '../protocol/exact-json.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { withBeyond } from './beyond.ts';
import type { Checker, CheckResult } from './checker.ts';
import { Findings } from './findings.ts';
import { NEVER } from './places.ts';
import { PROOF_OPERATIONS_MAX, PROOFS_MAX, type Proof, QUOTE_LENGTH_MAX, withProofs } from './proof.ts';
import { type ObservedElement, observeSet } from './set-reads.ts';

const WORST_STALE_MAX = 8;
const QUANTILES = [0, 0.5, 0.95, 0.99, 1];
const NANOSECONDS_PER_MILLISECOND = 1e6;

export interface SetFullOptions {
  /** What the workload calls an add, besides `add`. Results call it `add`, as Maelstrom's do. */
  readonly add: string;
  /** Whether a breach of `beyond` makes the run invalid. */
  readonly strict: boolean;
}

export function setFullChecker({ add, strict }: SetFullOptions): Checker {
  const adds = new Set([add, 'add']);
  return {
    check(_test, history) {
      const elements = observeSet(history, adds);
      const operationAt = (index: number): Operation => {
        const operation = history.at(index);
        return adds.has(operation.f) ? { ...operation, f: 'add' } : operation;
      };
      return withBeyond(result(judgeAll(history, elements), operationAt), judgeBeyond(elements), strict);
    },
  };
}

/** The elements that were added, in the order of their first adds, each with its outcome. */
export function judgeElements(history: History, adds: ReadonlySet<string>): readonly JudgedElement[] {
  return judgeAll(history, observeSet(history, adds));
}

function judgeAll(history: History, elements: readonly ObservedElement[]): readonly JudgedElement[] {
  return elements.filter(({ added }) => added !== NEVER).map((element) => judge(history, element));
}

/** An element with its outcome. Latencies are in ms. */
export interface JudgedElement {
  readonly element: ObservedElement;
  readonly outcome: 'stable' | 'lost' | 'never-read';
  /** The operation that acknowledged it, or the first read that shows it, by index. */
  readonly known: number | undefined;
  readonly stableLatency: number | null;
  readonly lostLatency: number | null;
}

function judge(history: History, element: ObservedElement): JudgedElement {
  const { lastPresent, lastAbsent } = element;
  const first = Math.min(element.acknowledged, element.seen);
  const known = first === NEVER ? undefined : first;
  /** From known until a moment after the invocation of the read, if there is one. */
  const latencyUntil = (read: number): number => {
    const end = read < 0 ? 0 : history.timeAt(read) + 1;
    return Math.trunc(Math.max(0, end - history.timeAt(first)) / NANOSECONDS_PER_MILLISECOND);
  };
  if (lastPresent > lastAbsent)
    return { element, outcome: 'stable', known, stableLatency: latencyUntil(lastAbsent), lostLatency: null };
  if (lastAbsent > lastPresent && known !== undefined && known < lastAbsent)
    return { element, outcome: 'lost', known, stableLatency: null, lostLatency: latencyUntil(lastPresent) };
  return { element, outcome: 'never-read', known, stableLatency: null, lostLatency: null };
}

function result(judged: readonly JudgedElement[], operationAt: (index: number) => Operation): CheckResult {
  const withOutcome = (wanted: JudgedElement['outcome']) => judged.filter(({ outcome }) => outcome === wanted);
  const [stable, lost, neverRead] = [withOutcome('stable'), withOutcome('lost'), withOutcome('never-read')];
  const stale = stable.filter(({ stableLatency }) => (stableLatency as number) > 0);
  // Jepsen sorts in ascending order and reverses the list, so of equal ones the last comes first.
  const worst = stale
    .toReversed()
    .sort((one, other) => (other.stableLatency as number) - (one.stableLatency as number));
  return {
    'worst-stale': worst.slice(0, WORST_STALE_MAX).map((one) => describeStale(one, operationAt)),
    'duplicated-count': 0,
    'valid?': lost.length > 0 ? false : stable.length === 0 ? 'unknown' : true,
    'lost-count': lost.length,
    lost: sortedValues(lost),
    'stable-count': stable.length,
    'stale-count': stale.length,
    stale: sortedValues(stale),
    'never-read-count': neverRead.length,
    ...quantiles('stable-latencies', stable, ({ stableLatency }) => stableLatency as number),
    'attempt-count': judged.length,
    ...quantiles('lost-latencies', lost, ({ lostLatency }) => lostLatency as number),
    'never-read': sortedValues(neverRead),
    duplicated: {},
    ...withProofs(lost.slice(0, PROOFS_MAX).map(proveLost)),
    ...summarize(lost, stable, judged.length),
  };
}

function describeStale(
  { element, outcome, stableLatency, lostLatency, known }: JudgedElement,
  operationAt: OperationAt,
) {
  return {
    element: element.value,
    outcome,
    'stable-latency': stableLatency,
    'lost-latency': lostLatency,
    known: known === undefined ? null : operationAt(known),
    'last-absent': element.lastAbsent < 0 ? null : operationAt(element.lastAbsent),
  };
}

type OperationAt = (index: number) => Operation;

function quantiles(name: string, judged: readonly JudgedElement[], latencyOf: (one: JudgedElement) => number) {
  if (judged.length === 0) return {};
  const sorted = Float64Array.from(judged, latencyOf).sort();
  const at = (quantile: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] as number;
  return { [name]: Object.fromEntries(QUANTILES.map((quantile) => [quantile, at(quantile)])) };
}

/** Numbers first, then everything else by its text. Jepsen has no order for a mixture, and gives up. */
function sortedValues(judged: readonly JudgedElement[]): readonly unknown[] {
  const values = judged.map(({ element }) => element.value);
  const numbers = values.filter((value) => typeof value === 'number').sort((one, other) => one - other);
  const others = values.filter((value) => typeof value !== 'number').map((value) => ({ value, key: textOf(value) }));
  others.sort((one, other) => (one.key < other.key ? -1 : 1));
  return [...numbers, ...others.map(({ value }) => value)];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : canonicalKey(value);
}

function quote(value: unknown): string {
  return excerpt(canonicalKey(value), QUOTE_LENGTH_MAX);
}

function proveLost({ element, known }: JudgedElement): Proof {
  return {
    problem: `${quote(element.value)} was lost`,
    facts: { element: element.value, 'last-absent': element.lastAbsent },
    operations: known === undefined ? [] : [known],
    operationCount: known === undefined ? 0 : 1,
  };
}

function summarize(lost: readonly JudgedElement[], stable: readonly JudgedElement[], count: number) {
  if (lost.length > 0) {
    const were = lost.length === 1 ? '1 element was' : `${lost.length} elements were`;
    return { summary: `${were} lost, for instance ${quote(lost[0]?.element.value)}.` };
  }
  if (stable.length > 0) return {};
  return { summary: count === 0 ? 'Nothing was added.' : 'No read shows anything that was added.' };
}

function judgeBeyond(elements: readonly ObservedElement[]) {
  const [phantoms, duplicates, incomplete] = [new Findings(), new Findings(), new Findings()];
  for (const { value, firstAdded, phantom, duplicated, missedByFinals, firstAcknowledged } of elements) {
    const facts = { element: value };
    if (phantom !== NEVER) {
      const why = firstAdded > phantom ? 'before anybody added it' : 'though its add was refused';
      phantoms.add(`a read shows ${quote(value)} ${why}`, { ...facts, operation: phantom });
    }
    if (duplicated !== NEVER)
      duplicates.add(`a read shows ${quote(value)} more than once`, { ...facts, operation: duplicated });
    if (missedByFinals.length > 0)
      incomplete.add(`a final read lacks ${quote(value)}, which was acknowledged before`, {
        ...facts,
        operations: [firstAcknowledged, ...missedByFinals].slice(0, PROOF_OPERATIONS_MAX),
      });
  }
  return {
    'no-phantoms': phantoms.report(),
    'no-duplicates': duplicates.report(),
    'final-reads-are-complete': incomplete.report(),
  };
}
