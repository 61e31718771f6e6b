/**
 * The test of the transfer service: few accounts, some of them in every other transfer, so that transfers meet; the
 * same request again and again, of several nodes at the same time; accounts with too little, and accounts that are
 * closed when they happen to be empty, after which new ones take their places. In the end everything settles by itself,
 * the status of every request is read and the money is counted; only then requests are asked once more, since that
 * alone would finish what a node has left half done. After that everything is read again: a replay must have changed
 * nothing.
 *
 * A request id always means the same transfer, also in a replay from which operations were left out.
 */

import type { CountWork } from '../../checkers/activity.ts';
import { WeightedChoice } from '../../harness/drawing.ts';
import type { Invocation, WorkloadTest } from '../../harness/workload-test.ts';
import type { SeededRandom } from '../../protocol/random.ts';
import type { Workload } from '../workload.ts';
import { sagaChecker } from './checker/saga-checker.ts';
import type { Leg, TransferOutcome } from './messages.ts';
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
 * An account of a test. One that is opened with nothing is closed now and then, and only little money comes and goes
 * there, so that it is empty often. Later another one takes its place: `c0`, then `c0-1`.
 */
export interface Holder {
  readonly account: string;
  readonly balance: number;
  /** How often it is drawn, in proportion to the others. */
  readonly weight: number;
}

/**
 * Fixed, because the operations, the probes and the last questions are drawn apart and must mean the same accounts.
 * Half of all draws are of the first ones.
 */
const HOLDERS: readonly Holder[] = [
  ...holders('hot', 4, { balance: 1000, weight: 8 }),
  ...holders('cold', 12, { balance: 300, weight: 2 }),
  ...holders('c', 3, { balance: 0, weight: 2 }),
  { account: 'poor', balance: 5, weight: 2 },
];

const AMOUNT_MAX = 120;
/** Where an account that is to be closed takes part. */
const SMALL_AMOUNT_MAX = 3;

type Shape = readonly [debits: number, credits: number];
const PAIR: Shape = [1, 1];
/** Of the transfers with more than two accounts. */
const SHAPES: readonly Shape[] = [
  [1, 2],
  [2, 1],
  [2, 2],
];

/** Of the requests drawn last, so many may be asked again, asked about and asked otherwise. */
const RECENT_MAX = 8;
/** After so many attempts to close an account its successor is opened: so many that hardly any account is left open. */
const CLOSES_PER_ACCOUNT = 12;
/** One in so many draws is of the predecessor, which may have been left open. */
const PREDECESSOR_INTERVAL = 8;
const LATE_CLOSE_INTERVAL = 4;
const SHORT_AUDIT_LENGTH_MAX = 4;

/** So many that those of a long run on a slow network are still answered in the time that a last question has. */
const STATUS_PARTS = 64;
const REPLAY_PARTS = 16;
const LAST_TRANSFERS = 2;
const LAST_OTHERS = 4;

/** How often each kind of operation is drawn. */
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
  /** How many accounts a transfer has at most. 2: it is always from one to another. */
  readonly legs?: 2 | 4;
  /**
   * What is done first. With `transfer` already a handful of operations transfers, and the same request is asked twice.
   */
  readonly opening?: 'open' | 'transfer';
  /** `short`: as few last questions as a verdict takes. */
  readonly ending?: 'full' | 'short';
}

export const sagaTest: WorkloadTest = createSagaTest();

/** As small as it can be with transfers that are committed and transfers that are not. */
export const smallSagaTest: WorkloadTest = createSagaTest({
  accounts: [
    { account: 'a', balance: 100, weight: 1 },
    { account: 'b', balance: 10, weight: 1 },
  ],
  legs: 2,
  opening: 'transfer',
  ending: 'short',
});

export function createSagaTest({
  accounts = HOLDERS,
  legs = 4,
  opening = 'open',
  ending = 'full',
}: SagaTestOptions = {}): WorkloadTest {
  if (accounts.length < legs) throw new Error(`a transfer with ${legs} accounts takes more than ${accounts.length}`);
  const scene = createScene(accounts, legs);
  return {
    reusableClients: true,
    // A node keeps nothing that is not in the store.
    survivesDiskLoss: true,
    createGenerator: (random) => {
      const drawing = new Drawing(random, scene);
      const first =
        opening === 'open' ? opens(scene) : [drawing.transfer(), drawing.transferAgain(), drawing.transfer()];
      return () => first.shift() ?? drawing.operation();
    },
    createInvoke: () => createSagaInvoke(scene.openings),
    createFinalInvocations: (random) => {
      const drawing = new Drawing(random, scene);
      return ending === 'full' ? lastQuestions(random, scene, drawing) : fewLastQuestions(scene, drawing);
    },
    checker: sagaChecker,
    createWorkCounter: countTransfers,
  };
}

/** Work is a transfer that was committed, and nobody was told of before. */
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

/** Whose money is moved, and how. */
interface Scene {
  readonly openings: readonly Opening[];
  readonly accounts: readonly string[];
  readonly accountsDrawn: WeightedChoice<string>;
  readonly closable: readonly string[];
  /** Those that are never closed. */
  readonly lasting: ReadonlySet<string>;
  /** Of transfers with more than two accounts, if there are any. */
  readonly shapes: readonly Shape[];
}

