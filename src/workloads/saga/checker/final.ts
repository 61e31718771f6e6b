/**
 * What is final in a run: which reads came after the last transfer was asked for, and what they say. A request that the
 * network has kept in the air may still arrive then, unless somebody was told already what became of its transfer; so
 * of a transfer that nobody was told of nothing final can be said but what reads agree on.
 */

import { isBefore, NEVER } from '../../../checkers/places.ts';
import type { Account, AccountsRead, SagaRecord, Settling } from './record.ts';
import { isTerminal, type Status, type Transfer } from './transfer.ts';

export class FinalPhase {
  readonly #run: SagaRecord;
  /** Where a transfer was asked for last. What was read before is not final. */
  readonly lastAsked: number;
  /** The same, before replays began. */
  readonly #lastAskedBeforeReplays: number;
  /** Where replays begin after the last `transfer`. */
  readonly firstReplay: number;
  /**
   * What is known of the settling when all was asked and nothing replayed, which would finish what nobody else does.
   */
  readonly settling: Settling | undefined;
  /** Whether all parts of the transfers were asked about. */
  readonly hasStatuses: boolean;
  /** The first of those that were asked for and not told of in the end. */
  readonly untold: Transfer | undefined;
  /** Transfers of which nobody can say what becomes of them. */
  readonly open: ReadonlySet<Transfer>;
  /** Whether all accounts were read, as they were at one moment. */
  readonly hasRead: boolean;
  /** All that are known to exist. */
  readonly #existing: readonly Account[];
  readonly #statuses = new Map<Transfer, Status>();

  constructor(run: SagaRecord) {
    this.#run = run;
    const lastTransfer = run.attempts.at(-1)?.invocation ?? -1;
    this.firstReplay = run.replays.find((invocation) => invocation > lastTransfer) ?? NEVER;
    // Whoever has to ask for the original himself, because nobody was told of it, asks for a transfer.
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
    this.#existing = [...run.existing()];
    this.hasRead = run.reads.some((read) => read.invocation > this.lastAsked && this.isSnapshot(read));
  }

  /** Whether a read shows all accounts, all at one moment. */
  isSnapshot(read: AccountsRead): boolean {
    if (!this.covers(read)) return false;
    // A single reading sees one moment only if nothing moves.
    const isFinal = read.invocation > this.lastAsked && this.open.size === 0;
    return read.clean ?? (isFinal && this.hasSettledBefore(read));
  }

  /** Whether a read came after everything had settled, and what became of all is known. */
  isAfterAll({ invocation }: AccountsRead): boolean {
    return this.untold === undefined && this.#settledBetween(this.#lastAskedBeforeReplays, invocation) !== undefined;
  }

  /**
   * Whether a read shows all accounts that there were, but for those that were closed, and so empty, before it was
   * asked.
   */
  covers({ accounts, invocation, operation }: AccountsRead): boolean {
    const covered = new Set(accounts);
    return this.#existing.every(
      ({ name, firstNamed, closedSince }) => closedSince < invocation || firstNamed > operation || covered.has(name),
    );
  }

  /** Accounts that a read need not show, because they were closed before it was asked. */
  closedBefore({ accounts, invocation }: AccountsRead): readonly Account[] {
    const covered = new Set(accounts);
    return this.#existing.filter(({ name, closedSince }) => closedSince < invocation && !covered.has(name));
  }

  /** Whether somebody was told, after all was asked and before this was, that nothing is unfinished. */
  hasSettledBefore({ invocation }: AccountsRead): boolean {
    return this.#settledBetween(this.lastAsked, invocation) !== undefined;
  }

  statusOf(transfer: Transfer): Status | undefined {
    return this.#statuses.get(transfer);
  }

  /** Whether a transfer was told to be under way when it must not be any more. */
  isStuck(transfer: Transfer, { ofAll, state, invocation, operation }: Status): boolean {
    if (!ofAll || state === null || isTerminal(state)) return false;
    const final = invocation > this.lastAsked;
    const beforeReplays = invocation > this.#lastAskedBeforeReplays && operation < this.firstReplay;
    if (!final && !beforeReplays) return false;
    // It may have come after the settling only if nobody knew of it before.
    const settled = this.#settledBetween(final ? this.lastAsked : this.#lastAskedBeforeReplays, invocation);
    return settled === undefined || transfer.existedAt < settled.invocation;
  }

  #settledBetween(begin: number, end: number): Settling | undefined {
    return this.#run.settlings.findLast(
      ({ unfinished, invocation, operation }) => unfinished.length === 0 && invocation > begin && operation < end,
    );
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

/** Whether something moved still after all had settled, and nothing was there to move it. */
export function findRestless(run: SagaRecord, final: FinalPhase): AccountsRead | undefined {
  const last = run.reads.findLast(
    (read) => read.clean !== undefined && read.invocation > final.lastAsked && final.covers(read),
  );
  if (last?.clean !== false || final.open.size > 0 || !final.hasSettledBefore(last)) return undefined;
  return last;
}

/** What a transfer has done to the accounts of a read: all that it was asked to, nothing, or nobody knows which. */
export function effectIn(read: AccountsRead, transfer: Transfer, final: FinalPhase): 'done' | 'nothing' | 'unknown' {
  const state = final.statusOf(transfer)?.state ?? null;
  if (isTerminal(state)) {
    const before = transfer.endings.some((ending) => ending.outcome === state && isBefore(ending, read));
    if (before) return state === 'committed' ? 'done' : 'nothing';
  }
  // A transfer is written down before it touches an account.
  const isUnknownLater = transfer.statuses.some((status) => status.state === null && isBefore(read, status));
  const neverBegan = state === null && !final.open.has(transfer);
  return isUnknownLater || neverBegan ? 'nothing' : 'unknown';
}

function acknowledgedAt(run: SagaRecord, requestId: string): number {
  return run.transfers.get(requestId)?.acknowledgedAt ?? NEVER;
}
