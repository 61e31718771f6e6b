/**
 * Which operations show that a run is invalid, and when that was so for the first time.
 *
 * A checker says so itself where it can: its examples name operations by their places in the history. Where a checker
 * names values only, as Jepsen's do, the operations that were ok with such a value are taken.
 */

import type { History } from '../history/history.ts';
import { canonicalKey, ExactNumber } from '../protocol/exact-json.ts';
import { excerpt } from '../protocol/excerpt.ts';
import { isRecord } from '../protocol/message.ts';
import type { CheckResult } from './checker.ts';
import { indexPairs } from './pairs.ts';

/** Something that a checker found wrong, with what shows it. */
export interface Proof {
  readonly checker: string;
  /** The rule broken, where the checker has several. */
  readonly rule: string | undefined;
  readonly problem: string;
  /** What the checker says beside it. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Completions, by their places in the history, ascending; the first of them where there are many. */
  readonly operations: readonly number[];
  /** How many operations show it, in all. */
  readonly operationCount: number;
  /** When it was complete, ns; undefined: when the last of the operations was. */
  readonly time: number | undefined;
}

/** Proofs beyond this number, of one checker, show nothing new. */
const PROOFS_MAX = 24;
/** Operations that one value is searched for. */
const OPERATIONS_MAX = 16;
/** Of a value so much is said in a sentence: a node may answer as long a one as it likes. */
const VALUE_LENGTH_MAX = 160;

/** Everything that shows why the run is invalid; empty for a run that is not. */
export function findProofs(results: CheckResult, history: History): readonly Proof[] {
  return Object.entries(results).flatMap(([checker, result]) => {
    if (!isRecord(result) || result['valid?'] !== false) return [];
    const told = toldProofs(checker, result, history);
    return (told.length > 0 ? told : valueProofs(checker, result, history)).slice(0, PROOFS_MAX);
  });
}

/** When the first of the proofs was complete, ns; undefined where none of them has a time. */
export function momentOf(proofs: readonly Proof[], history: History): number | undefined {
  const times = proofs.flatMap(({ operations, time }) => {
    const last = operations.at(-1);
    return time ?? (last === undefined ? [] : history.timeAt(last));
  });
  return times.length === 0 ? undefined : times.reduce((earliest, time) => Math.min(earliest, time));
}

/** From `{rule: {examples: [{problem, operation}]}}`, and from lists of `{text, time}`. */
function toldProofs(checker: string, result: Readonly<Record<string, unknown>>, history: History): Proof[] {
  const proofs: Proof[] = [];
  for (const [name, detail] of Object.entries(result)) {
    const isList = Array.isArray(detail);
    const examples: unknown = isList ? detail : isRecord(detail) ? detail.examples : undefined;
    if (!Array.isArray(examples)) continue;
    for (const example of examples) {
      // A large number is no example: it has a text, but says nothing.
      if (!isRecord(example) || example instanceof ExactNumber) continue;
      const { problem, text, operation, operations, time, rule, ...facts } = example;
      const said = problem ?? text;
      if (typeof said !== 'string') continue;
      const places = placesIn(history, [operation, operations].flat());
      proofs.push({
        checker,
        rule: isList ? (typeof rule === 'string' ? rule : undefined) : name,
        problem: said,
        facts,
        operations: places,
        operationCount: places.length,
        time: typeof time === 'number' ? time : undefined,
      });
    }
  }
  return proofs;
}

function placesIn(history: History, places: readonly unknown[]): number[] {
  const known = places.filter(
    (place): place is number =>
      typeof place === 'number' && Number.isInteger(place) && place >= 0 && place < history.length,
  );
  return [...new Set(known)].sort((one, other) => one - other);
}

/** A proof for every value that the checker names, with the operations that were ok with it. */
function valueProofs(checker: string, result: Readonly<Record<string, unknown>>, history: History): Proof[] {
  const named = new Set<string>();
  addNamed(named, result);
  // By their JSON: the text "1" and the number 1 are two values.
  const found = new Map<string, { text: string; count: number; operations: number[] }>();
  for (const { completion } of indexPairs(history)) {
    if (history.typeAt(completion) !== 'ok') continue;
    const value = history.valueAt(completion);
    if (value === null || value === undefined) continue;
    const key = canonicalKey(value);
    const text = typeof value === 'string' ? value : key;
    if (!named.has(text) && !named.has(key)) continue;
    const answered = found.get(key) ?? { text, count: 0, operations: [] };
    found.set(key, answered);
    answered.count++;
    if (answered.operations.length < OPERATIONS_MAX) answered.operations.push(completion);
  }
  // A value that came twice proves something; one that came once may only be named as a bound.
  const recurs = [...found.values()].some(({ count }) => count > 1);
  const telling = [...found.values()].filter(({ count }) => !recurs || count > 1);
  return telling.map(({ text, count, operations }) => {
    operations.sort((one, other) => one - other);
    // The second one shows it, whatever comes after.
    const shown = operations[1] ?? (operations[0] as number);
    const value = excerpt(text, VALUE_LENGTH_MAX);
    return {
      checker,
      rule: undefined,
      problem: count > 1 ? `${value} was answered ${count} times` : `${value} was answered`,
      facts: {},
      operations,
      operationCount: count,
      time: history.timeAt(shown),
    };
  });
}

/**
 * The texts, and the canonical keys of everything else, in lists and maps. Counts, which stand by themselves, name no
 * value.
 */
function addNamed(named: Set<string>, result: Readonly<Record<string, unknown>>): void {
  const add = (value: unknown): void => {
    if (typeof value === 'string') named.add(value);
    named.add(canonicalKey(value));
    if (Array.isArray(value)) for (const item of value) add(item);
    else if (isRecord(value) && !(value instanceof ExactNumber))
      for (const [key, member] of Object.entries(value)) {
        // The key of a map may be a text, or the JSON of something else.
        named.add(key).add(canonicalKey(key));
        if (typeof member === 'object') add(member);
      }
  };
  for (const detail of Object.values(result)) if (typeof detail === 'object' && detail !== null) add(detail);
}
