/**
 * The transactions of a history in typed arrays. A transaction is a completion, as in Elle; the micro-operations
 * ("mops") of all of them lie one after the other. What makes no sense as a mop is left out and remembered.
 */

import type { History } from '../../history/history.ts';
import type { Operation } from '../../history/operation.ts';
import { exactEquals } from '../../protocol/exact-json.ts';
import { Elements } from './elements.ts';
import { IntColumn } from './int-column.ts';

/** The types of transactions. An invocation without a completion is a transaction of its own. */
export const OK = 0;
export const INFO = 1;
export const FAIL = 2;
export const INVOKED = 3;

/** The transactions that may have happened. */
export const POSSIBLE: readonly number[] = [OK, INFO];
export const EVERY_TYPE: readonly number[] = [OK, INFO, FAIL, INVOKED];

export const READ = 0;
export const WRITE = 1;

/** In place of an element or a list: the initial state was read, or nothing is known. */
export const NIL = -1;

/** What the mops of a workload look like. */
export interface MopShape {
  /** The name of a write: `append` or `w`. */
  readonly write: string;
  /** Whether a read answers a list of elements. */
  readonly readsLists: boolean;
}

/** An ok completion that does not fit its invocation, or has mops that make no sense. */
export interface Misfit {
  readonly transaction: number;
  /** What is wrong, in a few words. */
  readonly problem: string;
  /** Whether a mop could not be read at all. */
  readonly isMalformed: boolean;
}

export interface Transactions {
  readonly history: History;
  readonly elements: Elements;
  readonly count: number;
  readonly types: Uint8Array;
  readonly processes: Int32Array;
  /** Index of the completion in the history; of the invocation, for an invocation on its own. */
  readonly indices: Int32Array;
  /** Index of the invocation in the history; -1 if there is none. An invocation on its own has its own index. */
  readonly invocations: Int32Array;
  /** The mops of transaction `t` are those from `mopStarts[t]` to before `mopStarts[t + 1]`. */
  readonly mopStarts: Int32Array;
  readonly mopKinds: Uint8Array;
  readonly mopKeys: Int32Array;
  /**
   * Of a write: its element. Of a read of a register: the element read, or {@link NIL}. Of a read of a list: where its
   * elements start in `listElements`, or {@link NIL} for null.
   */
  readonly mopElements: Int32Array;
  /** Of a read of a list: its length. */
  readonly mopLengths: Int32Array;
  /** The place of each mop in the value of its operation. */
  readonly mopPlaces: Int32Array;
  readonly listElements: Int32Array;
  readonly misfits: readonly Misfit[];
}

const TYPE_NUMBERS = { ok: OK, info: INFO, fail: FAIL, invoke: INVOKED } as const;

export function readTransactions(history: History, shape: MopShape): Transactions {
  const reader = new Reader(history, shape);
  const open = new Map<number, number>();
  const loose: number[] = [];
  for (let index = 0; index < history.length; index++) {
    if (history.isNemesisAt(index)) continue;
    const process = history.processAt(index);
    const invocation = open.get(process);
    if (history.typeAt(index) === 'invoke') {
      if (invocation !== undefined) loose.push(invocation);
      open.set(process, index);
    } else {
      open.delete(process);
      if (!reader.complete(index, invocation ?? -1)) loose.push(invocation as number);
    }
  }
  // Cut off, or answered with other mops than were asked for: what they asked for counts as well.
  for (const index of [...loose, ...open.values()].sort((one, other) => one - other)) reader.add(index, index, INVOKED);
  return reader.transactions();
}

/** The operation of a transaction, as the history has it. */
export function operationOf({ history, indices }: Transactions, transaction: number): Operation {
  return history.at(indices[transaction] as number);
}

/** Visits the mops of all transactions of some types. */
export function eachMop(
  { count, types, mopStarts }: Transactions,
  wanted: readonly number[],
  visit: (mop: number, transaction: number) => void,
): void {
  const bits = wanted.reduce((all, type) => all | (1 << type), 0);
  for (let transaction = 0; transaction < count; transaction++) {
    if ((bits & (1 << (types[transaction] as number))) === 0) continue;
    const end = mopStarts[transaction + 1] as number;
    for (let mop = mopStarts[transaction] as number; mop < end; mop++) visit(mop, transaction);
  }
}

/** The ok transactions that access a key more than once. What one alone can do wrong needs that. */
export function* repeatingTransactions({ count, types, mopStarts, mopKeys }: Transactions): IterableIterator<number> {
  for (let transaction = 0; transaction < count; transaction++) {
    if (types[transaction] !== OK) continue;
    const start = mopStarts[transaction] as number;
    const end = mopStarts[transaction + 1] as number;
    if (hasRepetition(mopKeys, start, end)) yield transaction;
  }
}

/** Transactions are short, so comparing all pairs is faster than a set. */
function hasRepetition(numbers: Int32Array, start: number, end: number): boolean {
  for (let place = start + 1; place < end; place++) {
    for (let before = start; before < place; before++) if (numbers[before] === numbers[place]) return true;
  }
  return false;
}

/** The mops of a transaction. */
export function mopsOf({ mopStarts }: Transactions, transaction: number): readonly number[] {
  const start = mopStarts[transaction] as number;
  return Array.from({ length: (mopStarts[transaction + 1] as number) - start }, (_, place) => start + place);
}

