/**
 * No id may be handed out twice. Ids may be any JSON values and are compared as such (1 and 1.0 differ). Only `ok`
 * counts.
 *
 * Source: `jepsen.checker/unique-ids`, which keeps a map of all ids. A run here has millions, so the first pass keeps
 * only 8 bytes of each, a fingerprint. If all fingerprints differ, all ids differ. Otherwise a second pass counts,
 * exactly, the ids whose fingerprints recur. A collision costs that pass, never the verdict. Ids without a common order
 * make Jepsen's checker throw, and the run `unknown`. It is the same here, unless there is a duplicate.
 */

import type { Checker } from '../../../checkers/checker.ts';
import { fingerprint, recurring } from '../../../checkers/fingerprints.ts';
import { entryOf } from '../../../checkers/places.ts';
import { asSentence, PROOF_OPERATIONS_MAX, type Proof, QUOTE_LENGTH_MAX, withProofs } from '../../../checkers/proof.ts';
import type { History } from '../../../history/history.ts';
import { canonicalKey } from '../../../protocol/exact-json.ts';
import { excerpt } from '../../../protocol/excerpt.ts';
import { comparableIds, compareIds, typeOfId } from './id-order.ts';
import { SnowflakeRules } from './snowflake-rules.ts';

const LISTED_DUPLICATES_MAX = 48;
const EXAMPLE_LENGTH_MAX = 200;
const NO_ORDER = 'the ids cannot be compared with each other: all ids must be of one type, and not objects';

/** An id that was acknowledged, with how often. */
interface Tally {
  readonly id: unknown;
  count: number;
  /** The first operations that handed it out. */
  readonly operations: number[];
}

/** A tally with the name of its id in the result. */
interface NamedTally {
  readonly name: string;
  readonly tally: Tally;
}

export function uniqueIdsChecker(): Checker {
  return {
    check(test, history) {
      const range = new IdRange();
      const snowflakeRules = new SnowflakeRules(test);
      // An upper bound. It costs address space only: the system never allocates pages that are not written.
      const fingerprints = new Float64Array(history.length);
      let attemptedCount = 0;
      let acknowledgedCount = 0;
      const { length } = history;
      for (let index = 0; index < length; index++) {
        if (history.functionAt(index) !== 'generate') continue;
        const type = history.typeAt(index);
        if (type === 'invoke') attemptedCount++;
        if (type !== 'ok') continue;
        const id = history.valueAt(index);
        fingerprints[acknowledgedCount++] = fingerprint(id);
        range.add(id);
        snowflakeRules.observe(history.processAt(index), id);
      }
      const duplicates = countDuplicates(history, recurring(fingerprints.subarray(0, acknowledgedCount)));
      const snowflake = snowflakeRules.report();
      const named = mostFrequent(duplicates);
      const duplicated = Object.fromEntries(named.map(({ name, tally }) => [name, tally.count]));
      return {
        'valid?': duplicates.length > 0 ? false : range.comparable ? true : 'unknown',
        'attempted-count': attemptedCount,
        'acknowledged-count': acknowledgedCount,
        'duplicated-count': duplicates.length,
        duplicated,
        ...(range.comparable ? { range: range.bounds } : { error: NO_ORDER }),
        ...(snowflake === undefined ? {} : { snowflake }),
        ...withProofs(proveDuplicates(history, named)),
        ...summarize(duplicates.length, Object.keys(duplicated), range.comparable),
      };
    },
  };
}

/** The lowest and the highest id. Nulls are skipped, as in Jepsen's `tesser.core/range`. */
class IdRange {
  #lowest: unknown = null;
  #highest: unknown = null;
  #comparable = true;

  /** Whether the bounds mean anything. */
  get comparable(): boolean {
    return this.#comparable;
  }

  get bounds(): readonly [unknown, unknown] {
    return [this.#lowest, this.#highest];
  }

  add(id: unknown): void {
    if (id === null || id === undefined) return;
    if (this.#lowest === null) {
      this.#lowest = id;
      this.#highest = id;
    } else if (!comparableIds(id, this.#lowest)) {
      this.#comparable = false;
    } else if (compareIds(id, this.#lowest) < 0) {
      this.#lowest = id;
    } else if (compareIds(id, this.#highest) > 0) {
      this.#highest = id;
    }
  }
}

/** The ids that were acknowledged more than once, among those with a recurring fingerprint. */
function countDuplicates(history: History, suspects: ReadonlySet<number>): Tally[] {
  if (suspects.size === 0) return [];
  const tallies = new Map<string, Tally>();
  for (let index = 0; index < history.length; index++) {
    const { type, f, value: id } = history.at(index);
    if (type !== 'ok' || f !== 'generate' || !suspects.has(fingerprint(id))) continue;
    const tally = entryOf(tallies, canonicalKey(id), (): Tally => ({ id, count: 0, operations: [] }));
    tally.count++;
    if (tally.operations.length < PROOF_OPERATIONS_MAX) tally.operations.push(index);
  }
  return [...tallies.values()].filter((tally) => tally.count > 1);
}

/** The most frequent ids, and the highest of these, in ascending order: Jepsen's choice. */
function mostFrequent(duplicates: readonly Tally[]): readonly NamedTally[] {
  const chosen = duplicates
    .toSorted((left, right) => right.count - left.count || compareIds(right.id, left.id))
    .slice(0, LISTED_DUPLICATES_MAX)
    .sort((left, right) => compareIds(left.id, right.id));
  // In a mixed list the text "1" must not take the place of the number 1.
  const mixed = chosen.some((tally) => typeOfId(tally.id) !== typeOfId(chosen[0]?.id));
  return chosen.map((tally) => ({ name: nameOf(tally.id, mixed), tally }));
}

function nameOf(id: unknown, mixed: boolean): string {
  return typeof id === 'string' && !mixed ? id : canonicalKey(id);
}

/** A proof for each of these ids, with the operations that handed it out. The id that was handed out first is first. */
function proveDuplicates(history: History, duplicates: readonly NamedTally[]): readonly Proof[] {
  return duplicates
    .map(({ tally }) => proofOf(history, tally))
    .sort((one, other) => (one.operations[0] as number) - (other.operations[0] as number));
}

function proofOf(history: History, { id, count, operations }: Tally): Proof {
  const problem = `${excerpt(nameOf(id, false), QUOTE_LENGTH_MAX)} was answered ${count} times`;
  // The second one completes the proof. Later ones add nothing.
  return { problem, facts: {}, operations, operationCount: count, time: history.timeAt(operations[1] as number) };
}

function summarize(count: number, [example = '']: readonly string[], comparable: boolean) {
  if (count === 0) return comparable ? {} : { summary: asSentence(NO_ORDER) };
  const were = count === 1 ? '1 id was' : `${count} ids were`;
  return { summary: `${were} given out more than once, for instance ${excerpt(example, EXAMPLE_LENGTH_MAX)}.` };
}
