/**
 * The history of a run: every operation, in the order of events.
 *
 * A run of a minute at full speed has millions of entries. So they are kept in columns (typed arrays in chunks, values
 * beside them). `Operation` objects are made only for reading. Long lists of integers share their parts, and
 * transactions are kept as integers.
 */

import { NEMESIS, type Operation, type OperationEntry, type OperationType } from './operation.ts';
import { isShareable, type Chunk as ListChunk, SharedList, SharedLists } from './shared-list.ts';
import { TransactionPool } from './transaction-pool.ts';

const CHUNK_LENGTH = 1 << 14;
const TYPES: readonly OperationType[] = ['invoke', 'ok', 'fail', 'info'];
const NEMESIS_PROCESS = -1;
/** Stands for a value that is in the pool of transactions. */
const IN_POOL = Symbol('a transaction');

interface Chunk {
  readonly time: Float64Array;
  readonly process: Int32Array;
  readonly type: Uint8Array;
  readonly f: Uint16Array;
  readonly value: unknown[];
  /** Where values are in the pool of transactions. Absent: none is there. */
  places?: Int32Array;
}

/** The operations of a run, in their order. */
export class History implements Iterable<Operation> {
  #length = 0;
  readonly #chunks: Chunk[] = [];
  readonly #functions: string[] = [];
  readonly #functionNumbers = new Map<string, number>();
  #lastFunction = 0;
  readonly #errors = new Map<number, unknown>();
  readonly #finals = new Set<number>();
  readonly #lists = new SharedLists();
  readonly #transactions = new TransactionPool();

  /** Builds a history from entries, in their order. */
  static of(entries: Iterable<OperationEntry>): History {
    const history = new History();
    for (const entry of entries) history.append(entry);
    return history;
  }

  /** How many entries it has. */
  get length(): number {
    return this.#length;
  }

  /** Adds an operation at the end and returns its index. The entry's own index is ignored. */
  append(entry: OperationEntry): number {
    const index = this.#length++;
    const offset = index % CHUNK_LENGTH;
    if (offset === 0) this.#chunks.push(newChunk());
    const chunk = this.#chunks[this.#chunks.length - 1] as Chunk;
    chunk.time[offset] = entry.time;
    chunk.process[offset] = entry.process === NEMESIS ? NEMESIS_PROCESS : entry.process;
    chunk.type[offset] = TYPES.indexOf(entry.type);
    chunk.f[offset] = this.#functionNumber(entry.f);
    this.#keepValue(chunk, offset, entry.value);
    if (entry.error !== undefined) this.#errors.set(index, entry.error);
    if (entry['final?'] === true) this.#finals.add(index);
    return index;
  }

  /**
   * Nanoseconds since the start of the run. Like the other columns, it is for readers of a whole history that need no
   * `Operation` objects.
   */
  timeAt(index: number): number {
    return this.#chunkOf(index).time[index % CHUNK_LENGTH] as number;
  }

  /** The type of the entry at an index. */
  typeAt(index: number): OperationType {
    return TYPES[this.#chunkOf(index).type[index % CHUNK_LENGTH] as number] as OperationType;
  }

  /** Whether the nemesis wrote it. */
  isNemesisAt(index: number): boolean {
    return this.#chunkOf(index).process[index % CHUNK_LENGTH] === NEMESIS_PROCESS;
  }

  /** The client's process. For the nemesis: a number that no client has. */
  processAt(index: number): number {
    return this.#chunkOf(index).process[index % CHUNK_LENGTH] as number;
  }

  /** The function of the entry at an index. */
  functionAt(index: number): string {
    return this.#functions[this.#chunkOf(index).f[index % CHUNK_LENGTH] as number] as string;
  }

  /** A long list of integers, or a transaction, is a new array each time. */
  valueAt(index: number): unknown {
    return this.#readValue(this.#chunkOf(index), index % CHUNK_LENGTH);
  }

  /** The chunks of all lists that share their parts, by their numbers. */
  get sharedChunks(): readonly ListChunk[] {
    return this.#lists.chunks;
  }

  /** The value, if it is a list; undefined if it is none. A list of integers is no copy. */
  listAt(index: number): SharedList | readonly unknown[] | undefined {
    const value = this.#chunkOf(index).value[index % CHUNK_LENGTH];
    if (value === IN_POOL) return this.valueAt(index) as readonly unknown[];
    return value instanceof SharedList || Array.isArray(value) ? value : undefined;
  }

  /** Undefined if there is none. */
  errorAt(index: number): unknown {
    return this.#errors.get(index);
  }

  /** Whether it was asked at the end (`Operation`). */
  isFinalAt(index: number): boolean {
    return this.#finals.has(index);
  }

  /** The operation at `index`; a RangeError outside the history. */
  at(index: number): Operation {
    const chunk = this.#chunkOf(index);
    const offset = index % CHUNK_LENGTH;
    const process = chunk.process[offset] as number;
    const operation: Operation = {
      index,
      time: chunk.time[offset] as number,
      type: TYPES[chunk.type[offset] as number] as OperationType,
      process: process === NEMESIS_PROCESS ? NEMESIS : process,
      f: this.#functions[chunk.f[offset] as number] as string,
      value: this.#readValue(chunk, offset),
    };
    const error = this.#errors.get(index);
    const isFinal = this.#finals.has(index);
    if (error === undefined && !isFinal) return operation;
    return {
      ...operation,
      ...(error !== undefined && { error }),
      ...(isFinal && { 'final?': true }),
    };
  }

  *[Symbol.iterator](): Iterator<Operation> {
    for (let index = 0; index < this.#length; index++) yield this.at(index);
  }

  /** The operations of clients, without the nemesis. */
  *clientOperations(): IterableIterator<Operation> {
    for (const operation of this) if (operation.process !== NEMESIS) yield operation;
  }

  #keepValue(chunk: Chunk, offset: number, value: unknown): void {
    const place = Array.isArray(value) ? this.#transactions.add(value) : undefined;
    if (place === undefined) chunk.value[offset] = isShareable(value) ? this.#lists.share(value) : value;
    else {
      chunk.value[offset] = IN_POOL;
      chunk.places ??= new Int32Array(CHUNK_LENGTH);
      chunk.places[offset] = place;
    }
  }

  #readValue({ value, places }: Chunk, offset: number): unknown {
    const kept = value[offset];
    if (kept === IN_POOL) return this.#transactions.read((places as Int32Array)[offset] as number);
    return kept instanceof SharedList ? kept.toArray() : kept;
  }

  #chunkOf(index: number): Chunk {
    if (!(index >= 0 && index < this.#length))
      throw new RangeError(`no operation ${index} in a history of ${this.#length}`);
    return this.#chunks[Math.floor(index / CHUNK_LENGTH)] as Chunk;
  }

  #functionNumber(f: string): number {
    // Mostly a run asks the same again and again.
    if (f === this.#functions[this.#lastFunction]) return this.#lastFunction;
    let number = this.#functionNumbers.get(f);
    if (number === undefined) {
      number = this.#functions.push(f) - 1;
      this.#functionNumbers.set(f, number);
    }
    this.#lastFunction = number;
    return number;
  }
}

function newChunk(): Chunk {
  return {
    time: new Float64Array(CHUNK_LENGTH),
    process: new Int32Array(CHUNK_LENGTH),
    type: new Uint8Array(CHUNK_LENGTH),
    f: new Uint16Array(CHUNK_LENGTH),
    // Allocated at full length: a growing array leaves twice its size behind as garbage.
    value: new Array(CHUNK_LENGTH),
  };
}
