/**
 * What a search may know of its calls before it begins: which bit each open call has, and which kinds of calls never
 * end. And the calls that are open at one moment, by those bits.
 */

import { type Calls, NEVER } from './calls.ts';
import { IMPOSSIBLE, type Kinds } from './kinds.ts';

export const BITS = 32;
const NONE = -1;

export interface Layout {
  readonly calls: Calls;
  readonly kinds: Kinds<unknown>;
  /** By call that ends: the number of its bit. Calls that are open at the same time have different ones. */
  readonly slotOf: Int32Array;
  /** How many slots there are. */
  readonly slots: number;
  /** How many words of bits they need. */
  readonly words: number;
  /** The kinds of the calls that never end and do more than read, in the order of their first calls. */
  readonly endless: readonly number[];
  /** By kind: its place among these; -1 without one. */
  readonly endlessPlace: Int32Array;
}

export function layOut(calls: Calls, kinds: Kinds<unknown>): Layout {
  const { callAt, starts, ends, events, count } = calls;
  const slotOf = new Int32Array(count);
  const unused: number[] = [];
  let slots = 0;
  for (let position = 0; position < events.length; position++) {
    const call = callAt[position] as number;
    if (call === NONE || ends[call] === NEVER) continue;
    if (starts[call] === position) slotOf[call] = unused.pop() ?? slots++;
    else if (ends[call] === position) unused.push(slotOf[call] as number);
  }
  const endless: number[] = [];
  const endlessPlace = new Int32Array(kinds.kinds.length).fill(NONE);
  for (let call = 0; call < count; call++) {
    const kind = kinds.kindOf[call] as number;
    if (ends[call] !== NEVER || endlessPlace[kind] !== NONE || kinds.kinds[kind]?.effect === 'reads') continue;
    endlessPlace[kind] = endless.push(kind) - 1;
  }
  return { calls, kinds, slotOf, slots, words: Math.max(1, Math.ceil(slots / BITS)), endless, endlessPlace };
}

/** The calls that are open at one moment and will end. */
export class OpenCalls {
  readonly #layout: Layout;
  /** Bits of the calls that have begun since `clearBegun`. */
  readonly begun: Int32Array;
  hasBegun = false;
  /** Bits of the open calls that overwrite. */
  readonly overwriting: Int32Array;
  /** The open calls that may change the state, the first to end first. */
  readonly byDeadline: number[] = [];
  readonly all = new Set<number>();
  /** Bits of the open calls of each kind that reads. */
  readonly #reading = new Map<number, Int32Array>();
  /** By state: the bits of open calls that read and are possible in it. */
  readonly #satisfied = new Map<number, Int32Array>();

  constructor(layout: Layout) {
    this.#layout = layout;
    this.begun = new Int32Array(layout.words);
    this.overwriting = new Int32Array(layout.words);
  }

  begin(call: number): void {
    const { kinds, slotOf, words, calls } = this.#layout;
    const slot = slotOf[call] as number;
    this.all.add(call);
    this.hasBegun = true;
    flip(this.begun, slot);
    const kind = kinds.kindOf[call] as number;
    const effect = kinds.kinds[kind]?.effect;
    if (effect === 'reads') {
      if (!this.#reading.has(kind)) this.#reading.set(kind, new Int32Array(words));
      flip(this.#reading.get(kind) as Int32Array, slot);
      this.#satisfied.clear();
      return;
    }
    if (effect === 'overwrites') flip(this.overwriting, slot);
    const { ends } = calls;
    let place = this.byDeadline.length;
    while (place > 0 && (ends[this.byDeadline[place - 1] as number] as number) > (ends[call] as number)) place--;
    this.byDeadline.splice(place, 0, call);
  }

  end(call: number): void {
    const { kinds, slotOf } = this.#layout;
    const slot = slotOf[call] as number;
    this.all.delete(call);
    const kind = kinds.kindOf[call] as number;
    const effect = kinds.kinds[kind]?.effect;
    if (effect === 'reads') {
      const bits = this.#reading.get(kind) as Int32Array;
      flip(bits, slot);
      if (bits.every((word) => word === 0)) this.#reading.delete(kind);
      this.#satisfied.clear();
      return;
    }
    if (effect === 'overwrites') flip(this.overwriting, slot);
    // It ends first of all that are open.
    this.byDeadline.shift();
  }

  clearBegun(): void {
    this.begun.fill(0);
    this.hasBegun = false;
  }

  satisfiedBy(state: number): Int32Array {
    let bits = this.#satisfied.get(state);
    if (bits === undefined) {
      bits = new Int32Array(this.#layout.words);
      for (const [kind, reading] of this.#reading) {
        if (this.#layout.kinds.step(state, kind) === IMPOSSIBLE) continue;
        for (let word = 0; word < bits.length; word++) bits[word] = (bits[word] as number) | (reading[word] as number);
      }
      this.#satisfied.set(state, bits);
    }
    return bits;
  }
}

function flip(bits: Int32Array, slot: number): void {
  bits[slot >> 5] = (bits[slot >> 5] as number) ^ (1 << (slot & (BITS - 1)));
}
