/**
 * The contents of a history about vouchers, sorted for the rules: requests and answers by voucher, reads of wallets by
 * user.
 */

import { indexInvocations } from '../../../checkers/pairs.ts';
import { byCompletion, type Completed, entryOf, NEVER } from '../../../checkers/places.ts';
import type { History } from '../../../history/history.ts';

export interface Terms {
  readonly limit: number;
  readonly amount: number;
  readonly shards: number;
}

export interface Redemption {
  readonly redemption: number;
  readonly user: string;
  readonly request_id: string;
}

/** An answer to a request. Equal answers are kept once, with the indices of the first. */
export interface Answer extends Completed {
  readonly outcome: string;
  readonly redemption: number | undefined;
  readonly credited: number | undefined;
}

/** One request of one user for one voucher, with all its attempts. Other requests may have the same id. */
export class Request {
  readonly user: string;
  readonly requestId: string;
  /** Where it was asked first. */
  readonly firstInvocation: number;
  /**
   * Where the first attempt that may have redeemed was invoked: one that was told so, or that is undecided. Never, if
   * there is none.
   */
  firstPossible = NEVER;
  /** Whether all its attempts ended in definite errors. */
  failedAlways = true;
  readonly #answers = new Map<string, Answer>();

  constructor(user: string, requestId: string, firstInvocation: number) {
    this.user = user;
    this.requestId = requestId;
    this.firstInvocation = firstInvocation;
  }

  /** Each different one once. */
  get answers(): readonly Answer[] {
    return [...this.#answers.values()];
  }

  /** Where an answer said first that it redeemed; undefined if none did. */
  get acknowledged(): Answer | undefined {
    return this.answers.filter(({ outcome }) => outcome === 'redeemed').sort(byCompletion)[0];
  }

  addAnswer(answer: Answer): void {
    const name = `${answer.outcome} ${answer.redemption} ${answer.credited}`;
    const known = this.#answers.get(name);
    if (known === undefined || answer.operation < known.operation) this.#answers.set(name, answer);
  }
}

/** A number of redemptions in an answer. */
export interface Count extends Completed {
  readonly used: number;
  /** Of `read` and `settled`. */
  readonly limit?: number;
  readonly amount?: number;
  readonly pending?: number;
}

export interface Report extends Completed {
  /** The requested part; absent: everything. */
  readonly offset?: number;
  readonly limit?: number;
  readonly length: number;
  readonly redemptions: readonly Redemption[];
}

/** Whether a voucher had settled at a request. */
export interface Settling extends Completed {
  /** Undefined if no answer came. */
  readonly pending: number | undefined;
}

export class ObservedVoucher {
  readonly code: string;
  readonly creations: (Completed & { readonly terms: Terms })[] = [];
  /** By user and request id, in the order of the first attempts. */
  readonly requests = new Map<string, Map<string, Request>>();
  readonly counts: Count[] = [];
  /** Pages and full reports. */
  readonly reports: Report[] = [];
  readonly fullReports: Report[] = [];
  readonly soldOut: (Completed & { readonly user: string })[] = [];
  readonly settlings: Settling[] = [];
  /** The last redemption, without replays. Earlier reads are not final. */
  lastRedeem = -1;

  constructor(code: string) {
    this.code = code;
  }

  *allRequests(): IterableIterator<Request> {
    for (const ofUser of this.requests.values()) yield* ofUser.values();
  }

  request(user: string, requestId: string): Request | undefined {
    return this.requests.get(user)?.get(requestId);
  }
}

export interface WalletEntry {
  readonly code: string;
  readonly request_id: string;
  readonly redemption: number;
  readonly credited: number;
}

export interface WalletRead extends Completed {
  readonly balance: number;
  readonly entries: readonly WalletEntry[];
}

export interface Refusal extends Completed {
  readonly f: string;
  readonly asked: unknown;
  readonly code: string | undefined;
  /** The name of the error. */
  readonly error: unknown;
}

/** A creation under other terms than the first. */
export interface OtherCreation extends Completed {
  readonly code: string;
  readonly terms: Terms;
  readonly refused: boolean;
}

export class ObservedRun {
  readonly vouchers = new Map<string, ObservedVoucher>();
  readonly wallets = new Map<string, WalletRead[]>();
  /** Definite errors. */
  readonly refusals: Refusal[] = [];
  readonly otherCreations: OtherCreation[] = [];
  /** Where the first replay begins. */
  firstReplay = NEVER;
  attemptedCount = 0;
  readonly #history: History;

