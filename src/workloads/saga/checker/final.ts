/**
 * What is final in a run: the reads after the last request for a transfer. A request that is still in flight may arrive
 * after them, unless an answer already gave the outcome of its transfer. So nothing final is known about a transfer
 * without an answer, except that reads must agree.
 */

import { type Completed, isBefore, NEVER } from '../../../checkers/places.ts';
import { ClosedAccounts } from './closed-accounts.ts';
import type { Account, AccountsRead, ObservedRun, Settling } from './record.ts';
import { isTerminal, type Status, type Transfer } from './transfer.ts';

export class FinalReads {
  readonly #run: ObservedRun;
  /** The last request for a transfer. Earlier reads are not final. */
  readonly lastAsked: number;
  /** The same, before replays began. */
  readonly #lastAskedBeforeReplays: number;
  /** Where replays begin after the last `transfer`. */
  readonly firstReplay: number;
  /**
   * What is known of the settling after the last request and before the first replay. A replay would finish transfers
   * that the service itself leaves unfinished.
   */
  readonly settling: Settling | undefined;
  /** Whether a status of all parts of the transfers was read. */
  readonly hasStatuses: boolean;
  /** The first transfer that was requested and has no final status. */
  readonly untold: Transfer | undefined;
  /** Undecided transfers. */
  readonly open: ReadonlySet<Transfer>;
  /** Whether all accounts were read at one moment. */
  readonly hasRead: boolean;
  readonly #closedAccounts: ClosedAccounts;
  /** Those without anything unfinished. */
  readonly #settlings: readonly Settling[];
  readonly #statuses = new Map<Transfer, Status>();