/** A mop as the history has it. */
export function mopOf(transactions: Transactions, transaction: number, mop: number): unknown {
  const value = transactions.history.valueAt(transactions.indices[transaction] as number);
  return (value as readonly unknown[])[transactions.mopPlaces[mop] as number];
}

class Reader {
  readonly #history: History;
  readonly #shape: MopShape;
  readonly #elements = new Elements();
  readonly #types = new IntColumn();
  readonly #indices = new IntColumn();
  readonly #invocations = new IntColumn();
  readonly #mopStarts = new IntColumn();
  readonly #mopKinds = new IntColumn();
  readonly #mopKeys = new IntColumn();
  readonly #mopElements = new IntColumn();
  readonly #mopLengths = new IntColumn();
  readonly #mopPlaces = new IntColumn();
  readonly #listElements = new IntColumn();
  readonly #misfits: Misfit[] = [];

  constructor(history: History, shape: MopShape) {
    this.#history = history;
    this.#shape = shape;
  }

  /** Adds a completion. Returns whether it has the mops of its invocation, or has none. */
  complete(index: number, invocation: number): boolean {
    const type = TYPE_NUMBERS[this.#history.typeAt(index)];
    const transaction = this.#types.length;
    this.add(index, invocation, type);
    if (invocation < 0) return true;
    const difference = this.#difference(this.#history.valueAt(invocation), this.#history.valueAt(index));
    if (difference === undefined) return true;
    if (type === OK) this.#misfits.push({ transaction, problem: difference, isMalformed: false });
    return false;
  }

  add(index: number, invocation: number, type: number): void {
    const transaction = this.#types.length;
    this.#types.push(type);
    this.#indices.push(index);
    this.#invocations.push(invocation);
    this.#mopStarts.push(this.#mopKinds.length);
    const value = this.#history.valueAt(index);
    const mops: readonly unknown[] = Array.isArray(value) ? value : [];
    if (mops !== value && type === OK) this.#malformed(transaction, value);
    for (let place = 0; place < mops.length; place++) {
      const isRead = this.#addMop(mops[place], place);
      if (!isRead && type === OK) this.#malformed(transaction, mops[place]);
    }
  }

  transactions(): Transactions {
    const indices = this.#indices.values();
    this.#mopStarts.push(this.#mopKinds.length);
    return {
      history: this.#history,
      elements: this.#elements,
      count: indices.length,
      types: Uint8Array.from(this.#types.values()),
      processes: indices.map((index) => this.#history.processAt(index)),
      indices,
      invocations: this.#invocations.values(),
      mopStarts: this.#mopStarts.values(),
      mopKinds: Uint8Array.from(this.#mopKinds.values()),
      mopKeys: this.#mopKeys.values(),
      mopElements: this.#mopElements.values(),
      mopLengths: this.#mopLengths.values(),
      mopPlaces: this.#mopPlaces.values(),
      listElements: this.#listElements.values(),
      misfits: this.#misfits,
    };
  }

  /** Returns whether it makes sense. */
  #addMop(mop: unknown, place: number): boolean {
    if (!Array.isArray(mop)) return false;
    const [f, key, value] = mop as readonly unknown[];
    const isWrite = f === this.#shape.write;
    if (!isWrite && f !== 'r') return false;
    const isList = !isWrite && this.#shape.readsLists && Array.isArray(value);
    const isNil = !isWrite && (value === null || value === undefined);
    if (!isWrite && this.#shape.readsLists && !isList && !isNil) return false;
    const keyNumber = this.#elements.key(key);
    this.#mopKinds.push(isWrite ? WRITE : READ);
    this.#mopKeys.push(keyNumber);
    this.#mopPlaces.push(place);
    this.#mopLengths.push(isList ? value.length : 0);
    if (isList) this.#addList(keyNumber, value);
    else this.#mopElements.push(isNil ? NIL : this.#elements.element(keyNumber, value));
    return true;
  }

  #addList(key: number, list: readonly unknown[]): void {
    this.#mopElements.push(this.#listElements.length);
    for (const value of list) this.#listElements.push(this.#elements.element(key, value));
  }

  #malformed(transaction: number, what: unknown): void {
    const problem = `an answer holds ${JSON.stringify(what) ?? 'nothing'}, which is no operation of this workload`;
    this.#misfits.push({ transaction, problem, isMalformed: true });
  }

  /** How an answer differs from its request, apart from what was read; undefined if it does not. */
  #difference(asked: unknown, answered: unknown): string | undefined {
    if (!Array.isArray(asked) || !Array.isArray(answered))
      return asked === answered ? undefined : 'the answer is no list';
    if (asked.length !== answered.length)
      return `${asked.length} operations were asked for, and ${answered.length} answered`;
    const place = asked.findIndex((mop, index) => !this.#isAnswered(mop, answered[index]));
    if (place < 0) return undefined;
    return `${JSON.stringify(asked[place])} was asked for, and ${JSON.stringify(answered[place])} answered`;
  }

  #isAnswered(asked: unknown, answered: unknown): boolean {
    if (!Array.isArray(asked) || !Array.isArray(answered) || asked.length !== answered.length) return false;
    if (asked[0] !== answered[0] || !exactEquals(asked[1], answered[1])) return false;
    return asked[0] !== this.#shape.write || exactEquals(asked[2], answered[2]);
  }
}
