/**
 * Judges a run in which vouchers are credited to accounts (`profiles-run.ts`). The checkers of both workloads judge it,
 * each by what concerns it:
 *
 * - The voucher checker sees wallets with the sum of their entries as the balance. So V9 says that the entries are the
 *   redemptions.
 * - The saga checker sees balances without what the entries have credited. So S1 and S3 say that opened + Σ credited +
 *   Σ transfers = balance, of each account at the end and of all in each snapshot. A user may have spent more than was
 *   opened, so all openings are raised.
 *
 * What remains is judged here: `one-balance` wallet and account show the same · `no-overdraft` · `can-be-spent` at
 * the end a user can pay all that the wallet shows.
 */

import type { Checker, CheckResult, TestFacts } from '../../src/checkers/checker.ts';
import { Findings } from '../../src/checkers/findings.ts';
import { History } from '../../src/history/history.ts';
import { NEMESIS, type Operation } from '../../src/history/operation.ts';
import { sagaChecker } from '../../src/workloads/saga/checker/saga-checker.ts';
import { voucherChecker } from '../../src/workloads/voucher/checker/voucher-checker.ts';

/** More than vouchers credit to a user. */
const RAISE = 1e9;

/** An audit, with what vouchers have credited to users as of then. */
export interface Snapshot {
  readonly accounts: readonly string[];
  readonly balances: readonly number[];
  readonly versions: readonly number[];
  readonly clean?: boolean;
  readonly credited: Readonly<Record<string, number>>;
  /** The balances of the users' wallets, if nothing had changed until they were read. */
  readonly wallets?: Readonly<Record<string, number>>;
}

/** What a user had and paid; no outcome: it had nothing. */
export interface Spent {
  readonly user: string;
  readonly balance: number;
  readonly outcome?: string;
  readonly left: number;
}

/** @param users those whose accounts are audited with their wallets */
export function profilesChecker(users: ReadonlySet<string>): Checker {
  return { check: (test, history) => judge(users, test, history) };
}

function judge(users: ReadonlySet<string>, test: TestFacts, history: History): CheckResult {
  const voucher = voucherChecker().check(test, viewOf(history, 'voucher/', voucherValue));
  const saga = sagaChecker().check(
    test,
    viewOf(history, 'saga/', (operation) => sagaValue(users, operation)),
  );
  const own = judgeProfiles(history);
  const rules = { ...prefixed('voucher/', voucher), ...prefixed('saga/', saga), ...own };
  const isBroken = Object.values(rules).some(({ count }) => count > 0);
  const isUnknown = voucher['valid?'] === 'unknown' || saga['valid?'] === 'unknown';
  return {
    'valid?': isBroken ? false : isUnknown ? 'unknown' : true,
    'acknowledged-counts': [voucher['acknowledged-count'], saga['acknowledged-count']],
    errors: [voucher.error, saga.error],
    ...rules,
  };
}

type Rules = Readonly<Record<string, { readonly count: number }>>;

/** The rules in a result. */
function prefixed(prefix: string, result: CheckResult): Rules {
  return Object.fromEntries(
    Object.entries(result).flatMap(([name, told]) => {
      const isRule = typeof told === 'object' && told !== null && 'count' in told;
      return isRule ? [[prefix + name, told as { readonly count: number }]] : [];
    }),
  );
}

/** The history as one of the checkers sees it. Operations keep their indices. Those of the others mean nothing. */
function viewOf(history: History, prefix: string, translate: (operation: Operation) => unknown): History {
  return History.of(
    [...history].map((operation) => {
      if (operation.process === NEMESIS) return operation;
      if (!operation.f.startsWith(prefix)) return { ...operation, process: NEMESIS, f: 'other', value: null };
      const own = { ...operation, f: operation.f.slice(prefix.length) };
      return { ...own, value: translate(own) };
    }),
  );
}

function voucherValue({ f, type, value }: Operation): unknown {
  if (f !== 'wallet' || type !== 'ok') return value;
  const wallet = value as { readonly entries: readonly { readonly credited: number }[] };
  return { ...wallet, balance: wallet.entries.reduce((sum, { credited }) => sum + credited, 0) };
}

function sagaValue(users: ReadonlySet<string>, { f, type, value }: Operation): unknown {
  if (f === 'open' || f === 'open-otherwise') {
    const opening = value as { readonly account: string; readonly balance: number };
    return users.has(opening.account) ? { ...opening, balance: opening.balance + RAISE } : value;
  }
  if (type !== 'ok' || (f !== 'audit' && f !== 'settled')) return value;
  const { accounts, balances, credited, ...told } = value as Snapshot;
  const seen = balances.map((balance, index) => {
    const account = accounts[index] as string;
    return users.has(account) ? balance - (credited[account] as number) + RAISE : balance;
  });
  return { ...told, accounts, balances: seen };
}

function judgeProfiles(history: History): Rules {
  const oneBalance = new Findings();
  const noOverdraft = new Findings();
  const canBeSpent = new Findings();
  for (const { index: operation, type, f, value } of history) {
    if (type !== 'ok') continue;
    if (f === 'saga/audit' || f === 'saga/settled') {
      const { accounts, balances, wallets = {} } = value as Snapshot;
      for (const [number, account] of accounts.entries()) {
        const balance = balances[number] as number;
        if (balance < 0) noOverdraft.add('a balance is below zero', { account, balance, operation });
        const wallet = wallets[account] ?? balance;
        if (wallet !== balance)
          oneBalance.add('wallet and account have different balances', { account, balance, wallet, operation });
      }
    }
    if (f !== 'spend') continue;
    const spent = value as Spent;
    if (spent.balance > 0 && (spent.outcome !== 'committed' || spent.left !== 0))
      canBeSpent.add('a user could not spend what the wallet shows', { ...spent, operation });
  }
  return {
    'one-balance': oneBalance.report(),
    'no-overdraft': noOverdraft.report(),
    'can-be-spent': canBeSpent.report(),
  };
}
