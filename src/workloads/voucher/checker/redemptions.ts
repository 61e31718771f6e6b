/**
 * The rules for the redemptions of one voucher. R is its final report: the last one that was read in full, after the
 * last `redeem`. A rule about R skips a voucher without a final report. A rule about the limit skips a voucher whose
 * creation was not acknowledged. No verdict rests on such a run.
 */

import { Findings } from '../../../checkers/findings.ts';
import { byCompletion, countBelow, entryOf, isBefore, NEVER } from '../../../checkers/places.ts';
import type { Answer, Count, ObservedVoucher, Redemption, Report, Request, Terms } from './record.ts';

/** A voucher, with the conclusions from its whole history. */
export class JudgedVoucher {
  readonly record: ObservedVoucher;
  /** As acknowledged first. */
  readonly terms: Terms | undefined;
  /** Also a final report, but replays may have changed it. */
  readonly firstFinal: Report | undefined;
  /** R. */
  readonly final: Report | undefined;
  /** R, by user. */
  readonly finalByUser = new Map<string, Redemption[]>();
  readonly acknowledged: readonly { readonly request: Request; readonly answer: Answer }[];

  constructor(record: ObservedVoucher) {
    this.record = record;
    this.terms = record.creations.toSorted(byCompletion)[0]?.terms;
    const finals = record.fullReports.filter(({ invocation }) => invocation > record.lastRedeem);
    this.firstFinal = finals[0];
    this.final = finals.at(-1);
    for (const redemption of this.final?.redemptions ?? [])
      entryOf(this.finalByUser, redemption.user, () => [] as Redemption[]).push(redemption);
    this.acknowledged = [...record.allRequests()].flatMap((request) => {
      const answer = request.acknowledged;
      return answer === undefined ? [] : [{ request, answer }];
    });
  }
}

export class RedemptionRules {
  readonly withinLimit = new Findings();
  readonly onceAUser = new Findings();
  readonly acknowledgedIsKept = new Findings();
  readonly nothingUnasked = new Findings();
  readonly asManyAsAsked = new Findings();
  readonly countsAreCurrent = new Findings();
  readonly soldOutIsTrue = new Findings();
  readonly noRightIsLost = new Findings();
  readonly answersAgree = new Findings();
  readonly redemptionsAreDistinct = new Findings();

  judge(voucher: JudgedVoucher): void {
    this.#judgeLimit(voucher);
    this.#judgeCounts(voucher);
    this.#judgeAnswers(voucher);
    this.#judgeNumbers(voucher);
    this.#judgeReports(voucher);
    if (voucher.final !== undefined) this.#judgeFinal(voucher, voucher.final);
  }

