/**
 * The test of the transfer service. There are few accounts, and some are in every other transfer, so transfers collide.
 * Requests are repeated, at several nodes at the same time. Some accounts have too little money. Some are closed when
 * they happen to be empty, and new ones take their places.
 *
 * In the end everything must settle without help. The status of every request is read and the money is counted. Only
 * then requests are repeated, because a repetition alone would finish what a node has left half done. After that
 * everything is read again: a replay must have changed nothing.
 *
 * A request id always means the same transfer, also in a replay without some of the operations.
 */

import type { CountWork } from '../../checkers/activity.ts';
import { WeightedChoice } from '../../harness/drawing.ts';
import { type Invocation, nameIn, type WorkloadTest } from '../../harness/workload-test.ts';
import type { History } from '../../history/history.ts';
import type { SeededRandom } from '../../protocol/random.ts';
import type { SagaLimits } from '../../saga/limits.ts';
import { REQUESTS } from '../../simulator/node-limits.ts';
import { LEASES_MS, MEMBERS_OPTION } from '../members-option.ts';
import type { Workload } from '../workload.ts';
import { sagaChecker } from './checker/saga-checker.ts';
import type { Leg, TransferOutcome } from './messages.ts';
import { drawMistake } from './mistakes.ts';
import { sagaNode } from './node.ts';
import {
  type Accounts,
  createSagaInvoke,
  type Opening,
  type OtherTransfer,
  successorOf,
  type TransferRequest,
} from './operations.ts';

/**
 * An account of a test. One that is opened with 0 is closed now and then. Its amounts are small, so that it is often
 * empty. Later another one takes its place: `c0`, then `c0-1`.
 */
export interface Holder {
  readonly account: string;
  readonly balance: number;
  /** Its weight in the draws. */
  readonly weight: number;
}

/**
 * Fixed, because operations, probes and last questions are drawn separately and must mean the same accounts. The first
 * ones get half of all draws.
 */
const HOLDERS: readonly Holder[] = [
  ...holders('hot', 4, { balance: 1000, weight: 8 }),
  ...holders('cold', 12, { balance: 300, weight: 2 }),
  ...holders('c', 3, { balance: 0, weight: 2 }),
  { account: 'poor', balance: 5, weight: 2 },
];

const AMOUNT_MAX = 120;
/** The highest amount where an account that is to be closed takes part. */
const SMALL_AMOUNT_MAX = 3;

type Shape = readonly [debits: number, credits: number];
const PAIR: Shape = [1, 1];
/** For transfers with more than two accounts. */
const SHAPES: readonly Shape[] = [
  [1, 2],
  [2, 1],
  [2, 2],
];

/** The latest requests, which may be repeated, queried, or reused for another transfer. */
const RECENT_MAX = 8;
/**
 * After so many attempts to close an account its successor is opened. With so many, hardly any account is left open.
 */
const CLOSES_PER_ACCOUNT = 12;
/** One draw in so many is of the predecessor, which may have been left open. */
const PREDECESSOR_INTERVAL = 8;
const LATE_CLOSE_INTERVAL = 4;
const SHORT_AUDIT_LENGTH_MAX = 4;

/** At least so many, so that each part is answered in the time for a last question, even on a slow network. */
const STATUS_PARTS = 64;
const REPLAY_PARTS = 16;
/** In an hour there are more requests than these parts can ask for in that time. */
const STATUSES_PER_PART_MAX = 64;
const REPLAYS_PER_PART_MAX = 256;
const LAST_TRANSFERS = 2;
const LAST_OTHERS = 4;

/** Weights of the operations. */
const MIX = new WeightedChoice<(drawing: Drawing) => Invocation>([
  [50, (drawing) => drawing.transfer()],
  [18, (drawing) => drawing.transferAgain()],
  [8, (drawing) => ({ f: 'status', value: { request_id: drawing.recent().request_id } })],
  [8, (drawing) => drawing.audit()],
  [2, (drawing) => drawing.shortAudit()],
  [3, (drawing) => drawing.close()],
  [3, (drawing) => ({ f: 'open', value: drawing.opening() })],
  [1, (drawing) => drawing.openOtherwise()],
  [4, (drawing) => transferOtherwise(drawing.recent())],
]);

