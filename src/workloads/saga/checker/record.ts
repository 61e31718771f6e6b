/**
 * The contents of a history about accounts and transfers, sorted for the rules. A client opens an account first if no
 * answer said that it exists, and such an opening is in no history. So the opening balance of an account comes from any
 * request to open it. An account is known to exist from every answer that only an existing account gives.
 */

import { indexInvocations } from '../../../checkers/pairs.ts';
import { type Completed, entryOf, NEVER } from '../../../checkers/places.ts';
import type { History } from '../../../history/history.ts';
import { type Ending, isWellFormed, legsOf, type Status, Transfer, type TransferBody } from './transfer.ts';

export class Account {
  readonly name: string;
  /** As `open` asked for it. More than one: it is unknown which. */
  readonly openings = new Set<number>();
  /** Where it was named first. It did not exist before. */
  firstNamed = NEVER;
  /** The first answer that says that it exists. */
  existsSince = NEVER;
  /** The first answer that says that it is closed. */
  closedSince = NEVER;
  /** The first moment at which it may be closed. */
  maybeClosedSince = NEVER;

  constructor(name: string) {
    this.name = name;
  }

  get opening(): number | undefined {
    return this.openings.size === 1 ? [...this.openings][0] : undefined;
  }
}

/** An `audit` or `settled` that ended ok. */
export interface AccountsRead extends Completed {
  readonly accounts: readonly string[];
  readonly balances: readonly number[];
  readonly versions: readonly number[];
  /** The amounts that unfinished transfers have taken and not given yet. */
  readonly held: number;
  readonly unfinished: readonly string[];
  /** Whether all requested accounts were seen at one moment; undefined: this was not requested. */
  readonly clean: boolean | undefined;
}

/** Whether everything had settled at a request. */
export interface Settling extends Completed {
  readonly unfinished: readonly string[];
}

/** An attempt at a transfer. */
export interface Attempt {
  readonly requestId: string;
  readonly wellFormed: boolean;
  readonly invocation: number;
  /** Undefined if the run was cut off. */
  readonly operation: number | undefined;
  readonly ok: boolean;
}

/** A transfer that was requested with the request id of another one. */
export interface OtherBody {
  readonly requestId: string;
  readonly invocation: number;
  readonly operation: number | undefined;
  /** Undefined: unknown. */
  readonly refused: boolean | undefined;
}

export interface OtherOpening extends Completed {
  readonly account: string;
  readonly balance: number;
  readonly refused: boolean;
}

export interface Close extends Completed {
  readonly account: string;
  readonly closed: boolean;
}

/** A definite error. */
export interface Refusal extends Completed {
  readonly f: string;
  readonly asked: unknown;
  /** The name of the error. */
  readonly error: unknown;
  /** The accounts that the request names. */
  readonly accounts: readonly string[];
  readonly wellFormed: boolean;
}

interface Asked extends TransferBody {
  readonly account?: string;
  readonly accounts?: readonly string[];
  readonly balance?: number;
  readonly request_id?: string;
  readonly original?: TransferBody;
}

type StatusTold = Pick<Status, 'state' | 'reason'> & Partial<Pick<Status, 'history'>> & { readonly request_id: string };
type AnswerTold = Pick<Ending, 'outcome' | 'reason'> & { readonly request_id: string };

interface ReadTold extends Pick<AccountsRead, 'accounts' | 'balances' | 'versions' | 'clean'> {
  readonly unfinished: readonly { readonly request_id: string; readonly held: number }[];
}

export class ObservedRun {
  readonly accounts = new Map<string, Account>();
  /** In the order in which they were first requested or answered. */
  readonly transfers = new Map<string, Transfer>();
  readonly attempts: Attempt[] = [];
  readonly otherBodies: OtherBody[] = [];
  readonly otherOpenings: OtherOpening[] = [];
  readonly closes: Close[] = [];
  /** In the order of their invocations. */
  readonly reads: AccountsRead[] = [];
  readonly settlings: Settling[] = [];
  readonly statusParts: (Completed & { readonly part: number; readonly parts: number })[] = [];
  readonly replays: number[] = [];
  readonly refusals: Refusal[] = [];
  readonly #history: History;

  constructor(history: History) {
    this.#history = history;
    for (const { invocation, completion } of indexInvocations(history)) this.#observe(invocation, completion);
    // A committed transfer found all its accounts.
    for (const transfer of this.transfers.values())
      for (const { outcome, operation } of transfer.endings)
        if (outcome === 'committed') for (const { account } of transfer.legs) this.#exists(account, operation);
  }

  /** Those that are known to exist. */
  *existing(): IterableIterator<Account> {
    for (const account of this.accounts.values()) if (account.existsSince !== NEVER) yield account;
  }

