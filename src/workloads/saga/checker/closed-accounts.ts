/**
 * Which accounts a read must show. Accounts come and go all the time, so a long run has many, and a read names few of
 * them. Each question is answered by counting, in steps of the order of the accounts that the read names.
 */

import { countBelow, NEVER } from '../../../checkers/places.ts';
import type { Account, AccountsRead } from './record.ts';

export class ClosedAccounts {
  /** By name: the accounts that are known to exist. */
  readonly #existing: ReadonlyMap<string, Account>;
  /** Where each of them was first named, ascending. */
  readonly #firstNamed: readonly number[];
  /** Those that were closed, in the order of their closing, and where. */
  readonly #closed: readonly Account[];
  readonly #closedSince: readonly number[];
  /** What the first n closed accounts were opened with, and how many of them have no known opening balance. */
  readonly #openings: number[] = [0];
  readonly #unknownCounts: number[] = [0];

  constructor(existing: Iterable<Account>) {
    const accounts = [...existing];
    this.#existing = new Map(accounts.map((account) => [account.name, account]));
    this.#firstNamed = accounts.map(({ firstNamed }) => firstNamed).sort((left, right) => left - right);
    this.#closed = accounts
      .filter(({ closedSince }) => closedSince !== NEVER)
      .sort((left, right) => left.closedSince - right.closedSince);
    this.#closedSince = this.#closed.map(({ closedSince }) => closedSince);
    for (const [index, { opening }] of this.#closed.entries()) {
      this.#openings.push((this.#openings[index] as number) + (opening ?? 0));
      this.#unknownCounts.push((this.#unknownCounts[index] as number) + (opening === undefined ? 1 : 0));
    }
  }

  /** Whether a read shows all accounts, except those that were closed, and so empty, before it was requested. */
  areAllOthersIn({ accounts, invocation, operation }: AccountsRead): boolean {
    // An account is named before it is closed, so each one closed before the request is among those named.
    const named = countBelow(this.#firstNamed, operation + 1);
    let missingCount = named - countBelow(this.#closedSince, invocation);
    for (const name of new Set(accounts)) {
      const account = this.#existing.get(name);
      if (account !== undefined && account.closedSince >= invocation && account.firstNamed <= operation) missingCount--;
    }
    return missingCount === 0;
  }

  /**
   * What the accounts were opened with that a read need not show and does not show. NaN if that is unknown of one of
   * them.
   */
  openingsOutside({ accounts, invocation }: AccountsRead): number {
    const count = countBelow(this.#closedSince, invocation);
    let [sum, unknownCount] = [this.#openings[count] as number, this.#unknownCounts[count] as number];
    for (const name of new Set(accounts)) {
      const account = this.#existing.get(name);
      if (account === undefined || account.closedSince >= invocation) continue;
      if (account.opening === undefined) unknownCount--;
      else sum -= account.opening;
    }
    return unknownCount > 0 ? Number.NaN : sum;
  }

  /** Accounts that a read need not show and does not show. Takes a step for each account that was ever closed. */
  listOutside({ accounts, invocation }: AccountsRead): readonly Account[] {
    const covered = new Set(accounts);
    return this.#closed.slice(0, countBelow(this.#closedSince, invocation)).filter(({ name }) => !covered.has(name));
  }
}
