/**
 * A register whose values are written once each: whether its history is linearizable, in nearly linear time.
 *
 * Gibbons and Korach (SIAM J. Comput. 26, 1997) for reads and writes, extended by compare-and-set. Every value is made
 * by one write or one cas. A write, the chain of cas that follows it, and all their reads are a *block*, which is in
 * one piece in every linearization. Its zone goes from its first end to its last start. Of two blocks one must come
 * first, so no two zones that go forward may overlap, and none that goes backward may lie within one that goes forward.
 */

import { type Calls, functionOfCall, NEVER, valueOfCall } from './calls.ts';
import { NOT_FOUND, REFUSED } from './model.ts';
import { ValueNumbers } from './value-numbers.ts';

const READ = 0;
const WRITE = 1;
const CAS = 2;
const REFUSAL = 3;
const NONE = -1;
/** The number of the value that a register begins with, null. */
const INITIAL = 0;

/** The calls of a register by the numbers of their values. */
interface RegisterCalls {
  readonly calls: Calls;
  readonly f: Uint8Array;
  /** What a cas expects. */
  readonly from: Int32Array;
  /** What is read, or made. A read of what it does not know has {@link NONE}. */
  readonly value: Int32Array;
  readonly valueCount: number;
  /** The call that makes a value. */
  readonly maker: Int32Array;
  readonly hasRefusals: boolean;
}

/**
 * Whether a register that begins with null can have had these calls: `read`, `write`, `cas`, and what the strict model
 * knows besides. A read of null tells nothing. Undefined if it takes a search to know: with other calls, if a value is
 * made twice, if null is made, or if a refused cas does not fit into the order that was found.
 */
export function isUniqueRegister(calls: Calls): boolean | undefined {
  const register = numberValues(calls);
  if (register === undefined) return undefined;
  const needed = findNeeded(register);
  if (needed === undefined) return false;
  const next = followers(register, needed);
  const blocks = next && findBlocks(register, needed, next);
  if (blocks === undefined || !zonesFit(blocks, calls.events.length)) return false;
  return register.hasRefusals && !refusalsFit(register, blocks, next as Int32Array) ? undefined : true;
}

function numberValues(calls: Calls): RegisterCalls | undefined {
  const { count, ends } = calls;
  const f = new Uint8Array(count);
  const from = new Int32Array(count).fill(NONE);
  const value = new Int32Array(count).fill(NONE);
  const maker = new Int32Array(2 * count + 1).fill(NONE);
  const numbers = new ValueNumbers();
  let hasRefusals = false;
  for (let call = 0; call < count; call++) {
    const name = functionOfCall(calls, call);
    const given = valueOfCall(calls, call);
    if (name === 'read') {
      if (ends[call] !== NEVER && given !== null && given !== undefined) value[call] = numbers.of(given);
    } else if (name === NOT_FOUND) value[call] = INITIAL;
    else if (name === REFUSED) {
      hasRefusals = true;
      f[call] = REFUSAL;
      from[call] = numbers.of((given as readonly unknown[])[0]);
    } else if (name === 'write' || name === 'cas') {
      const [expected, made] = name === 'cas' ? (given as readonly unknown[]) : [undefined, given];
      f[call] = name === 'cas' ? CAS : WRITE;
      if (name === 'cas') from[call] = numbers.of(expected);
      const number = numbers.of(made);
      if (number === INITIAL || maker[number] !== NONE) return undefined;
      maker[number] = call;
      value[call] = number;
    } else return undefined;
  }
  return { calls, f, from, value, valueCount: numbers.count, maker, hasRefusals };
}

/**
 * The values that the register must have had, by number: those that are read or expected, or made by a call that ended,
 * and what these were made from. Undefined if one of them was never made.
 */
