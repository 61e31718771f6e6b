/**
 * The calls of an object by kind. Calls of one kind, the same function with the same value, differ only in time. States
 * are numbers, too, and each step of the model is taken once.
 */

import { canonicalKey } from '../../protocol/exact-json.ts';
import { type Calls, functionOfCall, valueOfCall } from './calls.ts';
import type { Model } from './model.ts';

/** The next state of an operation that is impossible. */
export const IMPOSSIBLE = -1;
const UNKNOWN = -2;
/** With more kinds, the steps that were taken are few among all there could be. */
const TABLE_KINDS_MAX = 1024;

export interface Kind {
  readonly f: string;
  readonly value: unknown;
  readonly effect: 'reads' | 'overwrites' | undefined;
}

export class Kinds<State> {
  readonly model: Model<State>;
  /** By call. */
  readonly kindOf: Int32Array;
  readonly kinds: Kind[] = [];
  readonly #states: State[] = [];
  readonly #numbers = new Map<string, number>();
  /** By state, then by kind, where there are few kinds. */
  readonly #table: Int32Array[] = [];
  /** By state and kind in one number, where there are many. */
  readonly #taken = new Map<number, number>();

  constructor(model: Model<State>, calls: Calls) {
    this.model = model;
    this.kindOf = new Int32Array(calls.count);
    const numbers = new Map<string, number>();
    for (let call = 0; call < calls.count; call++) {
      const f = functionOfCall(calls, call);
      const value = valueOfCall(calls, call);
      const key = `${f} ${canonicalKey(value)}`;
      let kind = numbers.get(key);
      if (kind === undefined) {
        kind = this.kinds.push({ f, value, effect: model.effectOf?.(f, value) }) - 1;
        numbers.set(key, kind);
      }
      this.kindOf[call] = kind;
    }
    this.#numberOf(model.initial);
  }

  /** The number of the state that the object begins with. */
  get initial(): number {
    return 0;
  }

  stateOf(number: number): State {
    return this.#states[number] as State;
  }

  /** The state after an operation of a kind, or {@link IMPOSSIBLE}. */
  step(state: number, kind: number): number {
    if (this.kinds.length > TABLE_KINDS_MAX) return this.#sparseStep(state, kind);
    const row = this.#table[state] as Int32Array;
    const known = row[kind] as number;
    if (known !== UNKNOWN) return known;
    const next = this.#take(state, kind);
    row[kind] = next;
    return next;
  }

  #sparseStep(state: number, kind: number): number {
    const key = state * this.kinds.length + kind;
    let next = this.#taken.get(key);
    if (next === undefined) {
      next = this.#take(state, kind);
      this.#taken.set(key, next);
    }
    return next;
  }

  #take(state: number, kind: number): number {
    const { f, value } = this.kinds[kind] as Kind;
    const step = this.model.step(this.stateOf(state), f, value);
    return 'refusal' in step ? IMPOSSIBLE : this.#numberOf(step.state);
  }

  #numberOf(state: State): number {
    const key = this.model.keyOf(state);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#states.push(state) - 1;
      this.#numbers.set(key, number);
      if (this.kinds.length <= TABLE_KINDS_MAX) this.#table.push(new Int32Array(this.kinds.length).fill(UNKNOWN));
    }
    return number;
  }
}
