/**
 * What is final in a run: the reads after the last request for a transfer. A request that is still in flight may arrive
 * after them, unless an answer already gave the outcome of its transfer. So nothing final is known about a transfer
 * without an answer, except that reads must agree.
 */

import { isBefore, NEVER } from '../../../checkers/places.ts';
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
  /** Those without anything unfinished, after the last request before replays. */
  readonly #settlings: readonly Settling[];
  readonly #statuses = new Map<Transfer, Status>();

  constructor(run: ObservedRun) {
    this.#run = run;
    const lastTransfer = run.attempts.at(-1)?.invocation ?? -1;
    this.firstReplay = run.replays.find((invocation) => invocation > lastTransfer) ?? NEVER;
    // A client that has no answer to the original must ask for it again, which is a transfer.
    const asked = run.otherBodies
      .filter(({ requestId, invocation }) => acknowledgedAt(run, requestId) > invocation)
      .map(({ invocation }) => invocation);
    this.lastAsked = Math.max(lastTransfer, asked.at(-1) ?? -1);
    const { firstReplay } = this;
    const lastAsked = Math.max(lastTransfer, asked.findLast((invocation) => invocation < firstReplay) ?? -1);
    this.#lastAskedBeforeReplays = lastAsked;
    this.settling = run.settlings.findLast(
      ({ invocation, operation }) => invocation > lastAsked && operation < firstReplay,
    );
    this.hasStatuses = this.#findParts();
    for (const transfer of run.transfers.values()) {
      const status = transfer.statuses.findLast(({ ofAll, invocation }) => ofAll && invocation > this.lastAsked);
      if (status !== undefined) this.#statuses.set(transfer, status);
    }
    this.untold = [...run.transfers.values()].find(
      (transfer) => transfer.firstAsked !== NEVER && !this.#statuses.has(transfer),
    );
    this.open = new Set([...run.transfers.values()].filter((transfer) => this.#isOpen(transfer)));
    this.#closedAccounts = new ClosedAccounts(run.existing());
    this.#settlings = run.settlings.filter(
      ({ unfinished, invocation }) => unfinished.length === 0 && invocation > this.#lastAskedBeforeReplays,
    );
    this.hasRead = run.reads.some((read) => read.invocation > this.lastAsked && this.isSnapshot(read));
  }

  /** Whether a read shows all accounts, all at one moment. */
  isSnapshot(read: AccountsRead): boolean {
    if (!this.covers(read)) return false;
    // A single reading sees one moment only if nothing moves.
    const isFinal = read.invocation > this.lastAsked && this.open.size === 0;
    return read.clean ?? (isFinal && this.hasSettledBefore(read));
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
  isStuck(transfer: Transfer, { ofAll, state, invocation, operation }: Status): boolean {
    if (!ofAll || state === null || isTerminal(state)) return false;
    const final = invocation > this.lastAsked;
    const beforeReplays = invocation > this.#lastAskedBeforeReplays && operation < this.firstReplay;
    if (!final && !beforeReplays) return false;
    // It may have come after the settling only if no answer knew of it before.
    const settled = this.#settledBetween(final ? this.lastAsked : this.#lastAskedBeforeReplays, invocation);
    return settled === undefined || transfer.existedAt < settled.invocation;
  }

  /** @param begin the last request, or the last one before replays */
  #settledBetween(begin: number, end: number): Settling | undefined {
    return this.#settlings.findLast(({ invocation, operation }) => invocation > begin && operation < end);
  }

  #isOpen(transfer: Transfer): boolean {
    const { firstAsked, failedAlways, acknowledgedAt: acknowledged } = transfer;
    if (firstAsked === NEVER || failedAlways || acknowledged !== NEVER) return false;
    return !isTerminal(this.#statuses.get(transfer)?.state ?? null);
  }

  #findParts(): boolean {
    const told = new Map<number, Set<number>>();
    for (const { invocation, part, parts } of this.#run.statusParts) {
      if (invocation < this.lastAsked) continue;
      const ofParts = told.get(parts) ?? new Set<number>();
      told.set(parts, ofParts.add(part));
    }
    return [...told].some(([parts, ofParts]) => ofParts.size === parts);
  }
}

/** Whether something still moved after everything had settled, without a transfer that could move it. */
export function findRestless(run: ObservedRun, final: FinalReads): AccountsRead | undefined {
  const last = run.reads.findLast(
    (read) => read.clean !== undefined && read.invocation > final.lastAsked && final.covers(read),
  );
  if (last?.clean !== false || final.open.size > 0 || !final.hasSettledBefore(last)) return undefined;
  return last;
}

/** What a transfer has done to the accounts of a read: everything, nothing, or undecided. */
export function effectIn(read: AccountsRead, transfer: Transfer, final: FinalReads): 'done' | 'nothing' | 'unknown' {
  const state = final.statusOf(transfer)?.state ?? null;
  if (isTerminal(state)) {
    const before = transfer.endings.some((ending) => ending.outcome === state && isBefore(ending, read));
    if (before) return state === 'committed' ? 'done' : 'nothing';
  }
  // A transfer is recorded before it touches an account.
  const isUnknownLater = transfer.statuses.some((status) => status.state === null && isBefore(read, status));
  const neverBegan = state === null && !final.open.has(transfer);
  return isUnknownLater || neverBegan ? 'nothing' : 'unknown';
}

function acknowledgedAt(run: ObservedRun, requestId: string): number {
  return run.transfers.get(requestId)?.acknowledgedAt ?? NEVER;
}
