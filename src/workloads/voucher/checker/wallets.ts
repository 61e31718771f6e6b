/**
 * The rules for wallets. Every entry comes from a redemption, has the amount of the voucher, and stays. All entries
 * must be there before the first replay: a replay finishes a redemption that was left half done, and would hide that
 * the service does not finish it.
 */

import { Findings } from '../../../checkers/findings.ts';
import { type Completed, entryOf, NEVER } from '../../../checkers/places.ts';
import type { ObservedRun, ObservedVoucher, Settling, WalletEntry, WalletRead } from './record.ts';
import type { JudgedVoucher } from './redemptions.ts';

/** Since when a wallet must show an entry. */
interface KnownEntry {
  readonly code: string;
  readonly requestId: string;
  readonly redemption: number;
  since: number;
}

export class WalletRules {
  readonly walletsAreRight = new Findings();
  readonly #vouchers: ReadonlyMap<string, JudgedVoucher>;
  readonly #known = new Map<string, Map<string, KnownEntry>>();

  constructor(run: ObservedRun, vouchers: ReadonlyMap<string, JudgedVoucher>) {
    this.#vouchers = vouchers;
    for (const [code, { acknowledged, record }] of vouchers) {
      for (const { request, answer } of acknowledged) {
        const { redemption } = answer;
        if (redemption !== undefined)
          this.#learn(request.user, { code, request_id: request.requestId, redemption }, answer);
      }
      // A report is read in full after the voucher has settled.
      for (const report of record.fullReports)
        for (const redemption of report.redemptions) this.#learn(redemption.user, { ...redemption, code }, report);
    }
    for (const [user, reads] of run.wallets)
      for (const read of reads) for (const entry of read.entries) this.#learn(user, entry, read);
    for (const [user, reads] of run.wallets) for (const read of reads) this.#judgeRead(user, read);
    for (const { record } of vouchers.values()) this.#judgeSettling(record.code, lastSettling(record, run));
  }

  #learn(user: string, entry: Omit<WalletEntry, 'credited'>, { operation }: Completed): void {
    const { code, request_id: requestId, redemption } = entry;
    const ofUser = entryOf(this.#known, user, () => new Map<string, KnownEntry>());
    const known = entryOf(ofUser, nameOf(entry), () => ({ code, requestId, redemption, since: NEVER }));
    known.since = Math.min(known.since, operation);
  }

  #judgeRead(user: string, { balance, entries, invocation, operation }: WalletRead): void {
    const sum = entries.reduce((total, { credited }) => total + credited, 0);
    if (balance !== sum)
      this.walletsAreRight.add('a balance is not the sum of the entries', { user, balance, sum, entries, operation });
    const shown = new Set<string>();
    for (const entry of entries) {
      const name = nameOf(entry);
      if (shown.has(name)) this.walletsAreRight.add('a redemption is in a wallet twice', { user, entry, operation });
      shown.add(name);
      this.#judgeEntry(user, entry, operation);
    }
    for (const [name, { code, requestId: request_id, redemption, since }] of this.#known.get(user) ?? []) {
      if (since > invocation || shown.has(name)) continue;
      const facts = { user, code, request_id, redemption, operations: [since, operation] };
      this.walletsAreRight.add('a wallet does not show a redemption that was known before', facts);
    }
  }

  #judgeEntry(user: string, entry: WalletEntry, operation: number): void {
    const { code, request_id, redemption, credited } = entry;
    const voucher = this.#vouchers.get(code);
    if (voucher === undefined) {
      this.walletsAreRight.add('a wallet has an entry of no voucher', { user, entry, operation });
      return;
    }
    const { terms, final, finalByUser } = voucher;
    if (terms !== undefined && credited !== terms.amount)
      this.walletsAreRight.add('an entry is worth another amount than the voucher', {
        user,
        entry,
        amount: terms.amount,
        operation,
      });
    if (final === undefined) return;
    const ofUser = finalByUser.get(user) ?? [];
    if (!ofUser.some((other) => other.request_id === request_id && other.redemption === redemption))
      this.walletsAreRight.add('a wallet has an entry that is not in the report', {
        user,
        entry,
        operations: [operation, final.operation],
      });
  }

  #judgeSettling(code: string, settling: Settling | undefined): void {
    if (settling?.pending === undefined || settling.pending === 0) return;
    const { pending, operation } = settling;
    this.walletsAreRight.add('redemptions were pending still when replays began', { code, pending, operation });
  }
}

/** The last read after the last redemption and before the first replay. */
export function lastSettling(
  { settlings, lastRedeem }: ObservedVoucher,
  { firstReplay }: ObservedRun,
): Settling | undefined {
  return settlings.findLast(({ invocation, operation }) => invocation > lastRedeem && operation < firstReplay);
}

function nameOf({ code, request_id, redemption }: Omit<WalletEntry, 'credited'>): string {
  return JSON.stringify([code, request_id, redemption]);
}
