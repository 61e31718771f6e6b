/**
 * The promises of the voucher service: at most `limit` redemptions, each by another user, each credited exactly once. R
 * is the final report of a voucher, and all requests and answers are compared with it. A request that ended in `info`
 * is undecided. Its other answers and R say whether it redeemed.
 *
 * A request is a code, a user and a request id: users and vouchers may have request ids in common.
 *
 * The rules, by their names in the result: `within-limit` R and every number of redemptions in an answer are at most
 * the limit, and include pending ones (V1) · `once-a-user` (V2) · `acknowledged-is-kept` an answer `redeemed` is in R,
 * as it was answered (V3) · `nothing-unasked` R has only requests, and none that was merely refused (V4) ·
 * `as-many-as-asked` R has all acknowledged redemptions, and no more than the users who may have redeemed (V5) ·
 * `counts-are-current` numbers of redemptions never fall. They count all that was acknowledged before, and nothing that
 * was requested later (V6) · `sold-out-is-true` when it was answered, so many of R had been requested (V7) ·
 * `no-right-is-lost` at the end fresh users redeemed what was left (V8) · `wallets-are-right` they hold exactly the
 * redemptions, also before any replay (V9) · `answers-agree` one request has one answer, and it agrees with R (V10) ·
 * `redemptions-are-distinct` a number always stands for one redemption, and a report lists each once (V11) ·
 * `as-created` a voucher keeps the terms under which it was created (V12) · `refuses-rightly` no well-formed request is
 * called malformed, and nothing that exists is called missing (V13).
 *
 * No verdict is possible without the final reads, so a run that lacks one is never valid.
 */

import type { Checker } from '../../../checkers/checker.ts';
import { Findings, proofsOf } from '../../../checkers/findings.ts';
import { isBefore, NEVER } from '../../../checkers/places.ts';
import { asSentence, withProofs } from '../../../checkers/proof.ts';
import type { History } from '../../../history/history.ts';
import { ObservedRun, type Terms } from './record.ts';
import { JudgedVoucher, RedemptionRules } from './redemptions.ts';
import { lastSettling, WalletRules } from './wallets.ts';

export function voucherChecker(): Checker {
  return { check: (_test, history) => judge(history) };
}

function judge(history: History) {
  const run = new ObservedRun(history);
  const vouchers = new Map([...run.vouchers].map(([code, record]) => [code, new JudgedVoucher(record)]));
  const all = [...vouchers.values()];
  const redemptions = new RedemptionRules();
  for (const voucher of all) redemptions.judge(voucher);
  const wallets = new WalletRules(run, vouchers);
  const rules = {
    'within-limit': redemptions.withinLimit.report(),
    'once-a-user': redemptions.onceAUser.report(),
    'acknowledged-is-kept': redemptions.acknowledgedIsKept.report(),
    'nothing-unasked': redemptions.nothingUnasked.report(),
    'as-many-as-asked': redemptions.asManyAsAsked.report(),
    'counts-are-current': redemptions.countsAreCurrent.report(),
    'sold-out-is-true': redemptions.soldOutIsTrue.report(),
    'no-right-is-lost': redemptions.noRightIsLost.report(),
    'wallets-are-right': wallets.walletsAreRight.report(),
    'answers-agree': redemptions.answersAgree.report(),
    'redemptions-are-distinct': redemptions.redemptionsAreDistinct.report(),
    'as-created': judgeTerms(run, vouchers).report(),
    'refuses-rightly': judgeRefusals(run, vouchers).report(),
  };
  const acknowledgedCount = sum(all.map(({ acknowledged }) => acknowledged.length));
  const broken = Object.values(rules).find(({ count }) => count > 0);
  const unknown = acknowledgedCount === 0 ? 'no redemption was acknowledged' : findMissing(run, all);
  const error = broken?.examples[0]?.problem ?? unknown;
  return {
    'valid?': broken !== undefined ? false : unknown !== undefined ? ('unknown' as const) : true,
    'attempted-count': run.attemptedCount,
    'acknowledged-count': acknowledgedCount,
    'redemption-count': sum(all.map(({ final }) => final?.redemptions.length ?? 0)),
    ...rules,
    ...(error === undefined ? {} : { error, summary: asSentence(error) }),
    ...withProofs(proofsOf(rules)),
  };
}

/** What is missing for a verdict, in words. */
function findMissing(run: ObservedRun, vouchers: readonly JudgedVoucher[]): string | undefined {
  for (const { record, terms, final } of vouchers) {
    const { code } = record;
    if (terms === undefined) return `no answer says that ${code} was created`;
    if (final === undefined) return `there is no final report of ${code}`;
    if (lastSettling(record, run)?.pending === undefined) return `it is unknown whether ${code} settled`;
  }
  return findMissingWallet(run, vouchers);
}

/** For all users who may have redeemed, after all redemptions were known. */
function findMissingWallet(run: ObservedRun, vouchers: readonly JudgedVoucher[]): string | undefined {
  const knownAt = Math.max(...vouchers.map(({ firstFinal }) => firstFinal?.operation ?? NEVER));
  for (const { record } of vouchers) {
    for (const { user, firstPossible } of record.allRequests()) {
      if (firstPossible === NEVER) continue;
      const last = run.wallets.get(user)?.at(-1);
      if (last === undefined || last.invocation < knownAt) return `there is no final read of the wallet of ${user}`;
    }
  }
  return undefined;
}

function judgeTerms(run: ObservedRun, vouchers: ReadonlyMap<string, JudgedVoucher>): Findings {
  const findings = new Findings();
  for (const { record, terms } of vouchers.values()) {
    const { code, creations, counts } = record;
    if (terms === undefined) continue;
    for (const { terms: others, operation } of creations)
      if (!isSame(terms, others))
        findings.add('a voucher was created under two terms', { code, terms, others, operation });
    for (const { limit, amount, operation } of counts) {
      if (limit !== undefined && limit !== terms.limit)
        findings.add('a voucher has another limit than it was created with', { code, terms, limit, operation });
      if (amount !== undefined && amount !== terms.amount)
        findings.add('a voucher has another amount than it was created with', { code, terms, amount, operation });
    }
  }
  for (const { code, terms, refused, operation } of run.otherCreations)
    if (!refused) findings.add('a voucher was created again under other terms', { code, terms, operation });
  return findings;
}

/** @param vouchers by code; a read of a wallet has no code, so no voucher */
function judgeRefusals(run: ObservedRun, vouchers: ReadonlyMap<unknown, JudgedVoucher>): Findings {
  const findings = new Findings();
  for (const refusal of run.refusals) {
    const { f, asked, code, error, operation } = refusal;
    const created = vouchers.get(code)?.record.creations;
    const facts = { f, asked, operation };
    if (error === 'malformed-request' || error === 'not-supported')
      findings.add('a request was refused that is well-formed', facts);
    else if (error === 'key-already-exists') findings.add('a voucher was refused under the terms that it has', facts);
    else if (error === 'key-does-not-exist' && created?.some((creation) => isBefore(creation, refusal)))
      findings.add('a voucher is missing that was created before', facts);
  }
  return findings;
}

function isSame(one: Terms, other: Terms): boolean {
  return one.limit === other.limit && one.amount === other.amount && one.shards === other.shards;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