  /** @param operation undefined if the run was cut off */
  #observe(invocation: number, operation: number | undefined): void {
    const history = this.#history;
    const f = history.functionAt(invocation);
    const asked = (history.valueAt(invocation) ?? {}) as Asked;
    if (operation === undefined) {
      this.#observeAsked(f, asked, invocation, operation, 'info');
      return;
    }
    const type = history.typeAt(operation);
    this.#observeAsked(f, asked, invocation, operation, type);
    const place = { invocation, operation };
    if (type === 'ok') this.#observeOk(f, history.valueAt(operation), place);
    if (type === 'fail') this.#observeFail(f, asked, place);
  }

  /** What a request alone may have caused. */
  #observeAsked(f: string, asked: Asked, invocation: number, operation: number | undefined, type: string): void {
    const { request_id: requestId = '' } = asked;
    for (const name of accountsOf(asked)) {
      const account = this.#account(name);
      account.firstNamed = Math.min(account.firstNamed, invocation);
    }
    switch (f) {
      case 'open':
        this.#account(asked.account as string).openings.add(asked.balance as number);
        return;
      case 'close':
        if (type === 'info') this.#mayBeClosed(asked.account as string, invocation);
        return;
      case 'replay':
        this.replays.push(invocation);
        return;
      case 'transfer': {
        const transfer = this.#transfer(requestId);
        transfer.ask(asked, invocation);
        if (type !== 'fail') transfer.failedAlways = false;
        this.attempts.push({ requestId, wellFormed: isWellFormed(asked), invocation, operation, ok: type === 'ok' });
        return;
      }
      case 'transfer-otherwise': {
        // A client may have to ask for the original first. That may have happened, however this request ends.
        const transfer = this.#transfer(requestId);
        transfer.ask(asked.original ?? {}, invocation);
        transfer.failedAlways = false;
        const told = type === 'ok' ? (this.#history.valueAt(operation as number) as { refused: boolean }) : undefined;
        this.otherBodies.push({ requestId, invocation, operation, refused: told?.refused });
      }
    }
  }

  #observeOk(f: string, value: unknown, place: Completed): void {
    const { operation } = place;
    switch (f) {
      case 'open':
        this.#exists((value as Asked).account as string, operation);
        return;
      case 'open-otherwise': {
        const { account, balance, refused } = value as Omit<OtherOpening, keyof Completed>;
        this.otherOpenings.push({ ...place, account, balance, refused });
        this.#exists(account, operation);
        return;
      }
      case 'close': {
        const { account, closed } = value as Omit<Close, keyof Completed>;
        this.closes.push({ ...place, account, closed });
        this.#exists(account, operation);
        if (!closed) return;
        const known = this.#account(account);
        known.closedSince = Math.min(known.closedSince, operation);
        this.#mayBeClosed(account, place.invocation);
        return;
      }
      case 'transfer-otherwise':
        // The original was acknowledged before the other body was requested.
        this.#transfer((value as AnswerTold).request_id).acknowledge(operation);
        return;
      case 'transfer':
        this.#addAnswer('transfer', value as AnswerTold, place);
        return;
      case 'replay':
        for (const answer of (value as { answers: readonly AnswerTold[] }).answers)
          this.#addAnswer('replay', answer, place);
        return;
      case 'status':
        this.#addStatus(value as StatusTold, place, false);
        return;
      case 'statuses': {
        const { part, parts, statuses } = value as { part: number; parts: number; statuses: readonly StatusTold[] };
        this.statusParts.push({ ...place, part, parts });
        for (const status of statuses) this.#addStatus(status, place, true);
        return;
      }
      case 'settled':
      case 'audit':
        this.#addRead(f, value as ReadTold, place);
    }
  }

  #addAnswer(by: Ending['by'], { request_id, outcome, reason }: AnswerTold, place: Completed): void {
    const { invocation, operation } = place;
    this.#transfer(request_id).addAnswer({ by, outcome, reason, invocation, operation });
  }

  #addStatus({ request_id, state, reason, history = [] }: StatusTold, place: Completed, ofAll: boolean): void {
    const { invocation, operation } = place;
    this.#transfer(request_id).addStatus({ ofAll, state, reason, history, invocation, operation });
  }

  #addRead(f: string, { accounts, balances, versions, clean, ...told }: ReadTold, place: Completed): void {
    const { invocation, operation } = place;
    const held = told.unfinished.reduce((total, transfer) => total + transfer.held, 0);
    const unfinished = told.unfinished.map(({ request_id }) => request_id);
    this.reads.push({ accounts, balances, versions, held, unfinished, clean, invocation, operation });
    if (f === 'settled') this.settlings.push({ ...place, unfinished });
    for (const account of accounts) this.#exists(account, place.operation);
  }

  #observeFail(f: string, asked: Asked, place: Completed): void {
    const { error } = this.#history.at(place.operation);
    const [name, detail] = Array.isArray(error) ? error : [error];
    const wellFormed = f === 'transfer' || f === 'transfer-otherwise' ? isWellFormed(asked) : true;
    // The client of `settled` says so, and no node.
    if (name === 'unfinished') this.settlings.push({ ...place, unfinished: detail as readonly string[] });
    else this.refusals.push({ ...place, f, asked, error: name, accounts: accountsOf(asked), wellFormed });
  }

  #exists(name: string, operation: number): void {
    const account = this.#account(name);
    account.existsSince = Math.min(account.existsSince, operation);
  }

  #mayBeClosed(name: string, invocation: number): void {
    const account = this.#account(name);
    account.maybeClosedSince = Math.min(account.maybeClosedSince, invocation);
  }

  #account(name: string): Account {
    return entryOf(this.accounts, name, () => new Account(name));
  }

  #transfer(requestId: string): Transfer {
    return entryOf(this.transfers, requestId, () => new Transfer(requestId));
  }
}

/** The accounts that a request names. */
function accountsOf(asked: Asked): readonly string[] {
  if (asked.account !== undefined) return [asked.account];
  return asked.accounts ?? (legsOf(asked) ?? []).map(({ account }) => account);
}