export interface SagaTestOptions {
  readonly accounts?: readonly Holder[];
  /** The most accounts in a transfer. 2: from one account to another. */
  readonly legs?: 2 | 4;
  /**
   * The first operations. With `transfer` a handful of operations already includes transfers, and one request is
   * repeated.
   */
  readonly opening?: 'open' | 'transfer';
  /** `short`: only the last questions that a verdict needs. */
  readonly ending?: 'full' | 'short';
  /** One operation in so many is a mistake, which must be refused. Absent: none. */
  readonly mistakes?: number | undefined;
  /** See `TestSetting`. */
  readonly names?: string;
}

export const sagaTest: WorkloadTest = {
  ...createSagaTest(),
  options: {
    mistakes: {
      value: 'N',
      text: 'One operation in N is a mistake of its client, which must be refused; N from 2. Default: none.',
      absent: undefined,
      parse: parseMistakes,
      drawn: ['20'],
    },
    members: MEMBERS_OPTION,
  },
  configure: ({ names, options: { mistakes } }) => createSagaTest({ names, mistakes: mistakes as number | undefined }),
};

function parseMistakes(text: string): number {
  if (!/^(?:[2-9]|[1-9]\d{1,5})$/.test(text)) throw new Error('expected a whole number from 2 to 999999');
  return Number(text);
}

const SMALL: SagaTestOptions = {
  accounts: [
    { account: 'a', balance: 100, weight: 1 },
    { account: 'b', balance: 10, weight: 1 },
  ],
  legs: 2,
  opening: 'transfer',
  ending: 'short',
};

/** The smallest test with both committed and aborted transfers. */
export const smallSagaTest: WorkloadTest = {
  ...createSagaTest(SMALL),
  options: { members: MEMBERS_OPTION },
  configure: ({ names }) => createSagaTest({ ...SMALL, names }),
};

export function createSagaTest({
  accounts = HOLDERS,
  legs = 4,
  opening = 'open',
  ending = 'full',
  mistakes,
  names = '',
}: SagaTestOptions = {}): WorkloadTest {
  if (accounts.length < legs) throw new Error(`a transfer with ${legs} accounts takes more than ${accounts.length}`);
  const scene = createScene(accounts, legs, names);
  return {
    reusableClients: true,
    // A node keeps all its data in the store.
    survivesDiskLoss: true,
    createGenerator: (random) => {
      const drawing = new Drawing(random, scene, mistakes);
      const first =
        opening === 'open' ? opens(scene) : [drawing.transfer(), drawing.transferAgain(), drawing.transfer()];
      return () => first.shift() ?? drawing.operation();
    },
    createInvoke: () => createSagaInvoke(scene.openings),
    createFinalInvocations: (random, _askers, history) => {
      const drawing = new Drawing(random, scene);
      return ending === 'full' ? lastQuestions(random, scene, drawing, history) : fewLastQuestions(scene, drawing);
    },
    checker: sagaChecker,
    createWorkCounter: countTransfers,
  };
}

/** Work is a transfer whose commit was acknowledged for the first time. */
function countTransfers(): CountWork {
  const known = new Set<string>();
  return (f, value) => {
    if (f !== 'transfer') return false;
    const { request_id, outcome } = value as TransferRequest & { readonly outcome: TransferOutcome };
    if (outcome !== 'committed' || known.has(request_id)) return false;
    known.add(request_id);
    return true;
  };
}

function holders(name: string, count: number, terms: Omit<Holder, 'account'>): Holder[] {
  return Array.from({ length: count }, (_, number) => ({ account: `${name}${number}`, ...terms }));
}

/** The accounts of a test, and the shapes of its transfers. */
interface Scene {
  readonly names: string;
  readonly openings: readonly Opening[];
  readonly accounts: readonly string[];
  readonly accountsDrawn: WeightedChoice<string>;
  readonly closable: readonly string[];
  /** The accounts that are never closed. */
  readonly lasting: ReadonlySet<string>;
  /** For transfers with more than two accounts, if there are any. */
  readonly shapes: readonly Shape[];
}

