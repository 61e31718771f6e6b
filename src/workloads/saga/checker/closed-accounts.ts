/**
 * Which accounts a read must show. Accounts come and go all the time, so a long run has many, and a read names few of
 * them. Each question is answered by counting, in steps of the order of the accounts that the read names.
 */

import { countBelow } from '../../../checkers/places.ts';
import type { Account, AccountsRead } from './record.ts';

export class ClosedAccounts {
  /** By name: the accounts that are known to exist. */
  readonly #existing: ReadonlyMap<string, Account>;
  /** Where each of them was first named, ascending. */
  readonly #firstNamed: readonly number[];
  /** In the order of their closing, and where that was. Those that were never closed come last. */
  readonly #byClosing: readonly Account[];
  readonly #closedSince: readonly number[];
  /** What the first n of them were opened with. NaN if that is unknown of one of them. */
  readonly #openings: number[] = [0];

  constructor(existing: Iterable<Account>) {
    const accounts = [...existing];
    this.#existing = new Map(accounts.map((account) => [account.name, account]));
    this.#firstNamed = accounts.map(({ firstNamed }) => firstNamed).sort((left, right) => left - right);
    // The difference of two that were never closed is NaN, which sort takes for 0.
    this.#byClosing = accounts.sort((left, right) => left.closedSince - right.closedSince);
    this.#closedSince = this.#byClosing.map(({ closedSince }) => closedSince);
    for (const [index, { opening }] of this.#byClosing.entries())
      this.#openings.push((this.#openings[index] as number) + (opening ?? Number.NaN));
  }

  /** Whether a read shows all accounts, except those that were closed, and so empty, before it was requested. */
  areAllOthersIn({ accounts, invocation, operation }: AccountsRead): boolean {
    // An account is named before it is closed, so each one closed before the request is among those named.
    let missingCount = countBelow(this.#firstNamed, operation) - countBelow(this.#closedSince, invocation);
    for (const account of this.#shown(accounts)) if (!wasClosed(account, invocation)) missingCount--;
    return missingCount === 0;
  }

  /**
   * What the accounts were opened with that a read need not show and does not show. NaN if that is unknown of one that
   * it need not show.
   */
  openingsOutside({ accounts, invocation }: AccountsRead): number {
    let sum = this.#openings[countBelow(this.#closedSince, invocation)] as number;
    for (const account of this.#shown(accounts)) if (wasClosed(account, invocation)) sum -= account.opening as number;
    return sum;
  }

  /** Accounts that a read need not show and does not show. Takes a step for each account that was ever closed. */
  listOutside({ accounts, invocation }: AccountsRead): readonly Account[] {
    const covered = new Set(accounts);
    return this.#byClosing.slice(0, countBelow(this.#closedSince, invocation)).filter(({ name }) => !covered.has(name));
  }

  /** An account that a read shows was named before, and exists. */
  #shown(accounts: readonly string[]): readonly Account[] {
    return [...new Set(accounts)].map((name) => this.#existing.get(name) as Account);
  }
}

function wasClosed({ closedSince }: Account, invocation: number): boolean {
  return closedSince < invocation;
}