  constructor(run: ObservedRun) {
    this.#run = run;
    const lastTransfer = run.attempts.at(-1)?.invocation ?? -1;
    this.firstReplay = run.replays.find((invocation) => invocation > lastTransfer) ?? NEVER;
    // A client that has no answer to the original must ask for it again, which is a transfer.
    const asked = run.otherBodies
      .filter(({ requestId, invocation }) => (run.transfers.get(requestId) as Transfer).acknowledgedAt > invocation)
      .map(({ invocation }) => invocation);
    const askedBeforeReplays = asked.findLast((invocation) => invocation < this.firstReplay);
    this.lastAsked = Math.max(lastTransfer, asked.at(-1) ?? lastTransfer);
    this.#lastAskedBeforeReplays = Math.max(lastTransfer, askedBeforeReplays ?? lastTransfer);
    this.settling = run.settlings.findLast((settling) => this.#isBeforeReplays(settling));
    this.hasStatuses = this.#findParts();
    for (const transfer of run.transfers.values()) {
      const status = transfer.statuses.findLast((one) => one.ofAll && this.#isFinal(one));
      if (status !== undefined) this.#statuses.set(transfer, status);
    }
    this.untold = [...run.transfers.values()].find(
      (transfer) => transfer.firstAsked !== NEVER && !this.#statuses.has(transfer),
    );
    this.open = new Set([...run.transfers.values()].filter((transfer) => this.#isOpen(transfer)));
    this.#closedAccounts = new ClosedAccounts(run.existing());
    this.#settlings = run.settlings.filter(({ unfinished }) => unfinished.length === 0);
    this.hasRead = run.reads.some((read) => this.#isFinal(read) && this.isSnapshot(read));
  }

  /** Whether a read shows all accounts, all at one moment. */
  isSnapshot(read: AccountsRead): boolean {
    // A single reading sees one moment only if nothing moves.
    return this.covers(read) && (read.clean ?? (this.open.size === 0 && this.hasSettledBefore(read)));
  }

  /** Whether a read came after everything had settled, with all outcomes known. */
  isAfterAll({ invocation }: AccountsRead): boolean {
    return this.untold === undefined && this.#settledBetween(this.#lastAskedBeforeReplays, invocation) !== undefined;
  }

  /** Whether a read shows all accounts, except those that were closed, and so empty, before it was requested. */
  covers(read: AccountsRead): boolean {
    return this.#closedAccounts.areAllOthersIn(read);
  }

  /** Accounts that a read need not show, because they were closed before it was requested, and does not show. */
  closedBefore(read: AccountsRead): readonly Account[] {
    return this.#closedAccounts.listOutside(read);
  }

  /** What the accounts of {@link closedBefore} were opened with, in all; NaN if that is unknown of one of them. */
  openingsClosedBefore(read: AccountsRead): number {
    return this.#closedAccounts.openingsOutside(read);
  }

  /** Whether an answer said, after the last request and before this read, that nothing is unfinished. */
  hasSettledBefore({ invocation }: AccountsRead): boolean {
    return this.#settledBetween(this.lastAsked, invocation) !== undefined;
  }

  statusOf(transfer: Transfer): Status | undefined {
    return this.#statuses.get(transfer);
  }

  /** Whether a transfer is still called unfinished when it must not be. */
  isStuck(transfer: Transfer, status: Status): boolean {
    const { ofAll, state, invocation } = status;
    const isFinal = this.#isFinal(status);
    const mustHaveEnded = () => {
      // It may have come after the settling only if no answer knew of it before.
      const settled = this.#settledBetween(isFinal ? this.lastAsked : this.#lastAskedBeforeReplays, invocation);
      return settled === undefined || transfer.existedAt < settled.invocation;
    };
    const isUnderWay = ofAll && state !== null && !isTerminal(state);
    return isUnderWay && (isFinal || this.#isBeforeReplays(status)) && mustHaveEnded();
  }

  #isFinal({ invocation }: Completed): boolean {
    return invocation > this.lastAsked;
  }

  #isBeforeReplays({ invocation, operation }: Completed): boolean {
    return invocation > this.#lastAskedBeforeReplays && operation < this.firstReplay;
  }

  /** @param begin the last request, or the last one before replays */
  #settledBetween(begin: number, end: number): Settling | undefined {
    return this.#settlings.findLast(({ invocation, operation }) => invocation > begin && operation < end);
  }

  #isOpen(transfer: Transfer): boolean {
    const { failedAlways, acknowledgedAt } = transfer;
    return !failedAlways && acknowledgedAt === NEVER && !isTerminal(this.#statuses.get(transfer)?.state ?? null);
  }

  #findParts(): boolean {
    const told = new Map<number, Set<number>>();
    for (const read of this.#run.statusParts) {
      if (!this.#isFinal(read)) continue;
      const { part, parts } = read;
      const ofParts = told.get(parts) ?? new Set<number>();
      told.set(parts, ofParts.add(part));
    }
    return [...told].some(([parts, ofParts]) => ofParts.size === parts);
  }
}

/** Whether something still moved after everything had settled, without a transfer that could move it. */
export function findRestless(run: ObservedRun, final: FinalReads): AccountsRead | undefined {
  const last = run.reads.findLast((read) => read.clean !== undefined && final.covers(read));
  if (last?.clean !== false || final.open.size > 0 || !final.hasSettledBefore(last)) return undefined;
  return last;
}

/** What a transfer has done to the accounts of a read: everything, nothing, or undecided. */
export function effectIn(read: AccountsRead, transfer: Transfer, final: FinalReads): 'done' | 'nothing' | 'unknown' {
  const state = final.statusOf(transfer)?.state ?? null;
  const hadEnded = transfer.endings.some((ending) => ending.outcome === state && isBefore(ending, read));
  if (hadEnded) return state === 'committed' ? 'done' : 'nothing';
  // A transfer is recorded before it touches an account.
  const isUnknownLater = transfer.statuses.some((status) => status.state === null && isBefore(read, status));
  const neverBegan = state === null && !final.open.has(transfer);
  return isUnknownLater || neverBegan ? 'nothing' : 'unknown';
}