function createScene(holders: readonly Holder[], legs: number, names: string): Scene {
  const accounts = holders.map((holder) => ({ ...holder, account: nameIn(names, holder.account) }));
  return {
    names,
    openings: accounts.map(({ account, balance }) => ({ account, balance })),
    accounts: accounts.map(({ account }) => account),
    accountsDrawn: new WeightedChoice(accounts.map(({ account, weight }) => [weight, account])),
    closable: accounts.filter(({ balance }) => balance === 0).map(({ account }) => account),
    lasting: new Set(accounts.filter(({ balance }) => balance > 0).map(({ account }) => account)),
    shapes: SHAPES.filter(([debits, credits]) => debits + credits <= legs),
  };
}

interface Place {
  /** Number of the current account. */
  number: number;
  /** How often that one was to be closed. */
  closeCount: number;
}

class Drawing {
  readonly #random: SeededRandom;
  readonly #scene: Scene;
  readonly #mistakes: number | undefined;
  /** In every request id, so that two generators never use one id for two transfers. */
  readonly #prefix: string;
  #requestCount = 0;
  /** Newest first. */
  readonly #recent: TransferRequest[] = [];
  /** The current account of each place, by the first account there. */
  readonly #places = new Map<string, Place>();
  /** Accounts that no operation has opened yet. */
  readonly #due: Opening[] = [];

  /** @param mistakes one operation in so many is one; absent: none */
  constructor(random: SeededRandom, scene: Scene, mistakes?: number) {
    this.#random = random;
    this.#scene = scene;
    this.#mistakes = mistakes;
    this.#prefix = nameIn(scene.names, random.uint32().toString(16).padStart(8, '0'));
    for (const account of scene.closable) this.#places.set(account, { number: 0, closeCount: 0 });
  }

