/**
 * The promises of the transfer service: money moves as requested, all of it or nothing, once, and none is made or lost.
 * At the end everything has settled, and clients read all transfers and all accounts. All requests and answers are
 * compared with that. A request that ended in `info` is undecided.
 *
 * The rules, by their names in the result: `money-is-conserved` in every snapshot of all accounts (S1) · `no-overdraft`
 * (S2) · `all-or-nothing` at the end accounts have what committed transfers moved, and histories agree with each other
 * (S3) · `acknowledged-is-kept` answers still hold at the end, and a request that was only refused has not committed
 * (S4) · `settles` before any replay (S5) · `compensates-in-order` histories are possible ones, and only grow (S6) ·
 * `one-outcome` with one reason, in all answers (S7) · `answers-agree` with replays and statuses (S8) ·
 * `refuses-another-body` under a request id that was used, and only then (S9) · `reads-are-current` statuses show what
 * was acknowledged, versions never fall and have one balance each (S10) · `serves-without-faults` (S11) ·
 * `accounts-are-right` they keep their opening balance, stay closed and empty, and are refused only for a reason.
 *
 * No verdict is possible without the final reads, so a run that lacks one is never valid.
 */

import type { Checker, TestFacts } from '../../../checkers/checker.ts';
import { proofsOf } from '../../../checkers/findings.ts';
import { NEVER } from '../../../checkers/places.ts';
import { asSentence, withProofs } from '../../../checkers/proof.ts';
import type { History } from '../../../history/history.ts';
import { AccountRules } from './accounts.ts';
import { FinalReads } from './final.ts';
import { HistoryRules } from './histories.ts';
import { OutcomeRules } from './outcomes.ts';
import { ObservedRun } from './record.ts';
import { RequestRules } from './requests.ts';
import { AvailabilityRule } from './windows.ts';

export function sagaChecker(): Checker {
  return { check: judge };
}

function judge(test: TestFacts, history: History) {
  const run = new ObservedRun(history);
  const final = new FinalReads(run);
  const accounts = new AccountRules(run, final);
  const outcomes = new OutcomeRules(run, final, accounts.readsAreCurrent);
  const histories = new HistoryRules(run, accounts.allOrNothing);
  const rules = {
    'money-is-conserved': accounts.moneyIsConserved.report(),
    'no-overdraft': accounts.noOverdraft.report(),
    'all-or-nothing': accounts.allOrNothing.report(),
    'acknowledged-is-kept': outcomes.acknowledgedIsKept.report(),
    settles: outcomes.settles.report(),
    'compensates-in-order': histories.compensatesInOrder.report(),
    'one-outcome': outcomes.oneOutcome.report(),
    'answers-agree': outcomes.answersAgree.report(),
    'refuses-another-body': outcomes.refusesAnotherBody.report(),
    'reads-are-current': accounts.readsAreCurrent.report(),
    'serves-without-faults': new AvailabilityRule(test, history, run.attempts).report(),
    'accounts-are-right': new RequestRules(run, final).accountsAreRight.report(),
  };
  const transfers = [...run.transfers.values()];
  const acknowledgedCount = transfers.filter(({ acknowledgedAt }) => acknowledgedAt !== NEVER).length;
  const countInState = (state: string) => transfers.filter((one) => final.statusOf(one)?.state === state).length;
  const broken = Object.values(rules).find(({ count }) => count > 0);
  const unknown = acknowledgedCount === 0 ? 'no transfer was acknowledged' : findMissing(run, final);
  const error = broken?.examples[0]?.problem ?? unknown;
  return {
    'valid?': broken !== undefined ? false : unknown !== undefined ? ('unknown' as const) : true,
    'attempted-count': run.attempts.length,
    'acknowledged-count': acknowledgedCount,
    'committed-count': countInState('committed'),
    'aborted-count': countInState('aborted'),
    ...rules,
    ...(error === undefined ? {} : { error, summary: asSentence(error) }),
    ...withProofs(proofsOf(rules)),
  };
}

/** What is missing for a verdict, in words. */
function findMissing(run: ObservedRun, final: FinalReads): string | undefined {
  if (final.settling === undefined) return 'it is unknown whether the transfers settled';
  if (!final.hasStatuses) return 'not all transfers were asked about in the end';
  if (final.untold !== undefined) return `there is no final status of ${final.untold.requestId}`;
  if (!final.hasRead) return 'there is no final read of all accounts';
  for (const { name, opening } of run.existing())
    if (opening === undefined) return `the opening balance of ${name} is unknown`;
  return undefined;
}