  constructor(history: History) {
    this.#history = history;
    for (const { invocation, completion } of indexInvocations(history)) this.#observe(invocation, completion);
  }

  /** @param operation undefined if the run was cut off */
  #observe(invocation: number, operation: number | undefined): void {
    const history = this.#history;
    const f = history.functionAt(invocation);
    const asked = history.valueAt(invocation);
    if (f === 'redeem' || f === 'replay') this.#observeAttempt(f, asked as Asked, invocation, operation);
    if (operation === undefined) return;
    const type = history.typeAt(operation);
    const place = { invocation, operation };
    if (type === 'fail') {
      const { code } = asked as { readonly code?: string };
      const { error } = history.at(operation);
      this.refusals.push({ ...place, f, asked, code, error: Array.isArray(error) ? error[0] : error });
    }
    if (f === 'settled') this.#observeSettling((asked as Asked).code, place, type === 'ok');
    if (type === 'ok') this.#observeOk(f, history.valueAt(operation), place);
  }

  #observeAttempt(f: string, { code, user, request_id }: Asked, invocation: number, operation: number | undefined) {
    this.attemptedCount++;
    const voucher = this.#voucher(code);
    if (f === 'redeem') voucher.lastRedeem = invocation;
    else this.firstReplay = Math.min(this.firstReplay, invocation);
    const ofUser = entryOf(voucher.requests, user, () => new Map<string, Request>());
    const request = entryOf(ofUser, request_id, () => new Request(user, request_id, invocation));
    const type = operation === undefined ? 'info' : this.#history.typeAt(operation);
    if (type === 'fail') return;
    request.failedAlways = false;
    let possible = true;
    if (type === 'ok') {
      const place = { invocation, operation: operation as number };
      const { outcome, redemption, credited } = this.#history.valueAt(place.operation) as Answer;
      request.addAnswer({ ...place, outcome, redemption, credited });
      if (outcome === 'sold_out') voucher.soldOut.push({ user, ...place });
      possible = outcome === 'redeemed';
    }
    if (possible) request.firstPossible = Math.min(request.firstPossible, invocation);
  }

  #observeSettling(code: string, place: Completed, settled: boolean): void {
    const { error } = this.#history.at(place.operation);
    const told = Array.isArray(error) && error[0] === 'pending' ? (error[1] as number) : undefined;
    const { pending } = this.#history.valueAt(place.operation) as { readonly pending?: number };
    this.#voucher(code).settlings.push({ ...place, pending: settled ? pending : told });
  }

  #observeOk(f: string, value: unknown, place: Completed): void {
    switch (f) {
      case 'create': {
        const { code, ...terms } = value as Terms & { readonly code: string };
        this.#voucher(code).creations.push({ ...place, terms });
        return;
      }
      case 'create-otherwise': {
        const { code, refused, ...terms } = value as Terms & { readonly code: string; readonly refused: boolean };
        this.otherCreations.push({ ...place, code, terms, refused });
        return;
      }
      case 'read':
      case 'settled': {
        const { code, ...count } = value as Omit<Count, keyof Completed> & { readonly code: string };
        this.#voucher(code).counts.push({ ...place, ...count });
        return;
      }
      case 'report':
      case 'report-all': {
        const { code, ...told } = value as Omit<Report, keyof Completed> & { readonly code: string };
        const report = { ...place, ...told };
        const voucher = this.#voucher(code);
        voucher.reports.push(report);
        voucher.counts.push({ ...place, used: report.length });
        if (f === 'report-all') voucher.fullReports.push(report);
        return;
      }
      case 'wallet': {
        const { user, ...told } = value as Omit<WalletRead, keyof Completed> & { readonly user: string };
        entryOf(this.wallets, user, () => [] as WalletRead[]).push({ ...place, ...told });
      }
    }
  }

  #voucher(code: string): ObservedVoucher {
    return entryOf(this.vouchers, code, () => new ObservedVoucher(code));
  }
}

type Asked = { readonly code: string; readonly user: string; readonly request_id: string };