function findNeeded({ calls, f, from, value, valueCount, maker }: RegisterCalls): Uint8Array | undefined {
  const needed = new Uint8Array(valueCount);
  needed[INITIAL] = 1;
  const open: number[] = [];
  const need = (number: number): void => {
    if (number === NONE || needed[number] === 1) return;
    needed[number] = 1;
    open.push(number);
  };
  for (let call = 0; call < calls.count; call++) {
    if (calls.ends[call] === NEVER || f[call] === REFUSAL) continue;
    need(value[call] as number);
    need(from[call] as number);
  }
  for (let number = open.pop(); number !== undefined; number = open.pop()) {
    const call = maker[number] as number;
    if (call === NONE) return undefined;
    if (f[call] === CAS) need(from[call] as number);
  }
  return needed;
}

/** By value: the one that a cas made of it. Undefined if two made one of the same value: only one can have found it. */
function followers(register: RegisterCalls, needed: Uint8Array): Int32Array | undefined {
  const { f, from, maker, valueCount } = register;
  const next = new Int32Array(valueCount).fill(NONE);
  for (let number = INITIAL + 1; number < valueCount; number++) {
    const call = maker[number] as number;
    if (needed[number] === 0 || f[call] !== CAS) continue;
    const before = from[call] as number;
    if (next[before] !== NONE) return undefined;
    next[before] = number;
  }
  return next;
}

/** The blocks by the numbers of their first values: when a call of each ends first, and when one starts last. */
interface Blocks {
  readonly roots: readonly number[];
  readonly firstEnds: readonly number[];
  readonly lastStarts: readonly number[];
  readonly reads: ReadTimes;
}

/** By value: when the first of its reads ended, and the last of them began. */
interface ReadTimes {
  readonly firstEnd: Int32Array;
  readonly lastStart: Int32Array;
}

/** Undefined if what a block holds is not possible in its order, or a value is in no block. */
function findBlocks(register: RegisterCalls, needed: Uint8Array, next: Int32Array): Blocks | undefined {
  const { calls, f, maker, valueCount } = register;
  const reads = readTimes(register);
  const blocks = { roots: [] as number[], firstEnds: [] as number[], lastStarts: [] as number[], reads };
  let coveredCount = 0;
  for (let root = INITIAL; root < valueCount; root++) {
    if (needed[root] === 0 || (root !== INITIAL && f[maker[root] as number] !== WRITE)) continue;
    let [firstEnd, lastStart] = root === INITIAL ? [NONE, NONE] : [NEVER, NONE];
    for (let number = root; number !== NONE; number = next[number] as number) {
      coveredCount++;
      const call = maker[number] as number;
      const end = number === INITIAL ? NEVER : (calls.ends[call] as number);
      // What ended before something that must come earlier began.
      if (end < lastStart) return undefined;
      firstEnd = Math.min(firstEnd, end);
      if (number !== INITIAL) lastStart = Math.max(lastStart, calls.starts[call] as number);
      const readEnd = reads.firstEnd[number] as number;
      if (readEnd < lastStart) return undefined;
      firstEnd = Math.min(firstEnd, readEnd);
      lastStart = Math.max(lastStart, reads.lastStart[number] as number);
    }
    blocks.roots.push(root);
    blocks.firstEnds.push(firstEnd);
    blocks.lastStarts.push(lastStart);
  }
  // What no block has is in a ring of cas without a write.
  return coveredCount === needed.reduce((sum, one) => sum + one, 0) ? blocks : undefined;
}

function readTimes({ calls, f, value, valueCount }: RegisterCalls): ReadTimes {
  const firstEnd = new Int32Array(valueCount).fill(NEVER);
  const lastStart = new Int32Array(valueCount).fill(NONE);
  for (let call = 0; call < calls.count; call++) {
    const number = value[call] as number;
    if (f[call] !== READ || number === NONE) continue;
    if ((calls.ends[call] as number) < (firstEnd[number] as number)) firstEnd[number] = calls.ends[call] as number;
    lastStart[number] = calls.starts[call] as number;
  }
  return { firstEnd, lastStart };
}

/**
 * Where blocks are, by position plus one: those that go forward at their first ends, the others at their last starts.
 */