function createScene(accounts: readonly Holder[], legs: number): Scene {
  return {
    openings: accounts.map(({ account, balance }) => ({ account, balance })),
    accounts: accounts.map(({ account }) => account),
    accountsDrawn: new WeightedChoice(accounts.map(({ account, weight }) => [weight, account])),
    closable: accounts.filter(({ balance }) => balance === 0).map(({ account }) => account),
    lasting: new Set(accounts.filter(({ balance }) => balance > 0).map(({ account }) => account)),
    shapes: SHAPES.filter(([debits, credits]) => debits + credits <= legs),
  };
}

interface Place {
  /** Of the account that is there by now. */
  number: number;
  /** How often that was to be closed. */
  closeCount: number;
}

class Drawing {
  readonly #random: SeededRandom;
  readonly #scene: Scene;
  /** In every request id, so that what two generators draw never means two transfers by one id. */
  readonly #prefix: string;
  #requestCount = 0;
  /** The newest one first. */
  readonly #recent: TransferRequest[] = [];
  /** By the first account of its place, which accounts that are closed now and then have come to. */
  readonly #places = new Map<string, Place>();
  /** Accounts that nobody was asked to open yet. */
  readonly #due: Opening[] = [];

  constructor(random: SeededRandom, scene: Scene) {
    this.#random = random;
    this.#scene = scene;
    this.#prefix = random.uint32().toString(16).padStart(8, '0');
    for (const account of scene.closable) this.#places.set(account, { number: 0, closeCount: 0 });
  }

  operation(): Invocation {
    const opening = this.#due.shift();
    return opening === undefined ? MIX.draw(this.#random)(this) : { f: 'open', value: opening };
  }

  transfer(): Invocation {
    return { f: 'transfer', value: this.#request() };
  }

  /** Mostly what was drawn last, which by now another node may be busy with. */
  transferAgain(): Invocation {
    return { f: 'transfer', value: this.#random.integer(2) === 0 ? this.#last() : this.recent() };
  }

  /** One of the requests drawn last; where there is none yet, a new one. */
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

  /** Where there is nothing to be closed something is opened. */
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

  #last(): TransferRequest {
    return this.#recent[0] ?? this.#request();
  }

  #request(): TransferRequest {
    const request = { request_id: `${this.#prefix}-t${this.#requestCount++}`, ...this.#movement() };
    this.#recent.unshift(request);
    if (this.#recent.length > RECENT_MAX) this.#recent.pop();
    return request;
  }

  /** Between two accounts, or in every other case between more of them, if there are to be any such. */
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
    // The order of the legs is the order of the steps, and any will do.
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

  /** Accounts that are to be closed pay more often than they are paid, or they would hardly ever be empty. */
  #makePayers(accounts: string[], debitCount: number): void {
    const { lasting } = this.#scene;
    const payer = accounts.findIndex((account, index) => index < debitCount && lasting.has(account));
    const payee = accounts.findIndex((account, index) => index >= debitCount && !lasting.has(account));
    if (payer < 0 || payee < 0 || this.#random.integer(2) === 0) return;
    const [paid, paying] = [accounts[payee] as string, accounts[payer] as string];
    accounts[payer] = paid;
    accounts[payee] = paying;
  }

  /** Which account is there by now, in the place of a first one. */
  #current(first: string): string {
    return successorOf(first, this.#places.get(first)?.number ?? 0);
  }

  /** @param min the parts that it is to be split into */
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

/** The same with one more minor unit. It must be refused. */
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

/** The first accounts, and whatever else is open when it is asked. */
function allOf({ accounts }: Scene): Accounts {
  return { accounts, others: true };
}

function opens({ openings }: Scene): Invocation[] {
  return openings.map((value) => ({ f: 'open', value }));
}

function inParts(f: string, parts: number): Invocation[] {
  return Array.from({ length: parts }, (_, part) => ({ f, value: { part, parts } }));
}

function lastQuestions(random: SeededRandom, scene: Scene, drawing: Drawing): readonly Invocation[] {
  const settled: Invocation = { f: 'settled', value: allOf(scene) };
  return [
    ...opens(scene),
    // Fresh ones: however much was broken, these must be answered.
    ...Array.from({ length: LAST_TRANSFERS }, () => drawing.transfer()),
    // Before anything is asked again, so that nothing but the nodes themselves finishes what is left.
    settled,
    ...inParts('statuses', STATUS_PARTS),
    drawing.audit(),
    // Shuffled, so that it is another node's turn than when the requests were asked about before.
    ...random.shuffle(inParts('replay', REPLAY_PARTS)),
    // Of fresh requests: here nobody knows what others have drawn.
    ...Array.from({ length: LAST_OTHERS }, () => refusedTransfer(drawing)),
    ...seldom(scene, drawing),
    settled,
    ...inParts('statuses', STATUS_PARTS),
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

/** What a run may have asked once or twice only, and then under faults. */
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
  text: 'Transfers money between accounts, all or nothing, repeats what was asked, and audits all along.',
  test: sagaTest,
  small: smallSagaTest,
};
