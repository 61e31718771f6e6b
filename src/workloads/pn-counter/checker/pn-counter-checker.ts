/**
 * The final reads of a counter must show the sum of all adds. An add that ended in `info` may have happened or not, so
 * every sum of the acknowledged adds and some of those is acceptable.
 *
 * Source: `maelstrom.workload.pn-counter/checker`, which is also that of g-counter. A run without final reads is valid
 * there. An add that the run cut off is taken for undecided.
 *
 * Beyond it, under `beyond`: `within-bounds` every read shows at least the sum of all decrements that were sent before
 * its reply, and at most that of all increments. Refused adds do not count. More cannot be asked of a read during the
 * run: nodes may hear of each other's adds late.
 */

import { withBeyond } from '../../../checkers/beyond.ts';
import type { Checker, CheckResult } from '../../../checkers/checker.ts';
import { Findings } from '../../../checkers/findings.ts';
import { indexInvocations } from '../../../checkers/pairs.ts';
import { PROOFS_MAX, type Proof, withProofs } from '../../../checkers/proof.ts';
import type { History } from '../../../history/history.ts';
import { stringifyExact } from '../../../protocol/exact-json.ts';
import { FarSums } from './far-sums.ts';
import { SumRuns } from './sum-runs.ts';

interface CounterOptions {
  /** Whether a breach of `beyond` makes the run invalid. */
  readonly strict: boolean;
  /** Whether the numbers are far apart, so that their sums cannot be listed. Default: they are not. */
  readonly far?: boolean;
}

export function pnCounterChecker({ strict, far = false }: CounterOptions): Checker {
  return {
    check(_test, history) {
      const bounds = judgeBounds(history);
      return withBeyond(judgeFinalReads(history, far), { 'within-bounds': bounds.report() }, strict);
    },
  };
}

function judgeFinalReads(history: History, far: boolean): CheckResult {
  const acceptable = acceptableSums(history, far);
  const finals = [...finalReads(history)];
  const wrong = finals.filter((index) => !acceptable.has(history.valueAt(index)));
  const runs = acceptable.runs();
  return {
    'valid?': wrong.length === 0,
    errors: wrong.length === 0 ? null : wrong.map((index) => history.at(index)),
    'final-reads': finals.map((index) => history.valueAt(index)),
    acceptable: runs,
    ...withProofs(wrong.slice(0, PROOFS_MAX).map((index) => proveWrong(history, index, runs))),
    ...(wrong.length > 0 && { summary: summarize(history, wrong, runs) }),
  };
}

function acceptableSums(history: History, far: boolean): SumRuns | FarSums {
  let definite = 0;
  const undecided: number[] = [];
  for (const { invocation, completion } of indexInvocations(history)) {
    if (history.functionAt(invocation) !== 'add') continue;
    const type = completion === undefined ? 'info' : history.typeAt(completion);
    if (type === 'ok') definite += history.valueAt(completion as number) as number;
    else if (type === 'info') undecided.push(history.valueAt(invocation) as number);
  }
  return far ? FarSums.of(definite, undecided) : SumRuns.of(definite, undecided);
}

function* finalReads(history: History): IterableIterator<number> {
  for (let index = 0; index < history.length; index++)
    if (history.isFinalAt(index) && history.typeAt(index) === 'ok' && history.functionAt(index) === 'read') yield index;
}

function proveWrong(history: History, index: number, runs: readonly (readonly [number, number])[]): Proof {
  const problem = `a final read shows ${stringifyExact(history.valueAt(index))}, which is no possible sum`;
  return { problem, facts: { acceptable: runs.slice(0, 8) }, operations: [index], operationCount: 1 };
}

function summarize(history: History, wrong: readonly number[], runs: readonly (readonly [number, number])[]): string {
  const shown = stringifyExact(history.valueAt(wrong[0] as number));
  const [lowest, highest] = [runs[0]?.[0], runs.at(-1)?.[1]];
  const possible = lowest === highest ? `the sum is ${lowest}` : `the sum is from ${lowest} to ${highest}`;
  const reads = wrong.length === 1 ? '1 final read is' : `${wrong.length} final reads are`;
  return `${reads} wrong: ${shown} was read, and ${possible}.`;
}

/** Every ok read, against the adds that may have happened by its reply. */
function judgeBounds(history: History): Findings {
  const findings = new Findings();
  const refused = new Set<number>();
  for (const { invocation, completion } of indexInvocations(history))
    if (completion !== undefined && history.typeAt(completion) === 'fail') refused.add(invocation);
  let [least, most] = [0, 0];
  for (let index = 0; index < history.length; index++) {
    if (history.isNemesisAt(index)) continue;
    const [type, f] = [history.typeAt(index), history.functionAt(index)];
    if (f === 'add' && type === 'invoke' && !refused.has(index)) {
      const delta = history.valueAt(index) as number;
      if (delta < 0) least += delta;
      else most += delta;
    } else if (f === 'read' && type === 'ok') {
      const shown = Number(history.valueAt(index));
      if (shown >= least && shown <= most) continue;
      const problem = `a read shows ${stringifyExact(history.valueAt(index))}, and only ${least} to ${most} is possible`;
      findings.add(problem, { operation: index, least, most });
    }
  }
  return findings;
}