  #judgeLimit({ record, terms, final }: JudgedVoucher): void {
    const { code } = record;
    for (const { used, pending, operation } of record.counts) {
      const facts = { code, used, operation };
      if (terms !== undefined && used > terms.limit)
        this.withinLimit.add('more was used than the limit', { ...facts, limit: terms.limit });
      if (pending !== undefined && !(0 <= pending && pending <= used))
        this.withinLimit.add('another number was pending than can be', { ...facts, pending });
    }
    if (terms === undefined || final === undefined) return;
    const count = final.redemptions.length;
    const facts = { code, count, limit: terms.limit, operation: final.operation };
    if (count > terms.limit) this.withinLimit.add('there are more redemptions than the limit', facts);
    // At the end fresh users asked for more than was left.
    if (count < terms.limit) this.noRightIsLost.add('fewer users could redeem than the limit', facts);
  }

  #judgeFinal(voucher: JudgedVoucher, final: Report): void {
    const { record, finalByUser } = voucher;
    const { code } = record;
    const { operation } = final;
    for (const [user, redemptions] of finalByUser) {
      if (redemptions.length > 1)
        this.onceAUser.add('a user redeemed more than once', { code, user, redemptions, operation });
    }
    for (const told of final.redemptions) {
      const { user, request_id, redemption } = told;
      const request = requestBefore(record, told, operation);
      const facts = { code, user, request_id, redemption, operation };
      if (request === undefined) this.nothingUnasked.add('a redemption was not requested', facts);
      else if (request.failedAlways) this.nothingUnasked.add('a redemption had only been refused', facts);
    }
    this.#judgeAcknowledged(voucher, final);
    const acknowledgedCount = voucher.acknowledged.length;
    const possibleUserCount = [...record.requests.values()].filter((ofUser) =>
      [...ofUser.values()].some(({ firstPossible }) => firstPossible !== NEVER),
    ).length;
    const count = final.redemptions.length;
    const facts = { code, count, 'acknowledged-count': acknowledgedCount, 'user-count': possibleUserCount, operation };
    if (count < acknowledgedCount) this.asManyAsAsked.add('there are fewer redemptions than were acknowledged', facts);
    if (count > possibleUserCount)
      this.asManyAsAsked.add('there are more redemptions than users who may have redeemed', facts);
    this.#judgeSoldOut(voucher, final);
  }

  #judgeAcknowledged({ record, terms, acknowledged, finalByUser }: JudgedVoucher, final: Report): void {
    for (const { request, answer } of acknowledged) {
      const { redemption, credited, operation } = answer;
      const facts = { code: record.code, user: request.user, request_id: request.requestId, redemption, credited };
      const operations = [operation, final.operation];
      const kept = finalByUser.get(request.user)?.filter(({ request_id }) => request_id === request.requestId) ?? [];
      if (kept.length === 0)
        this.acknowledgedIsKept.add('an acknowledged redemption is not in the report', { ...facts, operations });
      else if (!kept.some((other) => other.redemption === redemption))
        this.acknowledgedIsKept.add('an acknowledged redemption has another number in the report', {
          ...facts,
          reported: kept,
          operations,
        });
      if (terms !== undefined && credited !== terms.amount)
        this.acknowledgedIsKept.add('another amount was credited than the voucher is worth', {
          ...facts,
          amount: terms.amount,
          operation,
        });
    }
  }

  #judgeSoldOut({ record, terms }: JudgedVoucher, final: Report): void {
    if (terms === undefined) return;
    const invocations = final.redemptions.map(({ user, request_id }) => {
      const { firstPossible = NEVER, firstInvocation = NEVER } = record.request(user, request_id) ?? {};
      return firstPossible === NEVER ? firstInvocation : firstPossible;
    });
    const invoked = Float64Array.from(invocations).sort();
    for (const { user, operation } of record.soldOut) {
      const count = countBelow(invoked, operation);
      if (count >= terms.limit) continue;
      const facts = { code: record.code, user, 'invoked-count': count, limit: terms.limit, operation };
      this.soldOutIsTrue.add('sold out was told before so many could have redeemed', facts);
    }
  }

  /** All numbers of redemptions in answers, in real time. */
  #judgeCounts({ record, acknowledged }: JudgedVoucher): void {
    const { code } = record;
    const completions = Float64Array.from(acknowledged, ({ answer }) => answer.operation).sort();
    const possible = Float64Array.from(record.allRequests(), ({ firstPossible }) => firstPossible).sort();
    const completed = record.counts.toSorted(byCompletion);
    let completedCount = 0;
    let highest: Count | undefined;
    // In the order of the invocations, in which they were observed.
    for (const count of record.counts) {
      const { used, invocation, operation } = count;
      // It stops at this count itself, at the latest.
      for (; isBefore(completed[completedCount] as Count, count); completedCount++) {
        const earlier = completed[completedCount] as Count;
        if (highest === undefined || earlier.used > highest.used) highest = earlier;
      }
      const facts = { code, used };
      if (highest !== undefined && used < highest.used) {
        const operations = [highest.operation, operation];
        this.countsAreCurrent.add('the number of redemptions fell', { ...facts, before: highest.used, operations });
      }
      const acknowledgedCount = countBelow(completions, invocation);
      if (used < acknowledgedCount) {
        const more = { 'acknowledged-count': acknowledgedCount, operation };
        this.countsAreCurrent.add('fewer redemptions were told than were acknowledged before', { ...facts, ...more });
      }
      const possibleCount = countBelow(possible, operation);
      if (used > possibleCount) {
        const more = { 'invoked-count': possibleCount, operation };
        this.countsAreCurrent.add('more redemptions were told than were asked for', { ...facts, ...more });
      }
    }
  }

  #judgeAnswers(voucher: JudgedVoucher): void {
    for (const request of voucher.record.allRequests()) {
      const { answers } = request;
      if (answers.length > 1) {
        const { user, requestId: request_id } = request;
        const facts = { code: voucher.record.code, user, request_id };
        const told = answers.map(({ outcome, redemption, credited }) => ({ outcome, redemption, credited }));
        const operations = answers.map(({ operation }) => operation);
        this.answersAgree.add('one request got different answers', { ...facts, answers: told, operations });
      }
      if (voucher.final !== undefined) for (const answer of answers) this.#judgeAnswer(voucher, request, answer);
    }
  }

  /**
   * Compared with R. A user in R had already redeemed when the last right was gone. So neither of the other two
   * outcomes is right for all users.
   */
  #judgeAnswer({ record, finalByUser, final }: JudgedVoucher, request: Request, { outcome, operation }: Answer): void {
    if (outcome === 'redeemed') return;
    const { user, requestId: request_id } = request;
    const ofUser = finalByUser.get(user) ?? [];
    const facts = { code: record.code, user, request_id, operations: [operation, final?.operation] };
    if (ofUser.some((redemption) => redemption.request_id === request_id)) {
      this.answersAgree.add(`a request was told ${outcome} and is in the report`, facts);
    } else if (outcome === 'sold_out') {
      if (ofUser.length > 0) this.answersAgree.add('sold out was told to a user who is in the report', facts);
    } else if (!ofUser.some((other) => requestBefore(record, other, operation) !== undefined)) {
      this.answersAgree.add('already redeemed was told to a user without another redemption', facts);
    }
  }

  /** In answers and reports one number stands for one redemption. */
  #judgeNumbers({ record, acknowledged }: JudgedVoucher): void {
    const owners = new Map<number, Owner>();
    const claim = (redemption: number, { user, request_id, operation }: Owner) => {
      const owner = entryOf(owners, redemption, () => ({ user, request_id, operation }));
      if (owner.user === user && owner.request_id === request_id) return;
      this.redemptionsAreDistinct.add('one number stands for two redemptions', {
        code: record.code,
        redemption,
        users: [owner.user, user],
        requests: [owner.request_id, request_id],
        operations: [owner.operation, operation],
      });
    };
    for (const { request, answer } of acknowledged) {
      const { redemption, operation } = answer;
      if (redemption !== undefined) claim(redemption, { user: request.user, request_id: request.requestId, operation });
    }
    for (const { redemptions, operation } of record.reports)
      for (const { redemption, user, request_id } of redemptions) claim(redemption, { user, request_id, operation });
  }

  /** A page has the requested part, no redemption twice, and all entries of earlier pages unchanged. */
  #judgeReports({ record, final, finalByUser }: JudgedVoucher): void {
    const { code } = record;
    for (const report of record.reports) {
      const { offset = 0, limit = NEVER, length, redemptions, operation } = report;
      const expected = Math.min(limit, Math.max(0, length - offset));
      if (redemptions.length !== expected) {
        const facts = { code, expected, count: redemptions.length, operation };
        this.redemptionsAreDistinct.add('a report has another number of redemptions than it should', facts);
      }
      const seen = new Set<string>();
      for (const redemption of redemptions) {
        const name = JSON.stringify([redemption.user, redemption.request_id]);
        if (seen.has(name))
          this.redemptionsAreDistinct.add('a redemption is in a report twice', { ...redemption, code, operation });
        seen.add(name);
        if (final === undefined || !isBefore(report, final)) continue;
        const kept = finalByUser.get(redemption.user) ?? [];
        if (!kept.some((other) => isSame(other, redemption))) {
          const facts = { ...redemption, code, operations: [operation, final.operation] };
          this.redemptionsAreDistinct.add('a redemption was in a report and is not in the last one', facts);
        }
      }
    }
  }
}

interface Owner {
  readonly user: string;
  readonly request_id: string;
  readonly operation: number;
}

/** The request of a redemption, if it was asked before this completion. */
function requestBefore(
  record: ObservedVoucher,
  { user, request_id }: Redemption,
  operation: number,
): Request | undefined {
  const request = record.request(user, request_id);
  return request !== undefined && request.firstInvocation < operation ? request : undefined;
}

function isSame(one: Redemption, other: Redemption): boolean {
  return one.request_id === other.request_id && one.redemption === other.redemption;
}
