/**
 * The rules for requests about accounts, and for refusals. A refusal must have a reason, and a request that must be
 * refused is refused. A closed account stays empty. It is no reason for a refusal before a client asked to close it.
 */

import { Findings } from '../../../checkers/findings.ts';
import { isBefore, NEVER } from '../../../checkers/places.ts';
import type { FinalReads } from './final.ts';
import type { Account, AccountsRead, ObservedRun, Refusal } from './record.ts';
import type { Ending, Transfer } from './transfer.ts';

/** The reasons that speak of a closed account, with the sign of its leg. */
const CLOSED_REASONS: ReadonlyMap<string | undefined, number> = new Map([
  ['payer closed', -1],
  ['payee closed', 1],
]);

export class RequestRules {
  readonly accountsAreRight = new Findings();
  readonly #run: ObservedRun;

  readonly #final: FinalReads;

  constructor(run: ObservedRun, final: FinalReads) {
    this.#run = run;
    this.#final = final;
    for (const { account, balance, refused, operation } of run.otherOpenings)
      if (!refused)
        this.accountsAreRight.add('an account was opened again with another balance', { account, balance, operation });
    for (const close of run.closes) {
      const { account, closed, operation } = close;
      const { closedSince } = run.accounts.get(account) as Account;
      if (closed || closedSince > close.invocation) continue;
      const operations = [closedSince, operation];
      this.accountsAreRight.add('an account that is closed could not be closed', { account, operations });
    }
    for (const read of run.reads) this.#judgeRead(read);
    for (const transfer of run.transfers.values()) this.#judgeTransfer(transfer);
    for (const { requestId: request_id, wellFormed, ok, operation } of run.attempts)
      if (ok && !wellFormed)
        this.accountsAreRight.add('a transfer was carried out that is malformed', { request_id, operation });
    for (const refusal of run.refusals) this.#judgeRefusal(refusal);
  }

  #judgeRead({ accounts, balances, versions, invocation, operation }: AccountsRead): void {
    if (balances.length !== accounts.length || versions.length !== accounts.length) {
      const facts = { asked: accounts.length, balances: balances.length, versions: versions.length, operation };
      this.accountsAreRight.add('another number of accounts was told than asked for', facts);
    }
    for (const [index, account] of accounts.entries()) {
      const { closedSince } = this.#run.accounts.get(account) as Account;
      const balance = balances[index];
      if (closedSince > invocation || balance === 0) continue;
      const operations = [closedSince, operation];
      this.accountsAreRight.add('an account that is closed has money', { account, balance, operations });
    }
  }

  #judgeTransfer(transfer: Transfer): void {
    const { requestId: request_id, firstAsked, legs } = transfer;
    for (const ending of transfer.endings) {
      const { outcome, reason, operation } = ending;
      if (outcome === 'committed') {
        // Other rules judge whether that answer was right.
        if ((this.#final.statusOf(transfer)?.state ?? outcome) !== outcome) continue;
        const closed = legs.find(({ account }) => this.#account(account).closedSince < firstAsked);
        if (closed === undefined) continue;
        const facts = { request_id, account: closed.account };
        const operations = [this.#account(closed.account).closedSince, firstAsked, operation];
        this.accountsAreRight.add('a transfer was committed with an account that was closed before', {
          ...facts,
          operations,
        });
        return;
      }
      if (this.#isClosedInVain(transfer, ending)) {
        this.accountsAreRight.add('a transfer was aborted for an account that was not closed', {
          request_id,
          reason,
          operation,
        });
        return;
      }
    }
  }

  /** Whether an account is called closed that cannot have been closed. */
  #isClosedInVain({ legs }: Transfer, { reason, operation }: Ending): boolean {
    const sign = CLOSED_REASONS.get(reason);
    const mayBeClosed = legs.some(
      ({ account, amount }) => Math.sign(amount) === sign && this.#account(account).maybeClosedSince < operation,
    );
    return sign !== undefined && legs.length > 0 && !mayBeClosed;
  }

  #judgeRefusal({ f, asked, error, accounts, wellFormed, ...place }: Refusal): void {
    const { operation } = place;
    const facts = { f, asked, operation };
    const named = accounts.map((name) => this.#account(name));
    switch (error) {
      case 'malformed-request':
      case 'not-supported':
        if (wellFormed || error === 'not-supported')
          this.accountsAreRight.add('a request was refused that is well-formed', facts);
        return;
      case 'key-already-exists':
        // The account may have been opened first, with this balance.
        if (named.length > 0 && named.every(({ opening }) => opening !== undefined))
          this.accountsAreRight.add('an account was refused with the balance that it has', facts);
        return;
      case 'precondition-failed':
        if (f === 'open' && this.#account((asked as { account: string }).account).maybeClosedSince > operation)
          this.accountsAreRight.add('an account is called closed that was not closed', facts);
        return;
      case 'key-does-not-exist': {
        const known = named.every(({ existsSince }) => isBefore({ ...place, operation: existsSince }, place));
        if (named.length > 0 && known) this.accountsAreRight.add('an account is missing that was opened before', facts);
      }
    }
  }

  #account(name: string): Pick<Account, 'opening' | 'existsSince' | 'closedSince' | 'maybeClosedSince'> {
    return this.#run.accounts.get(name) ?? NOBODYS;
  }
}

/** An account that no operation named. */
const NOBODYS = { opening: undefined, existsSince: NEVER, closedSince: NEVER, maybeClosedSince: NEVER };