  operation(): Invocation {
    if (this.#mistakes !== undefined && this.#random.integer(this.#mistakes) === 0) return this.#mistake();
    const opening = this.#due.shift();
    return opening === undefined ? MIX.draw(this.#random)(this) : { f: 'open', value: opening };
  }

  transfer(): Invocation {
    return { f: 'transfer', value: this.#request() };
  }

  /** Mostly the latest requests, which another node may still be working on. */
  transferAgain(): Invocation {
    return { f: 'transfer', value: this.#random.integer(2) === 0 ? this.#last() : this.recent() };
  }

  /** One of the latest requests; a new one if there is none. */
  recent(): TransferRequest {
    const last = this.#last();
    return this.#recent.length === 1 ? last : this.#random.pick(this.#recent);
  }

  audit(): Invocation {
    return { f: 'audit', value: allOf(this.#scene) };
  }

  shortAudit(): Invocation {
    const length = 1 + this.#random.integer(SHORT_AUDIT_LENGTH_MAX);
    const accounts = this.#random.shuffle(this.#scene.accounts).slice(0, length);
    return { f: 'audit', value: { accounts: accounts.map((account) => this.#current(account)) } };
  }

  /** Opens an account if there is none to close. */
  close(): Invocation {
    const { closable } = this.#scene;
    if (closable.length === 0) return { f: 'open', value: this.opening() };
    const first = this.#random.pick(closable);
    const place = this.#places.get(first) as Place;
    const { number } = place;
    if (number > 0 && this.#random.integer(LATE_CLOSE_INTERVAL) === 0)
      return { f: 'close', value: { account: successorOf(first, number - 1) } };
    if (++place.closeCount === CLOSES_PER_ACCOUNT) {
      place.closeCount = 0;
      place.number++;
      this.#due.push({ account: this.#current(first), balance: 0 });
    }
    return { f: 'close', value: { account: successorOf(first, number) } };
  }

  opening(): Opening {
    const { account, balance } = this.#random.pick(this.#scene.openings);
    return { account: this.#current(account), balance };
  }

  openOtherwise(): Invocation {
    const { account, balance } = this.opening();
    return { f: 'open-otherwise', value: { account, balance: balance + 1 } };
  }

  /** It is none of the latest requests: those are repeated. */
  #mistake(): Invocation {
    const [one, other] = this.#distinctAccounts(2) as [string, string];
    const requestId = `${this.#prefix}-m${this.#requestCount++}`;
    return drawMistake(this.#random, this.#scene.names, requestId, [one, other]);
  }

  #last(): TransferRequest {
    return this.#recent[0] ?? this.#request();
  }

  #request(): TransferRequest {
    const request = { request_id: `${this.#prefix}-t${this.#requestCount++}`, ...this.#movement() };
    this.#recent.unshift(request);
    if (this.#recent.length > RECENT_MAX) this.#recent.pop();
    return request;
  }

  /** Between two accounts; in half of the cases between more, if the scene has shapes. */
  #movement(): Omit<TransferRequest, 'request_id'> {
    const { shapes } = this.#scene;
    const isPair = shapes.length === 0 || this.#random.integer(2) === 0;
    const [debitCount, creditCount] = isPair ? PAIR : this.#random.pick(shapes);
    const accounts = this.#distinctAccounts(debitCount + creditCount);
    this.#makePayers(accounts, debitCount);
    const total = this.#total(accounts, Math.max(debitCount, creditCount));
    if (isPair) return { from: accounts[0] as string, to: accounts[1] as string, amount: total };
    const debits = this.#split(total, debitCount).map((amount) => -amount);
    const amounts = [...debits, ...this.#split(total, creditCount)];
    const legs = accounts.map((account, index): Leg => ({ account, amount: amounts[index] as number }));
    // The order of the legs is the order of the steps. Any order must do.
    return { legs: this.#random.shuffle(legs) };
  }

  #distinctAccounts(count: number): string[] {
    const accounts = new Set<string>();
    while (accounts.size < count) {
      const first = this.#scene.accountsDrawn.draw(this.#random);
      const { number } = this.#places.get(first) ?? { number: 0 };
      const late = number > 0 && this.#random.integer(PREDECESSOR_INTERVAL) === 0;
      accounts.add(late ? successorOf(first, number - 1) : this.#current(first));
    }
    return [...accounts];
  }

  /** Accounts that are to be closed pay more often than they are paid. Otherwise they would hardly ever be empty. */
  #makePayers(accounts: string[], debitCount: number): void {
    const { lasting } = this.#scene;
    const payer = accounts.findIndex((account, index) => index < debitCount && lasting.has(account));
    const payee = accounts.findIndex((account, index) => index >= debitCount && !lasting.has(account));
    if (payer < 0 || payee < 0 || this.#random.integer(2) === 0) return;
    const [paid, paying] = [accounts[payee] as string, accounts[payer] as string];
    accounts[payer] = paid;
    accounts[payee] = paying;
  }

  /** The current account in the place of a first one. */
  #current(first: string): string {
    return successorOf(first, this.#places.get(first)?.number ?? 0);
  }

  /** @param min the number of parts of the total */
  #total(accounts: readonly string[], min: number): number {
    const { lasting } = this.#scene;
    const max = accounts.every((account) => lasting.has(account)) ? AMOUNT_MAX : SMALL_AMOUNT_MAX;
    return min + this.#random.integer(max - min + 1);
  }

  #split(total: number, count: number): number[] {
    if (count === 1) return [total];
    const part = 1 + this.#random.integer(total - count + 1);
    return [part, ...this.#split(total - part, count - 1)];
  }
}

/** The same transfer with one more minor unit. It must be refused. */
function transferOtherwise(original: TransferRequest): Invocation {
  return { f: 'transfer-otherwise', value: { ...otherwise(original), original } satisfies OtherTransfer };
}

function otherwise({ amount, legs, ...rest }: TransferRequest): TransferRequest {
  if (legs === undefined) return { ...rest, amount: (amount as number) + 1 };
  const debit = legs.findIndex((leg) => leg.amount < 0);
  const credit = legs.findIndex((leg) => leg.amount > 0);
  const change = (index: number) => (index === debit ? -1 : index === credit ? 1 : 0);
  return { ...rest, legs: legs.map(({ account, amount }, index) => ({ account, amount: amount + change(index) })) };
}

/** The first accounts, and all others that are open when the request is sent. */
function allOf({ accounts }: Scene): Accounts {
  return { accounts, others: true };
}

function opens({ openings }: Scene): Invocation[] {
  return openings.map((value) => ({ f: 'open', value }));
}

function inParts(f: string, parts: number): Invocation[] {
  return Array.from({ length: parts }, (_, part) => ({ f, value: { part, parts } }));
}

/** How often a transfer was asked for, and how often that was answered. */
function countTransfersIn(history: History): { readonly asked: number; readonly answered: number } {
  let asked = 0;
  let answered = 0;
  for (let index = 0; index < history.length; index++) {
    if (history.functionAt(index) !== 'transfer') continue;
    const type = history.typeAt(index);
    if (type === 'invoke') asked++;
    else if (type === 'ok') answered++;
  }
  return { asked, answered };
}

function lastQuestions(random: SeededRandom, scene: Scene, drawing: Drawing, history: History): readonly Invocation[] {
  const settled: Invocation = { f: 'settled', value: allOf(scene) };
  const { asked, answered } = countTransfersIn(history);
  const statuses = inParts('statuses', Math.max(STATUS_PARTS, Math.ceil(asked / STATUSES_PER_PART_MAX)));
  const replays = inParts('replay', Math.max(REPLAY_PARTS, Math.ceil(answered / REPLAYS_PER_PART_MAX)));
  return [
    ...opens(scene),
    // Fresh ones: these must be answered even after many faults.
    ...Array.from({ length: LAST_TRANSFERS }, () => drawing.transfer()),
    // Before any repetition, so that only the nodes themselves can finish what is left.
    settled,
    ...statuses,
    drawing.audit(),
    // Shuffled, so that mostly another node is asked than at the first time.
    ...random.shuffle(replays),
    // Of fresh requests: the draws of others are unknown here.
    ...Array.from({ length: LAST_OTHERS }, () => refusedTransfer(drawing)),
    ...seldom(scene, drawing),
    settled,
    ...statuses,
    drawing.audit(),
  ];
}

function fewLastQuestions(scene: Scene, drawing: Drawing): readonly Invocation[] {
  const settled: Invocation = { f: 'settled', value: allOf(scene) };
  const statuses = inParts('statuses', 1);
  return [
    ...opens(scene),
    drawing.transfer(),
    settled,
    ...statuses,
    drawing.audit(),
    ...inParts('replay', 1),
    refusedTransfer(drawing),
    ...seldom(scene, drawing),
    settled,
    ...statuses,
    drawing.audit(),
  ];
}

function refusedTransfer(drawing: Drawing): Invocation {
  return transferOtherwise(drawing.transfer().value as TransferRequest);
}

/** Rare operations, which a run may otherwise have only once or twice, and then under faults. */
function seldom({ closable }: Scene, drawing: Drawing): readonly Invocation[] {
  return [
    drawing.openOtherwise(),
    { f: 'status', value: { request_id: drawing.recent().request_id } },
    ...(closable.length > 0 ? [drawing.close()] : []),
  ];
}

/** Transfers between accounts, all or nothing, exactly once: the example of a saga. */
export const saga: Workload = {
  ...sagaNode,
  text: 'Transfers money between accounts, all or nothing, repeats requests, and audits all the time.',
  test: sagaTest,
  small: smallSagaTest,
  limits: {
    inFlight: [2, 4, 8],
    answers: [1, 2, 8],
    // More than the values of `marks`. A mark is ended while its saga is remembered. With `finished=1,marks=10`
    // accounts may stay full, and transfers unfinished.
    finished: [32, 128],
    // A group of new sagas that does not fit is refused as a whole, with error 11. Clients must bear that. But with 1
    // too few transfers may be answered while nothing is broken.
    listed: [8, 16, 32],
    looks: [1, 2, 5],
    taken: [1, 2],
    group: [1, 2, 5],
    // More than MARKS_FEW: below that number no mark is looked up, so a participant could stay full.
    marks: [10, 16],
    desks: [1, 2, 4],
    requests: REQUESTS,
    lease: LEASES_MS,
  } satisfies Record<keyof SagaLimits | 'requests' | 'lease', readonly number[]>,
};
