/**
 * The rules for balances: money moves and is never made, a balance is never below zero, and at the end an account shows
 * what its transfers have moved. The opening balance of an account is known from the request that opened it. If it is
 * unknown, nothing is added up.
 */

import { Findings } from '../../../checkers/findings.ts';
import { byCompletion, entryOf, isBefore } from '../../../checkers/places.ts';
import { effectIn, type FinalReads } from './final.ts';
import type { AccountsRead, ObservedRun } from './record.ts';
import { isTerminal, type Leg, type Transfer } from './transfer.ts';

interface VersionSeen {
  readonly version: number;
  readonly operation: number;
}

interface BalanceSeen {
  readonly balance: number;
  readonly operation: number;
}

export class AccountRules {
  readonly moneyIsConserved = new Findings();
  readonly noOverdraft = new Findings();
  readonly allOrNothing = new Findings();
  readonly readsAreCurrent = new Findings();
  readonly #run: ObservedRun;
  readonly #final: FinalReads;

  constructor(run: ObservedRun, final: FinalReads) {
    this.#run = run;
    this.#final = final;
    for (const read of run.reads) {
      this.#judgeSum(read);
      this.#judgeSigns(read);
    }
    this.#judgeVersions();
    this.#judgeBalances();
    for (const read of run.reads) if (final.isAfterAll(read) && final.isSnapshot(read)) this.#judgeEffects(read);
  }

  #judgeSum(read: AccountsRead): void {
    if (!this.#final.isSnapshot(read)) return;
    const { accounts, balances, held, operation } = read;
    let opened = 0;
    for (const name of accounts) opened += this.#run.accounts.get(name)?.opening ?? Number.NaN;
    opened += this.#final.openingsClosedBefore(read);
    const sum = balances.reduce((total, balance) => total + balance, 0);
    if (Number.isNaN(opened) || sum + held === opened) return;
    const problem = sum + held < opened ? 'money was lost' : 'there is more money than was opened with';
    this.moneyIsConserved.add(problem, { opened, balances: sum, held, operation });
  }

  #judgeSigns({ accounts, balances, operation }: AccountsRead): void {
    for (const [index, balance] of balances.entries())
      if (balance < 0)
        this.noOverdraft.add('a balance is below zero', { account: accounts[index], balance, operation });
  }

  /** In real time. */
  #judgeVersions(): void {
    const completed = this.#run.reads.toSorted(byCompletion);
    const highest = new Map<string, VersionSeen>();
    let completedCount = 0;
    // In the order of the invocations, in which they were observed.
    for (const read of this.#run.reads) {
      const { accounts, versions, operation } = read;
      // The read itself has completed as well, and is not before itself.
      for (; isBefore(completed[completedCount] as AccountsRead, read); completedCount++)
        raise(highest, completed[completedCount] as AccountsRead);
      for (const [index, account] of accounts.entries()) {
        const version = versions[index] as number;
        const before = highest.get(account);
        if (before === undefined || version >= before.version) continue;
        const operations = [before.operation, operation];
        this.readsAreCurrent.add('the version of an account fell', {
          account,
          version,
          before: before.version,
          operations,
        });
      }
    }
  }

  #judgeBalances(): void {
    const seen = new Map<string, Map<number, BalanceSeen>>();
    for (const { accounts, balances, versions, operation } of this.#run.reads) {
      for (const [index, account] of accounts.entries()) {
        const [balance, version] = [balances[index] as number, versions[index] as number];
        const ofAccount = entryOf(seen, account, () => new Map<number, BalanceSeen>());
        const before = entryOf(ofAccount, version, () => ({ balance, operation }));
        if (before.balance === balance) continue;
        const told = [before.balance, balance];
        const operations = [before.operation, operation];
        this.readsAreCurrent.add('one version of an account has two balances', {
          account,
          version,
          balances: told,
          operations,
        });
      }
    }
  }

  /** Whether balances are the result of the transfers, after all have settled. */
  #judgeEffects(read: AccountsRead): void {
    const { accounts, balances, unfinished, operation } = read;
    /** By account: the difference that transfers do not explain. */
    const unexplained = new Map<string, number>();
    for (const [index, name] of accounts.entries()) {
      const opening = this.#run.accounts.get(name)?.opening;
      if (opening !== undefined) unexplained.set(name, (balances[index] as number) - opening);
    }
    // A closed account is empty.
    for (const { name, opening } of this.#final.closedBefore(read))
      if (opening !== undefined) unexplained.set(name, 0 - opening);
    const late: Transfer[] = [];
    for (const transfer of this.#run.transfers.values()) {
      const effect = effectIn(read, transfer, this.#final);
      if (effect === 'done') explain(unexplained, transfer);
      else if (effect === 'unknown') late.push(transfer);
    }
    const isUnderWay = (transfer: Transfer) => {
      const state = this.#final.statusOf(transfer)?.state ?? null;
      return (state !== null && !isTerminal(state)) || unfinished.includes(transfer.requestId);
    };
    // A transfer under way has moved some of it, so its accounts decide nothing. One that came too late for a final
    // status has moved everything or nothing.
    for (const { legs } of late.filter(isUnderWay)) for (const { account } of legs) unexplained.delete(account);
    explainLate(unexplained, late);
    for (const [account, difference] of unexplained) {
      if (difference === 0) continue;
      const facts = { account, difference, balance: balances[accounts.indexOf(account)] ?? 0, operation };
      this.allOrNothing.add('an account has another balance than its transfers have made', facts);
    }
  }
}

function raise(highest: Map<string, VersionSeen>, { accounts, versions, operation }: AccountsRead): void {
  for (const [index, account] of accounts.entries()) {
    const version = versions[index] as number;
    const before = highest.get(account);
    if (before === undefined || version > before.version) highest.set(account, { version, operation });
  }
}

/**
 * Transfers that each moved everything or nothing. An account that only one of them affects decides that one. It is
 * then known for all its accounts, and may decide others. Accounts that several undecided transfers affect are left
 * out.
 */
function explainLate(unexplained: Map<string, number>, transfers: readonly Transfer[]): void {
  let open = transfers;
  for (;;) {
    const movers = new Map<string, number>();
    for (const { legs } of open) for (const { account } of legs) movers.set(account, (movers.get(account) ?? 0) + 1);
    const tells = ({ account }: Leg) => movers.get(account) === 1 && unexplained.has(account);
    const next = open.find(({ legs }) => legs.some(tells));
    if (next === undefined) break;
    const { account, amount } = next.legs.find(tells) as Leg;
    if (unexplained.get(account) === amount) explain(unexplained, next);
    open = open.filter((transfer) => transfer !== next);
  }
  for (const { legs } of open) for (const { account } of legs) unexplained.delete(account);
}

function explain(unexplained: Map<string, number>, { legs }: Transfer): void {
  for (const { account, amount } of legs) {
    const difference = unexplained.get(account);
    if (difference !== undefined) unexplained.set(account, difference - amount);
  }
}
