/**
 * How many operations of clients completed, and how: overall and for each function.
 *
 * A function is valid if at least one of its operations was ok. A run is valid if all its functions are. `crash` and
 * `debug-topic-partitions` may always fail. Source: `jepsen.checker/stats` inside `jepsen.tests.kafka/stats-checker`,
 * as Maelstrom's `core.clj` combines them. There are three intended differences:
 *
 * - A run in which nothing completed is valid for Jepsen. Here it is `unknown`, because it proves nothing.
 * - Operations after healing are not counted. But they show that a function works, if anything worked before: under all
 * faults at once a run may lose a dozen operations of one kind.
 * - If the harness injects faults that left no operation of a function a chance, that function is `unknown`. This says
 * nothing about the nodes.
 *
 * Besides Jepsen's names a function has `errors` if there were any: which errors were answered, how often, and the text
 * of the first of each.
 */

import { type AnsweredError, type AnsweredErrors, countError } from './answered-errors.ts';
import { type Checker, mergeValidity, type Validity } from './checker.ts';
import { asSentence } from './proof.ts';

const EXEMPT: ReadonlySet<string> = new Set(['crash', 'debug-topic-partitions']);

interface Counts {
  ok: number;
  fail: number;
  info: number;
}

/**
 * @param end the index of the first operation that is not counted; absent: all are
 * @param hadChance whether any operation of a function ran while nothing was broken; absent: nothing ever was
 */
export function statsChecker(end = Number.POSITIVE_INFINITY, hadChance: (f: string) => boolean = () => true): Checker {
  return {
    check(_test, history) {
      const all = noCounts();
      const byFunction = new Map<string, Counts & { readonly errors: Map<string, AnsweredError> }>();
      /** Functions that completed after the end, and those of them that were ok. */
      const triedAgain = new Set<string>();
      const working = new Set<string>();
      for (let index = 0; index < history.length; index++) {
        const type = history.typeAt(index);
        if (type === 'invoke' || history.isNemesisAt(index)) continue;
        const f = history.functionAt(index);
        if (index >= end) {
          triedAgain.add(f);
          if (type === 'ok') working.add(f);
          continue;
        }
        let counts = byFunction.get(f);
        if (counts === undefined) {
          counts = { ...noCounts(), errors: new Map() };
          byFunction.set(f, counts);
        }
        counts[type]++;
        countError(counts.errors, history.errorAt(index));
        all[type]++;
      }
      const functions = [...byFunction].sort(([left], [right]) => (left < right ? -1 : 1));
      const judge = (f: string, counts: Counts): Validity => {
        if (counts.ok > 0 || (all.ok > 0 && working.has(f))) return true;
        // A function that fails in peace as well is not blocked by faults.
        const failsInPeace = triedAgain.has(f) && !working.has(f);
        return hadChance(f) || failsInPeace ? false : 'unknown';
      };
      const judged = functions.map(([f, counts]) => ({ f, counts, validity: judge(f, counts) }));
      const byName = judged.map(({ f, counts, validity }): [string, FunctionStats] => [
        f,
        { 'valid?': validity, ...totals(counts), ...errorsOf(counts.errors) },
      ]);
      const details = { ...totals(all), 'by-f': Object.fromEntries(byName) };
      if (functions.length === 0)
        return { 'valid?': 'unknown', ...explained('no operation was completed'), ...details };
      const counted = judged.filter(({ f }) => !EXEMPT.has(f));
      const namesOf = (wanted: Validity) => counted.filter(({ validity }) => validity === wanted).map(({ f }) => f);
      const [failed, blocked] = [namesOf(false), namesOf('unknown')];
      return {
        'valid?': mergeValidity(counted.map(({ validity }) => validity)),
        ...(blocked.length === 0 ? {} : explained(describeBlocked(blocked))),
        ...(failed.length === 0 ? {} : { summary: describeFailed(failed) }),
        ...details,
      };
    },
  };
}

/** What a result has under `by-f`, for each function. */
export interface FunctionStats {
  readonly 'valid?': Validity;
  readonly count: number;
  readonly 'ok-count': number;
  readonly 'fail-count': number;
  readonly 'info-count': number;
  /** Absent if no error was answered. */
  readonly errors?: AnsweredErrors;
}

function explained(error: string) {
  return { error, summary: asSentence(error) };
}

function describeFailed(functions: readonly string[]): string {
  return `No operation of the kind ${functions.map((f) => JSON.stringify(f)).join(', ')} ever succeeded.`;
}

function describeBlocked(functions: readonly string[]): string {
  return `faults let no ${functions.join(', no ')} through: more clients, a longer run or fewer faults`;
}

function noCounts(): Counts {
  return { ok: 0, fail: 0, info: 0 };
}

function errorsOf(errors: ReadonlyMap<string, AnsweredError>): { readonly errors?: AnsweredErrors } {
  return errors.size === 0 ? {} : { errors: Object.fromEntries(errors) };
}

function totals(counts: Counts) {
  return {
    count: counts.ok + counts.fail + counts.info,
    'ok-count': counts.ok,
    'fail-count': counts.fail,
    'info-count': counts.info,
  };
}