function placeBlocks(
  { firstEnds, lastStarts }: Blocks,
  positions: number,
): { forward: Int32Array; backward: Int32Array } {
  const forward = new Int32Array(positions + 1).fill(NONE);
  const backward = new Int32Array(positions + 1).fill(NONE);
  for (let block = 0; block < firstEnds.length; block++) {
    const [firstEnd, lastStart] = [firstEnds[block] as number, lastStarts[block] as number];
    if (firstEnd < lastStart) forward[firstEnd + 1] = block;
    // The initial value alone, without a read, has no zone.
    else if (lastStart !== NONE) backward[lastStart + 1] = block;
  }
  return { forward, backward };
}

/** Whether the blocks can be put one after the other. Each position is that of one call, so no two zones share it. */
function zonesFit(blocks: Blocks, positions: number): boolean {
  const { forward, backward } = placeBlocks(blocks, positions);
  let forwardEnd = NONE;
  for (let position = NONE; position < positions; position++) {
    const back = backward[position + 1] as number;
    if (back !== NONE && (blocks.firstEnds[back] as number) < forwardEnd) return false;
    const block = forward[position + 1] as number;
    if (block === NONE) continue;
    // The zone before it is not over.
    if (position < forwardEnd) return false;
    forwardEnd = blocks.lastStarts[block] as number;
  }
  return true;
}

/**
 * Whether every refused cas finds another value at some time, in one order of the blocks: each as early as it can be.
 * Times are positions, and a call takes effect at one of them.
 */
function refusalsFit(register: RegisterCalls, blocks: Blocks, next: Int32Array): boolean {
  const { calls, f, from, valueCount } = register;
  const order = new ValueOrder(register, blocks, next);
  order.run(calls.events.length);
  const place = new Int32Array(valueCount).fill(NONE);
  for (const [index, value] of order.values.entries()) place[value] = index;
  for (let call = 0; call < calls.count; call++) {
    if (f[call] !== REFUSAL) continue;
    const index = place[from[call] as number] as number;
    const isBefore = index === NONE || (calls.starts[call] as number) < (order.times[index] as number);
    const over = order.times[index + 1];
    if (!isBefore && (over === undefined || over >= (calls.ends[call] as number))) return false;
  }
  return true;
}

/** The values in the order in which the register has them, and when each is made. */
class ValueOrder {
  readonly values: number[] = [];
  readonly times: number[] = [];
  readonly #register: RegisterCalls;
  readonly #blocks: Blocks;
  readonly #next: Int32Array;

  constructor(register: RegisterCalls, blocks: Blocks, next: Int32Array) {
    this.#register = register;
    this.#blocks = blocks;
    this.#next = next;
  }

  run(positions: number): void {
    const { lastStarts } = this.#blocks;
    const { forward, backward } = placeBlocks(this.#blocks, positions);
    // The initial value comes first, also without a zone.
    if (forward[0] === NONE) this.#add(0, NONE);
    let forwardEnd = NONE;
    let waiting: number[] = [];
    for (let position = NONE; position < positions; position++) {
      if (position > forwardEnd && waiting.length > 0) {
        for (const block of waiting) this.#add(block, forwardEnd);
        waiting = [];
      }
      const back = backward[position + 1] as number;
      // Within a zone that goes forward it comes after that.
      if (back !== NONE && position < forwardEnd) waiting.push(back);
      else if (back !== NONE) this.#add(back, position);
      const block = forward[position + 1] as number;
      if (block === NONE) continue;
      this.#add(block, position);
      forwardEnd = lastStarts[block] as number;
    }
    for (const block of waiting) this.#add(block, forwardEnd);
  }

  /** Adds the values of a block from a time on, each as early as its calls allow. */
  #add(block: number, from: number): void {
    const { calls, maker } = this.#register;
    const { roots, reads } = this.#blocks;
    let time = from;
    for (let number = roots[block] as number; number !== NONE; number = this.#next[number] as number) {
      if (number !== INITIAL) time = Math.max(time, calls.starts[maker[number] as number] as number);
      this.values.push(number);
      this.times.push(time);
      time = Math.max(time, reads.lastStart[number] as number);
    }
  }
}
